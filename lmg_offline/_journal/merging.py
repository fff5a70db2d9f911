"""
Merging: profile writes that later ones supersede leave the queue, each named in the ledger.

Only what was never on the wire: entries beyond their lane's `sent_position`,
which is raised on disk before a request is sent, in whatever process. So the
platform has never seen an entry that is merged, and the numbers it asks for
are always there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection

from .._core.merging import ProfileWrite, superseded
from .engine import rows
from .keys import LANE_SHIFT
from .records import EntryRow

# Bodies of other kinds are left where they are. The lanes' own ranges of keys are sought, lane by lane.
_UNSENT = (
    "SELECT e.position, e.id, e.kind, CASE e.kind WHEN 'update' THEN e.body ELSE '' END, e.made_at, e.boot_id,"
    " e.since_boot_ms, e.digest FROM lanes l CROSS JOIN entries e"
    " ON e.position BETWEEN max(l.lane_id << 32, l.sent_position + 1, ?) AND (l.lane_id << 32) + 4294967295"
    " WHERE l.drained = 0 AND l.lane_id >= ? ORDER BY l.lane_id, e.position LIMIT ?"
)


class Merged(NamedTuple):
    """
    What one look at a part of the queue did.

    Attributes:
        removed: Entries that left the queue.

        resume_at: Key from which the next look goes on.

        ended: The newest entry was reached.
    """

    removed: int
    resume_at: int
    ended: bool


def merge(connection: Connection, start: int, most: int, at: int) -> Merged:
    """
    Within a transaction: take superseded profile writes out of the queue.

    Args:
        start: Key to begin at: 0, or where the last look ended.

        most: Entries to look at; a longer run of updates is merged in pieces.

        at: Now, in wall milliseconds, for the ledger.
    """
    found = [EntryRow(*row) for row in rows(connection, _UNSENT, (start, start >> LANE_SHIFT, most))]
    if not found:
        return Merged(0, start, True)
    removed = 0
    last: list[ProfileWrite] = []
    for last in _runs(found):
        gone = superseded(last)
        _remove(connection, gone, at)
        removed += len(gone)
    ended = len(found) < most
    # A run may go on behind this part: it is looked at again, unless that would be this very part once more.
    again = bool(last) and (ended or removed > 0 or last[0].position > found[0].position)
    return Merged(removed, last[0].position if again else found[-1].position + 1, ended)


def _runs(found: list[EntryRow]) -> Iterator[list[ProfileWrite]]:
    """Yield the runs of updates; an empty one at the end when the last entry is of another kind."""
    run: list[ProfileWrite] = []
    for (_, is_update), group in groupby(
        ((entry, _profile_write(entry)) for entry in found), key=lambda pair: (pair[0].lane_id, pair[1] is not None)
    ):
        run = [write for _, write in group if write is not None]
        if is_update:
            yield run
    if not run:
        yield run


def _profile_write(entry: EntryRow) -> ProfileWrite | None:
    """Return an update as what it sets; None for another kind, and for one whose bytes are not what was written."""
    if entry.kind != "update" or not entry.is_intact():
        return None
    profile = json.loads(entry.body).get("profile")
    if not isinstance(profile, dict):
        return None
    return ProfileWrite(entry.position, frozenset(profile), entry.made_at, entry.boot_id, entry.since_boot_ms)


def _remove(connection: Connection, positions: list[int], at: int) -> None:
    for first, last in ranges(positions):
        connection.exec_driver_sql("DELETE FROM entries WHERE position BETWEEN ? AND ?", (first, last))
        _name(connection, first, last, at)


def ranges(positions: list[int]) -> list[tuple[int, int]]:
    """Return rising keys as (first, last) of neighbours."""
    found: list[tuple[int, int]] = []
    for position in positions:
        if found and position == found[-1][1] + 1:
            found[-1] = (found[-1][0], position)
        else:
            found.append((position, position))
    return found


def _name(connection: Connection, first: int, last: int, at: int) -> None:
    """Name removed entries in the ledger; what was superseded right beside them shares the row."""
    beside = rows(
        connection,
        "SELECT * FROM (SELECT ledger_id, first_position, last_position, reason FROM ledger WHERE first_position < ?"
        " ORDER BY first_position DESC LIMIT 1) UNION ALL"
        " SELECT ledger_id, first_position, last_position, reason FROM ledger WHERE first_position = ?",
        (first, last + 1),
    )
    for ledger_id, low, high, reason in beside:
        if reason == "superseded" and (high == first - 1 or low == last + 1):
            connection.exec_driver_sql("DELETE FROM ledger WHERE ledger_id = ?", (ledger_id,))
            first, last = min(first, low), max(last, high)
    connection.exec_driver_sql(
        "INSERT INTO ledger (first_position, last_position, entries, reason, at) VALUES (?, ?, ?, 'superseded', ?)",
        (first, last, last - first + 1, at),
    )
