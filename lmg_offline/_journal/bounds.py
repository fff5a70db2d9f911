"""
How much more the journal may hold.

The question is put at every write and must cost next to nothing there, so it is
answered ahead: `limit` is the highest key a new entry may have before somebody
has to look again. Keys count the entries of every process, so that several of
them together go past the bound by nothing.

What is not turned away can go past it: identify, reset and forget, retried
dead letters, and the sync's own notes.
"""

from __future__ import annotations

from sqlalchemy import Connection

from ..config import Bounds
from ..errors import JournalFull
from .engine import driver_connection, rows, scalar
from .keys import LANE_SHIFT
from .merging import merge
from .store import Store

_NO_BOUND = 1 << 62
# The smallest row there can be: two ids, a number, a digest. The file can't hold more of them.
_LEAST_ROW_BYTES = 64
# What one write can take at most: 32 KiB of payload, in whole pages, in the file and in its log.
_MOST_PER_WRITE_BYTES = 96 * 1024
# What a small write can take beside its payload, in the file and in its log.
_BESIDE_PAYLOAD_BYTES = 24 * 1024
# Entries looked at in one transaction: other writers wait no longer than that takes.
_PART = 5_000
_CACHED_AT_ONCE = 50
# A log that takes more than this part of the bound is emptied first; else merging is the cheaper way.
_LOG_SHARE = 4


class NoRoom(Exception):
    """
    One more entry does not fit. Never leaves the journal: callers make room, or raise JournalFull.

    Attributes:
        size_bytes: Of its payload.
    """

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


class Room:
    """Knows what still fits, and makes room. Everything but `make` and `full` runs within a write."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self._store = store
        self._bounds = bounds
        self.limit = 0
        self._left: int | None = None  # entries that fitted when `_seen` was the newest key
        self._seen = 0
        self._counted: tuple[tuple[int, int], int] | None = None
        self._resume_at = 0
        self._barren: tuple[int, int] | None = None

    def look(self, connection: Connection, position: int, size_bytes: int) -> None:
        """
        See how many more entries fit, from this one on.

        Args:
            position: The key it is to have.

            size_bytes: Of its payload.

        Raises:
            NoRoom: Not even this one.
        """
        left = min(self._entries_left(connection, position - 1), self._writes_left(connection, size_bytes))
        self.limit = position - 1 + left
        if left <= 0:
            raise NoRoom(size_bytes)

    def make(self, size_bytes: int) -> bool:
        """
        Merge a part of the queue, empty the log, or let cached reads go; say whether to try again.

        One part at a time: the others' writes go on in between.
        """
        most = self._bounds.max_bytes
        is_log_long = most is not None and self._store.wal_bytes() > most // _LOG_SHARE
        return (
            (is_log_long and self._has_emptied_log())
            or self._store.run(self._merge_some, vital=True)
            or (most is not None and self._has_emptied_log())
            or self._store.run(lambda connection: self._has_let_go(connection, size_bytes), vital=True)
        )

    def merge_tail(self, connection: Connection, size_bytes: int) -> None:
        """
        Take out what a write of this size, that was just put at the end, supersedes.

        Raises:
            NoRoom: It takes the place of no other, or needs more bytes than there are.
        """
        merged = merge(connection, self._resume_at, _PART, self._store.clock.wall_ms())
        if not merged.removed or self._bytes_free(connection) < 0:
            raise NoRoom(size_bytes)

    def full(self) -> JournalFull:
        """Return the error that says what is full and what to do."""
        most, bounds = self._bounds.max_entries, self._bounds.max_bytes
        entries = self._store.read(_COUNT)[0][0]
        if most is not None and entries >= most:
            return JournalFull(
                f"the journal {self._store.path} holds {entries:,} of at most {most:,} entries; let it reach the"
                " platform, discard dead letters or raise max_entries, then call again"
            )
        way_out = "let it reach the platform, discard dead letters or raise max_bytes"
        if self._store.wal_bytes() > (bounds or 0) // 2:
            way_out = "another process keeps reading it, so that its log can't shrink: end that one"
        return JournalFull(
            f"the journal {self._store.path} takes {self._store.used_bytes():,} of at most {bounds or 0:,} bytes;"
            f" {way_out}, then call again"
        )

    def _entries_left(self, connection: Connection, newest: int) -> int:
        if self._bounds.max_entries is None:
            return _NO_BOUND
        if self._left is not None:
            self._left -= self._added(connection, newest)
        if self._left is None or self._left <= 0:
            self._left = self._bounds.max_entries - self._count(connection, self._bounds.max_entries)
        self._seen = newest
        return self._left

    def _added(self, connection: Connection, newest: int) -> int:
        """Return how many entries have come since `_seen`, of whatever process; refused ones still take their room."""
        if newest >> LANE_SHIFT == self._seen >> LANE_SHIFT:
            return newest - self._seen
        return int(scalar(connection, _COUNT_BEYOND, (self._seen, self._seen)))

    def _count(self, connection: Connection, most: int) -> int:
        """Return the entries there are. In a file too small for half of the bound: the most there can be."""
        at_most = self._file_bytes(connection) // _LEAST_ROW_BYTES
        if at_most <= most // 2:
            return at_most
        state = _state(connection)
        if self._counted is None or self._counted[0] != state:
            self._counted = (state, int(scalar(connection, _COUNT)))
        return self._counted[1]

    def _writes_left(self, connection: Connection, size_bytes: int) -> int:
        free = self._bytes_free(connection)
        return max(free // _MOST_PER_WRITE_BYTES, int(free >= 2 * size_bytes + _BESIDE_PAYLOAD_BYTES))

    def _bytes_free(self, connection: Connection) -> int:
        if self._bounds.max_bytes is None:
            return _NO_BOUND
        return self._bounds.max_bytes - self._file_bytes(connection) - self._store.wal_bytes()

    def _file_bytes(self, connection: Connection) -> int:
        return int(scalar(connection, "PRAGMA page_count")) * self._store.page_bytes

    def _has_emptied_log(self) -> bool:
        before = self._store.wal_bytes()
        if before:
            self._store.checkpoint()
        return self._store.wal_bytes() < before

    def _merge_some(self, connection: Connection) -> bool:
        if self._barren == _state(connection):
            return False
        merged = merge(connection, self._resume_at, _PART, self._store.clock.wall_ms())
        self._resume_at = merged.resume_at
        if merged.removed or not merged.ended:
            return True
        self._barren = _state(connection)
        return False

    def _has_let_go(self, connection: Connection, size_bytes: int) -> bool:
        """What was read can be read again, what was written can't be written again: the oldest answers go."""
        if self._writes_left(connection, size_bytes) > 0:
            # Room for bytes. For entries too, if another thread or process has made it since this one was turned away.
            most = self._bounds.max_entries
            return most is None or self._count(connection, most) < most
        oldest = rows(connection, "SELECT rowid FROM cache ORDER BY as_of LIMIT ?", (_CACHED_AT_ONCE,))
        for row in oldest:
            connection.exec_driver_sql("DELETE FROM cache WHERE rowid = ?", row)
        return bool(oldest)


_COUNT = "SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM dead_letters)"
_COUNT_BEYOND = (
    "SELECT (SELECT count(*) FROM entries WHERE position > ?)"
    " + (SELECT count(*) FROM dead_letters WHERE position > ?)"
)


def _state(connection: Connection) -> tuple[int, int]:
    """Return what changes with every change to the journal, whoever makes it."""
    return int(scalar(connection, "PRAGMA data_version")), driver_connection(connection).total_changes
