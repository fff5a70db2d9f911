"""
What is missing from a recovered journal, named in its ledger: the sums agree, and every receipt has an answer.

Entries are believed more than what a lane's row says was acknowledged: what is
sent once more is recognised, what is left out is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from .._support.ids import new_id
from .engine import rows, scalar
from .journal import mark_drained
from .keys import LANE_SHIFT, SEQ_MASK
from .rebuild import Kept
from .records import lane_digest

# A row's number that lies further than this beyond all that is known is a flipped bit.
_MOST_AHEAD = 100_000
_PLACES = (
    "SELECT 0, first_position, last_position, ledger_id FROM ledger WHERE first_position BETWEEN ?1 AND ?2"
    " UNION ALL SELECT 1, position, position, position FROM dead_letters WHERE position BETWEEN ?1 AND ?2"
    " UNION ALL SELECT 2, position, position, position FROM entries WHERE position BETWEEN ?1 AND ?2 ORDER BY 2, 1"
)
_TABLES = (("ledger", "ledger_id"), ("dead_letters", "position"), ("entries", "position"))


@dataclass(slots=True)
class _Lane:
    """One lane's account: keys of the last acknowledged and the last accepted entry, and what is missing."""

    low: int
    acked: int
    last: int
    elsewhere: int = 0  # of the numbers up to `acked`, those that are in the ledger or a dead letter
    free: list[tuple[int, int]] = field(default_factory=list)  # the others of them
    missing: list[tuple[int, int]] = field(default_factory=list)


def name_lost(connection: Connection, kept: Kept, reached: int | None, now: int) -> int:
    """
    Name in the ledger every number of every lane that is accounted for nowhere; return how many.

    Args:
        reached: The key that the old journal's mark says, or None.
    """
    _make_tombstones(connection, kept, reached)
    lost = 0
    found = rows(
        connection,
        "SELECT lane_id, acked_position, acked_count, last_position, max(coalesce(identify_position, 0),"
        " coalesce(claimed_position, 0), sent_position), sealed_at, drained FROM lanes ORDER BY lane_id",
    )
    for lane_id, acked, acked_count, last, named, sealed_at, drained in found:
        low = lane_id << LANE_SHIFT
        lane = _swept(connection, _Lane(low, _believed(connection, low, acked), low))
        own_mark = reached if reached is not None and reached >> LANE_SHIFT == lane_id else 0
        known = max(lane.last, lane.acked, own_mark)
        last = max([known, *(each for each in (last, named) if each <= known + _MOST_AHEAD)])
        if last > max(lane.last, lane.acked):
            lane.missing.append((max(lane.last, lane.acked) + 1, last))
        count = lane.acked - low - lane.elsewhere
        # A page that was taken for an empty one leaves no other trace than a count that is too small.
        if count > acked_count and (not kept.is_ledger_whole or count - acked_count <= _MOST_AHEAD):
            lane.missing += _surplus(lane, count - acked_count, kept.damaged)
            count = acked_count
        for first, end in lane.missing:
            lost += end - first + 1
            connection.exec_driver_sql(
                "INSERT INTO ledger (first_position, last_position, entries, reason, at) VALUES (?, ?, ?, 'lost', ?)",
                (first, end, end - first + 1, now),
            )
        has_entries = scalar(
            connection, "SELECT 1 FROM entries WHERE position BETWEEN ? AND ? LIMIT 1", (low, low + SEQ_MASK)
        )
        connection.exec_driver_sql(
            "UPDATE lanes SET last_position = ?, acked_position = ?, acked_count = ?, drained = ? WHERE lane_id = ?",
            (last, lane.acked, count, int(bool(drained and not has_entries)), lane_id),
        )
        if sealed_at is not None and not has_entries and not drained:
            mark_drained(connection, lane_id)
    return lost


def _believed(connection: Connection, low: int, acked: int) -> int:
    """Return the key up to which a lane is acknowledged: not beyond its first entry."""
    oldest = "SELECT min(position) FROM entries WHERE position BETWEEN ? AND ?"
    first = scalar(connection, oldest, (low, low + SEQ_MASK))
    return acked if first is None else min(acked, first - 1)


def _swept(connection: Connection, lane: _Lane) -> _Lane:
    """Walk through the lane's numbers. What overlaps what came before it came back to life, and goes."""
    end = lane.low
    for kind, first, last, key in rows(connection, _PLACES, (lane.low + 1, lane.low + SEQ_MASK)):
        if first <= end:
            table, column = _TABLES[kind]
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = ?", (key,))
            continue
        if first > end + 1:
            _leave(lane, end + 1, first - 1)
        lane.elsewhere += max(0, min(last, lane.acked) - first + 1)
        end = last
    if end < lane.acked:
        _leave(lane, end + 1, lane.acked)
    lane.last = end
    return lane


def _leave(lane: _Lane, first: int, last: int) -> None:
    """Numbers that nothing stands for: acknowledged up to where the lane is, missing beyond."""
    if first <= lane.acked:
        lane.free.append((first, min(last, lane.acked)))
    if last > lane.acked:
        lane.missing.append((max(first, lane.acked + 1), last))


def _surplus(lane: _Lane, count: int, damaged: tuple[int, ...]) -> list[tuple[int, int]]:
    """
    Return so many of the numbers that count as acknowledged and can't be.

    Dead letters or the ledger are damaged. Those of dead letters that are there and damaged; which of the others it
    was, nobody can know: the newest are taken.
    """
    picked = [key for key in damaged if any(first <= key <= last for first, last in lane.free)][:count]
    chosen = {(key, key) for key in picked}
    left = count - len(picked)
    for first, last in reversed(lane.free):
        position = last
        while left and position >= first:
            if (position, position) not in chosen:
                chosen.add((position, position))
                left -= 1
            position -= 1
    return sorted(chosen)


def _make_tombstones(connection: Connection, kept: Kept, reached: int | None) -> None:
    """
    Make a drained lane of nobody's for each whose row is gone, to hang its numbers on.

    What came before its first entry had left the queue in order, if all of the queue could be read.
    """
    there = {row[0] for row in rows(connection, "SELECT lane_id FROM lanes")}
    ends: dict[int, int] = {lane_id: last for lane_id, (_, last) in kept.strays.items()}
    for (position,) in rows(connection, "SELECT max(last_position) FROM ledger GROUP BY last_position >> 32"):
        ends[position >> LANE_SHIFT] = max(position, ends.get(position >> LANE_SHIFT, 0))
    seen = dict(ends)
    if reached is not None:
        ends[reached >> LANE_SHIFT] = max(reached, ends.get(reached >> LANE_SHIFT, 0))
    ended = scalar(connection, "SELECT finished_through FROM device")
    for lane_id in ends.keys() - there:
        if lane_id <= ended:
            continue  # let go of, its numbers are in the sums
        low = lane_id << LANE_SHIFT
        first = kept.strays[lane_id][0] - 1 if lane_id in kept.strays else seen.get(lane_id, low)
        acked = first if kept.is_queue_whole else low
        session_id = new_id(0)
        connection.exec_driver_sql(
            "INSERT INTO lanes (lane_id, session_id, state, opened_at, sealed_at, last_position, acked_position,"
            " acked_count, drained, digest) VALUES (?, ?, 'anonymous', 0, 0, ?, ?, ?, 1, ?)",
            (lane_id, session_id, ends[lane_id], acked, acked - low, lane_digest(lane_id, session_id, None)),
        )
