"""
Room on the disk: what to do when there is none, and what the journal keeps back for that.

A full disk is met in two steps. The log is emptied into the database, which
wins back nearly all it takes. Then, for what must not be turned away (a person
who comes or goes, the sync's own notes, without which nothing would ever
leave), the ballast is given up for that one write, and made again from what is
left: nothing else may use it up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .._support.log import log
from ..errors import JournalError, JournalFull
from .ballast import SMALL_BYTES, Ballast
from .wal import EMPTY_WAIT_MS, Wal

T = TypeVar("T")
Exclusively = Callable[[Callable[[Connection], object]], None]

# How much new to the database may wait in the log where there is no ballast.
LITTLE_BYTES = 64 * 1024
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class Disk:
    """
    The journal's log and ballast. Methods that take a connection are called with the store's locks held.

    Attributes:
        reliefs: How often room was made; whoever failed before that tries again.
    """

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
        self.reliefs = 0
        self._pause_s = FIRST_PAUSE_S

    def open(self, start: Callable[[], None]) -> None:
        """
        Open the journal; on a disk that has no room even for that, with some of the ballast's.

        Args:
            start: Does it, or raises and leaves nothing open.

        Raises:
            JournalFull: There is no room, and no ballast.
        """
        try:
            start()
        except JournalFull:
            size = self._ballast.give_up()
            if not size:
                raise
            start()
            self._ballast.take_back(size)

    def with_relief(
        self, attempt: Callable[[], T], alone: Callable[[], T] | None, error: JournalFull, seen: int
    ) -> T:
        """
        Make room and try again; return what that returns.

        Args:
            attempt: What was tried.

            alone: The same within `with_ballast`, for what must not be turned away.

            error: What the first attempt met.

            seen: `reliefs` before that.

        Raises:
            JournalFull: There is no room, and none to be made. Nothing was written.
        """
        is_squeezed = False
        while True:
            if self.reliefs == seen and not is_squeezed:
                is_squeezed = True
                self.win_back_log()
            if self.reliefs == seen:
                break
            seen = self.reliefs
            try:
                return attempt()
            except JournalFull as again:
                error = again
        if alone is None:
            raise error
        self._on_debt()
        return alone()

    def with_ballast(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """
        Run a work with the ballast's room at hand; what it leaves of it is ballast again.

        All of it under the store's locks: nobody else may use the room up.
        """
        size = self._ballast.give_up()
        try:
            return work(connection)
        finally:
            try:
                self.wal.empty(connection)
            except SQLAlchemyError:
                pass  # less is left then
            self._ballast.take_back(size)
            self._allow_growth()

    def win_back_log(self) -> bool:
        """
        Empty the log on a full disk; say whether it is empty now.

        What of it is new to the database may need the ballast's room for a moment.
        """
        if not self.wal.size_bytes():
            return True
        try:
            self._exclusively(self._empty_with_ballast)
        except JournalError:
            return False
        if self.wal.owed:
            self._on_debt()
            return False
        self.reliefs += 1
        return True

    def refill(self) -> None:
        """Make the ballast if it is missing, or has become small, and there is plenty of room."""
        self._ballast.make()
        self._allow_growth()

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
            self._exclusively(self._empty_with_ballast)
        except JournalError as error:
            self.wal.owed = True
            log.warning("the journal's log was not emptied", extra={"error": type(error).__name__})
        if self.wal.owed:
            self._on_debt()

    def settle(self) -> float | None:
        """Do what is owed; return in how many seconds to come back, None when nothing is left."""
        self._exclusively(self._settle)
        if self._ballast.size_bytes >= SMALL_BYTES and not self.wal.owed:
            self._pause_s = FIRST_PAUSE_S
            return None
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return self._pause_s

    def _settle(self, connection: Connection) -> None:
        self.refill()
        if self.wal.owed:
            try:
                self.wal.empty(connection)
            except SQLAlchemyError:
                pass  # still owed

    def _empty_with_ballast(self, connection: Connection) -> None:
        try:
            self.wal.empty(connection, EMPTY_WAIT_MS)
        except SQLAlchemyError:
            self.with_ballast(connection, self.wal.empty)

    def _allow_growth(self) -> None:
        self.wal.room_bytes = max(self._ballast.size_bytes // 2, LITTLE_BYTES)
