"""
A deadline for an exchange with the network that cannot be ignored.

urllib3's time-outs bound neither a reply that drips nor a silent resolver, so
the exchange runs on a daemon thread of its own. When the time is up its socket
is shut down; a thread that is stuck below that (in getaddrinfo) is left behind,
and the next exchange gets a new one.

Source: measured; a total time-out of 1 s took 7.9 s on a dripping body.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_LEFT_BEHIND = 4
LOOK_S = 1.0


class DeadlineExceeded(Exception):
    """The time was up, or the runner was closed, before the work was done."""


class _Job(Generic[T]):
    __slots__ = ("_done", "error", "result", "work")

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: Exception | None = None
        # Held until the work is done. A plain lock, not an Event: an interrupt leaves it whole.
        self._done = threading.Lock()
        self._done.acquire()

    @property
    def is_done(self) -> bool:
        """The result or the error is there."""
        return not self._done.locked()

    def done(self) -> None:
        """Let the one who waits go on. Safe to call again."""
        try:
            self._done.release()
        except RuntimeError:
            pass  # by the other thread that may call this: the work's, or the one that closes

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is done or the time is up; say whether it is done."""
        is_done = self._done.acquire(timeout=min(max(0.0, timeout_s), threading.TIMEOUT_MAX))
        if is_done:
            self._done.release()
        return is_done


class DeadlineRunner:
    """Runs one work at a time on its own thread, started when first needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        # _lock guards everything below. No work runs and nothing waits while it is held.
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job[object] | None] | None = None
        self._current: _Job[object] | None = None
        self._sockets: set[socket.socket] = set()
        self._left_behind: list[threading.Thread] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, work: Callable[[], T], deadline_s: float, meanwhile: Callable[[], None] = lambda: None) -> T:
        """
        Return the work's result.

        Args:
            meanwhile: Called on this thread while the work runs, and within its deadline as far as it goes.

        Raises:
            DeadlineExceeded: It took longer than `deadline_s`, or `close` was called.

            RuntimeError: The thread was killed over it, or none can be started.

        Whatever the work itself raised comes out as well.
        """
        job = _Job(work)
        with self._lock:
            if self._closed:
                raise DeadlineExceeded
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            if len(self._left_behind) >= MAX_LEFT_BEHIND:
                raise DeadlineExceeded
            if self._jobs is None or self._thread is None or not self._thread.is_alive():
                jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
                thread = threading.Thread(target=_serve, args=(jobs,), name=self._name, daemon=True)
                thread.start()
                self._jobs, self._thread = jobs, thread
            self._jobs.put(job)  # type: ignore[arg-type]  # the queue carries jobs of every result type
            self._current = job  # type: ignore[assignment]
        try:
            deadline = time.monotonic() + deadline_s
            meanwhile()
            is_done = self._wait(job, deadline)
        except BaseException:
            self._give_up()  # interrupted: what is under way must not hold up the next one
            raise
        if not is_done or job.error is _CLOSED:
            self._give_up()
            raise DeadlineExceeded
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # done without error: work's own result

    def _wait(self, job: _Job[T], deadline: float) -> bool:
        """Wait until the work is done, its time is up, or its thread is no more; say whether it is done."""
        while not job.wait(min(LOOK_S, deadline - time.monotonic())):
            thread = self._thread
            if time.monotonic() >= deadline or thread is None or not thread.is_alive():
                return job.is_done
        return True

    def watch(self, sock: socket.socket) -> None:
        """Remember a socket to shut down when the time is up."""
        with self._lock:
            self._sockets = {known for known in self._sockets if known.fileno() >= 0}
            self._sockets.add(sock)

    def close(self) -> None:
        """Break off the work under way and take no more. Safe to call twice."""
        with self._lock:
            self._closed = True
            job, jobs = self._current, self._jobs
            self._jobs = None
        self._shut_sockets()
        if jobs is not None:
            jobs.put(None)
        if job is not None and not job.is_done:
            job.error = _CLOSED
            job.done()

    def _give_up(self) -> None:
        self._shut_sockets()
        with self._lock:
            if self._jobs is not None:
                self._jobs.put(None)
                self._jobs = None
            if self._thread is not None:
                self._left_behind.append(self._thread)
                self._thread = None

    def _shut_sockets(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed already, which is what we want


_CLOSED = DeadlineExceeded()


def _serve(jobs: queue.SimpleQueue[_Job[object] | None]) -> None:
    while (job := jobs.get()) is not None:
        try:
            job.result = job.work()
        except Exception as error:  # handed to the thread that waits
            job.error = job.error or error
        except BaseException as error:  # killed: no reason to end the thread that waits, too
            job.error = job.error or RuntimeError(f"the thread of the request was killed ({type(error).__name__})")
        job.done()
