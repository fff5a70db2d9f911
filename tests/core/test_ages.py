"""How long ago an entry was made."""

from __future__ import annotations

import pytest

from lmg_offline._core.ages import Now, age_ms

WALL = 1_790_000_000_000


@pytest.mark.parametrize(
    ("made_at", "boot", "up", "now", "expected"),
    [
        pytest.param(0, "b", 100, Now(WALL, "b", 5100), 5000, id="same boot, whatever the clock says"),
        pytest.param(WALL - 7000, "a", 0, Now(WALL, "b", 5), 7000, id="after a reboot, by the wall clock"),
        pytest.param(1000, "a", 0, Now(WALL, "b", 5), None, id="written in 1970"),
        pytest.param(WALL + 1, "a", 0, Now(WALL, "b", 5), None, id="written in the future"),
        pytest.param(WALL, "a", 0, Now(1000, "b", 5), None, id="read in 1970"),
        pytest.param(
            1000,
            "a",
            2000,
            Now(1000, "b", 500, {"a": WALL, "b": WALL + 60_000}),
            58_500,
            id="both boots known to the platform",
        ),
    ],
)
def test_age(made_at: int, boot: str, up: int, now: Now, expected: int | None) -> None:
    """The surest source first; unknown rather than wrong."""
    assert expected == age_ms(made_at, boot, up, now)
