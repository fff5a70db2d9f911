"""What a step asks of the app, and whether what it sent will do. Pure; no message holds a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmg_offline.platform.content import geo
from lmg_offline.platform.redemption import pins
from lmg_offline.platform.redemption.rules import Arg, Asked, Rules, State
from lmg_offline.platform.redemption.status import Refusal
from lmg_offline.protocol.replay import REDEMPTION_ARGS, REDEMPTION_LOCATION, REDEMPTION_PIN


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What an argument is.

    Attributes:
        type: Its JSON type.

        desc: For people.
    """

    type: str
    desc: str


MEANINGS: Mapping[Arg, Meaning] = {
    Arg.CONFIRM: Meaning("boolean", "The person has confirmed a prompt that the app showed."),
    Arg.POINT: Meaning("array", "Where the device is: [longitude, latitude] in degrees."),
    Arg.ACCURACY: Meaning("number", "How far off that may be, in metres."),
    Arg.AGE: Meaning("number", "How long ago that was measured, in seconds."),
    Arg.PIN: Meaning("string", "The PIN that somebody of the shop enters."),
}
_MEASURES = frozenset({Arg.ACCURACY, Arg.AGE})


def asked_of(rules: Rules, target: State) -> tuple[Asked, ...]:
    """Return what the step to a state asks for, the PIN and the point that the rules imply among it."""
    named = {each.name: each for each in rules.args}
    if rules.pin is not None:
        named.setdefault(Arg.PIN, Asked(Arg.PIN))
    if rules.within_m is not None:
        named.setdefault(Arg.POINT, Asked(Arg.POINT))
    return tuple(named[arg] for arg in Arg if arg in named and (named[arg].targets or {target}) & {target})


def refused_args(rules: Rules, target: State, given: Mapping[str, Any], place: geo.Point) -> Refusal | None:
    """
    Return why the arguments of a step won't do, or None. Arguments that are not asked for are not looked at.

    Args:
        rules: The offer's.

        target: The state that the step leads to.

        given: What the app sent, by name.

        place: Where the offer is redeemed, [longitude, latitude] in degrees.
    """
    asked = asked_of(rules, target)
    for each in asked:
        fault = _fault(each, given.get(each.name.value))
        if fault is not None:
            return Refusal(REDEMPTION_ARGS, f"{each.name.value}: {fault}")
    names = {each.name for each in asked}
    if Arg.PIN in names and rules.pin is not None and not pins.matches(rules.pin, given[Arg.PIN.value]):
        return Refusal(REDEMPTION_PIN, "The PIN is not right. Ask somebody of the shop to enter it.")
    for each in asked:
        value = given.get(each.name.value)
        if each.name in _MEASURES and each.most is not None and value is not None and value > each.most:
            word = "exact" if each.name is Arg.ACCURACY else "fresh"
            return Refusal(REDEMPTION_LOCATION, f"{each.name.value}: The device's position is not {word} enough.")
    if Arg.POINT not in names or rules.within_m is None:
        return None
    if geo.distance_m(given[Arg.POINT.value], place) > rules.within_m:
        return Refusal(REDEMPTION_LOCATION, f"{Arg.POINT.value}: The device is too far from the place.")
    return None


def _fault(asked: Asked, value: Any) -> str | None:
    """Return what is wrong with a value by itself."""
    if value is None:
        return "Is required." if asked.is_required else None
    match asked.name:
        case Arg.CONFIRM:
            return None if value is True or (value is False and not asked.is_required) else "Must be true."
        case Arg.POINT:
            return None if _is_point(value) else "Must be [longitude, latitude] in degrees."
        case Arg.PIN:
            return None if isinstance(value, str) else "Must be text."
        case Arg.ACCURACY | Arg.AGE:
            least = asked.least or 0
            return None if _is_number(value) and value >= least else f"Must be a number of at least {least}."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_point(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))):
        return False
    return bool(abs(value[0]) <= 180 and abs(value[1]) <= 90)
