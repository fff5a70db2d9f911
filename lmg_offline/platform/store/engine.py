"""
The engine: how each database is opened, and how a transaction that writes begins.

Source: SQLite's pages on WAL and on locking; sqlalchemy.org, "pysqlite,
serializable isolation" for the events.
"""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from lmg_offline.platform.store import postgresql
from lmg_offline.platform.store.filelock import FileLock
from lmg_offline.platform.store.unavailable import DatabaseUnavailable, OutcomeUnknown

T = TypeVar("T")

# SQLAlchemy logs every row it reads at DEBUG, whatever hide_parameters says: under a name of its own, kept quiet.
LOGGING_NAME = "lmg_platform"
logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}").setLevel(logging.WARNING)

log = logging.getLogger("lmg_offline.platform")

_WRITES = "lmg_writes"
_TRIES = 8
_MOST_WAIT_S = 0.2
_BUSY_TIMEOUT_S = 30
# Counted after so many transactions that write, for the first time early.
_COUNT_EVERY = 1000
_COUNT_FIRST = 100
# serialization_failure, deadlock_detected, unique_violation
_TRANSIENT_STATES = frozenset({"40001", "40P01", "23505"})


def make_engine(database_url: str) -> Engine:
    """
    Open the platform's database.

    Args:
        database_url: `sqlite:///path` or `postgresql+psycopg://...`. The folder
            of a SQLite file must exist. Several hosts of PostgreSQL are named as
            `postgresql+psycopg://user@/database?host=a:5432&host=b:5432`: the one
            that takes writes is used.

    Raises:
        ValueError: Another kind of database, or SQLite in memory.
        ModuleNotFoundError: The database's driver is not installed; the message says how to.
    """
    url = make_url(database_url)
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(database_url, url.database)
        case "postgresql":
            return postgresql.make_engine(url, LOGGING_NAME)
        case other:
            raise ValueError(f"the platform runs on sqlite or postgresql, not on {other}")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    Begin a transaction that may write, commit it at the end, roll back on an error.

    On SQLite it takes the write lock at once, so that it never fails half-way
    for another writer.
    """
    with ExitStack() as stack:
        gate = _gates.get(engine)
        if gate is not None:
            stack.enter_context(gate.held())
        connection = stack.enter_context(engine.connect().execution_options(**{_WRITES: True}))
        with connection.begin():
            yield connection
        if gate is not None and gate.is_count_due():
            _count(connection)


def _count(connection: Connection) -> None:
    """
    Have SQLite count what its planner goes by: without, it may take the index that all rows of a property are in.

    No more of each index than `analysis_limit`: 5 ms in a database of a million people.
    `PRAGMA optimize`, before SQLite 3.46, leaves out tables that were never counted.
    Source: sqlite.org/lang_analyze.html, 3.
    """
    try:
        with connection.begin():
            connection.exec_driver_sql("ANALYZE")
    except DBAPIError as error:  # a help and no duty: what was written is written
        log.warning("the planner's statistics could not be renewed: %s", type(error.orig).__name__)


def transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """
    Run `work` in one transaction that may write, again from its start when another one came between.

    Also when the connection was lost before the commit began: another host may
    have taken over, and nothing was written.

    Args:
        work: May run several times. What it raises rolls back and is raised here.

    Raises:
        OutcomeUnknown: The connection was lost at the commit.
        DatabaseUnavailable: It was lost again and again before.
        OperationalError: The database can't be reached.
    """
    for tried in range(1, _TRIES):
        try:
            return _try_once(engine, work)
        except DBAPIError as error:
            if not (error.connection_invalidated or is_transient(error)):
                raise
        # Those that stood in one another's way do not meet again at the same instant.
        time.sleep(random.uniform(0, min(_MOST_WAIT_S, 0.002 * 2**tried)))
    try:
        return _try_once(engine, work)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable("the connection is lost again and again; see the database's log") from error
        raise


def _try_once(engine: Engine, work: Callable[[Connection], T]) -> T:
    is_done = False
    try:
        with writing(engine) as connection:
            result = work(connection)
            is_done = True
        return result
    except DBAPIError as error:
        if is_done and error.connection_invalidated:
            raise OutcomeUnknown("the connection was lost at the commit: it may have taken place") from error
        raise


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction, run again from its start, can succeed: another one came between."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _TRANSIENT_STATES
    if isinstance(error, IntegrityError):
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    return isinstance(error, OperationalError) and code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def close_engine(engine: Engine) -> None:
    """Close all connections. The last one of a SQLite file moves its log into the file."""
    gate = _gates.pop(engine, None)
    if gate is None:
        engine.dispose()
        return
    with gate.held():
        engine.dispose()
    gate.close()


class _Gate:
    """
    Lets one transaction of all threads and processes write, its checkpoint included.

    Versions of SQLite before 3.51.3 can corrupt a file in WAL mode when two
    connections write and checkpoint at the same instant. SQLite's own lock ends
    at the commit, before the checkpoint that the commit sets off; this one ends
    after it. It also makes writers queue instead of polling.
    """

    def __init__(self, path: Path) -> None:
        self._thread = threading.Lock()  # guards the file lock, which knows processes only
        self._process = FileLock(path)
        self._writes = 0  # guarded by both

    def is_count_due(self) -> bool:
        """Note that a transaction has written; say whether it is time to count. The caller holds the gate."""
        self._writes += 1
        return self._writes % _COUNT_EVERY == _COUNT_FIRST

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the gate; waits for as long as SQLite would. Raises DatabaseUnavailable after that."""
        if not self._thread.acquire(timeout=_BUSY_TIMEOUT_S):
            raise DatabaseUnavailable("another thread has held the platform's database for too long")
        try:
            if not self._process.acquire(_BUSY_TIMEOUT_S):
                raise DatabaseUnavailable("another process has held the platform's database for too long")
            try:
                yield
            finally:
                self._process.release()
        finally:
            self._thread.release()

    def close(self) -> None:
        """Close the lock's file."""
        self._process.close()


class _File:
    """
    The one file an engine works on: once it was seen, none or another in its place is no database.

    SQLite would make an empty one where it is missing, and take over the log
    that lies beside it; a connection from before would go on writing to what
    nobody will find again. Source: sqlite.org/howtocorrupt.html, 4.4 and 4.5.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def connect(self) -> sqlite3.Connection:
        """Open the file; make it if it was never seen, for its owner alone. Its log and index get its mode."""
        mode = "rwc" if self._seen is None else "rw"
        if self._seen is None:
            try:
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except OSError:
                pass  # it is there, or SQLite says better why it can't be
        uri = f"file:{quote(self._path)}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",
            "analysis_limit=1000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def check(self) -> None:
        """
        Raise unless the file is the one that was seen first.

        Raises:
            DatabaseUnavailable: It is gone, or another one.
        """
        try:
            found = Path(self._path).stat()
        except OSError as error:
            raise DatabaseUnavailable(f"{self._path} is gone; put it back") from error
        if self._seen is None:
            self._seen = (found.st_dev, found.st_ino)
        elif self._seen != (found.st_dev, found.st_ino):
            raise DatabaseUnavailable(f"{self._path} is another file than before; start the platform anew")


_gates: dict[Engine, _Gate] = {}


def _sqlite(database_url: str, file: str | None) -> Engine:
    if not file or file == ":memory:":
        raise ValueError("the platform's database must be a file: threads and processes share it")
    gate = _Gate(Path(f"{file}-write-lock"))
    place = _File(file)
    engine = create_engine(
        database_url,
        hide_parameters=True,
        logging_name=LOGGING_NAME,
        pool_size=20,
        max_overflow=60,
        creator=place.connect,
    )

    def begin(connection: Connection) -> None:
        place.check()
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "begin", begin)
    _gates[engine] = gate
    return engine
