"""Whether an offer can be used, why not, and how much of it is left. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from lmg_offline.platform.redemption.rules import Granularity, Pattern, Rules, State, WindowLimit
from lmg_offline.platform.redemption.states import OfferState, Step, seconds_until, state_of
from lmg_offline.platform.redemption.windows import Window, window_at
from lmg_offline.protocol import replay as codes


class Reason(str, Enum):
    """
    Why an offer can't be used, in the order in which they are looked for.

    Source: the real platform's words. The values are the wire's.
    """

    DISABLED = "Disabled"
    NOT_VISIBLE = "NotVisible"
    NOT_SUPPORTED = "NotSupported"
    FROZEN = "Frozen"
    SCHEDULE = "Schedule"
    AUTHENTICATION_REQUIRED = "AuthenticationRequired"
    OFFER_USED = "OfferUsed"
    SOLD_OUT_PER_PROFILE = "SoldOutPerProfile"
    SOLD_OUT_PER_PROFILE_PER_WINDOW = "SoldOutPerProfilePerWindow"
    SOLD_OUT = "SoldOut"
    SOLD_OUT_PER_WINDOW = "SoldOutPerWindow"


# For each reason the code a step is refused with, and the sentence.
_REFUSALS: dict[Reason, tuple[str, str]] = {
    Reason.DISABLED: (codes.REDEMPTION_DISABLED, "The offer is switched off."),
    Reason.NOT_VISIBLE: (codes.REDEMPTION_NOT_VISIBLE, "There is no such offer at this place."),
    Reason.NOT_SUPPORTED: (codes.REDEMPTION_NOT_SUPPORTED, "Redemption is not set up for this offer."),
    Reason.FROZEN: (codes.REDEMPTION_FROZEN, "The offer is frozen for now."),
    Reason.SCHEDULE: (codes.REDEMPTION_SCHEDULE, "The offer has not begun, or is over."),
    Reason.AUTHENTICATION_REQUIRED: (
        codes.REDEMPTION_AUTHENTICATION_REQUIRED,
        "The property wants to know better who redeems. Identify the user, or verify them.",
    ),
    Reason.OFFER_USED: (codes.REDEMPTION_OFFER_USED, "This person has used the offer."),
    Reason.SOLD_OUT_PER_PROFILE: (
        codes.REDEMPTION_SOLD_OUT_PER_PROFILE,
        "This person has used the offer as often as one may.",
    ),
    Reason.SOLD_OUT_PER_PROFILE_PER_WINDOW: (
        codes.REDEMPTION_SOLD_OUT_PER_PROFILE_PER_WINDOW,
        "This person has used the offer as often as one may for now. Try again when the window ends.",
    ),
    Reason.SOLD_OUT: (codes.REDEMPTION_SOLD_OUT, "Nothing is left of the offer."),
    Reason.SOLD_OUT_PER_WINDOW: (
        codes.REDEMPTION_SOLD_OUT_PER_WINDOW,
        "Nothing is left of the offer for now. Try again when the window ends.",
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step is not taken: a code of docs/protocol.md and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """
    One limit and what is used of it.

    Attributes:
        total: How many uses it allows.

        used: How many there were; beyond `total` where the limit was lowered afterwards.

        priority: Which limit tells the person most, 1 first.

        granularity: For a window, how long it is.

        resets_in_s: For a window, seconds until it ends.
    """

    total: int
    used: int
    priority: int
    granularity: Granularity | None = None
    resets_in_s: int | None = None

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.total


@dataclass(frozen=True, slots=True)
class LimitDetails:
    """Every limit of an offer; None for one that it does not have."""

    per_profile: Usage | None = None
    per_profile_per_window: Usage | None = None
    overall: Usage | None = None
    overall_per_window: Usage | None = None


@dataclass(frozen=True, slots=True)
class OfferStatus:
    """
    Whether an offer can be used.

    Attributes:
        reason: Why not; None when it can.

        limits: Its limits; None when it has none, or no redemption at all.
    """

    reason: Reason | None
    limits: LimitDetails | None

    @property
    def is_redeemable(self) -> bool:
        """Whether a step would be taken now, its arguments aside."""
        return self.reason is None


def _never(_states: frozenset[State], _window: Window | None) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Standing:
    """
    One person before one offer, at one place and instant: all that decides.

    Attributes:
        rules: The offer's; None when redemption is not set up for it.

        history: The person's steps on the offer, in the order of time.

        now_ms: The instant, in milliseconds since 1970 UTC.

        used_by_all: Counts everybody's steps to one of some states, in a window
            or, without one, ever.

        is_enabled: The offer is switched on.

        is_visible: Its business and the place are shown, and it holds at the place.

        is_entitled: The property takes redemptions of somebody known as well as this person.
    """

    rules: Rules | None
    history: tuple[Step, ...]
    now_ms: int
    used_by_all: Callable[[frozenset[State], Window | None], int] = _never
    is_enabled: bool = True
    is_visible: bool = True
    is_entitled: bool = True


def status_of(standing: Standing) -> OfferStatus:
    """
    Return whether the offer can be used, and what is left of it.

    Limits count all steps that have arrived, later ones too: what is gone is gone.
    """
    reason = why_closed(standing)
    if standing.rules is None:
        return OfferStatus(reason, None)
    limits = limit_details(standing, standing.rules)
    state = state_of(standing.rules, standing.history, standing.now_ms)
    reason = reason or why_used_up(standing, standing.rules, state, limits)
    return OfferStatus(reason, None if limits == LimitDetails() else limits)


def why_closed(standing: Standing) -> Reason | None:
    """Return why the offer can't be used by this person, whatever they did with it before."""
    rules, now_ms = standing.rules, standing.now_ms
    if not standing.is_enabled:
        return Reason.DISABLED
    if not standing.is_visible:
        return Reason.NOT_VISIBLE
    if rules is None:
        return Reason.NOT_SUPPORTED
    if rules.is_frozen:
        return Reason.FROZEN
    if rules.starts_at_ms is not None and now_ms < rules.starts_at_ms:
        return Reason.SCHEDULE
    if rules.ends_at_ms is not None and now_ms >= rules.ends_at_ms:
        return Reason.SCHEDULE
    return None if standing.is_entitled else Reason.AUTHENTICATION_REQUIRED


def why_used_up(standing: Standing, rules: Rules, state: OfferState, limits: LimitDetails) -> Reason | None:
    """Return why nothing is left for this person, or None."""
    is_windowed = not (rules.pattern is Pattern.PUNCH_CARD and state.name is State.READY)
    looked_at = (
        (limits.per_profile, Reason.SOLD_OUT_PER_PROFILE),
        (limits.per_profile_per_window if is_windowed else None, Reason.SOLD_OUT_PER_PROFILE_PER_WINDOW),
        (limits.overall, Reason.SOLD_OUT),
        (limits.overall_per_window if is_windowed else None, Reason.SOLD_OUT_PER_WINDOW),
    )
    if rules.is_once and _own(standing, frozenset({State.REDEEMED}), None):
        return Reason.OFFER_USED
    for usage, reason in looked_at:
        if usage is not None and usage.is_used_up:
            return reason
    return Reason.OFFER_USED if state.name is State.REDEEMED else None


def refusal_of(reason: Reason) -> Refusal:
    """Return what a step is refused with for a reason."""
    return Refusal(*_REFUSALS[reason])


def limit_details(standing: Standing, rules: Rules) -> LimitDetails:
    """Return every limit with what is used of it."""
    limits = rules.limits
    redeemed = frozenset({State.REDEEMED})

    def total(limit: int | None, count: Callable[[], int], priority: int) -> Usage | None:
        return None if limit is None else Usage(limit, count(), priority)

    def windowed(limit: WindowLimit | None, count: Callable[[Window], int], priority: int) -> Usage | None:
        if limit is None:
            return None
        window = window_at(standing.now_ms, limit.granularity, rules.zone)
        resets_in_s = seconds_until(window.end_ms, standing.now_ms)
        return Usage(limit.total, count(window), priority, limit.granularity, resets_in_s)

    counted = rules.counted_in_windows
    return LimitDetails(
        total(limits.per_profile, lambda: _own(standing, redeemed, None), 1),
        windowed(limits.per_profile_per_window, lambda window: _own(standing, counted, window), 2),
        total(limits.overall, lambda: standing.used_by_all(redeemed, None), 3),
        windowed(limits.overall_per_window, lambda window: standing.used_by_all(counted, window), 4),
    )


def _own(standing: Standing, states: frozenset[State], window: Window | None) -> int:
    steps = (step for step in standing.history if step.to_state in states)
    return sum(window is None or window.holds(step.at_ms) for step in steps)
