"""How long ago entries were made."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lmg_offline._core.ages import Age, Now, age, ages

WALL = 1_790_000_000_000
A_DAY = 86_400_000


class Made(NamedTuple):
    """An entry, as far as its age goes."""

    made_at: int
    boot_id: str
    since_boot_ms: int


@pytest.mark.parametrize(
    ("made", "now", "expected"),
    [
        pytest.param(Made(0, "b", 100), Now(WALL, "b", 5100), Age(5000), id="same boot, whatever the clock says"),
        pytest.param(
            Made(WALL - 7000, "a", 0), Now(WALL, "b", 5), Age(7000, by_clock=True), id="after a reboot, by the clock"
        ),
        pytest.param(
            Made(WALL - 7000, "a", 0),
            Now(WALL, "b", 9000),
            Age(9000, by_clock=True),
            id="before this boot began, though the clock says later",
        ),
        pytest.param(
            Made(WALL - 7000, "process-a", 0),
            Now(WALL, "process-b", 9000),
            Age(7000, by_clock=True),
            id="no boot ids here: the other process may have run at the same time",
        ),
        pytest.param(Made(1000, "a", 0), Now(WALL, "b", 5), Age(None), id="written in 1970"),
        pytest.param(Made(WALL + 1, "a", 0), Now(WALL, "b", 5), Age(None), id="written in the future"),
        pytest.param(Made(WALL, "a", 0), Now(1000, "b", 5), Age(None), id="read in 1970"),
        pytest.param(
            Made(1000, "a", 2000),
            Now(1000, "b", 500, {"a": WALL, "b": WALL + 60_000}),
            Age(58_500),
            id="both boots known to the platform",
        ),
    ],
)
def test_age(made: Made, now: Now, expected: Age) -> None:
    """The surest source first; unknown rather than wrong."""
    assert expected == age(made, now)


def test_an_age_by_the_clock_gives_way_to_the_sure_ones_after_it() -> None:
    """The clock was set back by days in between: what follows was made earlier than the clock says of this one."""
    lane = [
        Made(WALL - 1000, "a", 0),  # by the clock a second ago
        Made(1000, "a", 0),  # unknown
        Made(0, "m", 0),  # a day and an hour ago, by the platform's time line
        Made(WALL - 2 * A_DAY, "a", 0),  # by the clock two days ago; older than what was before it
        Made(0, "b", 0),  # an hour ago, by the time since boot
    ]
    now = Now(WALL, "b", 3_600_000, {"m": WALL - A_DAY - 3_600_000, "b": WALL - 3_600_000})

    assert [
        Age(A_DAY + 3_600_000, by_clock=True),
        Age(None),
        Age(A_DAY + 3_600_000),
        Age(2 * A_DAY, by_clock=True),
        Age(3_600_000),
    ] == ages(lane, now)
