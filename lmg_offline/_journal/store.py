"""
The open journal file of this process: one writer, one reader, one lock.

However many clients of a process use a folder, they share one `Store`: two
writing connections are what older SQLite can be corrupted by. An operating-system
lock beside the file is held for each write, checkpoint and close.

After an I/O error at a commit its frames may lie in the log whole, and would
come back to life at the next recovery: they are written over before anything
else is, and the file is opened anew.

A damaged journal is recovered where it is met, at the opening or in a call, and
the call is made again. The new journal is another file of the same name: before
each use every process looks whether the file it has open is the one at the path,
and opens that one if it is not. SQLite leaves the log of a file alone whose name
another has now, so the old one can be let go of at any time.

Source: sqlite.org/wal.html, "the WAL-reset bug", howtocorrupt.html, and
lang_transaction.html, "Response To Errors Within A Transaction".
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .._support.bell import Bell
from .._support.clock import Clock
from .._support.filelock import FileLock
from .._support.log import log
from ..errors import ClientClosed, JournalCorrupt, JournalFull, JournalLocked, JournalUnavailable
from . import aside, location, migrations
from .aside import Aside
from .ballast import FILE_NAME as BALLAST_NAME
from .commits import GroupCommit, run_alone
from .disk import Disk
from .engine import (
    APPLICATION_ID,
    DATABASE_ERRORS,
    Driver,
    driver_connection,
    engine_for,
    is_io_error,
    journal_error,
    mapped,
    open_reader,
    open_writer,
    rows,
    scalar,
    shown_cause,
)
from .keys import LANE_SHIFT
from .mark import FILE_NAME as MARK_NAME
from .mark import Mark
from .records import Recovery
from .upkeep import upkeep

T = TypeVar("T")
# Which file it is: its device and its number there.
_File = tuple[int, int]

FILE_NAME = "journal.db"
LEASE_NAME = "lease.db"
LOCK_NAME = "journal.lock"
LOCK_TIMEOUT_S = 10.0
# About what a write takes that need not wait.
GIVE_WAY_S = 0.0002
# A journal that is damaged again right after it was recovered is not recovered for ever.
MOST_RECOVERIES = 2
# Every name that this package opens in the folder, SQLite's own beside them.
FILES = (
    LOCK_NAME,
    MARK_NAME,
    *(FILE_NAME + suffix for suffix in ("", "-wal", "-shm", "-journal", ".new")),
    *(LEASE_NAME + suffix for suffix in ("", "-journal")),
    *(BALLAST_NAME + suffix for suffix in ("", ".new")),
)
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
        self._name = str(self.path)
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
        self._driver: Driver | None = None  # beneath the writer; asked of SQLAlchemy at each write it takes a while
        self._reader: Connection | None = None
        self._reader_file: _File | None = None
        self._readers = 0  # how many there have been
        # The journal's file as it was opened last: another one of its name is another journal.
        self._file: _File | None = None
        self._openings = 0
        self._mark = Mark(folder)
        self._reaches: int | None = None  # of what is being committed; guarded by _use
        self._listeners: list[Callable[[Recovery], None]] = []
        self._has_news = False
        self.recovery: Recovery | None = None
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

    def close(self, timeout_s: float = LOCK_TIMEOUT_S) -> None:
        """
        Give the store up; the last user checkpoints and closes the file. Safe to call again.

        Args:
            timeout_s: How long to wait for another process or thread that is
                writing. After that the file is left as it is, which loses nothing:
                the next opening takes in its log.
        """
        with self._registry:
            if self._users == 0:
                return
            self._users -= 1
            if self._users:
                return
            self._open.pop(os.path.realpath(self.folder), None)
            self._closed = True
            self._stop(timeout_s)

    def run(self, work: Callable[[Connection], T], *, single: bool = False, vital: bool = False) -> T:
        """
        Run `work` in one transaction and return its result once that is on disk.

        Args:
            work: Called with the connection, maybe on another thread, and once
                more when a full disk or a damaged journal has kept it from being committed.

            single: It changes the database by one statement at most.

            vital: Not to be turned away by a full disk as long as there is ballast.
        """

        result = self._healed(lambda: self._run(work, single, vital))
        self._wrote()
        return result

    def _run(self, work: Callable[[Connection], T], single: bool, vital: bool) -> T:
        seen = self._disk.reliefs
        try:
            return self._run_once(work, single)
        except JournalFull as error:
            alone = partial(self._run_alone, work) if vital else None
            return self._disk.with_relief(lambda: self._run_once(work, single), alone, error, seen)

    def _run_once(self, work: Callable[[Connection], T], single: bool) -> T:
        try:
            return self._commits.run(work, single=single)
        except DATABASE_ERRORS as error:
            raise journal_error(self.path, error) from shown_cause(error)

    def _run_alone(self, work: Callable[[Connection], T]) -> T:
        """Run a vital work on a full disk: with the ballast's room, and in a transaction without the others."""

        def around(works: Callable[[Connection], BaseException | None]) -> None:
            self._commit(lambda connection: self._disk.with_ballast(connection, works))

        with mapped(self.path), self._reader_lock:
            return run_alone(around, work)

    @property
    def driver(self) -> Driver:
        """Within a work: the driver's connection, for what goes without SQLAlchemy's books."""
        if self._driver is None:
            raise AssertionError("unreachable: there is no work without the writing connection")
        return self._driver

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
        return self._healed(lambda: self._read(sql, parameters))

    def _read(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with mapped(self.path), self._reader_lock:
            connection = self._reading()
            try:
                return rows(connection, sql, parameters)
            except BaseException:
                driver_connection(connection).end()
                raise

    def read_with(self, work: Callable[[Connection], T]) -> T:
        """Run several queries that see one state of the journal; once more when it was damaged."""
        return self._healed(lambda: self._read_with(work))

    def _read_with(self, work: Callable[[Connection], T]) -> T:
        with mapped(self.path), self._reader_lock:
            connection = self._reading()
            driver = driver_connection(connection)
            try:
                connection.exec_driver_sql("BEGIN")
                return work(connection)
            finally:
                driver.end()

    def give_way(self) -> None:
        """
        Let a call of another thread go first that is writing just now. For who has long to compute, not in a work.

        Python lets a thread that computes go on for 5 ms before another has its turn, and a write needs several.
        """
        if self._commits.is_busy:
            time.sleep(GIVE_WAY_S)

    def version(self) -> int:
        """Return a number that changes when any connection has written, this process's writer included."""
        readers = self._readers  # before: each connection counts by itself, from the same number
        return readers << 32 | int(self.read("PRAGMA data_version")[0][0])

    def reaches(self, position: int) -> None:
        """
        Within a work, as the last thing it does: say which key of the current lane it has come to.

        Noted beside the journal once it is committed; see `mark.py`. A work that fails after this would have
        more noted than there is, which is taken for damage.
        """
        self._reaches = position

    def drop_damaged(self) -> int:
        """Remove what damaged journals have left: it holds what people wrote. Return how many there were."""
        return aside.drop(self.folder)

    def recover(self) -> None:
        """Recover the journal as if it had been found damaged in a call."""
        self._heal(self._openings)
        self._tell()

    def on_recovery(self, listener: Callable[[Recovery], None]) -> Callable[[], None]:
        """
        Call `listener` when this process or another has recovered the journal, on the thread that finds out.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    def note_told(self, recovery_id: int) -> None:
        """The app has heard of this recovery: it is not told at the next opening again."""
        self.run(
            lambda connection: connection.exec_driver_sql(
                "UPDATE recoveries SET told = 1 WHERE recovery_id = ? AND told = 0", (recovery_id,)
            ).rowcount,
            single=True,
            vital=True,
        )

    def _healed(self, attempt: Callable[[], T]) -> T:
        """Make an attempt, and where the journal turns out to be damaged once more when it is recovered."""
        for left in range(MOST_RECOVERIES, -1, -1):
            seen = self._openings
            try:
                result = attempt()
                break
            except JournalCorrupt:
                if not left:
                    raise
            self._heal(seen)
        if self._has_news:
            self._tell()
        return result

    def _heal(self, seen: int) -> None:
        """Recover the journal that was found damaged after the opening of this number, unless somebody has."""
        with mapped(self.path), self._reader_lock, self._use:
            self._check_open()
            self._take_lock()
            try:
                if self._openings == seen:
                    self._close_reader()
                    self._set_aside()
                    self._attach()
            finally:
                self._lock.release()

    def _tell(self) -> None:
        self._has_news = False
        if self.recovery is not None:
            for listener in list(self._listeners):
                listener(self.recovery)

    @property
    def writes(self) -> int:
        """How many writes this process has committed; pass it to `wait_for_write`."""
        with self._written.lock:
            return self._writes

    def wait_for_write(self, seen: int, timeout_s: float) -> int:
        """
        Wait until something was written here after `seen`, or the time is up.

        Returns:
            The number to pass next time; writes of other processes don't wake it.
        """
        bell, gate = self._written, None
        with bell.lock:
            if self._writes == seen:
                gate = bell.gate()
        if gate is not None:
            bell.wait(gate, timeout_s)
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
        seen = self.writes
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
        with self._written.lock:
            self._durable_writes = max(seen, self._durable_writes)
            is_behind = self._durable_writes < self._writes
            self._written.ring()
        if is_behind:
            upkeep.owe(self)

    def wait_until_durable(self, timeout_s: float) -> bool:
        """Wait until everything written here would survive power loss; False when the time is up first."""
        deadline = time.monotonic() + timeout_s
        bell = self._written
        while True:
            with bell.lock:
                if not self._is_lazy or self._durable_writes == self._writes:
                    return True
                gate = bell.gate()
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            bell.wait(gate, left_s)

    def settle(self) -> float | None:
        """Called by the upkeep: do what is owed, and say when to come again."""
        if self._closed:
            return None
        self.make_durable()
        return self._disk.settle()

    def _fresh_locks(self) -> None:
        self._reader_lock = threading.Lock()  # guards the reading connection while it is in use
        self._written = Bell()  # its lock guards _writes and _durable_writes; waiters of wait_for_write sleep on it
        # _use guards the writing connection: held with the operating-system lock, by the leader alone.
        # Whoever takes both takes _reader_lock first: a checkpoint, a close, a fork.
        self._use = threading.Lock()
        self._commits = GroupCommit(self._commit)

    def _start(self) -> None:
        self._fresh_locks()
        location.check_files(self.folder / name for name in FILES)
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
            self._attach()
            self._disk.refill()
        except BaseException:
            self._disconnect()
            self._lock.close()
            raise
        self._lock.release()

    def _attach(self) -> None:
        """
        Open the journal at the path: a new one, the one that is there, or what is recovered from a damaged one.

        Called with the file lock held.
        """
        set_aside = Aside(self.path)
        with mapped(self.path):
            for _ in range(MOST_RECOVERIES):
                self._close_writer()  # readers see for themselves that the file is another one
                set_aside.move()
                if not location.check_file(self.path):
                    if set_aside.unfinished() is None and not self._has_leftovers():
                        self._mark.remove()
                        migrations.create(self.path, self.clock)
                    else:
                        from .recovery import recover  # it is built on what is built on the store

                        if set_aside.unfinished() is None:
                            self._set_aside()
                        recover(self.path, set_aside, self._mark, self.clock)
                else:
                    set_aside.finish()
                try:
                    self._open_sound()
                    return
                except JournalCorrupt as error:
                    log.warning("the journal is damaged", extra={"error": type(error).__name__})
        raise JournalCorrupt(f"the journal {self.path} was recovered and is damaged again; see what its disk does")

    def _has_leftovers(self) -> bool:
        """Whether a log lies there without its journal: it must never be taken for a new one's."""
        beside = (self.path.with_name(self.path.name + suffix) for suffix in ("-wal", "-journal"))
        return any(each.exists() and each.stat().st_size > 0 for each in beside)

    def _open_sound(self) -> None:
        """
        Open the journal that is there, if it is sound; else set it aside before the look at it is closed.

        Closing moves what the log holds into the file: a damaged one is kept as it was found.
        """
        probe: Connection | None = None
        try:
            with mapped(self.path):
                if self.path.stat().st_size == 0:
                    raise JournalCorrupt(f"{self.path} is empty: it was damaged")
                probe = engine_for(self.path).connect()
                migrations.upgrade(probe, self.path)
                check_reached(probe, self.path, self._mark)
                before, self.recovery = self.recovery, last_recovery(probe)
                self._open_writer()
        except JournalCorrupt:
            self._set_aside()
            raise
        finally:
            if probe is not None:
                probe.close()
        is_new = self.recovery is not None and (before is None or before.recovery_id != self.recovery.recovery_id)
        self._has_news = is_new and self._openings > 0
        self._file = _file_at(self._name)
        self._openings += 1

    def _set_aside(self) -> None:
        """Move the journal's files aside, all of them. Called with the file lock held."""
        set_aside = Aside(self.path)
        if sys.platform == "win32":
            self._close_writer()  # an open file can't be moved there
        set_aside.begin(self.clock.wall_ms())
        set_aside.move()

    def _take_lock(self) -> None:
        """
        Take the file lock, and see that the journal that is open is the one at the path. Called with _use held.

        Raises:
            JournalLocked: Another process holds it for long.

            JournalUnavailable: The folder, or the journal in it, was removed.
        """
        self._lock_file()
        try:
            if _file_at(self._name) != self._file:
                self._follow()
        except BaseException:
            self._lock.release()
            raise

    def _lock_file(self) -> None:
        if not self._lock.acquire(LOCK_TIMEOUT_S):
            raise JournalLocked(f"another process holds the journal {self.path}; call again")

    def _follow(self) -> None:
        """Open the journal that is at the path now: another process has recovered it, or somebody put one there."""
        if not self._lock.is_current():
            try:
                lock = FileLock(self.folder / LOCK_NAME)
            except OSError as error:
                raise self._removed() from error
            self._lock.close()
            self._lock = lock
            self._lock_file()
        set_aside = Aside(self.path)
        if _file_at(self._name) is None and not set_aside.is_begun():
            raise self._removed()
        self._attach()

    def _removed(self) -> JournalUnavailable:
        return JournalUnavailable(
            f"the journal {self.path} was removed while it was in use; put its folder back, or open the client anew"
        )

    def _strengthen(self) -> None:
        """A second client of this process asked for more: from here on both survive power loss."""
        self.make_durable()
        self.durable, self._is_lazy = True, False
        with mapped(self.path):
            self._under_lock(lambda connection: connection.exec_driver_sql("PRAGMA synchronous=FULL"))

    def _open_writer(self) -> Connection:
        is_wal = location.is_local(self.folder)
        writer = open_writer(engine_for(self.path), wal=is_wal, durable=self.durable)
        self._driver = driver_connection(writer)
        self._writer = writer
        self._is_lazy = is_wal and not self.durable
        self.page_bytes = int(scalar(writer, "PRAGMA page_size"))
        return writer

    def _stop(self, timeout_s: float) -> None:
        upkeep.drop(self)
        deadline = time.monotonic() + timeout_s

        def left_s() -> float:
            return max(0.0, deadline - time.monotonic())

        # Whoever still has one of these finds that the journal is closed, once it is its turn. Then the
        # lock's file stays open, too: closed under a thread that waits for it, its number might be another file's.
        with ExitStack() as held:
            for lock in (self._reader_lock, self._use):
                if not lock.acquire(timeout=left_s()):
                    return
                held.callback(lock.release)
            if self._lock.acquire(left_s()):
                self._disconnect()
                self._lock.release()
            self._lock.close()
            self._mark.close()

    def _disconnect(self) -> None:
        self._close_reader()
        self._close_writer()

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        _close(reader)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        _close(writer)

    def _reading(self) -> Connection:
        """
        Return the reading connection, opened anew after a fork or a recovery, with nothing begun on it.

        Called with _reader_lock held. It is opened under the file lock: the
        file and the log that SQLite opens by their names must belong together.
        """
        self._check_open()
        if self._reader is None or _file_at(self._name) != self._reader_file:
            with self._use:
                self._take_lock()
                try:
                    self._close_reader()
                    self._readers += 1
                    self._reader = open_reader(engine_for(self.path))
                    self._reader_file = self._file
                    scalar(self._reader, "SELECT 1 FROM device")
                finally:
                    self._lock.release()
        driver_connection(self._reader).end()  # an interrupt may have come just when that was to be done
        return self._reader

    def _writing(self) -> Connection:
        """
        Return the writing connection, opened anew after a fork, with nothing begun on it.

        Called with _use and the file lock held.
        """
        self._check_open()
        if self._writer is None:
            return self._open_writer()
        self.driver.end()  # an interrupt may have come just when that was to be done
        return self._writer

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was closed; open a new one")

    def _under_lock(self, work: Callable[[Connection], object]) -> None:
        with self._use:
            self._check_open()
            self._take_lock()
            try:
                if self._in_doubt:
                    self._write_over()
                work(self._writing())
            except BaseException:
                if self._writer is not None:
                    self.driver.end()
                raise
            finally:
                self._lock.release()

    def _exclusively(self, work: Callable[[Connection], object]) -> None:
        """Run a work while no thread of this process reads or writes."""
        with mapped(self.path), self._reader_lock:
            self._under_lock(work)

    def _commit(self, works: Callable[[Connection], BaseException | None]) -> None:
        """Run the works of a group; see to the file after a database error, to the mark and the log after a commit."""

        self._under_lock(partial(self._run_works, works))

    def _run_works(self, works: Callable[[Connection], BaseException | None], connection: Connection) -> None:
        self._reaches = None
        try:
            error = works(connection)
        except BaseException as raised:
            self._after_error(raised)
            raise
        if error is not None:
            self._after_error(error)
            return
        if self._reaches is not None:
            self._mark.write(self._reaches)
        self._disk.after_commit(connection)

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
        with self._written.lock:
            self._writes += 1
            is_first = self._is_lazy and self._writes == self._durable_writes + 1
            self._written.ring()
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
        self._fresh_locks()
        self._durable_writes = self._writes  # what was written before is the parent's to make durable
        self._lock.abandon()


def check_reached(probe: Connection, path: Path, mark: Mark) -> None:
    """
    See that the journal knows of what was committed to it.

    Raises:
        JournalCorrupt: Its mark says more.
    """
    reached = mark.read()
    if reached is None:
        return
    last = scalar(
        probe,
        "SELECT max(l.last_position, coalesce((SELECT e.position FROM entries e"
        " WHERE e.position < (l.lane_id + 1) << 32 ORDER BY e.position DESC LIMIT 1), 0))"
        " FROM lanes l WHERE l.lane_id = ?",
        (reached >> LANE_SHIFT,),
    )
    if last is None or last < reached:
        raise JournalCorrupt(f"the journal {path} has lost what was committed to it")


def _close(connection: Connection | None) -> None:
    """Close a connection to a file that may be damaged, or be another journal's by now."""
    if connection is not None:
        try:
            connection.close()
        except DATABASE_ERRORS as error:
            log.debug("connection not closed", extra={"error": type(error).__name__})


def _file_at(path: str) -> _File | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - at every use of the journal: a Path would take three times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def last_recovery(connection: Connection) -> Recovery | None:
    """Return the last one of the journal's life, or None."""
    found = rows(
        connection,
        "SELECT recovery_id, at, recovered, lost, folder, told FROM recoveries ORDER BY recovery_id DESC LIMIT 1",
    )
    return Recovery(*found[0]) if found else None


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
        store._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
