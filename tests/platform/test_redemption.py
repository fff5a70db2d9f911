"""Redemption by the mutation: kinds, limits over people, audience, PIN, place; what is kept of it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from kiosk import DAY_MS, MINUTE_MS, Site
from shop import HOUR_MS, NOON, STEP, Shop, disable_offer, restrict_offer

from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.store import tables


def test_a_single_offer_is_used_once(shop: Shop) -> None:
    """Default, redeemed, and no step after that."""
    ann = shop.person("ann")

    before, status = shop.state(ann), shop.status(ann)
    redeemed = shop.step(ann)

    assert ("default", ["redeemed"]) == (before["state"], [each["target"] for each in before["transitions"]])
    assert {"redeemable": True, "reason": None, "limitDetails": None} == status
    assert "redeemed" == redeemed
    assert ("redeemed", [], None) == tuple(shop.state(ann)[name] for name in ("state", "transitions", "expiresIn"))
    assert "OfferUsed" == shop.reason(ann)
    assert (409, "lmg-redemption-state-changed") == shop.step(ann)
    assert (409, "lmg-redemption-offer-used") == shop.step(ann, state="redeemed")
    assert 1 == len(shop.rows())


def test_a_timed_offer_is_ready_for_a_while(shop: Shop) -> None:
    """It expires back to default, and can be made ready again."""
    shop.offer("timed")
    ann = shop.person("ann")

    assert "ready" == shop.step(ann)
    assert 240 == shop.state(ann, NOON + MINUTE_MS)["expiresIn"]
    assert (409, "lmg-redemption-state-changed") == shop.step(ann, NOON + 5 * MINUTE_MS, "ready")
    assert "ready" == shop.step(ann, NOON + 5 * MINUTE_MS)
    assert "redeemed" == shop.step(ann, NOON + 6 * MINUTE_MS, "ready")
    assert ["ready", "ready", "redeemed"] == [row["to_state"] for row in shop.rows()]


def test_a_punch_card_is_filled_and_earned(shop: Shop) -> None:
    """Three punches, one reward, and then a new card."""
    shop.offer("punch_card")
    ann = shop.person("ann")
    states = [shop.step(ann, NOON + n * HOUR_MS, state) for n, state in enumerate(("default", "progress", "progress"))]

    earned = shop.state(ann, NOON + 3 * HOUR_MS)
    reward = shop.step(ann, NOON + 3 * HOUR_MS, "ready")

    assert ["progress", "progress", "ready"] == states
    assert ["earned", "ready", "default"] == earned["display"]
    assert "redeemed" == reward
    assert "progress" == shop.step(ann, NOON + 4 * HOUR_MS)


def test_every_field_of_a_state_is_served(shop: Shop) -> None:
    """What the app shows, what it has to ask for, and when to look again."""
    shop.offer(
        pin="4711",
        within_m=100,
        args=[{"name": "deviceGeoPointAccuracy", "required": False, "min": 1, "max": 50}],
        button_text="Show at the till",
        action_type="url",
        action_target="https://cafe.example",
        refresh_interval_s=15,
    )

    state = shop.state(shop.person())
    (transition,) = state.pop("transitions")
    args = transition.pop("args")

    assert {
        "state": "default",
        "expiresIn": None,
        "display": ["default"],
        "refreshInterval": 15,
        "meta": {"actionType": "url", "actionTarget": "https://cafe.example"},
    } == state
    assert {"index": 0, "target": "redeemed", "meta": {"transitionButtonText": "Show at the till"}} == transition
    assert [
        ("deviceGeoPoint", True, "array", None, None),
        ("deviceGeoPointAccuracy", False, "number", 1, 50),
        ("pin", True, "string", None, None),
    ] == [tuple(each[name] for name in ("name", "required", "type", "min", "max")) for each in args]
    assert all(each["desc"] and each["values"] is None and each["default"] is None for each in args)


def test_every_limit_is_served(shop: Shop) -> None:
    """Total and used for ever and per window, with when the window ends in Vancouver."""
    shop.offer(
        limits={
            "per_profile": {"total": 2},
            "per_profile_per_window": {"total": 1, "granularity": "day"},
            "global": {"total": 10},
            "global_per_window": {"total": 5, "granularity": "week"},
        }
    )
    ann = shop.person("ann")
    shop.step(shop.person("bob"), NOON - 7 * DAY_MS)
    shop.step(ann)

    assert {
        "redeemable": False,
        "reason": "SoldOutPerProfilePerWindow",
        "limitDetails": {
            "perProfile": {"total": 2, "used": 1, "priority": 1},
            "perProfilePerWindow": {
                "total": 1,
                "used": 1,
                "priority": 2,
                "granularity": "day",
                "resetsIn": 18 * 3600,
            },
            "global": {"total": 10, "used": 2, "priority": 3},
            "globalPerWindow": {
                "total": 5,
                "used": 1,
                "priority": 4,
                "granularity": "week",
                "resetsIn": (18 + 5 * 24) * 3600,
            },
        },
    } == shop.status(ann, NOON + HOUR_MS)


@pytest.mark.parametrize(
    ("granularity", "same_ms", "next_ms"),
    [
        ("hour", 59 * MINUTE_MS, 60 * MINUTE_MS),
        ("day", 18 * HOUR_MS, 19 * HOUR_MS),  # noon UTC is 5 am in Vancouver
        ("week", 5 * DAY_MS + 18 * HOUR_MS, 5 * DAY_MS + 19 * HOUR_MS),
        ("month", 21 * DAY_MS + 18 * HOUR_MS, 21 * DAY_MS + 19 * HOUR_MS),
    ],
)
def test_a_window_of_one_person_starts_again(shop: Shop, granularity: str, same_ms: int, next_ms: int) -> None:
    """By the clock of the place; another person is not bound by it."""
    shop.offer(limits={"per_profile_per_window": {"total": 1, "granularity": granularity}})
    ann, bob = shop.person("ann"), shop.person("bob")
    assert "redeemed" == shop.step(ann)

    assert "SoldOutPerProfilePerWindow" == shop.reason(ann, NOON + same_ms - 1)
    assert (409, "lmg-redemption-sold-out-per-profile-per-window") == shop.step(
        ann, NOON + same_ms - 1, state="redeemed"
    )
    assert "redeemed" == shop.step(bob, NOON + 1)
    assert "redeemed" == shop.step(ann, NOON + next_ms)


@pytest.mark.parametrize(
    ("granularity", "next_ms"),
    [
        ("hour", HOUR_MS),
        ("day", 19 * HOUR_MS),
        ("week", 5 * DAY_MS + 19 * HOUR_MS),
        ("month", 21 * DAY_MS + 19 * HOUR_MS),
    ],
)
def test_a_window_of_all_people_starts_again(shop: Shop, granularity: str, next_ms: int) -> None:
    """Two for everybody together, then none until it ends."""
    shop.offer(limits={"global_per_window": {"total": 2, "granularity": granularity}})
    people = [shop.person(f"user-{number}") for number in range(4)]

    states = [shop.step(person, NOON + number) for number, person in enumerate(people[:3])]

    assert ["redeemed", "redeemed", (409, "lmg-redemption-sold-out-per-window")] == states
    assert "SoldOutPerWindow" == shop.reason(people[3], NOON + 4)
    assert "redeemed" == shop.step(people[3], NOON + next_ms)


def test_totals_are_for_ever(shop: Shop) -> None:
    """Two for each person, three for all of them."""
    shop.offer(limits={"per_profile": {"total": 2}, "global": {"total": 3}})
    ann, bob = shop.person("ann"), shop.person("bob")

    of_ann = [shop.step(ann, NOON + n * DAY_MS) for n in range(2)]
    third = shop.step(ann, NOON + 9 * DAY_MS, state="redeemed")
    of_bob = [shop.step(bob, NOON + n * DAY_MS) for n in range(9, 11)]

    assert ["redeemed", "redeemed", (409, "lmg-redemption-sold-out-per-profile")] == [*of_ann, third]
    assert ["redeemed", (409, "lmg-redemption-sold-out")] == of_bob
    assert "SoldOut" == shop.reason(shop.person("cora"), NOON + 20 * DAY_MS)


def test_a_window_of_a_punch_card_bounds_punches_and_not_the_reward(shop: Shop) -> None:
    """One punch a day; the card that is full can be used at once."""
    shop.offer("punch_card", limits={"per_profile_per_window": {"total": 1, "granularity": "day"}})
    ann = shop.person("ann")

    states = [
        shop.step(ann, NOON),
        shop.step(ann, NOON + MINUTE_MS, "progress"),
        shop.step(ann, NOON + DAY_MS, "progress"),
        shop.step(ann, NOON + 2 * DAY_MS, "progress"),
        shop.step(ann, NOON + 2 * DAY_MS + MINUTE_MS, "ready"),
    ]

    refused = (409, "lmg-redemption-sold-out-per-profile-per-window")
    assert ["progress", refused, "progress", "ready", "redeemed"] == states


def test_a_schedule_bounds_the_use(shop: Shop) -> None:
    """Not before, not from the end on."""
    start, end = (datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in (NOON, NOON + HOUR_MS))
    shop.offer(schedule={"starts_at": start, "ends_at": end})
    ann = shop.person("ann")

    reasons = [shop.reason(ann, NOON + ms) for ms in (-1, 0, HOUR_MS - 1, HOUR_MS)]

    assert ["Schedule", None, None, "Schedule"] == reasons
    assert (409, "lmg-redemption-schedule") == shop.step(ann, NOON + HOUR_MS)


@pytest.mark.parametrize(
    ("audience", "state", "expected"),
    [
        ("none", "anonymous", "redeemed"),
        ("identified", "anonymous", (403, "lmg-redemption-authentication-required")),
        ("identified", "identified", "redeemed"),
        ("verified", "identified", (403, "lmg-redemption-authentication-required")),
        ("verified", "verified", "redeemed"),
    ],
)
def test_the_property_says_who_may_redeem(shop: Shop, audience: str, state: str, expected: Any) -> None:
    """Others are told to sign in."""
    shop.site.set_property(redemption_audience=audience)
    who = shop.person(None if state == "anonymous" else "ann", verified=state == "verified")

    assert (None if expected == "redeemed" else "AuthenticationRequired") == shop.reason(who)
    assert bool(expected == "redeemed") is bool(shop.state(who)["transitions"])
    assert expected == shop.step(who)


def test_identified_users_may_redeem_unless_the_property_says_otherwise(site: Site) -> None:
    """The default of a new property."""
    assert ["identified"] == [row["redemption_audience"] for row in site.rows(tables.properties)]


def test_who_merely_claims_to_be_a_user_does_not_see_what_they_used(shop: Shop) -> None:
    """Where only verified users redeem."""
    shop.site.set_property(redemption_audience="verified")
    assert "redeemed" == shop.step(shop.person("ann", verified=True))

    assert "default" == shop.state(shop.person("ann"))["state"]
    assert "redeemed" == shop.state(shop.person("ann", verified=True))["state"]


def test_without_a_session_there_is_nobody_to_redeem(shop: Shop) -> None:
    """The offer is shown, the step is not taken."""
    assert "default" == shop.state(None)["state"]
    assert (401, "09-65-002") == shop.step(None)


def test_a_person_is_the_same_on_every_device(shop: Shop) -> None:
    """The user redeems, not the session; without a user it is the session."""
    assert "redeemed" == shop.step(shop.person("ann"))
    assert "redeemed" == shop.step(shop.person())

    assert "OfferUsed" == shop.reason(shop.person("ann"))
    assert [None, None] == [shop.reason(shop.person("bob")), shop.reason(shop.person())]


def test_the_shops_pin_is_needed_and_shown_nowhere(shop: Shop) -> None:
    """Neither to the app nor, in the clear, to those who run the property; PUT of what GET shows keeps it."""
    shown = shop.offer(pin="4711")
    again = shop.put("offers/coffee", shown)
    ann = shop.person("ann")

    wrong = shop.step(ann, args={"pin": "4712"})
    missing = shop.step(ann)
    served = json.dumps([shop.state(ann), shop.status(ann)])
    offer = shop.run("query ($offer: ID!) { offer(offerId: $offer) { id } }", ann, NOON)

    assert [(403, "lmg-redemption-pin"), (400, "lmg-redemption-args")] == [wrong, missing]
    assert shown["redemption"]["pin"] == again["redemption"]["pin"] != "4711"
    assert "4711" not in served and "hmac" not in served
    assert {"id": "coffee"} == offer
    assert "redeemed" == shop.step(ann, args={"pin": "4711"})
    assert "4711" not in json.dumps(shop.site.rows(tables.redemptions), default=str)


def test_the_device_has_to_be_near(shop: Shop) -> None:
    """And to know well enough where it is."""
    shop.offer(within_m=100, args=[{"name": "deviceGeoPointAccuracy", "max": 50}])
    ann = shop.person("ann")
    here, there = [-119.4546625, 49.9], [-119.4546625, 49.91]

    far = shop.step(ann, args={"deviceGeoPoint": there, "deviceGeoPointAccuracy": 5})
    vague = shop.step(ann, args={"deviceGeoPoint": here, "deviceGeoPointAccuracy": 51})
    near = shop.step(ann, args={"deviceGeoPoint": here, "deviceGeoPointAccuracy": 50})

    assert [(403, "lmg-redemption-location")] * 2 == [far, vague]
    assert "redeemed" == near


@pytest.mark.parametrize(
    "args",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="a list"),
        pytest.param('{"pin": {"a": 1}}', id="an object in it"),
        pytest.param('{"pin": "\\u0000"}', id="NUL"),
        pytest.param("{}", id="nothing"),
    ],
)
def test_arguments_that_cannot_be_read_are_refused_by_name(shop: Shop, args: str) -> None:
    """As 400, and nothing is redeemed."""
    shop.offer(pin="4711")
    ann = shop.person("ann")

    with pytest.raises(AudienceError) as caught:
        shop.run(STEP, ann, NOON, state="default", index=0, args=args)

    assert (400, "lmg-redemption-args") == (caught.value.status_code, caught.value.message_id)
    assert caught.value.message.split(":")[0] in ("clientArgs", "client_args", "client_args.pin", "pin")
    assert [] == shop.rows()


def test_the_error_has_the_real_platforms_shape(shop: Shop) -> None:
    """Over HTTP, with the status of its first error."""
    shop.site.set_property(redemption_audience="identified")
    opened = shop.site.ask("/graph/auth", "mutation { createSession { token } }")["data"]["createSession"]
    variables = {"offer": "coffee", "place": "downtown", "state": "default", "index": 0, "args": "{}"}

    answer = shop.site.post(
        "/graph/default", {"query": STEP, "variables": variables}, **{"X-Session-Token": opened["token"]}
    )

    (error,) = answer.json()["errors"]
    assert ("ForbiddenError", 403, "lmg-redemption-authentication-required") == (
        error["name"],
        error["statusCode"],
        error["messageId"],
    )
    assert 403 == answer.status_code


def test_an_offer_without_redemption_is_not_supported(shop: Shop) -> None:
    """It has a state and no steps."""
    shop.put("offers/coffee", {"business_id": "cafe", "headline": "Coffee"})
    ann = shop.person("ann")

    assert ("default", []) == (shop.state(ann)["state"], shop.state(ann)["transitions"])
    assert {"redeemable": False, "reason": "NotSupported", "limitDetails": None} == shop.status(ann)
    assert (409, "lmg-redemption-not-supported") == shop.step(ann)


@pytest.mark.parametrize(
    ("change", "reason", "error"),
    [
        pytest.param(disable_offer, "Disabled", "disabled", id="the offer is switched off"),
        pytest.param(
            lambda shop: shop.put("businesses/cafe", {"name": "Cafe", "enabled": False}),
            "NotVisible",
            "not-visible",
            id="its business is hidden",
        ),
        pytest.param(
            lambda shop: shop.put("locations/downtown", {"business_id": "cafe", "name": "D", "enabled": False}),
            "NotVisible",
            "not-visible",
            id="the place is hidden",
        ),
        pytest.param(
            lambda shop: shop.put("locations/downtown", {"business_id": "other", "name": "D"}),
            "NotVisible",
            "not-visible",
            id="another business's place",
        ),
        pytest.param(restrict_offer, "NotVisible", "not-visible", id="another place of the business"),
        pytest.param(lambda shop: shop.offer(frozen=True), "Frozen", "frozen", id="frozen"),
    ],
)
def test_what_is_not_on_show_cannot_be_redeemed(
    shop: Shop, change: Callable[[Shop], object], reason: str, error: str
) -> None:
    """With the reason."""
    ann = shop.person("ann")

    change(shop)

    assert reason == shop.reason(ann)
    assert [] == shop.state(ann)["transitions"]
    assert (409, f"lmg-redemption-{error}") == shop.step(ann)


def test_what_is_unknown_is_not_found(shop: Shop) -> None:
    """Offer or location; a slug is as good as an id."""
    ann = shop.person("ann")

    assert (404, "offer-not-found") == shop.step(ann, offer="tea")
    assert (404, "location-not-found") == shop.step(ann, place="nowhere")
    assert "default" == shop.state(ann, offer="free-coffee", place=None)["state"]
    assert "redeemed" == shop.step(ann, offer="free-coffee")
    assert ["coffee"] == [row["offer_id"] for row in shop.rows()]


def test_the_mutation_is_recorded_with_all_that_counts(shop: Shop) -> None:
    """Who, what, where, when, from which state to which."""
    ann = shop.person("ann")
    shop.step(ann, NOON + 5)

    (row,) = shop.rows()

    assert uuid.UUID(row.pop("entry_id"))
    assert isinstance(row.pop("user_hash"), int)
    assert {
        "property_id": "dev",
        "offer_id": "coffee",
        "number": 1,
        "session_id": ann,
        "user_id": "ann",
        "location_id": "downtown",
        "business_id": "cafe",
        "from_state": "default",
        "to_state": "redeemed",
        "occurred_at": NOON + 5,
    } == row


def test_an_export_holds_the_redemptions(shop: Shop) -> None:
    """Everything held about a person."""
    shop.step(shop.person("ann"))
    shop.step(shop.person("bob"))
    headers = {"Authorization": f"Bearer {shop.site.keys.admin_key}"}

    (found,) = shop.site.http.get("/admin/v1/users/ann/export", headers=headers).json()["redemptions"]

    assert ("ann", "coffee", "downtown", "default", "redeemed", "2026-03-10T12:00:00.000Z") == tuple(
        found[name] for name in ("user_id", "offer_id", "location_id", "from_state", "to_state", "occurred_at")
    )


def test_of_the_last_one_there_is_one(shop: Shop) -> None:
    """Many people press at the same moment: exactly one gets it, the others are told that it is gone."""
    shop.offer(limits={"global": {"total": 1}})
    people = [shop.person(f"user-{number}") for number in range(6)]
    barrier = threading.Barrier(len(people))
    answers: list[Any] = []

    def press(person: str) -> None:
        barrier.wait(10)
        answers.append(shop.step(person))

    threads = [threading.Thread(target=press, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [(409, "lmg-redemption-sold-out")] * 5 + ["redeemed"] == sorted(answers, key=str)
    assert 1 == len(shop.rows())


def test_one_person_who_presses_twice_redeems_once(shop: Shop) -> None:
    """On two devices at the same moment."""
    sessions_ = [shop.person("ann") for _ in range(2)]
    barrier = threading.Barrier(2)
    answers: list[Any] = []

    def press(session_id: str) -> None:
        barrier.wait(10)
        answers.append(shop.step(session_id))

    threads = [threading.Thread(target=press, args=(each,)) for each in sessions_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [(409, "lmg-redemption-state-changed"), "redeemed"] == sorted(answers, key=str)
    assert 1 == len(shop.rows())


def test_wrong_rules_are_a_problem_that_names_the_field(shop: Shop) -> None:
    """And a time zone that does not exist, too."""
    headers = {"Authorization": f"Bearer {shop.site.keys.admin_key}"}
    offer = {"business_id": "cafe", "headline": "Coffee", "redemption": {"kind": "timed", "pin": "abc"}}
    place = {"business_id": "cafe", "name": "Downtown", "address": {"timezone": "Atlantis/Capital"}}

    of_offer = shop.site.http.put("/admin/v1/offers/coffee", json=offer, headers=headers)
    of_place = shop.site.http.put("/admin/v1/locations/downtown", json=place, headers=headers)

    assert (422, ["pin"]) == (of_offer.status_code, list(of_offer.json()["errors"]["redemption"]))
    assert (422, ["timezone"]) == (of_place.status_code, list(of_place.json()["errors"]["address"]))
    assert "abc" not in of_offer.text


def test_the_description_of_the_admin_api_holds_redemption(shop: Shop) -> None:
    """With every field, for whoever writes a client."""
    schemas = shop.site.http.get("/admin/openapi.json").json()["components"]["schemas"]

    assert {"$ref": "#/components/schemas/Redemption"} in schemas["Offer"]["properties"]["redemption"]["anyOf"]
    assert {"kind", "pin", "punches", "ready_s", "limits", "schedule", "args", "offline"} <= set(
        schemas["Redemption"]["properties"]
    )
    assert {"per_profile", "per_profile_per_window", "global", "global_per_window"} == set(
        schemas["Limits"]["properties"]
    )
