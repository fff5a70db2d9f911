"""
Group commit with leader hand-off.

A caller that finds nobody committing leads: it commits for all who wait, then
hands the lead to the first of those who arrived meanwhile. Everyone else sleeps
on a lock of its own, so nobody fights for a shared one.

Guarantees: works run one after another, in the order of arrival, on the one
writing connection; a caller returns after its own work is committed, or gets
the error that met it. A work that fails takes nobody else's down, unless the
database rolled the whole transaction back (disk full, I/O error). A leader that
is interrupted (Ctrl-C) leaves the others' works to the next one, unless they
are committed: then their callers return.

Source: sqlite.org/lang_transaction.html: on SQLITE_FULL and SQLITE_IOERR the
database may have ended the transaction, and says so (`in_transaction`). A COMMIT
that failed has committed nothing that this process or another would see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..errors import JournalUnavailable
from .engine import driver_connection

T = TypeVar("T")
Work = Callable[[Connection], T]


class _Request(Generic[T]):
    """One caller's work, and what came of it."""

    __slots__ = ("answered", "committed", "error", "gate", "leads", "result", "single", "work")

    def __init__(self, work: Work[T], single: bool) -> None:
        self.work = work
        self.single = single
        self.result: T | None = None
        self.error: BaseException | None = None
        self.answered = self.committed = False
        self.leads = False
        self.gate = threading.Lock()
        self.gate.acquire()


class GroupCommit:
    """Runs works on one connection, as few commits as possible."""

    def __init__(self, around: Callable[[Callable[[Connection], BaseException | None]], None]) -> None:
        """
        Args:
            around: Calls back with the connection while the operating-system
                lock is held, and gets back the error of the database that kept
                a commit from happening; does what must follow before it returns.
        """
        self._around = around
        # _mutex guards _waiting and _leading. Nothing slow happens while it is held.
        self._mutex = threading.Lock()
        self._waiting: list[_Request[Any]] = []
        self._leading = False

    def run(self, work: Work[T], *, single: bool = False) -> T:
        """
        Run `work` in a transaction and return its result once that is committed.

        Args:
            work: Called with the connection, maybe on another thread.

            single: It changes the database by one statement at most, so that
                alone it needs no BEGIN.
        """
        request: _Request[T] = _Request(work, single)
        with self._mutex:
            self._waiting.append(request)
            follows = self._leading
            self._leading = True
        if follows:
            self._wait(request)
        if not request.answered:
            self._lead()
        if request.error is not None:
            raise request.error
        return request.result  # type: ignore[return-value]  # answered without error: work's own result

    def _wait(self, request: _Request[Any]) -> None:
        try:
            request.gate.acquire()
        except BaseException:
            # Interrupted (Ctrl-C) while asleep. 1. Not begun: take the work back. 2. Made leader in
            # between: pass the lead on. 3. Begun by another: it is committed without us.
            with self._mutex:
                if request in self._waiting:
                    self._waiting.remove(request)
                if request.leads:
                    self._hand_over()
            raise

    def _lead(self) -> None:
        with self._mutex:
            batch, self._waiting = self._waiting, []
        try:
            self._around(lambda connection: _execute(connection, batch))
        except BaseException as error:
            if not isinstance(error, Exception):
                batch = self._leave(batch)
                raise
            for request in batch:
                request.error = request.error or error
        finally:
            with self._mutex:
                self._hand_over()
            for request in batch:
                request.answered = True
                if request.gate.locked():
                    request.gate.release()

    def _leave(self, batch: list[_Request[Any]]) -> list[_Request[Any]]:
        """Interrupted: put the others' works back where they are not committed; return those that are."""
        done = [request for request in batch if request.committed]
        with self._mutex:
            for request in reversed(batch[1:]):
                if not request.committed:
                    request.result = request.error = None
                    self._waiting.insert(0, request)
        return done

    def _hand_over(self) -> None:
        """Wake the first of those who wait as leader. Called with _mutex held."""
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].gate.release()
        else:
            self._leading = False


def _execute(connection: Connection, batch: list[_Request[Any]]) -> BaseException | None:
    """Run the works and commit; return the error of the database that undid them, if one did."""
    if len(batch) == 1 and batch[0].single:
        _attempt(connection, batch[0])
        return batch[0].error
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        for request in batch:
            if len(batch) == 1 or request.single:
                _attempt(connection, request)
            else:
                _attempt_apart(connection, request)
            if not driver_connection(connection).in_transaction:
                return _fail_all(batch, request)
        if len(batch) == 1 and batch[0].error is not None:
            connection.exec_driver_sql("ROLLBACK")
            return batch[0].error
        _commit(connection, batch)
    except BaseException:
        if driver_connection(connection).in_transaction:
            connection.exec_driver_sql("ROLLBACK")
        raise
    return None


def _commit(connection: Connection, batch: list[_Request[Any]]) -> None:
    try:
        connection.exec_driver_sql("COMMIT")
    except Exception:
        raise
    except BaseException:
        # Interrupted: it has happened if the transaction is over, because no error of the database came.
        if not driver_connection(connection).in_transaction:
            _mark_committed(batch)
        raise
    _mark_committed(batch)


def _mark_committed(batch: list[_Request[Any]]) -> None:
    for request in batch:
        request.committed = True


def _attempt(connection: Connection, request: _Request[Any]) -> None:
    try:
        request.result = request.work(connection)
    except Exception as error:  # kept for the caller whose work it is, and raised there
        request.error = error


def _attempt_apart(connection: Connection, request: _Request[Any]) -> None:
    connection.exec_driver_sql("SAVEPOINT work")
    _attempt(connection, request)
    if driver_connection(connection).in_transaction:
        if request.error is not None:
            connection.exec_driver_sql("ROLLBACK TO work")
        connection.exec_driver_sql("RELEASE work")


def _fail_all(batch: list[_Request[Any]], culprit: _Request[Any]) -> BaseException | None:
    """The database rolled the whole transaction back: nobody's work is there. Return why."""
    cause = culprit.error
    for request in batch:
        if request.error is None:
            request.result = None
            request.error = (
                cause
                if isinstance(cause, SQLAlchemyError)
                else JournalUnavailable("the journal rolled the transaction back; call again")
            )
    return cause
