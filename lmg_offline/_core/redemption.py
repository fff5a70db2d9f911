"""Redeeming, decided: may it be done, with which arguments, and what a person must be asked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, Protocol

from ..errors import RedemptionArgument, RedemptionRefused
from ..models import DevicePosition
from ..redemption import OfferState, OfferStatus, Prompt, PromptKind, RedemptionReason, Transition, TransitionArg, fold

if TYPE_CHECKING:
    from ..receipts import Receipt

CONFIRM = "confirmPromptDisplayed"
PIN = "pin"
GEO_POINT, ACCURACY, AGE = "deviceGeoPoint", "deviceGeoPointAccuracy", "deviceGeoPointAge"
# Filled by the SDK without asking anybody. Source: the argument names of the real SDKs.
SILENT = frozenset({GEO_POINT, ACCURACY, AGE})

_MESSAGES = {
    RedemptionReason.NONE: "the platform does not allow it now; ask again later",
    RedemptionReason.DISABLED: "the offer is switched off",
    RedemptionReason.OFFER_USED: "the offer has been used",
    RedemptionReason.SOLD_OUT: "nothing is left of the offer",
    RedemptionReason.SOLD_OUT_PER_WINDOW: "nothing is left for now; see status.limits for when there is again",
    RedemptionReason.SOLD_OUT_PER_PROFILE: "this person has used all there is for one",
    RedemptionReason.SOLD_OUT_PER_PROFILE_PER_WINDOW: (
        "this person has used all there is for now; see status.limits for when there is again"
    ),
    RedemptionReason.SCHEDULE: "the offer does not hold at this time; see its schedules",
    RedemptionReason.NOT_VISIBLE: "the offer is not shown to this person",
    RedemptionReason.NOT_SUPPORTED: "the offer can't be redeemed by way of an app",
    RedemptionReason.AUTHENTICATION_REQUIRED: "the property wants to know who redeems: identify the user first",
    RedemptionReason.FROZEN: "the offer is frozen for a while; ask again later",
    RedemptionReason.LOCATION_PERMISSION: "the platform wants the device's position: client.set_device_location",
    RedemptionReason.UNKNOWN: "the platform gave a reason that this version does not know",
    RedemptionReason.TRANSITION_NOT_ALLOWED: "its state has no such transition; see state.transitions",
    RedemptionReason.SESSION_CHANGED: "somebody else is here now, so nothing was written; ask again for them",
}


@dataclass(frozen=True, slots=True)
class SessionMark:
    """Whose session it is, to tell later whether it still is."""

    session_id: str
    user_id: str | None = field(repr=False)


class RedemptionPort(Protocol):
    """Journals redemptions for the current session."""

    def mark(self) -> SessionMark:
        """Return whose session it is now."""
        ...

    def redeem(self, mark: SessionMark, payload: Mapping[str, object]) -> Receipt:
        """
        Journal one redemption.

        Raises RedemptionRefused when the session is not `mark`'s any more, and
        RedemptionPending when one of the same offer is queued.
        """
        ...

    def unconfirmed(self, offer_id: str) -> Receipt | None:
        """Return the current person's queued redemption of the offer, or None."""
        ...

    def refusal(self, receipt_id: str) -> tuple[str, str] | None:
        """Return the code and sentence with which a write was refused, or None."""
        ...


def refused(reason: RedemptionReason) -> RedemptionRefused:
    """Return the error for a reason."""
    return RedemptionRefused(reason.value, _MESSAGES[reason])


def choose(state: OfferState, status: OfferStatus, index: int | None) -> Transition:
    """
    Return the transition to make: the one with this index, or the first.

    Raises:
        RedemptionRefused: The platform says not redeemable, or there is no such transition.
    """
    if not status.redeemable:
        raise refused(status.reason)
    for transition in state.transitions:
        if index is None or transition.index == index:
            return transition
    raise refused(RedemptionReason.TRANSITION_NOT_ALLOWED)


def gather(
    transition: Transition, given: Mapping[str, object], position: DevicePosition | None
) -> tuple[dict[str, object], tuple[TransitionArg, ...]]:
    """
    Return the arguments that are known, and those a person must be asked for.

    What the app gives goes before what the device knows. What is not required is
    neither asked for nor missed.

    Raises:
        RedemptionArgument: One is not declared, is wrong, or is the device's to
            know and not known.
    """
    declared = {arg.name for arg in transition.args}
    for name in given:
        if name not in declared:
            raise RedemptionArgument(name, "The transition takes no such argument; see its args.")
    known: dict[str, object] = {}
    asked: list[TransitionArg] = []
    for arg in transition.args:
        value = given.get(arg.name)
        if value is None and arg.name in SILENT:
            value = _of_device(arg.name, position)
        if value is not None:
            known[arg.name] = checked(arg, value)
        elif arg.required and arg.name in SILENT:
            raise RedemptionArgument(arg.name, "Not known on this device; see client.set_device_location.")
        elif arg.required:
            asked.append(arg)
    return known, tuple(asked)


def prompt_for(arg: TransitionArg) -> Prompt:
    """Return the question for an argument."""
    kind = {CONFIRM: PromptKind.CONFIRM, PIN: PromptKind.PIN}.get(arg.name, PromptKind.ARGUMENT)
    return Prompt(kind, arg.name, arg.desc, arg.type, arg.values, arg.min, arg.max, arg.default)


def checked(arg: TransitionArg, value: object) -> object:
    """
    Return a value as the argument wants it.

    Text is brought to the declared type, because forms and the platform's own
    defaults are text.

    Raises:
        RedemptionArgument: The value is of another type, out of bounds, or not
            one of those it takes. The message never holds the value.

    Source: the type names are not public; those of GraphQL and JSON are known
    here, and a value of another type is left as it is for the platform to judge.
    """
    if arg.name == CONFIRM and value is not True:
        raise RedemptionArgument(arg.name, "Give True, once the person has confirmed.")
    found = value
    if arg.name not in SILENT and arg.name != CONFIRM:
        wanted, convert = _TYPES.get(fold(arg.type), ("a value", lambda same: same))
        try:
            found = convert(value)
        except (TypeError, ValueError, OverflowError):
            raise RedemptionArgument(arg.name, f"Give {wanted}.") from None
    if arg.values and _as_text(found) not in arg.values:
        raise RedemptionArgument(arg.name, "Give one of the values it takes; see values.")
    _check_bounds(arg, found)
    return found


def _check_bounds(arg: TransitionArg, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return
    size, unit = (len(value), " characters") if isinstance(value, str) else (value, "")
    if arg.min is not None and size < arg.min:
        raise RedemptionArgument(arg.name, f"Must be at least {arg.min}{unit}.")
    if arg.max is not None and size > arg.max:
        raise RedemptionArgument(arg.name, f"Must be at most {arg.max}{unit}.")


def _of_device(name: str, position: DevicePosition | None) -> object:
    """Return what the device knows: a point as [longitude, latitude], whole metres, whole seconds."""
    if position is None:
        return None
    if name == GEO_POINT:
        return [position.longitude, position.latitude]
    if name == AGE:
        return int(position.age_s)
    return None if position.accuracy_m is None else math.ceil(position.accuracy_m)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = value.lower() if isinstance(value, str) else _no()
    return text == "true" if text in ("true", "false") else _no()


def _whole(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,15}", value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _no()


def _number(value: object) -> float:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return _no()
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else _no()


def _no() -> NoReturn:
    raise TypeError("of another type")


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_Convert = tuple[str, Callable[[object], object]]
_BOOLEAN: _Convert = ("true or false", _boolean)
_WHOLE: _Convert = ("a whole number", _whole)
_NUMBER: _Convert = ("a number", _number)
_TEXT: _Convert = ("a text", _text)
_TYPES: dict[str, _Convert] = {
    **dict.fromkeys(("bool", "boolean"), _BOOLEAN),
    **dict.fromkeys(("int", "integer", "long"), _WHOLE),
    **dict.fromkeys(("float", "double", "number", "decimal"), _NUMBER),
    **dict.fromkeys(("string", "str", "text", "id"), _TEXT),
}
