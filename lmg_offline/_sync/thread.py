"""The sync thread: repeats the runner's step until closed. It starts when first needed, in each process anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._journal.store import Store
from .._support.bell import Bell
from .._support.forks import renew_in_child
from .._support.log import log
from .lease import Lease

if TYPE_CHECKING:
    from .runner import Runner

# So long a new thread leaves the processor to the app, whose first write comes about now: loading takes longer.
START_S = 0.2
POLL_S = 1.0
# Between two requests of a device that writes on and on. At once, each would carry the few entries of the last
# exchange: a request costs both sides a hundred times as much as an entry in it.
LINGER_S = 0.05


class SyncThread:
    """
    Runs steps while this process holds the lease.

    Guarantees: at most one thread per client and process; `close` returns within
    its timeout whatever the network does, because the thread is a daemon that
    holds nothing a later process needs. An unexpected error ends a round, is
    kept for `status()`, and the next round begins after a pause. That holds for
    every kind of error: what an app's callback raises, `SystemExit` included,
    ends no more than the round. A thread that ends all the same starts its
    successor; if it could not even do that, the next call does.

    Attributes:
        error: What ended the last round, in a sentence; None when nothing did.

        restarts: How often it had to be begun anew, for an error that is none of the journal or the network.
    """

    def __init__(
        self, runner: Callable[[], Runner], lease: Lease, store: Store, after_change: Callable[[], None]
    ) -> None:
        """
        Args:
            runner: Returns it; called by the thread, which may have to load it first.
        """
        self._runner_of = runner
        self._runner: Runner | None = None
        self._lease = lease
        self._store = store
        self._after_change = after_change
        self._closing = False
        self.error: str | None = None
        self.restarts = 0
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: the parent's thread is not there, and may have held the lock."""
        # The bell's lock guards _woken, _is_urgent, _may_wait, _closing and _thread. Neither journal nor network is
        # touched while it is held.
        self._bell = Bell()
        # Something was written; some of it is waited for; the thread sleeps, and what nobody waits for lets it.
        self._woken = self._is_urgent = self._may_wait = False
        self._thread: threading.Thread | None = None

    @property
    def sends(self) -> bool:
        """This process is the one that sends."""
        return self._lease.held

    @property
    def is_current(self) -> bool:
        """The caller is this thread itself, so that waiting for it would never end."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Start the thread unless it runs: at first, after a fork, after it died. Never raises for lack of threads."""
        with self._bell.lock:
            if self._closing or (self._thread is not None and self._thread.is_alive()):
                return
            thread = self._thread = threading.Thread(target=self._run, name="lmg-offline.sync", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # none to be had, or the interpreter is shutting down: the next call tries again
                self._thread = None
                self.error = "RuntimeError: the sync thread can't be started; the next call tries again"

    def wake(self, *, is_urgent: bool = True) -> None:
        """
        Say that something was written or asked for. Cheap; safe from any thread.

        Args:
            is_urgent: False for what can go with the next request: `LINGER_S` after the last one, or when the
                pause after a failed one is over. Where none was sent just now, all goes at once.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            self.start()
        elif self._woken and not is_urgent:
            return  # it knows already, and looks at the journal after it has unset this
        with self._bell.lock:
            self._woken = True
            self._is_urgent = self._is_urgent or is_urgent
            if self._is_urgent or not self._may_wait:
                self._bell.ring()

    def close(self, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; say whether it did. Safe to call twice."""
        with self._bell.lock:
            self._closing = True
            self._bell.ring()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(0.0, timeout_s))
        return not thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop()
            self._after_change()  # what was recorded in the last round is answered now, or not in this process
            self._lease.release()
        except BaseException as error:  # killed between two rounds, or out of memory: another one takes its place
            self._failed(error)
            if self._closing:
                self._lease.release()
            with self._bell.lock:
                self._thread = None
            self.start()

    def _loop(self) -> None:
        seen = -1
        self._pause(START_S, lambda: not (self._is_urgent or self._closing))
        while True:
            self._linger()
            with self._bell.lock:
                # Cleared before the journal is read: a wake during the read is seen below, not lost.
                self._woken = self._is_urgent = False
                if self._closing or not self.is_current:  # another process than its own, or another took its place
                    break
            try:
                wait_s, seen = self._round(seen)
                self.error = None
            except BaseException as error:  # kept and shown by status(); the next round tries again
                self._failed(error)
                wait_s = POLL_S
            # Whoever does not send, or may not yet, would be woken by each write for nothing.
            runner = self._runner
            is_idle = self._lease.held and runner is not None and not runner.backs_off
            gate = None
            with self._bell.lock:
                is_called = self._closing or self._is_urgent or (self._woken and is_idle)
                if wait_s > 0 and not is_called:
                    gate = self._bell.gate()
                    self._may_wait = not is_idle
            if gate is not None:
                self._sleep(gate, min(wait_s, POLL_S))

    def _linger(self) -> None:
        """
        Let writes gather for the next request, unless somebody waits for it or there is a backlog to send.

        Where nothing was written since the last one there is nothing to wait with: what is left to do is to tidy up.
        """
        if self._runner is not None:
            left_s = self._runner.sent_all_at_s + LINGER_S - time.monotonic()
            self._pause(left_s, lambda: self._woken and left_s > 0 and not (self._is_urgent or self._closing))

    def _pause(self, for_s: float, may_wait: Callable[[], bool]) -> None:
        """Wait so long, or until somebody waits for what was written; the condition is asked with the lock held."""
        gate = None
        with self._bell.lock:
            self._may_wait = may_wait()
            if self._may_wait:
                gate = self._bell.gate()
        if gate is not None:
            self._sleep(gate, for_s)

    def _sleep(self, gate: threading.Lock, for_s: float) -> None:
        self._bell.wait(gate, for_s)
        with self._bell.lock:
            self._may_wait = False

    def _failed(self, error: BaseException) -> None:
        if self._closing:
            return  # the journal was closed under it, which is no fault
        if not isinstance(error, Exception):
            self.restarts += 1
        if self.error is None:
            log.error("sync step failed", extra={"error": type(error).__name__})
        what = "the sync could not use the journal" if isinstance(error, Exception) else "the sync was broken off"
        self.error = f"{type(error).__name__}: {what}"

    def _round(self, seen: int) -> tuple[float, int]:
        if not self._lease.acquire():
            version = self._store.version()
            if version != seen:
                self._after_change()
            return POLL_S, version
        runner = self._runner = self._runner_of()
        wait_s = runner.step()
        self._after_change()
        return (POLL_S if wait_s is None else wait_s), seen
