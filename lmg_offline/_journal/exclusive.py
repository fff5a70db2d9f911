"""A SQLite file that one process at a time holds exclusively."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ..errors import JournalCorrupt, JournalLocked, JournalUnavailable
from .engine import engine_for, journal_error, mapped
from .location import check_file


class ExclusiveFile:
    """An open `BEGIN EXCLUSIVE`; the lock goes with the process, or with `close`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def try_open(cls, path: Path) -> ExclusiveFile | None:
        """
        Take the lock without waiting; None when another holds it. Raises JournalError otherwise.

        The file holds nothing: one that was damaged is emptied, and can be locked at the next try.
        """
        with mapped(path):
            if not check_file(path):
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
            connection = engine_for(path).connect()
            try:
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
                # Nothing is ever written to it: without a journal beside it the lock needs no room on a full disk.
                connection.exec_driver_sql("PRAGMA journal_mode=MEMORY")
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
            except DBAPIError as error:
                connection.close()
                found = journal_error(path, error)
                if isinstance(found, JournalCorrupt):
                    _empty(path)
                if isinstance(found, JournalLocked | JournalCorrupt):
                    return None
                raise
        return cls(connection)

    def close(self) -> None:
        """Let the lock go."""
        self._connection.exec_driver_sql("ROLLBACK")
        self._connection.close()


def _empty(path: Path) -> None:
    """By its name, and without opening it: that would drop a lock that is held on it."""
    try:
        os.truncate(path, 0)
    except OSError as error:
        raise JournalUnavailable(f"{path} is damaged and can't be emptied ({error.strerror}); remove it") from error
