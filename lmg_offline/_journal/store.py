"""
The open journal file of this process: one writer, one reader, one lock.

However many clients of a process use a folder, they share one `Store`: two
writing connections are what older SQLite can be corrupted by. An operating-system
lock beside the file is held for each write, checkpoint and close.

Source: sqlite.org/wal.html, "the WAL-reset bug", and howtocorrupt.html.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection

from .._support.clock import Clock
from .._support.filelock import FileLock
from .._support.log import log
from ..errors import ClientClosed, JournalCorrupt, JournalLocked
from . import location, migrations
from .commits import GroupCommit
from .engine import engine_for, mapped, open_reader, open_writer, rows, scalar

T = TypeVar("T")

FILE_NAME = "journal.db"
LOCK_NAME = "journal.lock"
LOCK_TIMEOUT_S = 10.0
CHECKPOINT_EVERY_BYTES = 4 * 1024 * 1024


class Store:
    """Runs works on the journal's file. Open it with `Store.open`, which shares."""

    _open: ClassVar[dict[str, Store]] = {}
    # _registry guards _open and every store's _users. The file may be opened or closed while it is held.
    _registry: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, folder: Path, clock: Clock, durable: bool) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.clock = clock
        self.durable = durable
        self._wal = folder / (FILE_NAME + "-wal")
        self._users = 0
        self._undurable = False
        self._closed = False
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._start()

    @classmethod
    def open(cls, folder: Path, clock: Clock, *, durable: bool) -> Store:
        """
        Open the journal in `folder`, making it if there is none; needs no network.

        Raises:
            JournalError: The folder or file can't be used; the message says why.
        """
        location.prepare(folder)
        name = os.path.realpath(folder)
        with cls._registry:
            store = cls._open.get(name)
            if store is None:
                store = cls._open[name] = cls(folder, clock, durable)
            elif durable and not store.durable:
                store._strengthen()
            store._users += 1
        return store

    def close(self) -> None:
        """Give the store up; the last user checkpoints and closes the file. Safe to call again."""
        with self._registry:
            if self._users == 0:
                return
            self._users -= 1
            if self._users:
                return
            self._open.pop(os.path.realpath(self.folder), None)
            self._closed = True
            self._stop()

    def run(self, work: Callable[[Connection], T], *, single: bool = False) -> T:
        """Run `work` in one transaction and return its result once that is on disk."""
        with mapped(self.path):
            result = self._commits.run(work, single=single)
        self._wrote()
        return result

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query on the reading connection and return every row."""
        with mapped(self.path), self._reader_lock:
            return rows(self._reading(), sql, parameters)

    def read_with(self, work: Callable[[Connection], T]) -> T:
        """Run several queries that see one state of the journal."""
        with mapped(self.path), self._reader_lock:
            connection = self._reading()
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("COMMIT")

    def version(self) -> int:
        """Return a number that changes when any connection has written, this process's writer included."""
        with mapped(self.path), self._reader_lock:
            return int(scalar(self._reading(), "PRAGMA data_version"))

    @property
    def writes(self) -> int:
        """How many writes this process has committed; pass it to `wait_for_write`."""
        with self._written:
            return self._writes

    def wait_for_write(self, seen: int, timeout_s: float) -> int:
        """
        Wait until something was written here after `seen`, or the time is up.

        Returns:
            The number to pass next time; writes of other processes don't wake it.
        """
        with self._written:
            if self._writes == seen:
                self._written.wait(timeout_s)
            return self._writes

    def checkpoint(self) -> None:
        """Move the WAL into the database and empty it, so that nothing deleted stays on disk."""

        def truncate(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        with mapped(self.path), self._reader_lock:
            self._under_lock(truncate)

    def make_durable(self) -> None:
        """With durability "normal": put everything committed so far on disk."""
        if self.durable or not self._undurable:
            return
        self._undurable = False

        def sync(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            try:
                connection.exec_driver_sql("UPDATE sync_state SET failures = failures")
            finally:
                connection.exec_driver_sql("PRAGMA synchronous=NORMAL")

        # Not among the commits: one of a group runs in its transaction, where the level can't be changed.
        try:
            with mapped(self.path):
                self._under_lock(sync)
        except BaseException:
            self._undurable = True
            raise

    def _fresh_locks(self) -> None:
        self._reader_lock = threading.Lock()  # guards the reading connection while it is in use
        self._written = threading.Condition()  # guards _writes; waiters of wait_for_write sleep on it
        # _use guards the writing connection: held with the operating-system lock, by the leader alone.
        # Whoever takes both takes _reader_lock first: a checkpoint, a close, a fork.
        self._use = threading.Lock()
        self._commits = GroupCommit(self._under_lock_checked)

    def _start(self) -> None:
        self._writes = 0
        self._fresh_locks()
        self._lock = FileLock(self.folder / LOCK_NAME)
        if not self._lock.acquire(LOCK_TIMEOUT_S):
            self._lock.close()
            raise JournalLocked(f"another process holds the journal {self.path}; call again")
        try:
            if not location.check_file(self.path):
                migrations.create(self.path, self.clock)
            elif self.path.stat().st_size == 0:
                raise JournalCorrupt(f"{self.path} is empty: it was damaged; move it aside")
            with mapped(self.path), engine_for(self.path).connect() as probe:
                migrations.upgrade(probe, self.path, self.clock)
                self._open_writer()
        except BaseException:
            self._lock.close()
            raise
        self._lock.release()

    def _strengthen(self) -> None:
        """A second client of this process asked for more: from here on both survive power loss."""
        self.make_durable()
        self.durable = True
        with mapped(self.path):
            self._under_lock(lambda connection: connection.exec_driver_sql("PRAGMA synchronous=FULL"))

    def _open_writer(self) -> Connection:
        self._writer = open_writer(engine_for(self.path), wal=location.is_local(self.folder), durable=self.durable)
        return self._writer

    def _stop(self) -> None:
        if self._lock.acquire(LOCK_TIMEOUT_S):
            with self._reader_lock, self._use:
                self._disconnect()
            self._lock.release()
        self._lock.close()

    def _disconnect(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    def _reading(self) -> Connection:
        """Return the reading connection, opened anew after a fork. Called with _reader_lock held."""
        self._check_open()
        if self._reader is None:
            self._reader = open_reader(engine_for(self.path))
        return self._reader

    def _writing(self) -> Connection:
        """Return the writing connection, opened anew after a fork. Called with _use and the file lock held."""
        self._check_open()
        return self._writer or self._open_writer()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was closed; open a new one")

    def _under_lock_checked(self, work: Callable[[Connection], None]) -> None:
        self._under_lock(work)
        if self._wal_bytes() > CHECKPOINT_EVERY_BYTES:
            self._under_lock(lambda connection: connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    def _under_lock(self, work: Callable[[Connection], object]) -> None:
        with self._use:
            self._check_open()
            if not self._lock.acquire(LOCK_TIMEOUT_S):
                raise JournalLocked(f"another process holds the journal {self.path}; call again")
            try:
                work(self._writing())
            finally:
                self._lock.release()

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def _wrote(self) -> None:
        self._undurable = True
        with self._written:
            self._writes += 1
            self._written.notify_all()

    def _before_fork(self) -> None:
        """
        Close both connections, and keep everybody out until the fork is done.

        A child must not inherit an open SQLite handle: even a new connection of
        its own would then believe in locks that only the parent holds, and the
        parent's close would delete the WAL under it. Source: howtocorrupt.html 2.6.
        """
        self._reader_lock.acquire()
        self._use.acquire()
        locked = self._lock.acquire(LOCK_TIMEOUT_S)
        self._disconnect()
        if locked:
            self._lock.release()

    def _after_fork_in_parent(self) -> None:
        self._use.release()
        self._reader_lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock.abandon()
        self._lock = FileLock(self.folder / LOCK_NAME)
        self._fresh_locks()


def _before_fork() -> None:
    Store._registry.acquire()
    for store in Store._open.values():
        store._before_fork()


def _after_fork_in_parent() -> None:
    for store in Store._open.values():
        store._after_fork_in_parent()
    Store._registry.release()


def _after_fork_in_child() -> None:
    Store._registry = threading.RLock()
    for store in list(Store._open.values()):
        try:
            store._after_fork_in_child()
        except OSError as error:  # a child that can't open the journal must still run; its next call says why
            log.error("journal not reopened after fork", extra={"error": type(error).__name__})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
