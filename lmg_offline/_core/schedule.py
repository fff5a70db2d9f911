"""
When to try again: a pure function of (state, outcome, now, random).

Five outcomes: done, retry, split, park, suspend. Parking belongs to a lane and
is recorded in the journal; here it counts as done, because the platform answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
SHORTEST_WAIT_S = 0.05
LONGEST_FLOOR_S = 3600.0
SUSPENDED_FIRST_S = 30.0
SUSPENDED_LONGEST_S = 3600.0
MAX_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Done:
    """The platform answered in the protocol."""


@dataclass(frozen=True, slots=True)
class Retry:
    """
    No usable answer.

    Attributes:
        reason: One sentence for people, without personal data.

        retry_after_s: The platform's floor for the next attempt, or None.

        reached: A server answered; False when there was no connection.
    """

    reason: str
    retry_after_s: float | None = None
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """The request was too large, or something in it was malformed."""

    reason: str
    malformed: bool


@dataclass(frozen=True, slots=True)
class Suspend:
    """The write key was refused."""

    code: str
    reason: str


Outcome = Done | Retry | Split | Suspend


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """
    What the next attempt depends on.

    Attributes:
        failures: Attempts without an answer, in a row.

        not_before_s: No attempt before this instant, in monotonic seconds.

        floor_s: As not_before_s, but named by the platform: nobody may hurry it.

        suspended: The code under which the write key was refused, or None.

        limit: Most entries in the next batch, 1 to 500.
    """

    failures: int = 0
    not_before_s: float = 0.0
    floor_s: float = 0.0
    suspended: str | None = None
    limit: int = MAX_ENTRIES


def after(state: ScheduleState, outcome: Outcome, now_s: float, random: Callable[[], float]) -> ScheduleState:
    """
    Return the state after an attempt.

    Args:
        now_s: The current instant, in monotonic seconds.

        random: Returns a number in [0, 1).

    Source: full jitter, "Exponential Backoff And Jitter", AWS Architecture Blog.
    The exponent is capped because a float power overflows past 1,023 failures.
    """
    match outcome:
        case Done():
            return ScheduleState(limit=min(MAX_ENTRIES, state.limit * 2))
        case Split():
            return replace(state, failures=0, suspended=None, limit=max(1, state.limit // 2))
        case Retry(retry_after_s=floor):
            failures = state.failures + 1
            wait_s = jittered(failures, FIRST_WAIT_S, LONGEST_WAIT_S, random)
            floor_s = 0.0 if floor is None else now_s + min(max(floor, 0.0), LONGEST_FLOOR_S)
            return ScheduleState(
                failures, max(now_s + wait_s, floor_s and floor_s + wait_s), floor_s, None, state.limit
            )
        case Suspend(code=code):
            failures = state.failures + 1
            wait_s = jittered(failures, SUSPENDED_FIRST_S, SUSPENDED_LONGEST_S, random)
            wait_s = max(wait_s, SUSPENDED_FIRST_S)
            return ScheduleState(failures, now_s + wait_s, now_s + wait_s, code, state.limit)


def jittered(failures: int, first_s: float, longest_s: float, random: Callable[[], float]) -> float:
    """Return a wait of [0.05 s, w), where w doubles per failure from `first_s` up to `longest_s`."""
    bound = min(longest_s, first_s * 2.0 ** min(failures - 1, 32))
    return max(SHORTEST_WAIT_S, bound * random())


def hurried(state: ScheduleState, now_s: float) -> ScheduleState:
    """Return the state with the wait cut short as far as allowed: never below the platform's floor."""
    return replace(state, not_before_s=max(now_s, state.floor_s))
