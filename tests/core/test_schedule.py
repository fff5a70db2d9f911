"""When to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline._core.schedule import (
    LONGEST_FLOOR_S,
    LONGEST_WAIT_S,
    SHORTEST_WAIT_S,
    Done,
    Outcome,
    Retry,
    ScheduleState,
    Split,
    Suspend,
    after,
    hurried,
)

NOW_S = 1000.0


@pytest.mark.parametrize(
    ("state", "outcome", "expected"),
    [
        pytest.param(ScheduleState(failures=3, not_before_s=9.0), Done(), ScheduleState(), id="done clears all"),
        pytest.param(ScheduleState(limit=8), Done(), ScheduleState(limit=16), id="a small batch grows again"),
        pytest.param(ScheduleState(), Retry("x"), ScheduleState(1, NOW_S + 0.5), id="first failure"),
        pytest.param(ScheduleState(failures=2), Retry("x"), ScheduleState(3, NOW_S + 2.0), id="third failure"),
        pytest.param(
            ScheduleState(), Retry("x", 60.0), ScheduleState(1, NOW_S + 60.5, NOW_S + 60.0), id="the platform's floor"
        ),
        pytest.param(
            ScheduleState(),
            Retry("x", 1e9),
            ScheduleState(1, NOW_S + LONGEST_FLOOR_S + 0.5, NOW_S + LONGEST_FLOOR_S),
            id="an absurd floor is an hour",
        ),
        pytest.param(ScheduleState(failures=4), Split("x", True), ScheduleState(limit=250), id="split halves"),
        pytest.param(ScheduleState(limit=1), Split("x", True), ScheduleState(limit=1), id="one can't be halved"),
        pytest.param(
            ScheduleState(),
            Suspend("no-key", "x"),
            ScheduleState(1, NOW_S + 30.0, NOW_S + 30.0, "no-key"),
            id="suspended",
        ),
        pytest.param(ScheduleState(2, suspended="no-key"), Done(), ScheduleState(), id="the key is accepted again"),
    ],
)
def test_after(state: ScheduleState, outcome: Outcome, expected: ScheduleState) -> None:
    """One row per kind of outcome, with a jitter of one half."""
    assert expected == after(state, outcome, NOW_S, lambda: 0.5)


@given(failures=st.integers(0, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_the_wait_is_bounded_however_often_it_failed(failures: int, jitter: float) -> None:
    """Not reaching the platform never uses up a budget, and never overflows."""
    state = after(ScheduleState(failures=failures), Retry("x"), 0.0, lambda: jitter)

    assert SHORTEST_WAIT_S <= state.not_before_s <= LONGEST_WAIT_S
    assert failures + 1 == state.failures


def test_hurrying_never_goes_below_the_platforms_floor() -> None:
    """A person who waits may cut a back-off short, not a Retry-After."""
    assert NOW_S == hurried(ScheduleState(5, NOW_S + 300), NOW_S).not_before_s
    assert NOW_S + 60 == hurried(ScheduleState(5, NOW_S + 300, NOW_S + 60), NOW_S).not_before_s
