"""The list of saved offers, own bookmarks laid over, and one business offline."""

from __future__ import annotations

from typing import Any

import pytest

from lmg_offline._core.reads import LocalBookmark
from lmg_offline.business import BusinessApi
from lmg_offline.errors import OfflineError, PlatformError
from lmg_offline.geo import ContentFilter
from lmg_offline.models import Business, Page
from tests.api.fakes import ScriptedReads, ScriptedWrites, business, feed, location, offer

AWAY = OfflineError("away")
KNOWN = {("business", "b9"): business("b9", offer("o9", business="b9"), offer("o8", True, business="b9"))}


def saved(offer_id: str, business_id: str | None = "b9") -> LocalBookmark:
    return LocalBookmark(offer_id, business_id, (), True)


def dropped(offer_id: str, business_id: str | None = "b9") -> LocalBookmark:
    return LocalBookmark(offer_id, business_id, (), False)


def api(
    answer: dict[str, Any] | Exception,
    local: list[LocalBookmark] | None = None,
    objects: dict[tuple[str, str], dict[str, Any]] | None = None,
) -> BusinessApi:
    return BusinessApi(ScriptedReads([answer], objects=objects or {}), ScriptedWrites(local or []), ContentFilter())


def shown(page: Page[Business]) -> list[tuple[str, list[str]]]:
    """Return each business with the ids of its saved offers."""
    return [(item.id, [one.id for one in item.offers if one.is_bookmarked]) for item in page]


def test_the_newest_bookmark_is_on_top() -> None:
    """What a person saved last is what they look for."""
    page = api(feed(), [saved("o1", "b1"), saved("o2", "b2")]).list(limit_to_saved=True)

    assert [("b2", ["o2"]), ("b1", ["o1"])] == shown(page)


def test_offers_of_unknown_businesses_stay_apart() -> None:
    """Two businesses known by nothing are not one."""
    page = api(feed(), [saved("o1", None), saved("o2", None)]).list(limit_to_saved=True)

    assert [("", ["o2"]), ("", ["o1"])] == shown(page)


def test_the_last_choice_counts() -> None:
    """Saved, dropped: not saved."""
    page = api(feed(), [saved("o9"), dropped("o9")], KNOWN).list(limit_to_saved=True)

    assert [] == shown(page)


def test_a_complete_list_outweighs_older_answers() -> None:
    """An offer that an old answer calls saved, and the platform's list no longer has, is not saved."""
    page = api(feed(), [saved("o9")], KNOWN).list(limit_to_saved=True)

    assert [("b9", ["o9"])] == shown(page)


def test_offline_an_offer_dropped_here_is_not_shown_as_saved() -> None:
    """An older answer still calls it saved."""
    page = api(AWAY, [dropped("o8"), saved("o9")], KNOWN).list(limit_to_saved=True)

    assert [("b9", ["o9"])] == shown(page)


@pytest.mark.parametrize(
    ("local", "asked"),
    [
        pytest.param([dropped("o9")], {}, id="only dropped ones"),
        pytest.param([saved("o9")], {"cursor": "c2"}, id="a later page"),
        pytest.param([saved("o9")], {"tags": ["a"]}, id="by tags"),
        pytest.param([saved("o9")], {"search": "nowhere"}, id="by words it does not have"),
        pytest.param([saved("o9")], {"limit_to_saved": False}, id="all businesses"),
    ],
)
def test_offline_own_bookmarks_answer_only_what_they_can(local: list[LocalBookmark], asked: dict[str, Any]) -> None:
    """An empty page would say that there is nothing."""
    with pytest.raises(OfflineError):
        api(AWAY, local, KNOWN).list(**{"limit_to_saved": True, **asked})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"search": "B9 o9"}, [("b9", ["o9"])], id="its words"),
        pytest.param({"search": "pizza"}, [], id="other words"),
        pytest.param({"tags": ["a"]}, [], id="tags are the platform's"),
        pytest.param({"cursor": "c2"}, [], id="the first page had it"),
    ],
)
def test_own_bookmarks_are_added_where_they_belong(
    asked: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    """A search is not answered with what does not match."""
    page = api(feed(), [saved("o9")], KNOWN).list(limit_to_saved=True, **asked)

    assert expected == shown(page)


def test_a_dropped_offer_leaves_later_pages_too() -> None:
    """Nothing that was dropped comes back by paging."""
    answer = feed(business("b1", offer("o1", True)))

    assert [] == shown(api(answer, [dropped("o1", "b1")]).list(limit_to_saved=True, cursor="c2"))


def test_something_else_with_the_same_id_is_not_the_business() -> None:
    """A category in the cache may have the business's id; the list is still shown."""
    category = {"id": "b9", "shortName": "Food"}
    page = api(AWAY, [saved("o9")], {("business", "b9"): category}).list(limit_to_saved=True)

    assert [("b9", ["o9"])] == shown(page)


def test_offline_a_listed_business_can_be_opened() -> None:
    """What a list has shown needs no second read; own bookmarks show."""
    found = api(AWAY, [saved("o9")], KNOWN).get("b9")

    assert (True, True) == tuple(one.is_bookmarked for one in found.offers)
    with pytest.raises(OfflineError):
        api(AWAY).get("b1")


def test_offers_find_their_places_among_those_of_the_business() -> None:
    """Addresses are sent once a business; an unknown place is left out."""
    found = {
        **business("b1", {**offer("o1"), "locations": [{"id": "l2"}, {"id": "gone"}]}),
        "locations": [location("l1"), location("l2")],
    }
    item = api({"business": found}).get("b1")

    assert (item.locations[1],) == item.offers[0].locations


@pytest.mark.parametrize("field", ["enabled", "isBookmarked", "locations", "business", "headline", "flags"])
@pytest.mark.parametrize("wrong", [7, "yes", [1], {"id": 1}], ids=["number", "text", "list", "object"])
def test_a_field_of_the_wrong_type_is_a_platform_error(field: str, wrong: object) -> None:
    """Nothing is guessed from it, and the error does not repeat it."""
    if field == "headline" and isinstance(wrong, str):
        wrong = None
    with pytest.raises(PlatformError) as raised:
        api(feed(business("b1", {**offer("o1"), field: wrong}))).list()

    assert (502, None) == (raised.value.status, raised.value.message_id)


@pytest.mark.parametrize("field", sorted(set(offer("o1")) - {"legal", "promoCode"}))
def test_a_missing_field_is_a_platform_error(field: str) -> None:
    """Each that the schema promises."""
    found = {name: value for name, value in offer("o1").items() if name != field}
    with pytest.raises(PlatformError):
        api(feed(business("b1", found))).list()
