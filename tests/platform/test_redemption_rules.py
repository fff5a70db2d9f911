"""Redemption, decided purely: windows, states, reasons, limits, arguments. No database and no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from marshmallow import ValidationError

from lmg_offline.platform.redemption import pins
from lmg_offline.platform.redemption.audience import is_entitled
from lmg_offline.platform.redemption.rules import (
    Granularity,
    Limits,
    Pattern,
    Rules,
    State,
    WindowLimit,
    rules_of,
    zone_of,
)
from lmg_offline.platform.redemption.schemas import RedemptionSchema
from lmg_offline.platform.redemption.states import OfferState, Step, is_consistent, state_of
from lmg_offline.platform.redemption.status import (
    Reason,
    Refusal,
    Standing,
    Usage,
    refusal_of,
    status_of,
)
from lmg_offline.platform.redemption.transition import decide
from lmg_offline.platform.redemption.windows import Window, window_at

VANCOUVER = ZoneInfo("America/Vancouver")
SCHEMA = RedemptionSchema()


def at(text: str) -> int:
    """Return an instant, UTC unless it says otherwise, in milliseconds."""
    found = datetime.fromisoformat(text)
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def rules(kind: str = "single", **more: Any) -> Rules:
    """Return rules as the Admin API would have checked them."""
    needed = {"timed": {"ready_s": 300}, "punch_card": {"punches": 3}}.get(kind, {})
    return rules_of(SCHEMA.load({"kind": kind, **needed, **more}))


NOON = at("2026-03-10T12:00:00")
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

DEFAULT, PROGRESS, READY, REDEEMED = "default", "progress", "ready", "redeemed"


def used(at_ms: int = NOON) -> Step:
    """Return the step of a single offer."""
    return Step(DEFAULT, REDEEMED, at_ms)


def card(*targets: str, start_ms: int = NOON) -> list[Step]:
    """Return the steps of a punch card, a minute apart."""
    sources = [DEFAULT, *targets]
    return [Step(sources[n], target, start_ms + n * MINUTE) for n, target in enumerate(targets)]


@pytest.mark.parametrize(
    ("zone", "instant", "granularity", "start", "end"),
    [
        pytest.param("UTC", "2026-03-10T12:34:56", "hour", "2026-03-10T12:00", "2026-03-10T13:00", id="hour"),
        pytest.param("UTC", "2026-03-10T12:00:00", "hour", "2026-03-10T12:00", "2026-03-10T13:00", id="first instant"),
        pytest.param(
            "Asia/Kolkata", "2026-03-10T12:34:56", "hour", "2026-03-10T12:30", "2026-03-10T13:30", id="half-hour zone"
        ),
        pytest.param(
            "America/Vancouver", "2026-11-01T09:30", "hour", "2026-11-01T09:00", "2026-11-01T10:00", id="second 1 am"
        ),
        pytest.param("UTC", "2026-03-10T23:59:59", "day", "2026-03-10T00:00", "2026-03-11T00:00", id="day"),
        pytest.param(
            "America/Vancouver", "2026-03-10T02:00", "day", "2026-03-09T07:00", "2026-03-10T07:00", id="local day"
        ),
        pytest.param(
            "America/Vancouver", "2026-03-08T12:00", "day", "2026-03-08T08:00", "2026-03-09T07:00", id="23 hours"
        ),
        pytest.param(
            "America/Vancouver", "2026-11-01T12:00", "day", "2026-11-01T07:00", "2026-11-02T08:00", id="25 hours"
        ),
        pytest.param(
            "America/Sao_Paulo", "2018-11-04T12:00", "day", "2018-11-04T03:00", "2018-11-05T02:00", id="no midnight"
        ),
        pytest.param("UTC", "2026-03-15T23:00", "week", "2026-03-09T00:00", "2026-03-16T00:00", id="week to Sunday"),
        pytest.param("UTC", "2026-03-09T00:00", "week", "2026-03-09T00:00", "2026-03-16T00:00", id="week from Monday"),
        pytest.param("UTC", "2024-02-29T12:00", "month", "2024-02-01T00:00", "2024-03-01T00:00", id="leap month"),
        pytest.param("UTC", "2026-12-31T12:00", "month", "2026-12-01T00:00", "2027-01-01T00:00", id="December"),
        pytest.param(
            "America/Vancouver", "2026-04-01T06:59", "month", "2026-03-01T08:00", "2026-04-01T07:00", id="local month"
        ),
    ],
)
def test_a_window_lasts_by_the_clock_of_the_place(
    zone: str, instant: str, granularity: str, start: str, end: str
) -> None:
    """Hours, days, weeks from Monday and months, over changes of the clock."""
    assert Window(at(start), at(end)) == window_at(at(instant), Granularity(granularity), ZoneInfo(zone))


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/Vancouver", "Asia/Kathmandu", "Africa/Casablanca"])
def test_a_window_holds_the_instant_it_was_asked_for(zone: str, granularity: Granularity) -> None:
    """Around the clock changes of odd places, every quarter hour of two days."""
    for start in ("2026-04-04T00:00", "2026-10-03T00:00", "2026-03-08T00:00", "2026-11-01T00:00"):
        for quarter in range(192):
            instant = at(start) + quarter * 15 * MINUTE + 1
            assert window_at(instant, granularity, ZoneInfo(zone)).holds(instant)


def test_a_zone_that_is_unknown_here_is_utc() -> None:
    """What was stored before it was checked does no harm."""
    assert [UTC, UTC, UTC, VANCOUVER] == [zone_of(n) for n in ("Atlantis/Capital", "", "../x", "America/Vancouver")]


ONCE_A_DAY = {"per_profile_per_window": {"total": 1, "granularity": "day"}}


@pytest.mark.parametrize(
    ("offer", "history", "now_ms", "expected"),
    [
        pytest.param(rules(), [], NOON, OfferState(State.DEFAULT, ("default",), (State.REDEEMED,)), id="single"),
        pytest.param(rules(), [used()], NOON, OfferState(State.REDEEMED, ("redeemed",)), id="single, used"),
        pytest.param(
            rules(), [used()], NOON - 1, OfferState(State.DEFAULT, ("default",), (State.REDEEMED,)), id="not used yet"
        ),
        pytest.param(
            rules(limits={"per_profile": {"total": 2}}),
            [used()],
            NOON + 59 * SECOND + 1,
            OfferState(State.REDEEMED, ("redeemed",), (), 1),
            id="shown for a refresh interval",
        ),
        pytest.param(
            rules(limits={"per_profile": {"total": 2}}),
            [used()],
            NOON + MINUTE,
            OfferState(State.DEFAULT, ("default",), (State.REDEEMED,)),
            id="one more",
        ),
        pytest.param(
            rules(limits={"per_profile": {"total": 2}}),
            [used(), used(NOON + HOUR)],
            NOON + 9 * HOUR,
            OfferState(State.REDEEMED, ("redeemed",)),
            id="no more",
        ),
        pytest.param(
            rules(limits=ONCE_A_DAY),
            [used()],
            NOON + HOUR,
            OfferState(State.REDEEMED, ("redeemed",), (), 11 * 3600),
            id="until the window ends",
        ),
        pytest.param(
            rules(limits=ONCE_A_DAY),
            [used()],
            NOON + 12 * HOUR,
            OfferState(State.DEFAULT, ("default",), (State.REDEEMED,)),
            id="a new window",
        ),
        pytest.param(
            rules(limits={"per_profile": {"total": 1}, **ONCE_A_DAY}),
            [used()],
            NOON + 99 * HOUR,
            OfferState(State.REDEEMED, ("redeemed",)),
            id="the total ends it",
        ),
        pytest.param(rules("timed"), [], NOON, OfferState(State.DEFAULT, ("default",), (State.READY,)), id="timed"),
        pytest.param(
            rules("timed"),
            [Step(DEFAULT, READY, NOON)],
            NOON + MINUTE,
            OfferState(State.READY, ("ready", "default"), (State.REDEEMED,), 240),
            id="timed, ready",
        ),
        pytest.param(
            rules("timed"),
            [Step(DEFAULT, READY, NOON)],
            NOON + 5 * MINUTE,
            OfferState(State.DEFAULT, ("default",), (State.READY,)),
            id="timed, run out",
        ),
        pytest.param(
            rules("timed"),
            [Step(DEFAULT, READY, NOON), Step(READY, REDEEMED, NOON + MINUTE)],
            NOON + HOUR,
            OfferState(State.REDEEMED, ("redeemed",)),
            id="timed, used",
        ),
        pytest.param(
            rules("punch_card"), [], NOON, OfferState(State.DEFAULT, ("default",), (State.PROGRESS,)), id="card"
        ),
        pytest.param(
            rules("punch_card"),
            card(PROGRESS),
            NOON + HOUR,
            OfferState(State.PROGRESS, ("progress:1/3", "progress", "default"), (State.PROGRESS,)),
            id="first punch",
        ),
        pytest.param(
            rules("punch_card"),
            card(PROGRESS, PROGRESS),
            NOON + HOUR,
            OfferState(State.PROGRESS, ("progress:2/3", "progress", "default"), (State.READY,)),
            id="one to go",
        ),
        pytest.param(
            rules("punch_card"),
            card(PROGRESS, PROGRESS, READY),
            NOON + HOUR,
            OfferState(State.READY, ("earned", "ready", "default"), (State.REDEEMED,)),
            id="earned",
        ),
        pytest.param(
            rules("punch_card"),
            card(PROGRESS, PROGRESS, READY, REDEEMED),
            NOON + 3 * MINUTE,
            OfferState(State.REDEEMED, ("redeemed",), (), 60),
            id="card, used",
        ),
        pytest.param(
            rules("punch_card"),
            [*card(PROGRESS, PROGRESS, READY, REDEEMED), *card(PROGRESS, start_ms=NOON + HOUR)],
            NOON + 2 * HOUR,
            OfferState(State.PROGRESS, ("progress:1/3", "progress", "default"), (State.PROGRESS,)),
            id="a new card",
        ),
        pytest.param(
            rules("punch_card", limits={"per_profile": {"total": 1}}),
            card(PROGRESS, PROGRESS, READY, REDEEMED),
            NOON + 99 * HOUR,
            OfferState(State.REDEEMED, ("redeemed",)),
            id="one card each",
        ),
        pytest.param(
            rules("punch_card", punches=2),
            [Step(DEFAULT, PROGRESS, NOON)],
            NOON,
            OfferState(State.PROGRESS, ("progress:1/2", "progress", "default"), (State.READY,)),
            id="small card",
        ),
        pytest.param(
            rules(),
            card(PROGRESS, PROGRESS),
            NOON + HOUR,
            OfferState(State.DEFAULT, ("default",), (State.REDEEMED,)),
            id="was a card once",
        ),
    ],
)
def test_the_state_follows_from_the_steps_and_the_clock(
    offer: Rules, history: list[Step], now_ms: int, expected: OfferState
) -> None:
    """What a person sees of an offer: every kind, at every stage."""
    assert expected == state_of(offer, history, now_ms)


@pytest.mark.parametrize(
    ("offer", "history", "step", "expected"),
    [
        pytest.param(rules(), [], used(), True, id="the first"),
        pytest.param(
            rules(limits={"per_profile": {"total": 3}}),
            [used(NOON + HOUR)],
            used(),
            True,
            id="apart from the later one",
        ),
        pytest.param(
            rules("punch_card"),
            [*card(PROGRESS, PROGRESS, READY), Step(READY, REDEEMED, NOON + 2 * HOUR)],
            Step(READY, REDEEMED, NOON + HOUR),
            False,
            id="a card that was used later",
        ),
        pytest.param(
            rules("punch_card"),
            [*card(PROGRESS), Step(PROGRESS, PROGRESS, NOON + HOUR), Step(PROGRESS, READY, NOON + 2 * HOUR)],
            Step(PROGRESS, PROGRESS, NOON + MINUTE),
            False,
            id="a punch too many",
        ),
        pytest.param(
            rules("punch_card"),
            [*card(PROGRESS), Step(PROGRESS, PROGRESS, NOON + HOUR)],
            Step(PROGRESS, PROGRESS, NOON + MINUTE),
            True,
            id="a punch between",
        ),
        pytest.param(
            rules(),
            [*card(PROGRESS), Step(PROGRESS, READY, NOON + HOUR)],
            used(NOON + MINUTE),
            True,
            id="other rules then",
        ),
    ],
)
def test_a_late_step_does_not_take_what_later_steps_needed(
    offer: Rules, history: list[Step], step: Step, expected: bool
) -> None:
    """Two devices of one person were offline: one card is used once."""
    assert expected is is_consistent(offer, history, step)


def standing(offer: Rules | None = None, history: tuple[Step, ...] = (), **more: Any) -> Standing:
    """Return somebody at noon before an offer that nobody else has used, unless said otherwise."""
    others = more.pop("others", 0)
    now_ms = more.pop("now_ms", NOON + HOUR)
    return Standing(offer, history, now_ms, used_by_all=lambda states, window: others, **more)


SINGLE = rules()
DAY = {"total": 1, "granularity": "day"}


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(standing(SINGLE), None, id="usable"),
        pytest.param(standing(SINGLE, is_enabled=False), Reason.DISABLED, id="switched off"),
        pytest.param(standing(SINGLE, is_visible=False), Reason.NOT_VISIBLE, id="hidden"),
        pytest.param(standing(None), Reason.NOT_SUPPORTED, id="no redemption"),
        pytest.param(standing(rules(frozen=True)), Reason.FROZEN, id="frozen"),
        pytest.param(
            standing(rules(schedule={"starts_at": "2026-03-10T13:00:00.001Z"})), Reason.SCHEDULE, id="not begun"
        ),
        pytest.param(standing(rules(schedule={"starts_at": "2026-03-10T06:00-07:00"})), None, id="just begun"),
        pytest.param(standing(rules(schedule={"ends_at": "2026-03-10T13:00:00.001Z"})), None, id="just before the end"),
        pytest.param(standing(rules(schedule={"ends_at": "2026-03-10T13:00:00Z"})), Reason.SCHEDULE, id="over"),
        pytest.param(standing(SINGLE, is_entitled=False), Reason.AUTHENTICATION_REQUIRED, id="unknown person"),
        pytest.param(standing(SINGLE, (used(),)), Reason.OFFER_USED, id="used"),
        pytest.param(
            standing(rules(limits={"per_profile": {"total": 2}}), (used(), used())),
            Reason.SOLD_OUT_PER_PROFILE,
            id="used twice",
        ),
        pytest.param(
            standing(rules(limits={"per_profile": {"total": 2}}), (used(NOON + HOUR - 1),)),
            Reason.OFFER_USED,
            id="used a moment ago",
        ),
        pytest.param(
            standing(rules(limits={"per_profile_per_window": DAY}), (used(),)),
            Reason.SOLD_OUT_PER_PROFILE_PER_WINDOW,
            id="used today",
        ),
        pytest.param(
            standing(rules(limits={"per_profile_per_window": DAY}), (used(NOON - 24 * HOUR),)),
            None,
            id="used yesterday",
        ),
        pytest.param(standing(rules(limits={"global": {"total": 5}}), others=5), Reason.SOLD_OUT, id="all gone"),
        pytest.param(standing(rules(limits={"global": {"total": 5}}), others=4), None, id="one left"),
        pytest.param(
            standing(rules(limits={"global_per_window": DAY}), others=1),
            Reason.SOLD_OUT_PER_WINDOW,
            id="gone for today",
        ),
        pytest.param(
            standing(rules(limits={"per_profile": {"total": 9}, "global": {"total": 5}}), others=9),
            Reason.SOLD_OUT,
            id="lowered afterwards",
        ),
        pytest.param(standing(rules(frozen=True), is_enabled=False), Reason.DISABLED, id="the first reason counts"),
        pytest.param(
            standing(rules("punch_card", limits={"per_profile_per_window": DAY}), tuple(card(PROGRESS))),
            Reason.SOLD_OUT_PER_PROFILE_PER_WINDOW,
            id="punched today",
        ),
        pytest.param(
            standing(
                rules("punch_card", limits={"per_profile_per_window": DAY}), tuple(card(PROGRESS, PROGRESS, READY))
            ),
            None,
            id="an earned card is not bound by the window of punches",
        ),
        pytest.param(
            standing(rules("punch_card", limits={"per_profile": {"total": 1}}), tuple(card(PROGRESS, PROGRESS))),
            None,
            id="punches are no redemptions",
        ),
        pytest.param(
            standing(rules(), (used(NOON + 9 * HOUR),)), Reason.OFFER_USED, id="used later, but it arrived first"
        ),
    ],
)
def test_the_reason_says_why_an_offer_cannot_be_used(case: Standing, reason: Reason | None) -> None:
    """In the real platform's words; none when it can."""
    status = status_of(case)

    assert (reason, reason is None) == (status.reason, status.is_redeemable)


def test_every_reason_is_met_in_the_table_above_and_has_a_code() -> None:
    """A reason that nobody meets would be untested."""
    table = test_the_reason_says_why_an_offer_cannot_be_used.pytestmark[0].args[1]  # type: ignore[attr-defined]

    assert set(Reason) == {row.values[1] for row in table} - {None}
    assert len(Reason) == len({refusal_of(reason).code for reason in Reason})
    assert "redemption_sold_out_per_profile_per_window" == refusal_of(Reason.SOLD_OUT_PER_PROFILE_PER_WINDOW).code


def test_the_limits_say_how_much_is_left_and_when_they_start_again() -> None:
    """All four, by the clock of the place."""
    offer = Rules(
        Pattern.SINGLE,
        limits=Limits(3, WindowLimit(2, Granularity.HOUR), 100, WindowLimit(50, Granularity.MONTH)),
        zone=VANCOUVER,
    )
    asked: list[tuple[frozenset[State], Window | None]] = []

    def used_by_all(states: frozenset[State], window: Window | None) -> int:
        asked.append((states, window))
        return 40 if window is None else 7

    limits = status_of(Standing(offer, (used(NOON - 24 * HOUR), used()), NOON + 90 * SECOND, used_by_all)).limits

    assert limits is not None
    assert Usage(3, 2, 1) == limits.per_profile
    assert Usage(2, 1, 2, Granularity.HOUR, 3600 - 90) == limits.per_profile_per_window
    assert Usage(100, 40, 3) == limits.overall
    until_april_s = (at("2026-04-01T00:00-07:00") - NOON) // 1000 - 90
    assert Usage(50, 7, 4, Granularity.MONTH, until_april_s) == limits.overall_per_window
    march = Window(at("2026-03-01T00:00-08:00"), at("2026-04-01T00:00-07:00"))
    assert [(frozenset({State.REDEEMED}), None), (frozenset({State.REDEEMED}), march)] == asked


def test_an_offer_without_limits_has_no_details() -> None:
    """Nothing to show."""
    assert [None, None] == [status_of(standing(each)).limits for each in (SINGLE, None)]


@pytest.mark.parametrize(
    ("setting", "entitled"),
    [("none", (True, True, True)), ("identified", (False, True, True)), ("verified", (False, False, True))],
)
def test_the_property_says_who_may_redeem(setting: str, entitled: tuple[bool, ...]) -> None:
    """Anonymous, identified, verified."""
    assert entitled == tuple(is_entitled(setting, state) for state in ("anonymous", "identified", "verified"))


PLACE = (-119.4546625, 49.8996925)
NEAR = [-119.4546625, 49.9]  # 34 m to the north
FAR = [-119.4546625, 49.91]  # 1.1 km

PIN = rules(pin="0042")
HERE = rules(within_m=50)
EXACT = rules(
    within_m=50,
    args=[
        {"name": "deviceGeoPointAccuracy", "max": 30},
        {"name": "deviceGeoPointAge", "required": False, "min": 1, "max": 60},
        {"name": "confirmPromptDisplayed"},
    ],
)
GOOD = {"deviceGeoPoint": NEAR, "deviceGeoPointAccuracy": 30, "confirmPromptDisplayed": True}


def attempt(args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the payload of a step from default."""
    asked = {"current_state": "default", "transition_index": 0, "target": None, "client_args": args or {}}
    return {**asked, **more}


@pytest.mark.parametrize(
    ("offer", "args", "expected"),
    [
        pytest.param(SINGLE, {}, None, id="nothing asked"),
        pytest.param(SINGLE, {"pin": 7, "whatever": True}, None, id="what is not asked is not looked at"),
        pytest.param(PIN, {"pin": "0042"}, None, id="PIN"),
        pytest.param(PIN, {"pin": "0043"}, "redemption_pin", id="another PIN"),
        pytest.param(PIN, {"pin": ""}, "redemption_pin", id="empty PIN"),
        pytest.param(PIN, {}, "redemption_args pin", id="no PIN"),
        pytest.param(PIN, {"pin": None}, "redemption_args pin", id="null PIN"),
        pytest.param(PIN, {"pin": 42}, "redemption_args pin", id="PIN is a number"),
        pytest.param(HERE, {"deviceGeoPoint": NEAR}, None, id="near"),
        pytest.param(HERE, {"deviceGeoPoint": FAR}, "redemption_location deviceGeoPoint", id="far"),
        pytest.param(HERE, {"deviceGeoPoint": NEAR[::-1]}, "redemption_args deviceGeoPoint", id="latitude first"),
        pytest.param(HERE, {"deviceGeoPoint": "here"}, "redemption_args deviceGeoPoint", id="no point"),
        pytest.param(HERE, {"deviceGeoPoint": [True, 1]}, "redemption_args deviceGeoPoint", id="bools"),
        pytest.param(HERE, {}, "redemption_args deviceGeoPoint", id="nowhere"),
        pytest.param(EXACT, GOOD, None, id="all that is asked"),
        pytest.param(EXACT, {**GOOD, "deviceGeoPointAge": 60}, None, id="fresh enough"),
        pytest.param(EXACT, {**GOOD, "deviceGeoPointAge": 60.5}, "redemption_location deviceGeoPointAge", id="too old"),
        pytest.param(EXACT, {**GOOD, "deviceGeoPointAge": 0}, "redemption_args deviceGeoPointAge", id="below min"),
        pytest.param(
            EXACT, {**GOOD, "deviceGeoPointAccuracy": 31}, "redemption_location deviceGeoPointAccuracy", id="inexact"
        ),
        pytest.param(
            EXACT, {**GOOD, "deviceGeoPointAccuracy": -1}, "redemption_args deviceGeoPointAccuracy", id="negative"
        ),
        pytest.param(
            EXACT, {**GOOD, "deviceGeoPointAccuracy": "5"}, "redemption_args deviceGeoPointAccuracy", id="text"
        ),
        pytest.param(
            EXACT,
            {**GOOD, "confirmPromptDisplayed": False},
            "redemption_args confirmPromptDisplayed",
            id="not confirmed",
        ),
        pytest.param(
            EXACT, {**GOOD, "confirmPromptDisplayed": 1}, "redemption_args confirmPromptDisplayed", id="no bool"
        ),
    ],
)
def test_what_a_step_asks_for_has_to_come_with_it(offer: Rules, args: dict[str, Any], expected: str | None) -> None:
    """A refusal names the argument, and never what was sent."""
    found = decide(standing(offer), attempt(args), PLACE)

    if expected is None:
        assert Step(DEFAULT, REDEEMED, NOON + HOUR) == found
        return
    code, _, name = expected.partition(" ")
    assert isinstance(found, Refusal)
    assert (code, True) == (found.code, found.message.startswith(name))
    assert not any(str(value) in found.message for value in args.values() if isinstance(value, str) and value)


def test_an_argument_is_asked_by_the_steps_that_are_named() -> None:
    """The shop's PIN for the reward, none for a punch."""
    offer = rules("punch_card", pin="1234", args=[{"name": "pin", "on": ["redeemed"]}])
    earned = tuple(card(PROGRESS, PROGRESS, READY))

    punch = decide(standing(offer), attempt(), PLACE)
    reward = decide(standing(offer, earned), attempt(current_state="ready"), PLACE)

    assert Step(DEFAULT, PROGRESS, NOON + HOUR) == punch
    assert isinstance(reward, Refusal) and "redemption_args" == reward.code


@pytest.mark.parametrize(
    ("offer", "history", "wanted", "expected"),
    [
        pytest.param(SINGLE, (), {"current_state": "ready"}, "redemption_state_changed", id="another state"),
        pytest.param(SINGLE, (), {"transition_index": 1}, "redemption_state_changed", id="no such step"),
        pytest.param(SINGLE, (), {"target": "redeemed"}, "redeemed", id="the target is known"),
        pytest.param(SINGLE, (), {"target": "ready"}, "redemption_state_changed", id="another target"),
        pytest.param(SINGLE, (used(),), {}, "redemption_state_changed", id="used, and the device thought not"),
        pytest.param(SINGLE, (used(),), {"current_state": "redeemed"}, "redemption_offer_used", id="used, and known"),
        pytest.param(
            rules("punch_card"),
            tuple(card(PROGRESS, PROGRESS)),
            {"current_state": "progress", "target": "progress"},
            "ready",
            id="the device does not know which punch fills the card",
        ),
        pytest.param(
            rules("timed"),
            (Step(DEFAULT, READY, NOON),),
            {"current_state": "ready"},
            "redemption_state_changed",
            id="ready has run out",
        ),
        pytest.param(
            rules(limits={"global": {"total": 1}}),
            (),
            {"current_state": "x"},
            "redemption_state_changed",
            id="state first",
        ),
    ],
)
def test_a_step_is_taken_from_the_state_the_device_saw(
    offer: Rules, history: tuple[Step, ...], wanted: dict[str, Any], expected: str
) -> None:
    """Else the device is told to look again."""
    found = decide(standing(offer, history), attempt(**wanted), PLACE)

    assert expected == (found.code if isinstance(found, Refusal) else found.to_state)


def test_a_pin_is_kept_as_a_hash_with_a_salt() -> None:
    """Two shops with one PIN do not show it; a hash that is sent back stays."""
    first, second = (SCHEMA.load({"kind": "single", "pin": "1234"})["pin"] for _ in range(2))

    assert "1234" not in first and first != second
    assert first == SCHEMA.load({"kind": "single", "pin": first})["pin"]
    assert [True, False] == [pins.matches(first, given) for given in ("1234", "12345")]
    assert first not in repr(rules(pin=first))


@pytest.mark.parametrize(
    ("redemption", "field"),
    [
        pytest.param({}, "kind", id="no kind"),
        pytest.param({"kind": "lottery"}, "kind", id="unknown kind"),
        pytest.param({"kind": "single", "colour": 1}, "colour", id="unknown field"),
        pytest.param({"kind": "timed"}, "ready_s", id="timed without a time"),
        pytest.param({"kind": "single", "ready_s": 5}, "ready_s", id="a time without timed"),
        pytest.param({"kind": "punch_card"}, "punches", id="card without punches"),
        pytest.param({"kind": "punch_card", "punches": 1}, "punches", id="card of one punch"),
        pytest.param({"kind": "timed", "ready_s": 5, "punches": 2}, "punches", id="punches without a card"),
        pytest.param({"kind": "timed", "ready_s": "5"}, "ready_s", id="text as seconds"),
        pytest.param({"kind": "single", "pin": "123"}, "pin", id="short PIN"),
        pytest.param({"kind": "single", "pin": "12345678a"}, "pin", id="PIN with a letter"),
        pytest.param({"kind": "single", "pin": "1234\n"}, "pin", id="PIN with a line end"),
        pytest.param({"kind": "single", "pin": "١٢٣٤"}, "pin", id="PIN of other digits"),
        pytest.param({"kind": "single", "args": [{"name": "shoe"}]}, "args", id="unknown argument"),
        pytest.param({"kind": "single", "args": [{"name": "pin"}]}, "args", id="argument without its PIN"),
        pytest.param(
            {"kind": "single", "pin": "1234", "args": [{"name": "pin", "required": False}]}, "args", id="PIN of choice"
        ),
        pytest.param(
            {"kind": "single", "within_m": 5, "args": [{"name": "deviceGeoPoint", "required": False}]},
            "args",
            id="point of choice",
        ),
        pytest.param(
            {"kind": "single", "args": [{"name": "confirmPromptDisplayed"}] * 2}, "args", id="argument named twice"
        ),
        pytest.param(
            {"kind": "single", "args": [{"name": "confirmPromptDisplayed", "on": ["ready"]}]}, "args", id="no such step"
        ),
        pytest.param({"kind": "single", "args": [{"name": "deviceGeoPoint", "max": 5}]}, "args", id="bound of a point"),
        pytest.param(
            {"kind": "single", "args": [{"name": "deviceGeoPointAge", "min": 5, "max": 4}]}, "args", id="bounds crossed"
        ),
        pytest.param({"kind": "single", "within_m": 0}, "within_m", id="no distance"),
        pytest.param({"kind": "single", "limits": {"global": {"total": 0}}}, "limits", id="none at all"),
        pytest.param({"kind": "single", "limits": {"per_profile_per_window": {"total": 1}}}, "limits", id="no window"),
        pytest.param(
            {"kind": "single", "limits": {"global_per_window": {"total": 1, "granularity": "year"}}},
            "limits",
            id="years",
        ),
        pytest.param({"kind": "single", "schedule": {"starts_at": "2026-03-10T12:00"}}, "schedule", id="no offset"),
        pytest.param({"kind": "single", "schedule": {"ends_at": "tomorrow"}}, "schedule", id="no instant"),
        pytest.param(
            {"kind": "single", "schedule": {"starts_at": "2026-03-10T12:00Z", "ends_at": "2026-03-10T05:00-07:00"}},
            "schedule",
            id="ends as it starts",
        ),
        pytest.param({"kind": "single", "action_type": "url"}, "action_target", id="an action that leads nowhere"),
        pytest.param({"kind": "single", "refresh_interval_s": 0}, "refresh_interval_s", id="no interval"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_field(redemption: dict[str, Any], field: str) -> None:
    """The person who runs the property is told which."""
    with pytest.raises(ValidationError) as caught:
        SCHEMA.load(redemption)

    assert [field] == list(caught.value.messages)
