"""
The open journal file of this process: one writer, one reader, one lock.

However many clients of a process use a folder, they share one `Store`: two
writing connections are what older SQLite can be corrupted by. An operating-system
lock beside the file is held for each write, checkpoint and close.

After an I/O error at a commit its frames may lie in the log whole, and would
come back to life at the next recovery: they are written over before anything
else is, and the file is opened anew.

Source: sqlite.org/wal.html, "the WAL-reset bug", howtocorrupt.html, and
lang_transaction.html, "Response To Errors Within A Transaction".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .._support.clock import Clock
from .._support.filelock import FileLock
from .._support.log import log
from ..errors import ClientClosed, JournalCorrupt, JournalFull, JournalLocked, JournalUnavailable
from . import location, migrations
from .commits import GroupCommit, run_alone
from .disk import Disk
from .engine import (
    APPLICATION_ID,
    DATABASE_ERRORS,
    engine_for,
    is_io_error,
    journal_error,
    mapped,
    open_reader,
    open_writer,
    rows,
    scalar,
)
from .upkeep import upkeep

T = TypeVar("T")

FILE_NAME = "journal.db"
LOCK_NAME = "journal.lock"
LOCK_TIMEOUT_S = 10.0
# Without effect, and a commit all the same: it writes the file's first page. A row that is updated
# to what it is would not do, because SQLite leaves a page alone whose bytes stay the same.
_TOUCH = f"PRAGMA application_id={APPLICATION_ID}"


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
        self.page_bytes = 0
        self._disk = Disk(self.path, self._exclusively, lambda: upkeep.owe(self))
        self._users = 0
        self._writes = self._durable_writes = 0
        self._is_lazy = False
        self._in_doubt = False
        self._closed = False
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._disk.open(self._start)

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

    def run(self, work: Callable[[Connection], T], *, single: bool = False, vital: bool = False) -> T:
        """
        Run `work` in one transaction and return its result once that is on disk.

        Args:
            work: Called with the connection, maybe on another thread, and once
                more when a full disk has kept it from being committed.

            single: It changes the database by one statement at most.

            vital: Not to be turned away by a full disk as long as there is ballast.
        """

        seen = self._disk.reliefs
        try:
            result = self._run_once(work, single)
        except JournalFull as error:
            alone = partial(self._run_alone, work) if vital else None
            result = self._disk.with_relief(lambda: self._run_once(work, single), alone, error, seen)
        self._wrote()
        return result

    def _run_once(self, work: Callable[[Connection], T], single: bool) -> T:
        try:
            return self._commits.run(work, single=single)
        except DATABASE_ERRORS as error:
            raise journal_error(self.path, error) from error

    def _run_alone(self, work: Callable[[Connection], T]) -> T:
        """Run a vital work on a full disk: with the ballast's room, and in a transaction without the others."""

        def around(works: Callable[[Connection], BaseException | None]) -> None:
            self._commit(lambda connection: self._disk.with_ballast(connection, works))

        with mapped(self.path), self._reader_lock:
            return run_alone(around, work)

    def expect(self, size_bytes: int) -> None:
        """Within a work: say that it adds about so many bytes to the database."""
        self._disk.wal.new_bytes += size_bytes

    def wal_bytes(self) -> int:
        """Return how much the write-ahead log takes on disk."""
        return self._disk.wal.size_bytes()

    def used_bytes(self) -> int:
        """Return what the journal takes on disk, its write-ahead log included."""
        return int(self.read("PRAGMA page_count")[0][0]) * self.page_bytes + self.wal_bytes()

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
        """
        Move the log into the database and empty it, so that nothing deleted stays on disk.

        Where a reader of another process or the disk is in the way it is tried
        again later: what the caller has written holds all the same.
        """
        self._disk.checkpoint()

    def make_durable(self) -> None:
        """With durability "normal": put everything committed so far on disk."""
        with self._written:
            seen = self._writes
        if not self._is_lazy or self._durable_writes == seen:
            return

        def sync(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            try:
                connection.exec_driver_sql(_TOUCH)
            finally:
                connection.exec_driver_sql("PRAGMA synchronous=NORMAL")

        # Not among the commits: one of a group runs in its transaction, where the level can't be changed.
        try:
            with mapped(self.path):
                self._under_lock(sync)
        except JournalFull:
            if not self._disk.win_back_log():  # which puts on disk what was in it
                raise
        with self._written:
            self._durable_writes = max(seen, self._durable_writes)
            is_behind = self._durable_writes < self._writes
            self._written.notify_all()
        if is_behind:
            upkeep.owe(self)

    def wait_until_durable(self, timeout_s: float) -> bool:
        """Wait until everything written here would survive power loss; False when the time is up first."""
        with self._written:
            return self._written.wait_for(
                lambda: not self._is_lazy or self._durable_writes == self._writes, timeout_s
            )

    def settle(self) -> float | None:
        """Called by the upkeep: do what is owed, and say when to come again."""
        if self._closed:
            return None
        self.make_durable()
        return self._disk.settle()

    def _fresh_locks(self) -> None:
        self._reader_lock = threading.Lock()  # guards the reading connection while it is in use
        self._written = threading.Condition()  # guards _writes; waiters of wait_for_write sleep on it
        # _use guards the writing connection: held with the operating-system lock, by the leader alone.
        # Whoever takes both takes _reader_lock first: a checkpoint, a close, a fork.
        self._use = threading.Lock()
        self._commits = GroupCommit(self._commit)

    def _start(self) -> None:
        self._fresh_locks()
        try:
            self._lock = FileLock(self.folder / LOCK_NAME)
        except OSError as error:
            raise JournalUnavailable(
                f"{self.folder / LOCK_NAME} can't be opened ({error.strerror}); make its folder writable"
            ) from error
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
            self._disk.refill()
        except BaseException:
            self._disconnect()
            self._lock.close()
            raise
        self._lock.release()

    def _strengthen(self) -> None:
        """A second client of this process asked for more: from here on both survive power loss."""
        self.make_durable()
        self.durable, self._is_lazy = True, False
        with mapped(self.path):
            self._under_lock(lambda connection: connection.exec_driver_sql("PRAGMA synchronous=FULL"))

    def _open_writer(self) -> Connection:
        is_wal = location.is_local(self.folder)
        writer = self._writer = open_writer(engine_for(self.path), wal=is_wal, durable=self.durable)
        self._is_lazy = is_wal and not self.durable
        self.page_bytes = int(scalar(writer, "PRAGMA page_size"))
        return writer

    def _stop(self) -> None:
        upkeep.drop(self)
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
        """Return the reading connection, opened anew after a fork or an interrupt. Called with _reader_lock held."""
        self._check_open()
        if self._reader is None or self._reader.invalidated:
            self._reader = open_reader(engine_for(self.path))
        return self._reader

    def _writing(self) -> Connection:
        """
        Return the writing connection, opened anew after a fork or an interrupt.

        Called with _use and the file lock held. SQLAlchemy closes a connection
        that is interrupted (Ctrl-C) in the middle of a statement.
        """
        self._check_open()
        if self._writer is None or self._writer.invalidated:
            return self._open_writer()
        return self._writer

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was closed; open a new one")

    def _under_lock(self, work: Callable[[Connection], object]) -> None:
        with self._use:
            self._check_open()
            if not self._lock.acquire(LOCK_TIMEOUT_S):
                raise JournalLocked(f"another process holds the journal {self.path}; call again")
            try:
                if self._in_doubt:
                    self._write_over()
                work(self._writing())
            finally:
                self._lock.release()

    def _exclusively(self, work: Callable[[Connection], object]) -> None:
        """Run a work while no thread of this process reads or writes."""
        with mapped(self.path), self._reader_lock:
            self._under_lock(work)

    def _commit(self, works: Callable[[Connection], BaseException | None]) -> None:
        """Run the works of a group; see to the file after a database error, and to the log after a commit."""

        self._under_lock(partial(self._run_works, works))

    def _run_works(self, works: Callable[[Connection], BaseException | None], connection: Connection) -> None:
        try:
            error = works(connection)
        except BaseException as raised:
            self._after_error(raised)
            raise
        if error is None:
            self._disk.after_commit(connection)
        else:
            self._after_error(error)

    def _after_error(self, error: BaseException) -> None:
        """Called with _use and the file lock held."""
        if not is_io_error(error):
            return
        self._in_doubt = True
        try:
            self._write_over()
        except SQLAlchemyError:  # tried again before the next work, whose caller is told if it fails again
            log.error("the journal can't be written", extra={"error": type(error).__name__})

    def _write_over(self) -> None:
        """Commit over what a failed commit may have left in the log, and have the file opened anew."""
        connection = self._writing()
        connection.exec_driver_sql(_TOUCH)
        self._in_doubt, self._writer = False, None
        connection.close()

    def _wrote(self) -> None:
        with self._written:
            self._writes += 1
            is_first = self._is_lazy and self._writes == self._durable_writes + 1
            self._written.notify_all()
        if is_first:
            upkeep.owe(self)

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
        self._durable_writes = self._writes  # what was written before is the parent's to make durable


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
    upkeep.after_fork()
    for store in list(Store._open.values()):
        try:
            store._after_fork_in_child()
        except OSError as error:  # a child that can't open the journal must still run; its next call says why
            log.error("journal not reopened after fork", extra={"error": type(error).__name__})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
