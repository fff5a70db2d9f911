"""
Which profile writes need not be sent, because later ones of the same session say all they say.

Nothing is ever put together: a write goes out as it was made, or not at all. So
a value never gets a time other than its own, and the writes that are left say,
attribute by attribute, what the whole sequence says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ProfileWrite(NamedTuple):
    """
    One `update` that was never sent.

    Attributes:
        position: Its key in the journal.

        attributes: What it sets or clears, by name.

        made_at: Wall clock when it was made, in milliseconds.
    """

    position: int
    attributes: frozenset[str]
    made_at: int
    boot_id: str
    since_boot_ms: int

    def __repr__(self) -> str:
        return f"<ProfileWrite {self.position}>"


def superseded(run: Sequence[ProfileWrite]) -> list[int]:
    """
    Return the keys of the writes that need not be sent, in rising order.

    A write is superseded when each of its attributes is set or cleared again
    later in the run, and the clocks of one boot say that what comes next in the
    lane was made no earlier. The second matters because the platform never lets
    a lane go back in time: what a write is dated has a say in the date of those
    behind it, and without this one they must get the same.

    Args:
        run: Updates of one lane in the order of replay, with nothing of another
            kind between them.

    Source: docs/protocol.md, "Time" and "Profiles".
    """
    said_later: set[str] = set()
    following: ProfileWrite | None = None
    gone: list[int] = []
    for write in reversed(run):
        if following is not None and write.attributes <= said_later and _is_no_later(write, following):
            gone.append(write.position)
        else:
            following = write
            said_later |= write.attributes
    gone.reverse()
    return gone


def _is_no_later(write: ProfileWrite, following: ProfileWrite) -> bool:
    """Say whether both clocks of one boot put a write before the one that follows it."""
    return (
        write.boot_id == following.boot_id
        and write.since_boot_ms <= following.since_boot_ms
        and write.made_at <= following.made_at
    )
