"""
A bounded number of threads for calls that may block, for those who must not.

Not `concurrent.futures`: its threads hold up the end of the interpreter until
their work is done, and do not exist in a forked child. Source: the docs of
concurrent.futures.ThreadPoolExecutor, on joining at exit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from .forks import renew_in_child


class Pool:
    """Runs works in the order in which they come, on as many threads as there are works, at most `size`."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._closed = False
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: what was to be done is the parent's."""
        # _lock guards _threads and _idle. No work runs while it is held.
        self._lock = threading.Lock()
        self._works: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def submit(self, work: Callable[[], None]) -> None:
        """
        Have a work run soon. It must not raise.

        Raises:
            RuntimeError: There is no thread for it, and none is to be had.
        """
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self._size:
                thread = threading.Thread(target=self._serve, args=(self._works,), name=self._name, daemon=True)
                try:
                    thread.start()
                    self._threads.append(thread)
                except RuntimeError:
                    if not self._threads:
                        raise
            self._works.put(work)
            if self._closed:
                self._let_go()

    def close(self) -> None:
        """Let the threads end once they have done what was submitted. Whatever comes later gets one for itself."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        """Called with the lock held."""
        for _ in self._threads:
            self._works.put(None)
        self._threads, self._works, self._idle = [], queue.SimpleQueue(), 0

    def _serve(self, works: queue.SimpleQueue[Callable[[], None] | None]) -> None:
        while (work := works.get()) is not None:
            work()
            del work  # what it holds on to is not ours to keep while we wait
            with self._lock:
                if works.empty() and works is self._works:
                    self._idle += 1
