"""Looking for one place in the list of all."""

from __future__ import annotations

from typing import Any

import pytest

from lmg_offline.errors import PlatformError
from lmg_offline.geo import ContentFilter
from lmg_offline.location import MAX_PAGES, LocationApi
from tests.api.fakes import ScriptedReads, ScriptedWrites, location


def page(name: str, following: str | None) -> dict[str, Any]:
    return {"locationFeed": {"locations": [location(name)], "cursor": {"next": following}}}


def test_all_pages_share_one_timeout() -> None:
    """A read never waits longer than it was told."""
    reads = ScriptedReads([page("l1", "a"), page("l2", "b"), page("l3", None)])
    LocationApi(reads, ScriptedWrites(), ContentFilter()).get("l3", timeout=2.0)

    assert 2.0 >= reads.timeouts_s[0] > reads.timeouts_s[1] > reads.timeouts_s[2]


def test_the_search_is_bounded() -> None:
    """A platform whose pages never end does not keep the caller."""
    reads = ScriptedReads([page("l1", "again") for _ in range(MAX_PAGES)])
    with pytest.raises(PlatformError):
        LocationApi(reads, ScriptedWrites(), ContentFilter()).get("l2")

    assert MAX_PAGES == len(reads.asked)


def test_one_place_is_found_outside_the_area_too() -> None:
    """The global filter is for lists."""
    content_filter = ContentFilter()
    content_filter.set_context_geo_circle((49.9, -119.5), 1000)
    reads = ScriptedReads([page("l1", None)])
    LocationApi(reads, ScriptedWrites(), content_filter).get("l1")

    assert {"limit": 200} == reads.asked[0].variables


def test_a_list_goes_on_where_the_last_page_ended() -> None:
    """Pass next_cursor as cursor."""
    reads = ScriptedReads([page("l1", "c2"), page("l2", None)])
    api = LocationApi(reads, ScriptedWrites(), ContentFilter())
    first = api.list(limit=1)
    second = api.list(limit=1, cursor=first.next_cursor)

    assert ("l2", None, "c2") == (second[0].id, second.next_cursor, reads.asked[1].variables["cursor"])
