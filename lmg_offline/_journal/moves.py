"""
Lanes that go on under another session: those of a copied journal, and those a platform took for nobody's.

Each function works inside a transaction of the outbox. Entries and dead letters
keep their ids and times and take new numbers; the ledger says which.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from .._support.ids import new_id, new_secret
from ..errors import JournalCorrupt
from ..protocol.canonical import encode
from .engine import rows, scalar
from .entries import Written
from .journal import LANE_COLUMNS, mark_drained, note_moved, retried_in, seal_identity
from .keys import LANE_SHIFT, SEQ_MASK
from .records import EntryRow, LaneRow, digest_of

ENTRY_COLUMNS = "position, id, kind, body, made_at, boot_id, since_boot_ms, digest"
_OPENING = ("identify", "forget")


@dataclass(frozen=True, slots=True)
class _Held:
    """What a lane holds: entries to send, and dead letters, each in order."""

    entries: list[EntryRow]
    dead_letters: list[EntryRow]


class Puts(Protocol):
    """Whoever puts an entry at the end of a lane, within a transaction."""

    def put(self, connection: Connection, lane_id: int, kind: str, body: str, /) -> Written:
        """Write it; return where it is."""
        ...


def go_on(journal: Puts, connection: Connection, lane_ids: list[int], now: int) -> bool:
    """
    Go on with lanes that the platform says are another device's.

    A lane that is older than the last move was a former device's of this
    journal: it moves alone. Any other shows that this journal is a copy of one
    in use: then it becomes another device, and every lane moves.

    Returns:
        Whether it became another device.
    """
    newest = scalar(connection, "SELECT max(successor_lane) FROM lanes") or 0
    is_copy = any(lane_id >= newest for lane_id in lane_ids)
    if is_copy:
        connection.exec_driver_sql(
            "UPDATE device SET previous_device_id = device_id, device_id = ?, secret = ?, exchange_seq = 0,"
            " exchange_id = NULL",
            (new_id(now), new_secret()),
        )
        lane_ids = [row[0] for row in rows(connection, "SELECT lane_id FROM lanes WHERE drained = 0 ORDER BY lane_id")]
    for lane_id in lane_ids:
        move(journal, connection, lane_id, now)
    return is_copy


def move(
    journal: Puts, connection: Connection, lane_id: int, now: int, *, is_identify_lost: bool = False
) -> None:
    """
    Let a new lane take the place of one: its identity first, then what it holds.

    The identity is an entry of its own, at the time of the first one that
    follows: at the present, it would pull the entries after it along in time.

    Args:
        is_identify_lost: The lane's identify was queued, and is no more: the new
            lane says it again, with proof if there is a token for it.

    Raises:
        JournalCorrupt: The lane's row is not what was written. Nobody knows whose it is.
    """
    lane = LaneRow(*rows(connection, f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = ?", (lane_id,))[0])
    if not lane.is_intact():
        raise JournalCorrupt("a lane is not what was written; call again, it is recovered")
    held = _held(connection, lane_id)
    is_current = scalar(connection, "SELECT current_lane FROM device") == lane_id
    if not (held.entries or held.dead_letters or is_current):
        mark_drained(connection, lane_id)
        return
    new_lane = _open(connection, lane_id, now)
    wants_proof = lane.state == "verified" or (is_identify_lost and _has_token(connection, lane.user_id))
    opening = None
    if lane.is_claimed or is_identify_lost:
        opening = _opening(journal, connection, lane, new_lane, held.entries, wants_proof)
    moved = _renumber(connection, held, (new_lane << LANE_SHIFT) + (1 if opening is None else 2))
    identifies = [moved[entry.position] for entry in held.entries if entry.kind == "identify"]
    last = max([new_lane << LANE_SHIFT, opening or 0, *moved.values()])
    sent = [new for old, new in moved.items() if old <= lane.sent_position]
    tried = moved.get(lane.tried_position or 0)
    connection.exec_driver_sql(
        "UPDATE lanes SET identify_position = ?, last_position = ?, sent_position = ?, tried_position = ?,"
        " tried_from = ? WHERE lane_id = ?",
        (
            max(identifies, default=opening),
            last,
            max(sent, default=0),
            tried,
            lane.tried_from if tried is not None else None,
            new_lane,
        ),
    )
    retried = retried_in(connection, lane_id)
    for reason, is_retried in (("moved", False), ("retried", True)):
        kept = {old: new for old, new in moved.items() if (old in retried) is is_retried}
        note_moved(connection, kept, reason, now)
    _follow_views(connection, lane_id, new_lane, moved)
    connection.exec_driver_sql(
        "UPDATE lanes SET sealed_at = coalesce(sealed_at, ?), successor_lane = ?, last_position ="
        " max(last_position, ?), parked_at = NULL, parked_code = NULL, parked_message = NULL WHERE lane_id = ?",
        (now, new_lane, max(moved, default=0), lane_id),
    )
    mark_drained(connection, lane_id)
    if is_current:
        connection.exec_driver_sql("UPDATE device SET current_lane = ?", (new_lane,))


def _held(connection: Connection, lane_id: int) -> _Held:
    low = lane_id << LANE_SHIFT
    found = [
        [
            EntryRow(*row)
            for row in rows(
                connection,
                f"SELECT {ENTRY_COLUMNS} FROM {table} WHERE position BETWEEN ? AND ? ORDER BY position",
                (low, low + SEQ_MASK),
            )
        ]
        for table in ("entries", "dead_letters")
    ]
    return _Held(*found)


def _open(connection: Connection, lane_id: int, now: int) -> int:
    """Open the new lane with whose it is, and with why it waits if it does; return its id."""
    new_lane = connection.exec_driver_sql(
        "INSERT INTO lanes (session_id, user_id, state, opened_at, sealed_at, last_position, acked_position,"
        " acked_count, drained, profile, parked_at, parked_code, parked_message) SELECT ?, user_id,"
        " CASE state WHEN 'verified' THEN 'identified' ELSE state END, opened_at, sealed_at, 0, 0, 0, 0, profile,"
        " parked_at, parked_code, parked_message FROM lanes WHERE lane_id = ?",
        (new_id(now), lane_id),
    ).lastrowid
    base = new_lane << LANE_SHIFT
    connection.exec_driver_sql(
        "UPDATE lanes SET last_position = ?, acked_position = ? WHERE lane_id = ?", (base, base, new_lane)
    )
    seal_identity(connection, new_lane)
    return int(new_lane)


def _has_token(connection: Connection, user_id: str | None) -> bool:
    return scalar(connection, "SELECT 1 FROM tokens WHERE user_id = ?", (user_id,)) is not None


def _opening(
    journal: Puts,
    connection: Connection,
    lane: LaneRow,
    new_lane: int,
    entries: list[EntryRow],
    wants_proof: bool,
) -> int | None:
    """Write the identity that the platform has taken before, unless the first entry says it; return its key."""
    first = entries[0] if entries else None
    if first is not None and first.kind in _OPENING and (not wants_proof or _asks_for_proof(first)):
        return None
    body = encode({"user_id": lane.user_id, "verify": wants_proof})
    position = journal.put(connection, new_lane, "identify", body).position
    if first is not None:
        found = rows(connection, "SELECT id FROM entries WHERE position = ?", (position,))
        connection.exec_driver_sql(
            "UPDATE entries SET made_at = ?, boot_id = ?, since_boot_ms = ?, digest = ? WHERE position = ?",
            (
                first.made_at,
                first.boot_id,
                first.since_boot_ms,
                digest_of(
                    position, found[0][0], "identify", (first.made_at, first.boot_id, first.since_boot_ms), body
                ),
                position,
            ),
        )
    return position


def _asks_for_proof(entry: EntryRow) -> bool:
    body = json.loads(entry.body) if entry.is_intact() else {}
    return bool(body.get("verify") or body.get("token"))


def _renumber(connection: Connection, held: _Held, first: int) -> dict[int, int]:
    """Give what is held its new keys, from `first` on, in the order it had; return new by old."""
    order = sorted([entry.position for entry in held.entries] + [letter.position for letter in held.dead_letters])
    moved = {old: new for new, old in enumerate(order, start=first)}
    for table, found in (("entries", held.entries), ("dead_letters", held.dead_letters)):
        for entry in found:
            new = moved[entry.position]
            # One that is damaged stays so: a digest of what it is now would hide it.
            made = (entry.made_at, entry.boot_id, entry.since_boot_ms)
            digest = digest_of(new, entry.id, entry.kind, made, entry.body)
            connection.exec_driver_sql(
                f"UPDATE {table} SET position = ?, digest = ? WHERE position = ?",
                (new, digest if entry.is_intact() else entry.digest, entry.position),
            )
    return moved


def _follow_views(connection: Connection, lane_id: int, new_lane: int, moved: dict[int, int]) -> None:
    """Let the person's cached reads and own bookmarks go along."""
    connection.exec_driver_sql("UPDATE cache SET lane_id = ? WHERE lane_id = ?", (new_lane, lane_id))
    for (position,) in rows(connection, "SELECT position FROM bookmarks WHERE lane_id = ?", (lane_id,)):
        connection.exec_driver_sql(
            "UPDATE bookmarks SET lane_id = ?, position = ? WHERE lane_id = ? AND position = ?",
            (new_lane, moved.get(position, new_lane << LANE_SHIFT), lane_id, position),
        )
