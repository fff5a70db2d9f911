"""One offer offline, and what a bookmark may carry."""

from __future__ import annotations

from typing import Any

import pytest

from lmg_offline._core.reads import LocalBookmark
from lmg_offline.errors import OfflineError, ValidationError
from lmg_offline.geo import ContentFilter
from lmg_offline.offer import OfferApi
from lmg_offline.protocol.entries import check_payload
from tests.api.fakes import ScriptedReads, ScriptedWrites, business, offer

INSIDE = {**offer("o1"), "locations": [{"id": "l1"}]}


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param({("offer", "o1"): offer("o1")}, id="read by itself"),
        pytest.param({("offer", "o1"): INSIDE, ("business", "b1"): business("b1", INSIDE)}, id="read in its business"),
    ],
)
def test_offline_an_offer_that_was_shown_can_be_opened(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    """With its places, and as this person last chose."""
    reads = ScriptedReads([OfflineError("away")], objects=objects)
    writes = ScriptedWrites([LocalBookmark("o1", None, (), True)])
    found = OfferApi(reads, writes, ContentFilter()).get("o1")

    assert (["l1"], True) == ([place.id for place in found.locations], found.is_bookmarked)


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param({}, id="nothing"),
        pytest.param({("offer", "o1"): INSIDE}, id="its business is gone"),
        pytest.param({("offer", "o1"): {**INSIDE, "business": None}}, id="no business"),
    ],
)
def test_offline_an_offer_that_is_not_known_is_an_error(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Nothing is made up."""
    with pytest.raises(OfflineError):
        OfferApi(ScriptedReads([OfflineError("away")], objects=objects), ScriptedWrites(), ContentFilter()).get("o1")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(("",), "offer_id", id="empty"),
        pytest.param(("o" * 129,), "offer_id", id="long"),
        pytest.param(("o1", "b\x00"), "business_id", id="NUL"),
        pytest.param(("o1", "b1", "l1"), "location_ids", id="a text for a list"),
        pytest.param(("o1", "b1", ["l1", 2]), "location_ids.1", id="a number"),
        pytest.param(("o1", "b1", ["l"] * 501), "location_ids", id="too many"),
        pytest.param(("o1", "b1", ["é" * 128] * 300), "location_ids", id="too large"),
    ],
)
def test_what_can_never_be_delivered_is_not_journaled(arguments: tuple[Any, ...], name: str) -> None:
    """A poison entry is refused at the call, by name."""
    writes = ScriptedWrites()
    with pytest.raises(ValidationError) as raised:
        OfferApi(ScriptedReads([]), writes, ContentFilter()).bookmark(*arguments)

    assert ([name], []) == (raised.value.fields, writes.written)


def test_the_largest_bookmark_that_is_taken_is_an_entry() -> None:
    """The call's bounds are inside the protocol's."""
    writes = ScriptedWrites()
    worst, places = "\x01" * 128, ["é" * 110] * 135
    OfferApi(ScriptedReads([]), writes, ContentFilter()).bookmark(worst, worst, places)
    payload = {"offer_id": worst, "business_id": worst, "location_ids": places}

    assert payload == check_payload("bookmark", payload)
