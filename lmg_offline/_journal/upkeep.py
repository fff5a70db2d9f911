"""
What a journal owes when nobody calls it: one thread a process comes back for it, within a second.

A thread of its own rather than the sync's, because there may be no sync; one for
all journals, because apps open many clients; and only while something is owed. It is a daemon: it never holds up
the end of the process, and what it would have done then is done at the next opening.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

from .._support.bell import Bell
from .._support.forks import renew_in_child
from .._support.log import log

# Less than a second, so that a slow disk has time to do it within one.
PAUSE_S = 0.8
# How long the thread stays when nothing is owed.
IDLE_S = 10.0


class Owing(Protocol):
    """Something that is come back for."""

    def settle(self) -> float | None:
        """Do what is owed; return in how many seconds to come back, None when nothing is left."""
        ...


class Upkeep:
    """Comes back for what is owed. Safe from any thread."""

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: begin without thread and debts. What was owed before is the parent's."""
        # Its lock guards _due and _thread.
        self._changed = Bell()
        self._due: dict[Owing, float] = {}
        self._failing: set[Owing] = set()  # each fault is logged once
        self._thread: threading.Thread | None = None

    def owe(self, owing: Owing, in_s: float = PAUSE_S) -> None:
        """Come back for `owing` in so many seconds, or sooner if that was asked for already."""
        with self._changed.lock:
            at = time.monotonic() + in_s
            self._due[owing] = min(at, self._due.get(owing, at))
            self._changed.ring()
            if self._thread is not None and self._thread.is_alive():
                return
            thread = self._thread = threading.Thread(target=self._loop, name="lmg-offline.upkeep", daemon=True)
            try:
                thread.start()
                return
            except RuntimeError:  # none to be had, or the interpreter is shutting down: there is no later
                self._thread = None
                del self._due[owing]
        self._settle(owing)

    def drop(self, owing: Owing) -> None:
        """Do not come back for it."""
        with self._changed.lock:
            self._due.pop(owing, None)
            self._failing.discard(owing)

    def _loop(self) -> None:
        while True:
            with self._changed.lock:
                now = time.monotonic()
                due = [owing for owing, at in self._due.items() if at <= now]
                is_idle = not self._due
                pause_s = IDLE_S if is_idle else min(self._due.values()) - now
                gate = None if due else self._changed.gate()
                for owing in due:
                    del self._due[owing]
            if gate is not None:
                self._changed.wait(gate, pause_s)
                if is_idle and self._ends():
                    return
            for owing in due:
                again_s = self._settle(owing)
                if again_s is not None:
                    self.owe(owing, again_s)

    def _ends(self) -> bool:
        """Say whether nothing is owed still: then this thread is over, and the next debt starts another one."""
        with self._changed.lock:
            if not self._due:
                self._thread = None
            return self._thread is None

    def _settle(self, owing: Owing) -> float | None:
        try:
            again_s = owing.settle()
            self._failing.discard(owing)
        except Exception as error:  # the app's own calls meet the same fault, and are told; here it is tried again
            if owing not in self._failing:
                log.warning("journal upkeep failed", extra={"error": type(error).__name__})
            self._failing.add(owing)
            again_s = PAUSE_S
        return again_s


upkeep = Upkeep()
