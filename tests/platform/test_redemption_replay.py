"""Redemption by the entry kind `redeem`: once, at its time, in the order of arrival; erased with its person."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kiosk import DAY_MS, MINUTE_MS, Kiosk, Site, forget, identify, lane, position
from shop import HOUR_MS, Shop, codes, disable_offer, redeem, restrict_offer

from lmg_offline.platform.store import tables


def test_a_replayed_step_is_taken_once(shop: Shop, kiosk: Kiosk) -> None:
    """However often it is sent, under whatever number."""
    entries = [identify(1, "ann"), redeem(2)]

    first = kiosk.one(entries)
    again = kiosk.one(entries)
    moved = kiosk.one([redeem(3, entry_id="s1-2")], after=position(2))

    assert [[], [], []] == [each["refused"] for each in (first, again, moved)]
    assert [(1, "s1-2", "ann")] == [(row["number"], row["entry_id"], row["user_id"]) for row in shop.rows()]


def test_a_replayed_card_is_filled_in_one_go(shop: Shop, kiosk: Kiosk) -> None:
    """Five entries of one device in one request, at the same instant."""
    shop.offer("punch_card")
    steps = ["default", "progress", "progress", "ready", "redeemed"]

    reply = kiosk.one([redeem(seq, state, target=None) for seq, state in enumerate(steps, 1)])

    assert [(5, "redemption_offer_used")] == codes(reply)
    assert ["progress", "progress", "ready", "redeemed"] == [row["to_state"] for row in shop.rows()]


YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("change", "step", "expected"),
    [
        pytest.param(lambda s: None, redeem(2), None, id="taken"),
        pytest.param(lambda s: None, redeem(2, "ready"), "redemption_state_changed", id="another state"),
        pytest.param(lambda s: None, redeem(2, target="ready"), "redemption_state_changed", id="another target"),
        pytest.param(disable_offer, redeem(2), "redemption_disabled", id="disabled"),
        pytest.param(restrict_offer, redeem(2), "redemption_not_visible", id="not here"),
        pytest.param(
            lambda s: None, redeem(2, payload={"offer_id": "tea"}), "redemption_not_visible", id="an unknown offer"
        ),
        pytest.param(
            lambda s: None, redeem(2, payload={"location_id": "x"}), "redemption_not_visible", id="an unknown place"
        ),
        pytest.param(
            lambda s: s.put("offers/coffee", {"business_id": "cafe", "headline": "C"}),
            redeem(2),
            "redemption_not_supported",
            id="no redemption",
        ),
        pytest.param(lambda s: s.offer(frozen=True), redeem(2), "redemption_frozen", id="frozen"),
        pytest.param(
            lambda s: s.offer(schedule={"ends_at": YESTERDAY}), redeem(2), "redemption_schedule", id="it was over"
        ),
        pytest.param(
            lambda s: s.offer(schedule={"ends_at": YESTERDAY}),
            redeem(2, age_ms=2 * DAY_MS),
            None,
            id="it was not over when it was redeemed",
        ),
        pytest.param(
            lambda s: s.offer(schedule={"starts_at": YESTERDAY}),
            redeem(2, age_ms=None),
            None,
            id="an uncertain time counts as now",
        ),
        pytest.param(
            lambda s: s.site.set_property(redemption_audience="verified"),
            redeem(2),
            "redemption_authentication_required",
            id="not verified",
        ),
        pytest.param(lambda s: s.offer(pin="4711"), redeem(2), "redemption_args", id="no PIN"),
        pytest.param(lambda s: s.offer(pin="4711"), redeem(2, args={"pin": "1"}), "redemption_pin", id="another PIN"),
        pytest.param(lambda s: s.offer(pin="4711"), redeem(2, args={"pin": "4711"}), None, id="the PIN"),
        pytest.param(
            lambda s: s.offer(within_m=10),
            redeem(2, args={"deviceGeoPoint": [0, 0.5]}),
            "redemption_location",
            id="far away",
        ),
        pytest.param(lambda s: None, redeem(2, payload={"used": -1}), "invalid_payload", id="an invalid payload"),
    ],
)
def test_a_replayed_step_is_judged_as_the_mutation_is(
    shop: Shop, kiosk: Kiosk, change: Callable[[Shop], object], step: dict[str, Any], expected: str | None
) -> None:
    """By the same rules, at the time when it was made; a refusal is final and does not hold up the lane."""
    change(shop)

    reply = kiosk.one([identify(1, "ann", age_ms=3 * DAY_MS), step])

    assert ([] if expected is None else [(2, expected)]) == codes(reply)
    assert (0 if expected else 1) == len(shop.rows())
    assert position(2) == reply["applied_through"]


def age_of_last_months_middle_ms() -> int:
    """Return how long ago an instant was that is far from the ends of its month."""
    now = datetime.now(UTC)
    return int((now - ((now.replace(day=1) - timedelta(days=1)).replace(day=15))).total_seconds() * 1000)


@pytest.mark.parametrize(
    ("limits", "people", "code"),
    [
        pytest.param({"per_profile": {"total": 1}}, ("ann", "ann"), "redemption_sold_out_per_profile", id="profile"),
        pytest.param(None, ("ann", "ann"), "redemption_offer_used", id="once"),
        pytest.param(
            {"per_profile_per_window": {"total": 1, "granularity": "month"}},
            ("ann", "ann"),
            "redemption_sold_out_per_profile_per_window",
            id="profile and window",
        ),
        pytest.param({"global": {"total": 1}}, ("ann", "bob"), "redemption_sold_out", id="all"),
        pytest.param(
            {"global_per_window": {"total": 1, "granularity": "month"}},
            ("ann", "bob"),
            "redemption_sold_out_per_window",
            id="all and window",
        ),
    ],
)
def test_limits_are_enforced_in_the_order_of_arrival(
    shop: Shop, site: Site, limits: dict[str, Any] | None, people: tuple[str, str], code: str
) -> None:
    """The device that was offline longer redeemed first, and is too late."""
    shop.offer(limits=limits)
    early, late = (Kiosk(site, name) for name in ("early", "late"))
    first_ms = age_of_last_months_middle_ms()

    early.one([identify(1, people[0], age_ms=first_ms), redeem(2, age_ms=first_ms - HOUR_MS)])
    steps = [identify(1, people[1], lane="s2", age_ms=first_ms), redeem(2, age_ms=first_ms, lane="s2")]
    reply = late.one(steps, session="s2")

    assert [(2, code)] == codes(reply)
    assert 1 == len(shop.rows())


def test_people_in_one_request_share_a_limit(shop: Shop, kiosk: Kiosk) -> None:
    """What an earlier lane used is counted for the later ones."""
    shop.offer(limits={"global": {"total": 2}})
    lanes = [lane([identify(1, f"user-{n}", lane=f"s{n}"), redeem(2, lane=f"s{n}")], session=f"s{n}") for n in range(4)]

    replies = kiosk.replay(*lanes)

    sold_out = [(2, "redemption_sold_out")]
    assert [[], [], sold_out, sold_out] == [codes(reply) for reply in replies]


def test_a_card_is_used_once_although_two_devices_were_offline(shop: Shop, site: Site) -> None:
    """The one that arrives second finds that the card was gone when the other used it."""
    shop.offer("punch_card")
    first, second = (Kiosk(site, name) for name in ("first", "second"))
    states = ["default", "progress", "progress"]
    steps = [redeem(seq, state, target=None, age_ms=9000) for seq, state in enumerate(states, 2)]
    first.one([identify(1, "ann", age_ms=9500), *steps, redeem(5, "ready", age_ms=1000)])

    entries = [identify(1, "ann", lane="s2", age_ms=9500), redeem(2, "ready", lane="s2", age_ms=5000)]
    reply = second.one(entries, session="s2")

    assert [(2, "redemption_state_changed")] == codes(reply)


def test_a_step_whose_time_is_uncertain_goes_before_those_that_follow_it(shop: Shop, kiosk: Kiosk) -> None:
    """A kiosk that lost its clock made an offer ready, got its clock back, and redeemed it."""
    shop.offer("timed")

    reply = kiosk.one([redeem(1, target="ready", age_ms=None), redeem(2, "ready", age_ms=60_000)])

    assert [] == codes(reply)
    assert ["ready", "redeemed"] == [row["to_state"] for row in shop.rows()]


def test_a_refused_step_that_is_retried_is_judged_at_its_time(shop: Shop, kiosk: Kiosk) -> None:
    """After the operator has put things right."""
    shop.offer(frozen=True)
    kiosk.one([identify(1, "ann", age_ms=DAY_MS), redeem(2, age_ms=HOUR_MS), redeem(3, age_ms=None)])
    assert [] == shop.rows()
    shop.offer(limits={"per_profile": {"total": 2}})

    reply = kiosk.one([redeem(4, entry_id="s1-2"), redeem(5, entry_id="s1-3")], after=position(3))

    log = {row["entry_id"]: row for row in shop.site.rows(tables.entries)}
    assert [] == codes(reply)
    assert [("s1-2", log["s1-2"]["occurred_at"]), ("s1-3", log["s1-3"]["applied_at"])] == [
        (row["entry_id"], row["occurred_at"]) for row in shop.rows()
    ]


def test_what_a_session_passes_on_counts_for_the_users_next_session(shop: Shop, kiosk: Kiosk) -> None:
    """Within one request: used before the identify in one lane, asked for again in the other."""
    first = lane([redeem(1), identify(2, "ann")])
    second = lane([identify(1, "ann", lane="s2"), redeem(2, lane="s2", age_ms=0)], session="s2")

    replies = kiosk.replay(first, second)

    assert [[], [(2, "redemption_state_changed")]] == [codes(reply) for reply in replies]


def test_a_session_passes_its_redemptions_on_to_its_user(shop: Shop, kiosk: Kiosk) -> None:
    """In the same request and in a later one; a second use is then one too many."""
    kiosk.one([redeem(1), identify(2, "ann"), redeem(3, "redeemed")])
    Kiosk(shop.site, "kiosk-2").one([redeem(1, lane="s2")], session="s2")

    later = Kiosk(shop.site, "kiosk-2").one([identify(2, "bob", lane="s2")], session="s2", after=position(1, "s2-1"))

    assert "identified" == later["state"]
    assert [("s1-1", "ann"), ("s2-1", "bob")] == [(row["entry_id"], row["user_id"]) for row in shop.rows()]
    assert [("s1", 3, "redemption_offer_used")] == [
        (row["session_id"], row["seq"], row["code"]) for row in shop.site.rows(tables.entries, status="refused")
    ]
    assert ["OfferUsed", "OfferUsed"] == [shop.reason(shop.person(name), NOW_MS) for name in ("ann", "bob")]


NOW_MS = time.time_ns() // 1_000_000 + HOUR_MS


def erase_by_admin(shop: Shop, kiosk: Kiosk) -> None:
    """Erase Ann through the Admin API."""
    headers = {"Authorization": f"Bearer {shop.site.keys.admin_key}"}
    assert 204 == shop.site.http.delete("/admin/v1/users/ann", headers=headers).status_code


def erase_by_entry(shop: Shop, kiosk: Kiosk) -> None:
    """Let Ann's unverified session ask."""
    kiosk.one([forget(3)], after=position(2))


@pytest.mark.parametrize("erase", [erase_by_admin, erase_by_entry])
def test_erasure_takes_the_person_and_leaves_the_shops_count(
    shop: Shop, kiosk: Kiosk, erase: Callable[[Shop, Kiosk], None]
) -> None:
    """What was given away stays given away; who got it is gone."""
    shop.offer(limits={"global": {"total": 2}})
    kiosk.one([identify(1, "ann"), redeem(2)])
    Kiosk(shop.site, "kiosk-2").one([identify(1, "bob", lane="s2"), redeem(2, lane="s2")], session="s2")
    before = shop.rows()[0]["occurred_at"]

    erase(shop, kiosk)

    erased, kept = shop.rows()
    assert [None] * 4 == [erased[name] for name in ("entry_id", "session_id", "user_hash", "user_id")]
    assert before - before % (15 * MINUTE_MS) == erased["occurred_at"]
    assert ("s2-2", "bob") == (kept["entry_id"], kept["user_id"])
    assert "SoldOut" == shop.reason(shop.person("ann"), NOW_MS)


def test_redemptions_of_who_started_afresh_survive_a_late_erasure(shop: Shop, kiosk: Kiosk) -> None:
    """Only what came before the request is taken."""
    shop.offer(limits={"per_profile": {"total": 5}})
    kiosk.one([identify(1, "ann", verify=True, age_ms=3 * DAY_MS), redeem(2, age_ms=3 * DAY_MS)],
              token=shop.site.token("ann"))  # fmt: skip
    fresh = Kiosk(shop.site, "kiosk-2")
    fresh.one([identify(1, "ann", lane="s2", age_ms=HOUR_MS), redeem(2, lane="s2", age_ms=HOUR_MS)], session="s2")

    kiosk.one([forget(3, age_ms=DAY_MS)], after=position(2))

    assert [None, "ann"] == [row["user_id"] for row in shop.rows()]
