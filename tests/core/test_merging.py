"""Which profile writes are superseded, as a table."""

from __future__ import annotations

import pytest

from lmg_offline._core.merging import ProfileWrite, superseded


def write(
    position: int, attributes: str, *, boot: str = "b1", up_ms: int | None = None, wall_ms: int = 0
) -> ProfileWrite:
    """Return a write of one-letter attributes; later positions are made later."""
    up = position * 10 if up_ms is None else up_ms
    return ProfileWrite(position, frozenset(attributes), 1_000_000 + (wall_ms or up), boot, up)


@pytest.mark.parametrize(
    ("run", "gone"),
    [
        ([], []),
        ([write(1, "a")], []),
        ([write(1, "a"), write(2, "a")], [1]),
        ([write(1, "a"), write(2, "b")], []),
        ([write(1, "ab"), write(2, "a")], []),
        ([write(1, "ab"), write(2, "a"), write(3, "b")], [1]),
        ([write(1, "a"), write(2, "ab"), write(3, "b")], [1]),
        ([write(1, "a"), write(2, "b"), write(3, "a"), write(4, "b")], [1, 2]),
        ([write(1, ""), write(2, "a")], [1]),
        ([write(1, "a"), write(2, "")], []),
        ([write(n, "a") for n in range(1, 100)], list(range(1, 99))),
    ],
)
def test_a_write_goes_when_everything_it_says_is_said_again(run: list[ProfileWrite], gone: list[int]) -> None:
    """Whole writes only: half a write is never sent, and nothing is put together."""
    assert gone == superseded(run)


@pytest.mark.parametrize(
    "later",
    [
        write(2, "a", boot="b2"),
        write(2, "a", up_ms=5),
        write(2, "a", up_ms=50, wall_ms=1),
    ],
)
def test_a_write_stays_where_the_clocks_do_not_say_that_the_next_is_later(later: ProfileWrite) -> None:
    """After a reboot, or when a clock was set back: what it is dated may carry over to the next one."""
    assert [] == superseded([write(1, "a", wall_ms=10), later])


def test_the_clocks_are_compared_with_what_is_left_not_with_what_goes() -> None:
    """The second goes for the third; so the first has the third behind it, made before the first by its clock."""
    run = [write(1, "a", up_ms=30), write(2, "a", up_ms=10), write(3, "a", up_ms=20)]

    assert [2] == superseded(run)


def test_a_repr_shows_no_attribute() -> None:
    """Names of traits can say something about a person."""
    assert "tier" not in repr(ProfileWrite(1, frozenset({"tier"}), 0, "b1", 0))
