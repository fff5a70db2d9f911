"""The rules by which one offer is redeemed, as values: what an offer's `redemption` object means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

REFRESH_INTERVAL_S = 60


class Pattern(str, Enum):
    """
    Which steps lead to `redeemed`; the `kind` of an offer's redemption.

    Members:
        SINGLE: default -> redeemed.

        TIMED: default -> ready -> redeemed. Ready lasts `ready_s` seconds, then it is default again.

        PUNCH_CARD: default -> progress ... -> ready -> redeemed. Each step but
            the last is a punch; with the last punch of the card it is ready.
    """

    SINGLE = "single"
    TIMED = "timed"
    PUNCH_CARD = "punch_card"


class State(str, Enum):
    """The states of the real platform; the values are the wire's."""

    DEFAULT = "default"
    PROGRESS = "progress"
    READY = "ready"
    REDEEMED = "redeemed"


# The states that the steps of each pattern lead to.
TARGETS: Mapping[Pattern, tuple[State, ...]] = {
    Pattern.SINGLE: (State.REDEEMED,),
    Pattern.TIMED: (State.READY, State.REDEEMED),
    Pattern.PUNCH_CARD: (State.PROGRESS, State.READY, State.REDEEMED),
}


class Granularity(str, Enum):
    """How long a window is; the values are the wire's."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Arg(str, Enum):
    """What a step may ask of the app. Source: the argument names known to the real SDKs."""

    CONFIRM = "confirmPromptDisplayed"
    POINT = "deviceGeoPoint"
    ACCURACY = "deviceGeoPointAccuracy"
    AGE = "deviceGeoPointAge"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One argument that steps ask for.

    Attributes:
        name: Which.

        targets: The steps that ask for it, by the state they lead to; empty for all.

        is_required: A step without it is refused.

        least: Smallest number; metres for the accuracy, seconds for the age.

        most: Greatest number, in the same unit.
    """

    name: Arg
    targets: frozenset[State] = frozenset()
    is_required: bool = True
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most `total` uses within one window."""

    total: int
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How often an offer can be used; None for as often as one likes.

    A total counts redemptions. A window counts redemptions too, but for a punch
    card: there it counts punches, and does not bind the step that redeems.

    Source: our choice; a card is filled over many windows, so that a window of
    redeemed cards would bound nothing that a shop cares for.
    """

    per_profile: int | None = None
    per_profile_per_window: WindowLimit | None = None
    overall: int | None = None
    overall_per_window: WindowLimit | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """
    How one offer is redeemed at one place. The repr leaves the PIN out.

    Attributes:
        pattern: Which steps there are.

        ready_s: How long a timed offer stays ready, in seconds.

        punches: How many punches fill a card.

        args: What steps ask for. A PIN and a distance ask for theirs without being named here.

        pin: What the shop's PIN is compared with, see `pins`.

        within_m: How near to the place the device has to be, in metres.

        starts_at_ms: Not usable before, in milliseconds since 1970 UTC.

        ends_at_ms: Not usable from then on, in milliseconds since 1970 UTC.

        is_offline: A device may take a step without a network, to be judged when it arrives.

        refresh_interval_s: When the app should ask again. For as long, an offer
            that can be used again shows as redeemed after a use.

        zone: The place's time zone: windows begin by its clock.
    """

    pattern: Pattern
    ready_s: int = 0
    punches: int = 0
    args: tuple[Asked, ...] = ()
    pin: str | None = field(default=None, repr=False)
    within_m: float | None = None
    limits: Limits = Limits()
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    button_text: str | None = None
    action_type: str | None = None
    action_target: str | None = None
    refresh_interval_s: int = REFRESH_INTERVAL_S
    is_frozen: bool = False
    is_offline: bool = False
    zone: tzinfo = UTC

    @property
    def is_once(self) -> bool:
        """Whether each person can use the offer once, for want of a limit that says how often."""
        limits = self.limits
        unbound = limits.per_profile is None and limits.per_profile_per_window is None
        return unbound and self.pattern is not Pattern.PUNCH_CARD

    @property
    def counted_in_windows(self) -> frozenset[State]:
        """The states whose steps a window counts."""
        is_card = self.pattern is Pattern.PUNCH_CARD
        return frozenset({State.PROGRESS, State.READY} if is_card else {State.REDEEMED})


def rules_of(redemption: Mapping[str, Any], zone: tzinfo = UTC) -> Rules:
    """
    Return the rules that an offer's `redemption` object means.

    Args:
        redemption: As `schemas.RedemptionSchema` has checked it.

        zone: The time zone of the place where it is redeemed.
    """
    return Rules(
        pattern=Pattern(redemption["kind"]),
        ready_s=redemption.get("ready_s") or 0,
        punches=redemption.get("punches") or 0,
        args=tuple(_asked(each) for each in redemption.get("args", ())),
        pin=redemption.get("pin"),
        within_m=redemption.get("within_m"),
        limits=_limits(redemption.get("limits") or {}),
        starts_at_ms=_milliseconds((redemption.get("schedule") or {}).get("starts_at")),
        ends_at_ms=_milliseconds((redemption.get("schedule") or {}).get("ends_at")),
        button_text=redemption.get("button_text"),
        action_type=redemption.get("action_type"),
        action_target=redemption.get("action_target"),
        refresh_interval_s=redemption.get("refresh_interval_s", REFRESH_INTERVAL_S),
        is_frozen=redemption.get("frozen", False),
        is_offline=redemption.get("offline", False),
        zone=zone,
    )


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name; UTC where this machine knows none of that name."""
    return known_zone(name) or UTC


def known_zone(name: str) -> tzinfo | None:
    """Return a time zone by its IANA name, or None."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a name; the name of a folder of zones
        return None


def instant_of(text: str) -> datetime | None:
    """Return the aware instant an ISO 8601 text names, or None when it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found


def _asked(each: Mapping[str, Any]) -> Asked:
    targets = frozenset(State(name) for name in each.get("on", ()))
    return Asked(Arg(each["name"]), targets, each.get("required", True), each.get("min"), each.get("max"))


def _limits(given: Mapping[str, Any]) -> Limits:
    return Limits(
        _total(given.get("per_profile")),
        _window(given.get("per_profile_per_window")),
        _total(given.get("global")),
        _window(given.get("global_per_window")),
    )


def _total(limit: Mapping[str, Any] | None) -> int | None:
    return None if limit is None else limit["total"]


def _window(limit: Mapping[str, Any] | None) -> WindowLimit | None:
    return None if limit is None else WindowLimit(limit["total"], Granularity(limit["granularity"]))


def _milliseconds(text: str | None) -> int | None:
    found = None if text is None else instant_of(text)
    return None if found is None else round(found.timestamp() * 1000)
