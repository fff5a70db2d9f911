"""
The write-ahead log: when it is moved into the database, and when it is emptied.

SQLite's automatic checkpoints are off, because they would run in two processes
at once. Here they run under the journal's lock, after so many commits or bytes.

What waits in the log and is new to the database needs room there. It is kept
below half the ballast, so that on a full disk giving that up always lets a
checkpoint end, which then wins back the whole log.

A reader keeps the log from starting over: what came after it began to read
stays in the log until it ends. Then the log is emptied, and gives its room back.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from .engine import BUSY_TIMEOUT_S, rows

COMMITS = 800
# The file's size is looked at once in so many commits.
LOOK_EVERY = 8
GROWTH_BYTES = 4 * 1024 * 1024
# A log that has become longer than this is cut back, not only written from the start again.
LONGEST_BYTES = 8 * 1024 * 1024
# Of other processes' reads, which last milliseconds.
EMPTY_WAIT_MS = 100


class Wal:
    """
    The log of one journal. Every method is called with the store's locks held.

    Attributes:
        new_bytes: What entries written here since the last checkpoint may add to the database.

        room_bytes: How much of that may wait.

        owed: The log has something that was to be gone, and a reader was in the way.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(path.name + "-wal")
        self.new_bytes = 0
        self.room_bytes = 0
        self.owed = False
        self._commits = 0
        self._start_bytes = 0  # the file's size when it last began anew; what is beyond has grown since

    def size_bytes(self) -> int:
        """How much the log takes on disk."""
        try:
            return self._file.stat().st_size
        except OSError:
            return 0

    def is_due(self) -> bool:
        """Count one commit, and say whether it is time for a checkpoint."""
        self._commits += 1
        if self.new_bytes > self.room_bytes or self._commits >= COMMITS:
            return True
        return self._commits % LOOK_EVERY == 0 and self.size_bytes() > self._start_bytes + GROWTH_BYTES

    def checkpoint(self, connection: Connection) -> None:
        """Move what no reader needs into the database, waiting for nobody."""
        if self.owed:
            self.empty(connection)
            return
        _, frames, moved = rows(connection, "PRAGMA wal_checkpoint(PASSIVE)")[0]
        self._begin_anew()
        if self._start_bytes > LONGEST_BYTES:
            self.owed = frames != moved
            if not self.owed:
                self.empty(connection)

    def empty(self, connection: Connection, wait_ms: int = 0) -> None:
        """
        Move everything into the database and cut the log to nothing.

        See `owed` for whether that was possible.

        Args:
            wait_ms: How long to wait for readers, with every writer waiting behind.
        """
        connection.exec_driver_sql(f"PRAGMA busy_timeout={wait_ms}")
        try:
            busy = rows(connection, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        self._begin_anew()
        self.owed = bool(busy)

    def _begin_anew(self) -> None:
        self.new_bytes = self._commits = 0
        self._start_bytes = self.size_bytes()
