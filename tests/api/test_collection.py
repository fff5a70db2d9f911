"""Collections: paging, own bookmarks, wrong arguments."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lmg_offline._core.reads import LocalBookmark
from lmg_offline.collection import CollectionApi
from lmg_offline.errors import PlatformError, ValidationError
from lmg_offline.geo import ContentFilter
from tests.api.fakes import ScriptedReads, ScriptedWrites, business, collection, feed, offer


def test_businesses_of_a_collection_show_own_bookmarks() -> None:
    """As everywhere; the global filter and the cursor go along."""
    reads = ScriptedReads([{"collection": {"id": "c1", **feed(business("b1", offer("o1")), following="p3")}}])
    content_filter = ContentFilter()
    content_filter.set_ordering_point(1, 2)
    writes = ScriptedWrites([LocalBookmark("o1", "b1", (), True)])
    page = CollectionApi(reads, writes, content_filter).business.list("c1", limit=3, cursor="p2")

    assert (True, "p3") == (page[0].offers[0].is_bookmarked, page.next_cursor)
    assert {"collectionId": "c1", "limit": 3, "cursor": "p2", "orderingGeoPoint": [2.0, 1.0]} == reads.asked[
        0
    ].variables


@pytest.mark.parametrize("wrong", [{"priority": 3.7}, {"priority": True}, {"enabled": 1}, {"name": None}])
def test_a_field_of_the_wrong_type_is_a_platform_error(wrong: dict[str, object]) -> None:
    """Nothing is rounded or guessed."""
    reads = ScriptedReads([{"collection": {**collection("c1"), **wrong}}])
    with pytest.raises(PlatformError):
        CollectionApi(reads, ScriptedWrites(), ContentFilter()).get("c1")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param(lambda a: a.get(""), "collection_id", id="empty id"),
        pytest.param(lambda a: a.list(tags="abc"), "tags", id="tags of a text"),
        pytest.param(lambda a: a.list(cursor=""), "cursor", id="empty cursor"),
        pytest.param(lambda a: a.list(timeout=float("inf")), "timeout", id="for ever"),
        pytest.param(lambda a: a.list(timeout=10**400), "timeout", id="beyond floats"),
        pytest.param(lambda a: a.business.list("c1", limit=201), "limit", id="a large page"),
    ],
)
def test_arguments_are_named(call: Callable[[CollectionApi], object], name: str) -> None:
    """A wrong argument is an error before anything is asked."""
    with pytest.raises(ValidationError) as raised:
        call(CollectionApi(ScriptedReads([]), ScriptedWrites(), ContentFilter()))

    assert [name] == raised.value.fields
