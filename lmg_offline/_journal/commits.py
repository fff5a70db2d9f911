"""
Group commit with leader hand-off.

A caller that finds nobody committing leads: it commits for all who wait, then
hands the lead to the first of those who arrived meanwhile. Everyone else sleeps
on a lock of its own, so nobody fights for a shared one.

Guarantees: works run one after another, in the order of arrival, on the one
writing connection; a caller returns after its own work is committed, or gets
the error that met it. A work that fails takes nobody else's down, unless the
database rolled the whole transaction back (disk full, I/O error). Neighbours
that say so are done together, which is cheaper; if that fails, one by one. A leader that
is interrupted (Ctrl-C) leaves the others' works to the next one, unless they
are committed: then their callers return. One interrupt may come at any
instruction: whatever must be done after it can be done twice.

Source: sqlite.org/lang_transaction.html, "Response To Errors Within A
Transaction": on SQLITE_FULL and SQLITE_IOERR the database may have ended the
transaction, and says so. A COMMIT that failed has committed nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from ..errors import JournalUnavailable
from .engine import DATABASE_ERRORS, Driver, driver_connection

T = TypeVar("T")
Work = Callable[[Connection], T]
# A work with an attribute `together` of this kind can be done with its neighbours that have the same one: it is
# called with all of them and returns their results. If it raises, they are done one by one.
Together = Callable[[Connection, Sequence[Any]], Sequence[Any]]
# Runs the works of a transaction, which return the error that kept it from being committed.
Around = Callable[[Callable[[Connection], BaseException | None]], None]


class _Request(Generic[T]):
    """One caller's work, and what came of it."""

    __slots__ = ("answered", "error", "gate", "result", "single", "work")

    def __init__(self, work: Work[T], single: bool) -> None:
        self.work = work
        self.single = single
        self.result: T | None = None
        self.error: BaseException | None = None
        self.answered = False
        self.gate: threading.Lock | None = None  # of one that waits for another's commit

    def open(self) -> None:
        """Let its caller go on. Interrupted, it may be called again."""
        if self.gate is not None and self.gate.locked():
            self.gate.release()


class _Batch:
    """The works of one transaction, and whether it is committed."""

    __slots__ = ("committed", "requests")

    def __init__(self) -> None:
        self.requests: list[_Request[Any]] = []
        self.committed = False


def run_alone(around: Around, work: Work[T]) -> T:
    """Run one work in a transaction that it shares with no other; `around` as for `GroupCommit`."""
    request = _Request(work, False)
    batch = _Batch()
    batch.requests = [request]
    around(lambda connection: _execute(connection, batch))
    if request.error is not None:
        raise request.error
    return request.result  # type: ignore[return-value]  # without error: work's own result


class GroupCommit:
    """Runs works on one connection, as few commits as possible."""

    def __init__(self, around: Around) -> None:
        """
        Args:
            around: Calls back with the connection while the operating-system
                lock is held, and gets back the error that kept a commit from
                happening; does what must follow before it returns.
        """
        self._around = around
        # _mutex guards _waiting and _leader. Nothing slow happens while it is held.
        self._mutex = threading.Lock()
        self._waiting: list[_Request[Any]] = []
        self._leader: _Request[Any] | None = None

    @property
    def is_busy(self) -> bool:
        """Somebody is committing."""
        return self._leader is not None

    def run(self, work: Work[T], *, single: bool = False) -> T:
        """
        Run `work` in a transaction and return its result once that is committed.

        Args:
            work: Called with the connection, maybe on another thread.

            single: It changes the database by one statement at most, so that
                alone it needs no BEGIN.
        """
        request: _Request[T] = _Request(work, single)
        try:
            with self._mutex:
                if self._leader is None:
                    self._leader = request
                else:
                    request.gate = threading.Lock()
                    request.gate.acquire()
                self._waiting.append(request)
            if request.gate is not None:
                request.gate.acquire()  # until it is answered, or leads
            if not request.answered:
                self._lead(request)
        except BaseException:
            # Interrupted. 1. Not begun: take the work back. 2. Made leader in between: pass the
            # lead on. 3. Begun by another: it is committed without us.
            with self._mutex:
                if request in self._waiting:
                    self._waiting.remove(request)
                self._hand_over(request)
            raise
        if request.error is not None:
            raise request.error
        return request.result  # type: ignore[return-value]  # answered without error: work's own result

    def _lead(self, own: _Request[Any]) -> None:
        batch = _Batch()
        try:
            with self._mutex:
                batch.requests = self._waiting
                self._waiting = []
            self._around(lambda connection: _execute(connection, batch))
        except Exception as error:
            if not batch.committed:
                for request in batch.requests:
                    request.error = request.error or error
        except BaseException:
            if not batch.committed:
                self._put_back(batch, own)
            raise
        finally:
            try:
                self._finish(batch, own)
            except BaseException:
                self._finish(batch, own)
                raise

    def _put_back(self, batch: _Batch, own: _Request[Any]) -> None:
        """Interrupted before the commit: the others' works are the next leader's."""
        with self._mutex:
            others = [request for request in batch.requests if request is not own]
            for request in others:
                request.result = request.error = None
            later = [request for request in self._waiting if request not in batch.requests]
            self._waiting, batch.requests = others + later, [own]

    def _finish(self, batch: _Batch, own: _Request[Any]) -> None:
        with self._mutex:
            self._hand_over(own)
        for request in batch.requests:
            request.answered = True
            request.open()

    def _hand_over(self, own: _Request[Any]) -> None:
        """Make the first of those who wait the leader, if that is still ours to do. Called with _mutex held."""
        if self._leader is own:
            self._leader = self._waiting[0] if self._waiting else None
        if self._leader is not None:
            self._leader.open()


def _execute(connection: Connection, batch: _Batch) -> BaseException | None:
    """Run the works and commit; return the error that undid them, if one did."""
    requests = batch.requests
    if len(requests) == 1 and requests[0].single:
        _attempt(connection, requests[0])
        batch.committed = requests[0].error is None
        return requests[0].error
    driver = driver_connection(connection)
    try:
        driver.execute("BEGIN IMMEDIATE")
        for together, group in _neighbours(requests):
            is_first = group[0] is requests[0]
            if len(group) > 1 and together and _attempt_together(connection, driver, group, together, is_first):
                continue
            if not driver.in_transaction:
                return _fail_all(requests, group[0])
            for request in group:
                if len(requests) == 1 or request.single:
                    _attempt(connection, request)
                else:
                    _attempt_apart(connection, driver, request)
                if not driver.in_transaction:
                    return _fail_all(requests, request)
        if len(requests) == 1 and requests[0].error is not None:
            driver.execute("ROLLBACK")
            return requests[0].error
        _commit(driver, batch)
    except BaseException:
        driver.end()
        raise
    return None


def _neighbours(requests: list[_Request[Any]]) -> Iterator[tuple[Together | None, list[_Request[Any]]]]:
    """Yield those that can be done together, in order; None with those that can't."""
    for together, group in groupby(requests, lambda request: getattr(request.work, "together", None)):
        yield together, list(group)


def _attempt_together(
    connection: Connection, driver: Driver, group: list[_Request[Any]], together: Together, is_first: bool
) -> bool:
    """
    Do them by one call; if that fails nothing of it is done, and whose fault it is shows one by one.

    Args:
        is_first: Nothing of the transaction is done yet, so that it is its own savepoint.
    """
    if not is_first:
        driver.execute("SAVEPOINT work")
    try:
        results = together(connection, [request.work for request in group])
    except Exception as error:
        if not driver.in_transaction:
            group[0].error = error
        elif is_first:
            driver.execute("ROLLBACK")
            driver.execute("BEGIN IMMEDIATE")
        else:
            driver.execute("ROLLBACK TO work")
            driver.execute("RELEASE work")
        return False
    if not is_first:
        driver.execute("RELEASE work")
    for request, result in zip(group, results, strict=True):
        request.result = result
    return True


def _commit(driver: Driver, batch: _Batch) -> None:
    """Commit, and know whether it has happened whatever comes in between."""
    try:
        driver.execute("COMMIT")
        batch.committed = True
    except Exception:
        raise
    except BaseException:
        # Interrupted. No error of the database came, so that it has happened if the transaction is over.
        batch.committed = not driver.in_transaction
        raise


def _attempt(connection: Connection, request: _Request[Any]) -> None:
    try:
        request.result = request.work(connection)
    except Exception as error:  # kept for the caller whose work it is, and raised there
        request.error = error


def _attempt_apart(connection: Connection, driver: Driver, request: _Request[Any]) -> None:
    driver.execute("SAVEPOINT work")
    _attempt(connection, request)
    if driver.in_transaction:
        if request.error is not None:
            driver.execute("ROLLBACK TO work")
        driver.execute("RELEASE work")


def _fail_all(requests: list[_Request[Any]], culprit: _Request[Any]) -> BaseException | None:
    """The database rolled the whole transaction back: nobody's work is there. Return why."""
    cause = culprit.error
    for request in requests:
        if request.error is None:
            request.result = None
            request.error = (
                cause
                if isinstance(cause, DATABASE_ERRORS)
                else JournalUnavailable("the journal rolled the transaction back; call again")
            )
    return cause
