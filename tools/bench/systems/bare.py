"""The baselines: the same JSON, encoded at each write, appended or inserted and committed. No check of any value."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

from ..work import text
from .port import Place, System

TABLE = "CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)"
INSERT = "INSERT INTO entries (body) VALUES (?)"
BUSY_S = 60.0


def append(place: Place) -> System:
    """A line at the end of a file, and fdatasync."""
    file = os.open(place.folder / "entries.ndjson", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(number: int) -> None:
        os.write(file, text(number).encode() + b"\n")
        os.fdatasync(file)

    return System(write, lambda: os.close(file))


def full(place: Place) -> System:
    """sqlite3, WAL, synchronous=FULL, one commit a write, a connection for each thread."""
    return _each_its_own(place.folder, "FULL")


def normal(place: Place) -> System:
    """The same with synchronous=NORMAL."""
    return _each_its_own(place.folder, "NORMAL")


def shared(place: Place) -> System:
    """One connection for all threads, FULL, and a lock around each write."""
    connection = connected(place.folder, "FULL")
    lock = threading.Lock()  # guards the connection, for one insert with its commit

    def write(number: int) -> None:
        body = text(number)
        with lock:
            connection.execute(INSERT, (body,))

    return System(write, connection.close)


def alchemy_full(place: Place) -> System:
    """SQLAlchemy Core as its tutorial has it: a pool, `begin()` around each write, FULL."""
    return _alchemy(place.folder, "FULL")


def alchemy_normal(place: Place) -> System:
    """The same with NORMAL."""
    return _alchemy(place.folder, "NORMAL")


def connected(folder: Path, synchronous: str) -> sqlite3.Connection:
    """Return a connection in autocommit that any thread may use."""
    connection = sqlite3.connect(folder / "entries.db", timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(TABLE)
    return connection


def _each_its_own(folder: Path, synchronous: str) -> System:
    first = connected(folder, synchronous)
    own = threading.local()
    own.connection = first

    def write(number: int) -> None:
        connection: sqlite3.Connection | None = getattr(own, "connection", None)
        if connection is None:
            connection = own.connection = connected(folder, synchronous)
        connection.execute(INSERT, (text(number),))

    return System(write, first.close)


def _alchemy(folder: Path, synchronous: str) -> System:
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        f"sqlite:///{folder / 'entries.db'}", connect_args={"timeout": BUSY_S}, pool_size=32
    )

    @sqlalchemy.event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")

    table = sqlalchemy.Table(
        "entries",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("seq", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("body", sqlalchemy.Text, nullable=False),
    )
    table.create(engine)
    statement = sqlalchemy.insert(table)

    def write(number: int) -> None:
        with engine.begin() as connection:
            connection.execute(statement, {"body": text(number)})

    return System(write, engine.dispose)
