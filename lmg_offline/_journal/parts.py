"""
A long outcome cut into short ones, for a disk with no room for the whole.

The platform knows more of a lane than the device after each of them but the
last, which is what a lost acknowledgement looks like too: wherever it breaks
off, the rest is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable

from .keys import SEQ_MASK
from .records import LaneResult

MOST_ENTRIES = 16
MOST_BYTES = 16 * 1024


def in_parts(result: LaneResult, handled: Iterable[tuple[int, str, int]]) -> list[LaneResult]:
    """
    Return the result as several; recorded one after the other they say the same.

    Args:
        handled: Key, id and size in bytes of the lane's entries that the result speaks of, in order.
    """
    ends: list[tuple[int, str]] = []
    entries = size = 0
    for position, entry_id, size_bytes in handled:
        entries, size = entries + 1, size + size_bytes
        if ends and entries <= MOST_ENTRIES and size <= MOST_BYTES:
            ends[-1] = (position, entry_id)
        else:
            ends.append((position, entry_id))
            entries, size = 1, size_bytes
    parts: list[LaneResult] = []
    refused = result.refused
    for position, entry_id in ends[:-1]:
        here = tuple(each for each in refused if each.seq <= position & SEQ_MASK)
        refused = tuple(each for each in refused if each.seq > position & SEQ_MASK)
        parts.append(
            LaneResult(result.lane_id, position, entry_id, result.state, result.session_token, refused=here)
        )
    return [*parts, result._replace(refused=refused)]
