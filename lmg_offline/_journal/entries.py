"""
New entries: which key they get, and whether they fit.

The lane of an entry is decided here, in the transaction that commits it, and
never again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from .._support.ids import new_id
from ..config import Bounds
from ..errors import JournalCorrupt
from .bounds import NoRoom, Room
from .engine import scalar
from .records import digest_of
from .store import Store
from .tables import LANE_SHIFT, SEQ_MASK

T = TypeVar("T")

# What a row takes beside its payload, about.
_ROW_BYTES = 130

# The next key of a lane: one past its newest entry, or past what was removed from its end.
NEXT_POSITION = (
    "SELECT max(l.last_position, coalesce((SELECT e.position FROM entries e"
    " WHERE e.position < (l.lane_id + 1) << 32 ORDER BY e.position DESC LIMIT 1), 0)) + 1"
    " FROM lanes l WHERE l.lane_id = "
)
# A sealed lane is nobody's to write to: that the journal names one as the current one is damage.
_CURRENT_LANE = "(SELECT current_lane FROM device) AND l.sealed_at IS NULL"
_COLUMNS = "position, id, kind, body, made_at, boot_id, since_boot_ms, digest"
_INSERT_IF_NEXT = (
    f"INSERT INTO entries ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE ? = ({NEXT_POSITION}{_CURRENT_LANE})"
)
INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Written:
    """Where a write landed. `text` names it for ever: lane, number, id."""

    position: int
    id: str

    @property
    def text(self) -> str:
        """The receipt's id."""
        return f"{self.position >> LANE_SHIFT}.{self.position & SEQ_MASK}.{self.id}"


class Entries:
    """Puts entries at the end of lanes."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._clock = store.clock
        self._room = Room(store, bounds)
        self._next = 0  # the position we expect next; a guess that the insert itself checks

    def append(self, kind: str, body: str) -> Written:
        """
        Write one entry to the current lane. Atomic: that entry, in one statement.

        Raises:
            JournalFull: It does not fit, also after what can be merged was merged.
        """
        stamp = self._stamp()
        entry_id = new_id(stamp[0])
        size = len(body) if body.isascii() else len(body.encode())

        def insert(connection: Connection) -> int:
            position = self._next or self._look_up_next(connection)
            while True:
                if position > self._room.limit:
                    self._room.look(connection, position, size)
                row = (*entry_row(position, entry_id, kind, body, stamp), position)
                if connection.exec_driver_sql(_INSERT_IF_NEXT, row).rowcount:
                    break
                position = self._look_up_next(connection)
            self._next = position + 1
            self._store.expect(size + _ROW_BYTES)
            return position

        def replace(connection: Connection) -> int:
            position = self._look_up_next(connection)
            connection.exec_driver_sql(INSERT, entry_row(position, entry_id, kind, body, stamp))
            self._room.merge_tail(connection, size)
            self._next = position + 1
            return position

        instead = replace if kind == "update" else None
        position = self.fitting(insert, instead, single=True)
        self._store.reached(position)
        return Written(position, entry_id)

    def fitting(
        self,
        work: Callable[[Connection], T],
        instead: Callable[[Connection], T] | None = None,
        *,
        single: bool = False,
    ) -> T:
        """
        Run a work that puts an entry within the bounds, making room if it does not fit.

        Args:
            instead: What to try when there is no more room to be made.

        Raises:
            JournalFull: It does not fit.
        """
        while True:
            try:
                return self._store.run(work, single=single)
            except NoRoom as full:
                if self._room.make(full.size_bytes):
                    continue
            try:
                if instead is not None:
                    return self._store.run(instead)
            except NoRoom:
                pass
            raise self._room.full()

    def put(self, connection: Connection, lane_id: int, kind: str, body: str, *, fitting: bool = False) -> Written:
        """
        Within a transaction: write an entry to a named lane.

        Args:
            fitting: Only within the bounds; the transaction is one that `fitting` runs.
        """
        stamp = self._stamp()
        position = int(scalar(connection, NEXT_POSITION + "?", (lane_id,)))
        if fitting and position > self._room.limit:
            self._room.look(connection, position, len(body.encode()))
        entry_id = new_id(stamp[0])
        connection.exec_driver_sql(INSERT, entry_row(position, entry_id, kind, body, stamp))
        self._store.expect(len(body) + _ROW_BYTES)
        self.forget_next()
        return Written(position, entry_id)

    def forget_next(self) -> None:
        """The current lane is another one, or its end has moved."""
        self._next = 0

    def _look_up_next(self, connection: Connection) -> int:
        position = scalar(connection, NEXT_POSITION + _CURRENT_LANE)
        if position is None:
            raise JournalCorrupt("the journal names no current session; call again, it is recovered")
        return int(position)

    def _stamp(self) -> tuple[int, str, int]:
        return self._clock.wall_ms(), self._clock.boot_id(), self._clock.since_boot_ms()


def entry_row(position: int, entry_id: str, kind: str, body: str, stamp: tuple[int, str, int]) -> tuple[Any, ...]:
    """Return the values for `INSERT`; the stamp is wall time, boot id and time since boot."""
    return (position, entry_id, kind, body, *stamp, digest_of(position, entry_id, kind, stamp, body))
