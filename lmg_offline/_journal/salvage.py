"""
What a damaged journal still says, row by row: only what is what was written.

Entries, dead letters, lanes, sessions and boots carry digests. What has none is
taken if it has the form it must have; none of it decides to whom an entry goes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from .._core.identity import AudienceState
from .keys import LANE_SHIFT, SEQ_MASK
from .probing import Probe, Row
from .records import digest_of, lane_digest, old_digest_of, row_digest
from .tables import dead_letters, entries, ledger, metadata

MOST_LANES = (1 << 31) - 1
_LARGEST = (1 << 63) - 1
_ID = re.compile(r"[0-9A-Za-z_-]{8,128}")
_STATES = frozenset(state.value for state in AudienceState)
_REASONS = frozenset({"superseded", "discarded", "forgotten", "retried", "moved", "lost"})
Values = dict[str, Any]


class Salvage:
    """
    Reads one damaged journal.

    Attributes:
        damaged: Positions of dead letters that are there, and are not what was written.
    """

    def __init__(self, source: sqlite3.Connection) -> None:
        self._probe = Probe(source)
        self._is_old = "digest" not in self._probe.columns("lanes")
        self.damaged: list[int] = []

    def has(self, table: str) -> bool:
        """Say whether the table is to be found."""
        return bool(self._probe.columns(table))

    def is_short(self) -> bool:
        """Say whether since it was last asked some rows could not be read."""
        skipped, self._probe.skipped = self._probe.skipped, False
        return skipped

    def lanes(self) -> tuple[dict[int, Values], bool]:
        """Return the intact lanes by id, and whether some may be missing."""
        self.is_short()
        found: dict[int, Values] = {}
        is_short = False
        for lane_id, row in self._rows("lanes", 1, MOST_LANES):
            lane = _lane(lane_id, row, self._is_old)
            if lane is None:
                is_short = True
            else:
                found[lane_id] = lane
        return found, self.is_short() or is_short or not found

    def single(self, table: str) -> Values | None:
        """Return the one row of `device` or `sync_state`; None where it can't be read."""
        return next((row for _, row in self._rows(table, 1, 1)), None)

    def entries(self, lanes: Iterable[int]) -> Iterator[Row]:
        """Yield the intact entries, as they are written today."""
        return self._entries("entries", [column.name for column in entries.columns], lanes)

    def dead_letters(self, lanes: Iterable[int]) -> Iterator[Row]:
        """Yield the intact dead letters, as they are written today."""
        for row in self._entries("dead_letters", [column.name for column in dead_letters.columns], lanes):
            if isinstance(row[8], str) and isinstance(row[9], str) and isinstance(row[10], int):
                yield row
            else:
                self.damaged.append(row[0])

    def ledger(self) -> Iterator[Row]:
        """Yield the rows of the ledger that can be ones."""
        names = [column.name for column in ledger.columns]
        for _, row in self._rows("ledger", 1, _LARGEST):
            first, last, moved_to = row.get("first_position", 0), row.get("last_position", 0), row.get("moved_to")
            if (
                _is_key(first)
                and _is_key(last)
                and first <= last
                and first >> LANE_SHIFT == last >> LANE_SHIFT
                and row.get("entries") == last - first + 1
                and row.get("reason") in _REASONS
                and isinstance(row.get("at"), int)
                and (moved_to is None or _is_key(moved_to))
            ):
                yield tuple(row.get(name) for name in names)

    def digested(self, table: str) -> Iterator[Values]:
        """Yield the intact rows of `lmg_sessions` or `boots`."""
        covered = {
            "lmg_sessions": ("lane_id", "session_id", "token", "ingestion_url"),
            "boots": ("boot_id", "booted_at"),
        }[table]
        for row in self.plain(table):
            digest = row_digest(*(row.get(name) for name in covered))
            if self._is_old or row.get("digest") == digest:
                yield {**row, "digest": digest}

    def plain(self, table: str) -> Iterator[Values]:
        """Yield the rows of a table without digests."""
        for _, row in self._rows(table, 1, _LARGEST):
            if all(
                row.get(column.name) is not None and isinstance(row[column.name], column.type.python_type)
                for column in metadata.tables[table].columns
                if not column.nullable
            ):
                yield row

    def _entries(self, table: str, names: list[str], lanes: Iterable[int]) -> Iterator[Row]:
        found = self._probe.columns(table)
        if any(name not in found for name in names):
            self._probe.skipped = True
            return
        for low, high in _ranges(lanes):
            for position, *values in self._probe.rows(table, names[1:], low, high):
                row = self._intact(position, values)
                if row is not None:
                    yield row
                elif table == "dead_letters":
                    self.damaged.append(position)

    def _intact(self, position: int, values: list[Any]) -> Row | None:
        """Return the row if it is what was written; with today's digest where an older version wrote it."""
        entry_id, kind, body, made_at, boot_id, since_boot_ms, digest, *more = values
        made = (made_at, boot_id, since_boot_ms)
        if not all(isinstance(text, str) for text in (entry_id, kind, body, boot_id)):
            return None
        today = digest_of(position, entry_id, kind, made, body)
        if self._is_old and digest == old_digest_of(position, entry_id, kind, made_at, body):
            digest = today
        if digest != today:
            return None
        return (position, entry_id, kind, body, *made, digest, *more)

    def _rows(self, table: str, low: int, high: int) -> Iterator[tuple[int, Values]]:
        names = self._probe.columns(table)
        if not names:
            self._probe.skipped = True
            return
        primary = [column.name for column in metadata.tables[table].primary_key if column.type.python_type is int]
        for found, *values in self._probe.rows(table, names, low, high):
            row = dict(zip(names, values, strict=True))
            yield found, {**row, primary[0]: found} if len(primary) == 1 else row


def _lane(lane_id: int, row: Values, is_old: bool) -> Values | None:
    """Return a lane whose session and user are those that were written, what else is in it made sound."""
    session_id, user_id = row["session_id"], row["user_id"]
    if not isinstance(session_id, str) or not _ID.fullmatch(session_id) or not isinstance(user_id, str | None):
        return None
    digest = lane_digest(lane_id, session_id, user_id)
    if not is_old and row.get("digest") != digest:
        return None
    low = lane_id << LANE_SHIFT
    lane = {**row, "digest": digest}
    for name in ("last_position", "acked_position"):
        lane[name] = _within(row.get(name), low) or low
    lane["last_position"] = max(lane["last_position"], lane["acked_position"])
    for name in ("identify_position", "claimed_position", "tried_position"):
        lane[name] = _within(row.get(name), low)
    lane["sent_position"] = _within(row.get("sent_position"), low) or 0
    identified = lane["identify_position"]
    if "claimed_position" not in row and user_id is not None and identified is not None:
        # As version 2 took over what version 1 had.
        lane["claimed_position"] = identified if identified <= lane["acked_position"] else None
    for name in ("opened_at", "acked_count", "drained"):
        lane[name] = row[name] if isinstance(row.get(name), int) and row[name] >= 0 else 0
    lane["drained"] = min(lane["drained"], 1)
    lane["sealed_at"] = row["sealed_at"] if isinstance(row.get("sealed_at"), int | None) else lane["opened_at"]
    for name in ("acked_id", "session_token", "parked_message", "tried_from"):
        lane[name] = row[name] if isinstance(row.get(name), str) else None
    lane["successor_lane"] = row["successor_lane"] if isinstance(row.get("successor_lane"), int) else None
    is_parked = isinstance(row.get("parked_at"), int) and isinstance(row.get("parked_code"), str)
    lane["parked_at"], lane["parked_code"] = (row["parked_at"], row["parked_code"]) if is_parked else (None, None)
    if row.get("state") not in _STATES:
        lane["state"] = "anonymous" if user_id is None else "identified"
    lane["profile"] = _profile(row.get("profile"))
    return lane


def _profile(text: object) -> str | None:
    try:
        return text if isinstance(text, str) and isinstance(json.loads(text), dict) else None
    except ValueError:
        return None


def _is_key(value: object) -> bool:
    return isinstance(value, int) and 0 < value < 1 << 63


def _within(position: object, low: int) -> int | None:
    return position if isinstance(position, int) and low <= position <= low + SEQ_MASK else None


def _ranges(lanes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the keys of each lane, and those between them: a lane whose row is gone can have entries."""
    reached = 1 << LANE_SHIFT
    for lane_id in sorted(lanes):
        low = lane_id << LANE_SHIFT
        if reached < low:
            yield reached, low - 1
        yield low, low + SEQ_MASK
        reached = low + SEQ_MASK + 1
    yield reached, _LARGEST
