"""The held connections to the journal's file, their pragmas, and the mapping of database errors."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.pool import NullPool

from ..errors import JournalCorrupt, JournalError, JournalFull, JournalLocked, JournalUnavailable

APPLICATION_ID = 0x4C4D476F  # "LMGo"
BUSY_TIMEOUT_S = 5.0
_SHARED_BYTES = 32 * 1024
_MOST_CURSORS = 100  # that are remembered before those that are gone are left out
# A damaged file can hold texts that are none, in its tables and in what SQLite says of them.
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError)

# SQLAlchemy logs every row it reads at DEBUG, hide_parameters or not, and an app that looks into
# its own database so would have our people in its log. Under a name of its own, and kept quiet.
LOGGING_NAME = "lmg_offline"
logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}").setLevel(logging.WARNING)

# Source for each: sqlite.org/pragma.html.
_EVERY_CONNECTION = (
    "PRAGMA trusted_schema=OFF",  # a doctored schema can't call functions
    "PRAGMA cell_size_check=ON",  # a corrupt page is an error, not a crash
    "PRAGMA foreign_keys=ON",
    "PRAGMA mmap_size=0",  # an I/O error must be an error, not a signal
    "PRAGMA temp_store=MEMORY",  # nothing personal in temporary files
)
_WRITER = (
    "PRAGMA secure_delete=ON",  # deleted rows are overwritten
    "PRAGMA fullfsync=1",  # macOS: flush the drive, not only its cache
    "PRAGMA wal_autocheckpoint=0",  # checkpoints run under our lock alone
)


@lru_cache(maxsize=16)
def engine_for(path: Path) -> Engine:
    """
    Return the engine of a file: its every connection is new, in autocommit, and shows no values in errors.

    Made once. Making one takes the lock of Python's logging, which an interrupt at the wrong instruction leaves
    locked for ever; and connections are opened anew after a fork, a recovery and an I/O error.
    """
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        hide_parameters=True,
        logging_name=LOGGING_NAME,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={
            "check_same_thread": False,
            "timeout": BUSY_TIMEOUT_S,
            "cached_statements": 256,
            "factory": Driver,
        },
    )
    event.listen(engine, "handle_error", _keep_open)
    return engine


class Driver(sqlite3.Connection):
    """
    A connection that can end what an interrupt (Ctrl-C) left half-done.

    A statement that has not come to its end keeps SQLite's locks, its connection closed or not, for as long as
    its cursor lives; and the traceback of the interrupt holds the cursor.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._cursors: list[weakref.ref[sqlite3.Cursor]] = []

    def cursor(self, *arguments: Any) -> Any:
        """As in the driver."""
        made = super().cursor(*arguments)
        if len(self._cursors) >= _MOST_CURSORS:
            self._cursors = [known for known in self._cursors if known() is not None]
        self._cursors.append(weakref.ref(made))
        return made

    def end(self) -> None:
        """End all statements since the last time, and roll the transaction back if one is open."""
        while self._cursors:
            cursor = self._cursors[-1]()
            if cursor is not None:
                cursor.close()
            self._cursors.pop()
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """As in the driver, and let go of the file at once."""
        with suppress(sqlite3.Error):  # closed before, or damaged
            self.end()
        super().close()


def _keep_open(context: ExceptionContext) -> None:
    """Have SQLAlchemy close the cursor alone that an interrupt met, and not its connection: see `Driver`."""
    if not isinstance(context.original_exception, Exception):
        context.is_disconnect = False


if hasattr(os, "register_at_fork"):  # another thread may just have been in one
    os.register_at_fork(after_in_child=engine_for.cache_clear)


def open_writer(engine: Engine, *, wal: bool, durable: bool) -> Connection:
    """
    Open the connection that alone writes and checkpoints in this process.

    Args:
        wal: False where the file system is not local.

        durable: True: each commit is synced.
    """
    connection = engine.connect()
    for pragma in (*_EVERY_CONNECTION, *_WRITER):
        connection.exec_driver_sql(pragma)
    connection.exec_driver_sql(f"PRAGMA journal_mode={'WAL' if wal else 'TRUNCATE'}").fetchall()
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable or not wal else 'NORMAL'}")
    return connection


def open_reader(engine: Engine) -> Connection:
    """Open a connection that can't write."""
    connection = engine.connect()
    for pragma in (*_EVERY_CONNECTION, "PRAGMA query_only=ON"):
        connection.exec_driver_sql(pragma)
    return connection


def rows(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one query and fetch all of it, so that no cursor stays open."""
    return [tuple(row) for row in connection.exec_driver_sql(sql, tuple(parameters)).fetchall()]


def scalar(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """Return the first column of the first row, or None."""
    row = connection.exec_driver_sql(sql, tuple(parameters)).first()
    return None if row is None else row[0]


def driver_connection(connection: Connection) -> Driver:
    """Return the driver's connection beneath, for what only it can tell and do."""
    found = connection.connection.driver_connection
    if not isinstance(found, Driver):
        raise AssertionError("unreachable: the journal runs on its own kind of connection")
    return found


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn an error of the database or the system into one of ours, which names the file and the way out."""
    try:
        yield
    except DATABASE_ERRORS as error:
        raise journal_error(path, error) from shown_cause(error)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JournalFull(f"no room for the journal {path}; free disk space and call again") from error
        raise JournalUnavailable(
            f"the journal {path} can't be used ({error.strerror}); see that its folder is writable"
        ) from error


def shown_cause(error: BaseException) -> BaseException | None:
    """Return the error for a traceback; None for one whose message holds a piece of the journal."""
    return None if _is_decode_error(error) else error


def _is_decode_error(error: BaseException) -> bool:
    """Say whether a text could not be decoded: the driver gives no result code then."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, UnicodeDecodeError):
        return True
    return isinstance(original, sqlite3.OperationalError) and getattr(original, "sqlite_errorcode", None) is None


def journal_error(path: Path, error: BaseException) -> JournalError:
    """Return our error for one of the database's, by its result code and never by its text."""
    if isinstance(error, StatementError):
        error.params = None  # it becomes the cause of ours, and would take what was written along
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR_SHMSIZE and _is_full(path.parent)):
        return JournalFull(f"no room for the journal {path}; free disk space and call again")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalLocked(f"another process holds the journal {path}; call again")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or _is_decode_error(error):
        return JournalCorrupt(f"the journal {path} is damaged; open it again to have it recovered")
    name = getattr(original, "sqlite_errorname", type(original).__name__)
    return JournalUnavailable(f"the journal {path} can't be used ({name}); see that its folder is writable")


def _is_full(folder: Path) -> bool:
    """Say whether there is no room for what SQLite's connections share: that is a file, and its error does not tell."""
    try:
        return shutil.disk_usage(folder).free < _SHARED_BYTES
    except OSError:
        return False


def is_io_error(error: BaseException) -> bool:
    """Say whether the operating system failed at a read, write or sync: what was committed then is not known."""
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_IOERR


def is_schema_error(error: BaseException) -> bool:
    """Say whether a statement of ours did not fit the tables that are there."""
    original = getattr(error, "orig", None) or error
    return getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive power loss, where the system can."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
