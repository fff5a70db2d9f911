"""The reading namespaces, over scripted ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from lmg_offline._core import documents
from lmg_offline._core.reads import LocalBookmark
from lmg_offline.business import BusinessApi
from lmg_offline.collection import CollectionApi
from lmg_offline.errors import OfflineError, PlatformError, ValidationError, VerificationRequired
from lmg_offline.geo import ContentFilter
from lmg_offline.location import LocationApi
from lmg_offline.offer import OfferApi
from lmg_offline.search import SearchApi
from tests.api.fakes import AS_OF, ScriptedReads, ScriptedWrites, business, collection, feed, location, offer
from tests.paths import LMG_SCHEMA


@pytest.mark.parametrize(
    "name",
    ["BUSINESS", "BUSINESS_FEED", "OFFER", "LOCATION_FEED", "COLLECTION", "COLLECTION_FEED", "COLLECTION_BUSINESSES"],
)
def test_every_document_is_valid_on_the_real_platform(name: str) -> None:
    """Nothing is asked that its published schema does not have."""
    schema = build_schema((LMG_SCHEMA / "default.graphql").read_text("utf-8"))

    assert [] == validate(schema, parse(getattr(documents, name)))


def test_a_page_is_a_sequence_that_says_how_old_it_is() -> None:
    """Items, next cursor, stale, as of."""
    reads = ScriptedReads([feed(business("b1", offer("o1")), following="c2")], stale=True)
    page = BusinessApi(reads, ScriptedWrites(), ContentFilter()).list(search="shoes", limit=7, cursor="c1")

    assert ["b1"] == [item.id for item in page]
    assert (1, "c2", True, AS_OF) == (len(page), page.next_cursor, page.stale, page.as_of)
    assert {"limit": 7, "q": "shoes", "cursor": "c1"} == reads.asked[0].variables
    assert (49.8, -119.4) == page[0].locations[0].address.centre


def test_the_global_filter_goes_with_every_list() -> None:
    """Longitude first on the wire."""
    reads = ScriptedReads([feed()])
    content_filter = ContentFilter()
    content_filter.set_ordering_point(49.9, -119.5)
    content_filter.set_context_geo_area([(0, 0), (1, 0), (1, 1)])
    BusinessApi(reads, ScriptedWrites(), content_filter).list()

    assert [-119.5, 49.9] == reads.asked[0].variables["orderingGeoPoint"]
    assert [[1, 1], [0, 1], [0, 0], [1, 1]] == reads.asked[0].variables["contextGeoArea"]


SAVED, DROPPED = LocalBookmark("o9", "b9", (), True), LocalBookmark("o1", "b1", (), False)


@pytest.mark.parametrize(
    ("known", "local", "expected"),
    [
        pytest.param([business("b1", offer("o1", True))], [], {"b1": ["o1"]}, id="nothing of our own"),
        pytest.param([business("b1", offer("o1", True))], [SAVED], {"b9": ["o9"], "b1": ["o1"]}, id="saved here"),
        pytest.param([business("b1", offer("o1", True))], [DROPPED], {}, id="dropped here"),
        pytest.param([business("b1", offer("o1", True), offer("o2", True))], [DROPPED], {"b1": ["o2"]}, id="one of 2"),
        pytest.param([business("b9", offer("o8", True))], [SAVED], {"b9": ["o8", "o9"]}, id="a second of a business"),
        pytest.param([business("b9", offer("o9", False))], [SAVED], {"b9": ["o9"]}, id="known and now saved"),
        pytest.param([], [LocalBookmark("o3", None, (), True)], {"": ["o3"]}, id="known by its id alone"),
    ],
)  # fmt: skip
def test_own_bookmarks_are_visible_at_once(
    known: list[dict[str, Any]], local: list[LocalBookmark], expected: dict[str, list[str]]
) -> None:
    """The list of saved offers is what this person last chose."""
    page = BusinessApi(ScriptedReads([feed(*known)]), ScriptedWrites(local), ContentFilter()).list(limit_to_saved=True)

    assert expected == {item.id: [o.id for o in item.offers if o.is_bookmarked] for item in page}


def test_offline_the_saved_list_is_made_of_own_bookmarks() -> None:
    """Details come from what was read before; the page is stale."""
    reads = ScriptedReads([OfflineError("away")], objects={("business", "b9"): business("b9", offer("o9"))})
    page = BusinessApi(reads, ScriptedWrites([SAVED]), ContentFilter()).list(limit_to_saved=True)

    assert (["b9"], True, None) == ([item.name for item in page], page.stale, page.as_of)


def test_offline_without_anything_known_is_an_error() -> None:
    """Nothing is made up."""
    with pytest.raises(OfflineError):
        BusinessApi(ScriptedReads([OfflineError("away")]), ScriptedWrites(), ContentFilter()).list(limit_to_saved=True)


def test_one_business_and_one_offer_show_own_bookmarks() -> None:
    """Wherever an offer is shown, it is shown as this person last chose."""
    writes = ScriptedWrites([DROPPED])
    shown = BusinessApi(ScriptedReads([{"business": business("b1", offer("o1", True))}]), writes, ContentFilter()).get(
        "b1"
    )
    one = OfferApi(ScriptedReads([{"offer": offer("o1", True)}]), writes, ContentFilter()).get("o1")

    assert (False, False) == (shown.offers[0].is_bookmarked, one.is_bookmarked)


@pytest.mark.parametrize("saved", [True, False])
def test_bookmarks_are_journaled(saved: bool) -> None:
    """Both ways, with business and places."""
    writes = ScriptedWrites()
    api = OfferApi(ScriptedReads([]), writes, ContentFilter())
    (api.bookmark if saved else api.unbookmark)("o1", "b1", ["l1"])

    assert [("o1", "b1", ["l1"], saved)] == writes.written


def test_bookmarks_of_the_unverified_are_not_journaled() -> None:
    """The call says so at once."""
    writes = ScriptedWrites(allowed=False)
    with pytest.raises(VerificationRequired):
        OfferApi(ScriptedReads([]), writes, ContentFilter()).bookmark("o1")

    assert [] == writes.written


def test_collections_and_their_businesses() -> None:
    """List with tags, get, and what is inside."""
    inside = {"collection": {"id": "c1", **feed(business("b1"))}}
    reads = ScriptedReads(
        [
            {"collectionFeed": {"collections": [collection("c1")], "cursor": {"previous": None, "next": None}}},
            {"collection": collection("c1")},
            inside,
        ]
    )
    api = CollectionApi(reads, ScriptedWrites(), ContentFilter())

    assert ["c1"] == [item.id for item in api.list(tags=["a", "b"])]
    assert 3 == api.get("c1").priority
    assert ["b1"] == [item.id for item in api.business.list("c1")]
    assert ["a", "b"] == reads.asked[0].variables["tagNames"]


def test_a_location_is_looked_for_page_by_page() -> None:
    """The real platform has no query for one place."""

    def page(name: str, following: str | None) -> dict[str, Any]:
        return {"locationFeed": {"locations": [location(name, 5.0)], "cursor": {"next": following}}}

    api = LocationApi(ScriptedReads([page("l1", "c"), page("l2", None)]), ScriptedWrites(), ContentFilter())
    assert 5.0 == api.get("l2").distance

    api = LocationApi(ScriptedReads([page("l1", None)]), ScriptedWrites(), ContentFilter())
    with pytest.raises(PlatformError, match="location"):
        api.get("l2")


def test_recent_terms() -> None:
    """Saved terms come back, newest first."""
    api = SearchApi(ScriptedReads([]), ScriptedWrites(), ContentFilter())
    api.save_term("shoes")
    api.save_term("hats")

    assert ["hats", "shoes"] == api.recent_terms()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"businessFeed": None}, id="null"),
        pytest.param({"businessFeed": {"businesses": [{"id": "b1"}], "cursor": {}}}, id="fields missing"),
        pytest.param({"businessFeed": {"businesses": [1], "cursor": {}}}, id="wrong type"),
        pytest.param(feed({**business("b1"), "name": 5}), id="wrong text"),
        pytest.param(feed({**business("b1"), "offers": {}}), id="wrong list"),
    ],
)
def test_a_reply_that_does_not_fit_is_a_platform_error(data: dict[str, Any]) -> None:
    """Never a KeyError of ours."""
    with pytest.raises(PlatformError):
        BusinessApi(ScriptedReads([data]), ScriptedWrites(), ContentFilter()).list()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param(lambda a: a.list(limit=0), "limit", id="limit"),
        pytest.param(lambda a: a.list(limit=True), "limit", id="limit of a bool"),
        pytest.param(lambda a: a.list(timeout=-1), "timeout", id="timeout"),
        pytest.param(lambda a: a.list(search=""), "search", id="search"),
        pytest.param(lambda a: a.list(tags="ab"), "tags", id="tags of a text"),
        pytest.param(lambda a: a.list(tags=["\ud800"]), "tags.0", id="lone surrogate"),
        pytest.param(lambda a: a.get("x\x00"), "business_id", id="NUL"),
    ],
)
def test_arguments_are_named(call: Callable[[BusinessApi], object], name: str) -> None:
    """A wrong argument is an error before anything is asked."""
    reads = ScriptedReads([])
    with pytest.raises(ValidationError) as raised:
        call(BusinessApi(reads, ScriptedWrites(), ContentFilter()))

    assert ([name], []) == (raised.value.fields, reads.asked)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param(lambda f: f.set_ordering_point(91, 0), "ordering_point.lat", id="latitude"),
        pytest.param(lambda f: f.set_ordering_point(0, float("nan")), "ordering_point.lon", id="nan"),
        pytest.param(lambda f: f.set_context_geo_area([(0, 0), (1, 1)]), "points", id="two corners"),
        pytest.param(lambda f: f.set_context_geo_area("abc"), "points", id="text"),
        pytest.param(lambda f: f.set_context_geo_area([(0, 0), (1,), (2, 2)]), "points.1", id="half a point"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 0), 0), "radius_m", id="no radius"),
        pytest.param(lambda f: f.set_context_geo_circle((89.99, 0), 5000), "centre", id="pole"),
    ],
)
def test_points_out_of_range_are_named(call: Callable[[ContentFilter], object], name: str) -> None:
    """The filter keeps what it had."""
    content_filter = ContentFilter()
    with pytest.raises(ValidationError) as raised:
        call(content_filter)

    assert [name] == raised.value.fields
    assert {"orderingGeoPoint": None, "contextGeoArea": None} == content_filter.variables()


def test_a_circle_is_a_closed_ring_at_its_radius() -> None:
    """64 corners, each a kilometre away; None clears."""
    content_filter = ContentFilter()
    content_filter.set_context_geo_circle((49.9, -119.5), 1000)
    ring: Any = content_filter.variables()["contextGeoArea"]

    assert (65, ring[0]) == (len(ring), ring[-1])
    assert pytest.approx(1000 / 6_371_008.8 * 57.29578, rel=1e-3) == max(lat for _, lat in ring) - 49.9
    content_filter.set_context_geo_circle(None)
    assert content_filter.variables()["contextGeoArea"] is None
