"""
A condition variable that an interrupt leaves whole.

`threading.Condition` takes its lock in a method written in Python: a Ctrl-C
that arrives right after that leaves the lock held for ever, and one that arrives
in `wait` leaves the block without the lock. Here the lock is taken by `with` and
a plain lock alone, which no interrupt can come between, and is never taken
within a wait.

Source: bugs.python.org/issue29988, "with statements are not ensuring that __exit__ is called".
"""

from __future__ import annotations

import threading


class Bell:
    """
    Wakes those who wait for what a lock guards.

        with bell.lock:                         with bell.lock:
            if not changed:                         changed = True
                gate = bell.gate()                  bell.ring()
        bell.wait(gate, timeout_s)

    Attributes:
        lock: Guards whatever its owner says. Nothing slow happens while it is held.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._gates: list[threading.Lock] = []

    def gate(self) -> threading.Lock:
        """Return what the next `ring` opens. Called with the lock held."""
        gate = threading.Lock()
        gate.acquire()
        self._gates.append(gate)
        return gate

    def wait(self, gate: threading.Lock, timeout_s: float | None) -> None:
        """Wait until it is open or the time is up; called without the lock."""
        try:
            gate.acquire(timeout=-1 if timeout_s is None else min(max(0.0, timeout_s), threading.TIMEOUT_MAX))
        finally:
            with self.lock:
                if gate in self._gates:
                    self._gates.remove(gate)

    def ring(self) -> None:
        """Open every gate. Called with the lock held; interrupted, it may be called again."""
        for gate in self._gates:
            if gate.locked():
                gate.release()
        self._gates = []
