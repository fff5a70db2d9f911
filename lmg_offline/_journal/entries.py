"""
New entries: which key they get, and whether they fit.

The lane of an entry is decided here, in the transaction that commits it, and
never again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from .._support.ids import new_id
from ..config import Bounds
from ..errors import JournalCorrupt
from ..protocol.canonical import size_of
from .bounds import NoRoom, Room
from .commits import Together
from .engine import Driver, scalar
from .keys import LANE_SHIFT, SEQ_MASK
from .records import digest_of
from .store import Store

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
_NEXT_OF_CURRENT = f"{NEXT_POSITION}(SELECT current_lane FROM device) AND l.sealed_at IS NULL"
_COLUMNS = "position, id, kind, body, made_at, boot_id, since_boot_ms, digest"
INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# So many are written by one statement: each step of SQLite is a change of threads in Python.
_MOST_ROWS = 32


@lru_cache(maxsize=_MOST_ROWS)
def _insertion(count: int) -> str:
    """
    Return the statement that writes so many rows, if the first has the next key of the current lane.

    Where it has not the id is NULL, which no column takes: a third cheaper than to ask for the key before.
    """
    first = f"(?1, CASE WHEN ?1 = ({_NEXT_OF_CURRENT}) THEN ?2 END, ?3, ?4, ?5, ?6, ?7, ?8)"
    return f"INSERT INTO entries ({_COLUMNS}) VALUES {first}" + ", (?, ?, ?, ?, ?, ?, ?, ?)" * (count - 1)


class Written(NamedTuple):
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
        self._next = 0  # the key we expect next; a guess that the insert itself checks

    def append(self, kind: str, body: str) -> Written:
        """
        Write one entry to the current lane. Atomic: that entry, in one statement.

        Raises:
            JournalFull: It does not fit, also after what can be merged was merged.
        """
        new = _New(self, kind, body, self._stamp())
        instead = partial(self._replace, new) if kind == "update" else None
        return Written(self.fitting(new, instead, single=True), new.id)

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
        return Written(position, entry_id)

    def insert(self, connection: Connection, new: _New) -> int:
        """
        Within a work: write an entry to the end of the current lane, by one statement; return its key.

        Raises:
            NoRoom: It does not fit.
        """
        position = self._insert(connection, [new])
        self._store.reaches(position)
        return position

    def insert_all(self, connection: Connection, news: Sequence[_New]) -> Sequence[int]:
        """
        Within a work: write several to the end of the current lane; return their keys.

        Raises:
            NoRoom: Not all of them are known to fit.
        """
        for start in range(0, len(news), _MOST_ROWS):
            self._insert(connection, news[start : start + _MOST_ROWS])
        self._store.reaches(self._next - 1)  # at the end: what may be undone yet is not noted as reached
        return range(self._next - len(news), self._next)

    def _insert(self, connection: Connection, news: Sequence[_New]) -> int:
        """Write them by one statement; return the first one's key."""
        driver, count = self._store.driver, len(news)
        position = self._next or _next(driver)
        while True:
            if position + count - 1 > self._room.limit:
                if count > 1:
                    raise NoRoom(news[-1].size)
                position = _next(driver)  # what fits is counted from the true end, not from a guess
                self._room.look(connection, position, news[0].size)
            try:
                if count == 1:
                    driver.execute(_insertion(1), news[0].row(position))
                else:
                    rows = [new.row(key) for key, new in enumerate(news, position)]
                    driver.execute(_insertion(count), [*chain.from_iterable(rows)])
                break
            except sqlite3.IntegrityError:  # another has written since, or what was to be written was not
                found = _next(driver)
                if found == position:
                    raise
                position = found
        self._next = position + count
        self._store.expect(sum([new.size + _ROW_BYTES for new in news]))
        return position

    def _replace(self, new: _New, connection: Connection) -> int:
        driver = self._store.driver
        position = _next(driver)
        driver.execute(INSERT, new.row(position))
        self._room.merge_tail(connection, new.size)
        self._store.reaches(position)
        return position

    def _stamp(self) -> tuple[int, str, int]:
        return self._clock.wall_ms(), self._clock.boot_id(), self._clock.since_boot_ms()


class _New:
    """
    One entry to be written to the current lane: a work for the store.

    Those of one client that come at the same time are written together.
    """

    __slots__ = ("_entries", "body", "id", "kind", "size", "stamp")

    def __init__(self, entries: Entries, kind: str, body: str, stamp: tuple[int, str, int]) -> None:
        self._entries = entries
        self.kind = kind
        self.body = body
        self.stamp = stamp
        self.id = new_id(stamp[0])
        self.size = size_of(body)

    def __call__(self, connection: Connection) -> int:
        """Write it, and return its key."""
        return self._entries.insert(connection, self)

    @property
    def together(self) -> Together:
        """What writes several of them."""
        return self._entries.insert_all

    def row(self, position: int) -> tuple[Any, ...]:
        """Return the values for `INSERT`."""
        return entry_row(position, self.id, self.kind, self.body, self.stamp)


def _next(driver: Driver) -> int:
    """Return the key that the current session's next entry has; nobody else writes while the caller's work runs."""
    found = driver.execute(_NEXT_OF_CURRENT).fetchall()
    if not found:
        raise JournalCorrupt("the journal names no current session; call again, it is recovered")
    return int(found[0][0])


def entry_row(position: int, entry_id: str, kind: str, body: str, stamp: tuple[int, str, int]) -> tuple[Any, ...]:
    """Return the values for `INSERT`; the stamp is wall time, boot id and time since boot."""
    return (position, entry_id, kind, body, *stamp, digest_of(position, entry_id, kind, stamp, body))
