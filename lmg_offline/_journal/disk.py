"""
Room on the disk: what to do when there is none, and what the journal keeps back for that.

A full disk is met in two steps. The log is emptied into the database, which
wins back nearly all it takes. Then, for what must not be turned away (a person
who comes or goes, the sync's own notes, without which nothing would ever
leave), the ballast is given up, and made again when there is room.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .._support.log import log
from ..errors import JournalError, JournalFull
from .ballast import Ballast
from .wal import EMPTY_WAIT_MS, Wal

T = TypeVar("T")
Exclusively = Callable[[Callable[[Connection], object]], None]

# How much new to the database may wait in the log where there is no ballast.
LITTLE_BYTES = 64 * 1024
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class Disk:
    """The journal's log and ballast. Methods that take a connection are called with the store's locks held."""

    def __init__(self, path: Path, exclusively: Exclusively, on_debt: Callable[[], None]) -> None:
        """
        Args:
            path: The journal's file.

            exclusively: Calls back with the writing connection, with every lock held.

            on_debt: Called when something is left for `settle`.
        """
        self.wal = Wal(path)
        self._ballast = Ballast(path.parent)
        self._exclusively = exclusively
        self._on_debt = on_debt
        self._reliefs = 0  # how often room was made; whoever failed before that tries again
        self._pause_s = FIRST_PAUSE_S

    def with_relief(self, attempt: Callable[[], T], *, vital: bool) -> T:
        """
        Return what `attempt` returns, trying again after room was made.

        Args:
            vital: The ballast may be given up for it.

        Raises:
            JournalFull: There is no room, and none to be made. Nothing was written.
        """
        remedies = [self._win_back_log, self._give_up_ballast] if vital else [self._win_back_log]
        while True:
            seen = self._reliefs
            try:
                return attempt()
            except JournalFull:
                while self._reliefs == seen and remedies:
                    self._reliefs += remedies.pop(0)()
                if self._reliefs == seen:
                    raise

    def refill(self, _connection: Connection | None = None) -> None:
        """Make the ballast if it is missing and there is room for it."""
        size = self._ballast.size_bytes if self._ballast.make() else 0
        self.wal.room_bytes = max(size // 2, LITTLE_BYTES)

    def after_commit(self, connection: Connection) -> None:
        """Checkpoint if it is time. What was committed is committed: an error here is nobody's, and is tried again."""
        if not self.wal.is_due():
            return
        try:
            self.wal.checkpoint(connection)
        except SQLAlchemyError as error:
            log.warning("checkpoint failed", extra={"error": type(error).__name__})
        if self.wal.owed:
            self._on_debt()

    def checkpoint(self) -> None:
        """Empty the log; where a reader or the disk is in the way, later."""
        try:
            self._empty_log(EMPTY_WAIT_MS)
        except JournalError as error:
            self.wal.owed = True
            log.warning("the journal's log was not emptied", extra={"error": type(error).__name__})
        if self.wal.owed:
            self._on_debt()

    def settle(self) -> float | None:
        """Do what is owed; return in how many seconds to come back, None when nothing is left."""
        if self.wal.owed:
            self._empty_log(0)
        self._exclusively(self.refill)
        if self._ballast.size_bytes and not self.wal.owed:
            self._pause_s = FIRST_PAUSE_S
            return None
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return self._pause_s

    def _empty_log(self, wait_ms: int) -> None:
        self._exclusively(lambda connection: self.wal.empty(connection, wait_ms))

    def _win_back_log(self) -> bool:
        """Empty the log. What of it is new to the database may need the ballast's room for a moment."""
        if not self.wal.size_bytes():
            return False
        try:
            try:
                self._empty_log(EMPTY_WAIT_MS)
            except JournalFull:
                self._ballast.give_up()
                self._empty_log(EMPTY_WAIT_MS)
            self._exclusively(self.refill)
        except JournalError:
            return False
        return not self.wal.owed

    def _give_up_ballast(self) -> bool:
        """
        Remove the ballast; say whether there was one.

        Not again while it is missing: what was given up is for many writes, each
        of which leaves its room behind when the log is emptied.
        """
        self._on_debt()
        return self._ballast.give_up()
