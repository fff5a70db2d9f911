"""
The state an offer is in for one person: computed from the steps they took and the clock. Pure.

| pattern | steps |
| --- | --- |
| single | default -> redeemed |
| timed | default -> ready -> redeemed; ready is default again after `ready_s` |
| punch_card | default -> progress -> ... -> ready -> redeemed |

| state | display |
| --- | --- |
| default | default |
| progress | progress:3/10, progress, default |
| ready | ready, default; of a card: earned, ready, default |
| redeemed | redeemed |

Each state has at most one step, of index 0. `redeemed` has none. It ends, and
the offer is at its start again, as soon as the person's own limits allow another
use, but not before one refresh interval, so that the person and the shop see it:

- `single` and `timed` without a limit per profile: never;
- a total per profile that is used up: never;
- a window per profile that is used up (not for punch cards): when that window ends.

Source: our choice; how the real platform ends a state is not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmg_offline.platform.redemption.rules import Pattern, Rules, State
from lmg_offline.platform.redemption.windows import window_at


@dataclass(frozen=True, slots=True)
class Step:
    """
    One transition that took effect.

    Attributes:
        from_state: The state before.

        to_state: The state it led to.

        at_ms: When it happened, in milliseconds since 1970 UTC.
    """

    from_state: str
    to_state: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class OfferState:
    """
    Where an offer stands for a person.

    Attributes:
        name: The state.

        display: What to show, from the most specific word to the most generic.

        targets: The states that the possible steps lead to; a step's index is its place here.

        expires_in_s: When the state ends by itself, in seconds; None when it does not.
    """

    name: State
    display: tuple[str, ...]
    targets: tuple[State, ...] = ()
    expires_in_s: int | None = None


def state_of(rules: Rules, history: Sequence[Step], now_ms: int) -> OfferState:
    """
    Return the state of an offer for one person.

    Args:
        rules: The offer's.

        history: The person's steps on this offer, in the order of time, those of
            the same time in the order of arrival. Steps after `now_ms` are left out.

        now_ms: The instant that is asked about, in milliseconds since 1970 UTC.
    """
    steps = [step for step in history if step.at_ms <= now_ms]
    if not steps:
        return _start(rules)
    last = steps[-1]
    if last.to_state == State.REDEEMED:
        return _after_redeemed(rules, steps, now_ms)
    if rules.pattern is Pattern.TIMED and last.to_state == State.READY:
        ends_ms = last.at_ms + rules.ready_s * 1000
        if now_ms < ends_ms:
            return OfferState(State.READY, ("ready", "default"), (State.REDEEMED,), seconds_until(ends_ms, now_ms))
    if rules.pattern is Pattern.PUNCH_CARD:
        return _card(rules, _punched(steps))
    return _start(rules)


def is_consistent(rules: Rules, history: Sequence[Step], step: Step) -> bool:
    """
    Whether a step that arrives late leaves the person's later steps possible.

    Two devices of one person may both have been offline: each step fits the
    state of its own time, but not both may use the same filled card.

    Args:
        rules: The offer's.

        history: The person's steps, in the order of time.

        step: The one that arrives now.
    """
    before = [each for each in history if each.at_ms <= step.at_ms]
    for number in range(len(before), len(history)):
        later = history[number]
        without = state_of(rules, history[:number], later.at_ms).name
        with_it = state_of(rules, [*before, step, *history[len(before) : number]], later.at_ms).name
        if without == later.from_state != with_it:
            return False
    return True


def seconds_until(end_ms: int, now_ms: int) -> int:
    """Return whole seconds from now to the end, rounded up."""
    return -((now_ms - end_ms) // 1000)


def _start(rules: Rules) -> OfferState:
    if rules.pattern is Pattern.PUNCH_CARD:
        return _card(rules, 0)
    first = State.READY if rules.pattern is Pattern.TIMED else State.REDEEMED
    return OfferState(State.DEFAULT, ("default",), (first,))


def _card(rules: Rules, punched: int) -> OfferState:
    if punched >= rules.punches:
        return OfferState(State.READY, ("earned", "ready", "default"), (State.REDEEMED,))
    targets = (State.READY if punched + 1 == rules.punches else State.PROGRESS,)
    if punched == 0:
        return OfferState(State.DEFAULT, ("default",), targets)
    return OfferState(State.PROGRESS, (f"progress:{punched}/{rules.punches}", "progress", "default"), targets)


def _punched(steps: Sequence[Step]) -> int:
    """Return the punches on the person's present card."""
    redeemed = [place for place, step in enumerate(steps, 1) if step.to_state == State.REDEEMED]
    return sum(step.to_state in (State.PROGRESS, State.READY) for step in steps[redeemed[-1] if redeemed else 0 :])


def _after_redeemed(rules: Rules, steps: Sequence[Step], now_ms: int) -> OfferState:
    ends_ms = _redeemed_until_ms(rules, steps, now_ms)
    if ends_ms is None:
        return OfferState(State.REDEEMED, ("redeemed",))
    if now_ms < ends_ms:
        return OfferState(State.REDEEMED, ("redeemed",), (), seconds_until(ends_ms, now_ms))
    return _start(rules)


def _redeemed_until_ms(rules: Rules, steps: Sequence[Step], now_ms: int) -> int | None:
    limits = rules.limits
    redeemed = [step.at_ms for step in steps if step.to_state == State.REDEEMED]
    if rules.is_once or (limits.per_profile is not None and len(redeemed) >= limits.per_profile):
        return None
    ends_ms = redeemed[-1] + rules.refresh_interval_s * 1000
    if limits.per_profile_per_window is not None and rules.pattern is not Pattern.PUNCH_CARD:
        window = window_at(now_ms, limits.per_profile_per_window.granularity, rules.zone)
        if sum(window.holds(at_ms) for at_ms in redeemed) >= limits.per_profile_per_window.total:
            ends_ms = max(ends_ms, window.end_ms)
    return ends_ms
