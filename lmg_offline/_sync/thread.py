"""The sync thread: repeats the runner's step until closed. It starts when first needed, in each process anew."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from .._journal.store import Store
from .._support.log import log
from .lease import Lease
from .runner import Runner

POLL_S = 1.0


class SyncThread:
    """
    Runs steps while this process holds the lease.

    Guarantees: at most one thread per client and process; `close` returns within
    its timeout whatever the network does, because the thread is a daemon that
    holds nothing a later process needs. An unexpected error ends a round, is
    kept for `status()`, and the next round begins after a pause.
    """

    def __init__(self, runner: Runner, lease: Lease, store: Store, after_change: Callable[[], None]) -> None:
        self._runner = runner
        self._lease = lease
        self._store = store
        self._after_change = after_change
        self._fresh()

    def _fresh(self) -> None:
        # _changed guards _woken and _closing. Neither journal nor network is touched while it is held.
        self._changed = threading.Condition()
        self._woken = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self.error: str | None = None

    @property
    def sends(self) -> bool:
        """This process is the one that sends."""
        return self._lease.held

    def start(self) -> None:
        """Start the thread unless it runs: at first, after a fork, after it died."""
        if self._pid != os.getpid():
            self._runner.after_fork()
            self._fresh()
        with self._changed:
            if self._closing or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._loop, name="lmg-offline.sync", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Say that something was written or asked for. Cheap; safe from any thread."""
        if self._thread is None or self._pid != os.getpid() or not self._thread.is_alive():
            self.start()
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; say whether it did. Safe to call twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is None or self._pid != os.getpid() or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _loop(self) -> None:
        seen = -1
        while True:
            with self._changed:
                # Cleared before the journal is read: a wake during the read is seen below, not lost.
                self._woken = False
                if self._closing:
                    break
            try:
                wait_s, seen = self._round(seen)
                self.error = None
            except Exception as error:  # kept and shown by status(); the next round tries again
                if self.error is None:
                    log.error("sync step failed", extra={"error": type(error).__name__})
                self.error = f"{type(error).__name__}: the sync could not use the journal"
                wait_s = POLL_S
            with self._changed:
                if wait_s > 0 and not (self._woken or self._closing):
                    self._changed.wait(min(wait_s, POLL_S))
        self._lease.release()

    def _round(self, seen: int) -> tuple[float, int]:
        if not self._lease.acquire():
            version = self._store.version()
            if version != seen:
                self._after_change()
            return POLL_S, version
        wait_s = self._runner.step()
        self._after_change()
        return (POLL_S if wait_s is None else wait_s), seen
