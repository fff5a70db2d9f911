"""What may be redeemed, with which arguments, and what a person is asked: tables."""

from __future__ import annotations

from typing import Any

import pytest

from lmg_offline._core.redemption import checked, choose, gather, prompt_for
from lmg_offline.errors import RedemptionArgument, RedemptionRefused
from lmg_offline.models import DevicePosition
from lmg_offline.redemption import (
    OfferLimits,
    OfferState,
    OfferStatus,
    Prompt,
    PromptKind,
    RedemptionReason,
    Transition,
    TransitionArg,
)

HERE = DevicePosition(49.8, -119.4, 12.2, 7.9)
VAGUE = DevicePosition(49.8, -119.4, None, 0.0)


def state(*indexes: int, display: tuple[str, ...] = ()) -> OfferState:
    return OfferState("s", None, tuple(Transition(index, "t", "Use") for index in indexes), display, 60)


def status(redeemable: bool, reason: RedemptionReason = RedemptionReason.NONE) -> OfferStatus:
    return OfferStatus(redeemable, reason, OfferLimits())


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        pytest.param(("redeemed", "default"), "redeemed", id="the first"),
        pytest.param(("sparkling", "ready"), "ready", id="the first that is known"),
        pytest.param(("Progress",), "progress", id="in any case"),
        pytest.param(("sparkling",), "unknown", id="none is known"),
        pytest.param((), "unknown", id="none"),
    ],
)
def test_the_display_status_is_the_first_that_is_known(display: tuple[str, ...], expected: str) -> None:
    """The platform may learn new ones before this package does."""
    assert expected == state(display=display).display_status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, RedemptionReason.NONE, id="none"),
        pytest.param("OfferUsed", RedemptionReason.OFFER_USED, id="as in the SDKs"),
        pytest.param("SOLD_OUT_PER_WINDOW", RedemptionReason.SOLD_OUT_PER_WINDOW, id="snake"),
        pytest.param("authentication-required", RedemptionReason.AUTHENTICATION_REQUIRED, id="kebab"),
        pytest.param("redemption_offer_used", RedemptionReason.OFFER_USED, id="the code of a refused entry"),
        pytest.param("Eclipse", RedemptionReason.UNKNOWN, id="unheard of"),
    ],
)
def test_a_reason_is_known_however_it_is_written(text: str | None, expected: RedemptionReason) -> None:
    """And is UNKNOWN, not an error, when it is new."""
    assert expected is RedemptionReason.of(text)


@pytest.mark.parametrize(
    ("found", "what", "index", "expected"),
    [
        pytest.param(state(4, 5), status(True), None, 4, id="the first"),
        pytest.param(state(4, 5), status(True), 5, 5, id="by its index"),
        pytest.param(state(4, 5), status(True), 0, "TransitionNotAllowed", id="no such index"),
        pytest.param(state(), status(True), None, "TransitionNotAllowed", id="no transition"),
        pytest.param(state(4), status(False, RedemptionReason.SCHEDULE), None, "Schedule", id="not redeemable"),
        pytest.param(state(4), status(False), None, "None", id="not redeemable without a reason"),
    ],
)
def test_choose(found: OfferState, what: OfferStatus, index: int | None, expected: int | str) -> None:
    """What the platform says goes; else the transition that was asked for."""
    try:
        outcome: int | str = choose(found, what, index).index
    except RedemptionRefused as refusal:
        outcome = refusal.reason

    assert expected == outcome


def test_every_reason_has_a_sentence() -> None:
    """No refusal is without its way out."""
    for reason in RedemptionReason:
        with pytest.raises(RedemptionRefused) as raised:
            choose(state(), status(False, reason), None)

        assert (reason, True) == (raised.value.reason, reason.value in str(raised.value))


POINT = TransitionArg("deviceGeoPoint", required=True)
ACCURACY = TransitionArg("deviceGeoPointAccuracy", required=True, max=50)
AGE = TransitionArg("deviceGeoPointAge", required=True)
CONFIRM = TransitionArg("confirmPromptDisplayed", required=True, type="boolean")
PIN = TransitionArg("pin", required=True, type="string", min=4, max=4)
TABLE = TransitionArg("table", type="int")


@pytest.mark.parametrize(
    ("args", "given", "position", "known", "asked"),
    [
        pytest.param([], {}, HERE, {}, [], id="nothing wanted, nothing told"),
        pytest.param(
            [POINT, ACCURACY, AGE],
            {},
            HERE,
            {"deviceGeoPoint": [-119.4, 49.8], "deviceGeoPointAccuracy": 13, "deviceGeoPointAge": 7},
            [],
            id="the device's, longitude first, whole metres up, whole seconds",
        ),
        pytest.param([TransitionArg("deviceGeoPoint")], {}, None, {}, [], id="not known and not required"),
        pytest.param([CONFIRM, PIN, TABLE], {}, None, {}, [CONFIRM, PIN], id="asked in order, if required"),
        pytest.param([CONFIRM, PIN], {"pin": "0042"}, None, {"pin": "0042"}, [CONFIRM], id="given"),
        pytest.param([PIN], {"pin": None}, None, {}, [PIN], id="None is not given"),
        pytest.param([POINT], {"deviceGeoPoint": [1, 2]}, HERE, {"deviceGeoPoint": [1, 2]}, [], id="given wins"),
        pytest.param([TABLE], {"table": "7"}, None, {"table": 7}, [], id="not required and given"),
    ],
)
def test_gather(
    args: list[TransitionArg],
    given: dict[str, object],
    position: DevicePosition | None,
    known: dict[str, object],
    asked: list[TransitionArg],
) -> None:
    """What the app gave, what the device knows, and what is left to ask."""
    assert (known, tuple(asked)) == gather(Transition(0, "t", "Use", tuple(args)), given, position)


@pytest.mark.parametrize(
    ("args", "given", "position", "name"),
    [
        pytest.param([POINT], {}, None, "deviceGeoPoint", id="no position"),
        pytest.param([AGE], {}, None, "deviceGeoPointAge", id="no age"),
        pytest.param([ACCURACY], {}, VAGUE, "deviceGeoPointAccuracy", id="no accuracy"),
        pytest.param([ACCURACY], {}, DevicePosition(0, 0, 51.0, 0), "deviceGeoPointAccuracy", id="not accurate enough"),
        pytest.param([PIN], {"pni": "1"}, None, "pni", id="not declared"),
        pytest.param([CONFIRM], {"confirmPromptDisplayed": False}, None, "confirmPromptDisplayed", id="unconfirmed"),
    ],
)
def test_an_argument_at_fault_is_named(
    args: list[TransitionArg], given: dict[str, object], position: DevicePosition | None, name: str
) -> None:
    """Before anybody is asked for anything."""
    with pytest.raises(RedemptionArgument) as raised:
        gather(Transition(0, "t", "Use", tuple(args)), given, position)

    assert name == raised.value.name


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        pytest.param({"type": "boolean"}, True, True, id="true"),
        pytest.param({"type": "Bool"}, "False", False, id="the text false"),
        pytest.param({"type": "int"}, 5, 5, id="whole"),
        pytest.param({"type": "INTEGER"}, " -5 ", -5, id="the text of a whole number"),
        pytest.param({"type": "float"}, 5, 5, id="a whole number is a number"),
        pytest.param({"type": "float"}, "2.5", 2.5, id="the text of a number"),
        pytest.param({"type": "string"}, "0042", "0042", id="zeros in front of a text stay"),
        pytest.param({"type": "array"}, [1], [1], id="a type unheard of"),
        pytest.param({"type": "int", "min": 1, "max": 3}, 3, 3, id="within bounds"),
        pytest.param({"type": "string", "min": 4, "max": 4}, "0042", "0042", id="of a length within bounds"),
        pytest.param({"type": "int", "values": ("1", "2")}, 2, 2, id="one of the values"),
        pytest.param({"type": "bool", "values": ("true",)}, True, True, id="the one value"),
    ],
)
def test_a_value_is_brought_to_its_type(fields: dict[str, Any], value: object, expected: object) -> None:
    """Forms give text; the platform wants what it declared."""
    found = checked(TransitionArg("x", **fields), value)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        pytest.param({"type": "boolean"}, 1, id="1 is not true"),
        pytest.param({"type": "boolean"}, "yes", id="yes is not true"),
        pytest.param({"type": "int"}, True, id="true is not 1"),
        pytest.param({"type": "int"}, 5.5, id="half"),
        pytest.param({"type": "int"}, "5.5", id="the text of a half"),
        pytest.param({"type": "int"}, "9" * 16, id="too many digits"),
        pytest.param({"type": "float"}, "nan", id="NaN"),
        pytest.param({"type": "float"}, "1e999", id="infinite"),
        pytest.param({"type": "float"}, 10**400, id="no double holds it"),
        pytest.param({"type": "float"}, "x", id="a word for a number"),
        pytest.param({"type": "string"}, 42, id="a number for a text"),
        pytest.param({"type": "int", "min": 43}, 42, id="small"),
        pytest.param({"type": "int", "max": 41}, 42, id="large"),
        pytest.param({"type": "string", "min": 5}, "4242", id="short"),
        pytest.param({"type": "string", "max": 3}, "4242", id="long"),
        pytest.param({"type": "string", "values": ("4", "2")}, "42", id="not one of the values"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_never_shown(fields: dict[str, Any], value: object) -> None:
    """It may be a PIN."""
    with pytest.raises(RedemptionArgument) as raised:
        checked(TransitionArg("pin", **fields), value)

    assert "pin" == raised.value.name
    assert "42" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("confirmPromptDisplayed", PromptKind.CONFIRM, id="confirm"),
        pytest.param("pin", PromptKind.PIN, id="pin"),
        pytest.param("table", PromptKind.ARGUMENT, id="any other"),
    ],
)
def test_a_prompt_carries_what_a_form_needs(name: str, kind: PromptKind) -> None:
    """Its kind, its text, its bounds."""
    arg = TransitionArg(name, "Which?", True, "int", ("1", "2"), 1, 2, "1")

    assert Prompt(kind, name, "Which?", "int", ("1", "2"), 1, 2, "1") == prompt_for(arg)


def test_a_position_is_not_shown() -> None:
    """Where somebody is stays out of logs and tracebacks."""
    assert "DevicePosition()" == repr(HERE)
