"""
Which process sends: a lock that dies with its process.

Source: our choice of `BEGIN EXCLUSIVE` on a small SQLite file of its own: the
lock is SQLite's, so it is the same on every system. It is given up around a
fork, because a child must not inherit an open SQLite handle, and taken again at
the next round; two senders for a moment are harmless, the platform knows repeats.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path

from .._journal.exclusive import ExclusiveFile
from .._journal.store import LEASE_NAME


class Lease:
    """The right to send, for one process of those that share a journal."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEASE_NAME
        self._file: ExclusiveFile | None = None
        self.lock = threading.Lock()  # guards _file; opening and closing it happens while it is held
        _leases.add(self)

    @property
    def held(self) -> bool:
        """This process holds the lease."""
        return self._file is not None

    def acquire(self) -> bool:
        """Try to take the lease, without waiting; say whether it is held."""
        with self.lock:
            if self._file is None:
                self._file = ExclusiveFile.try_open(self._path)
            return self._file is not None

    def release(self) -> None:
        """Let another process send. Safe to call twice."""
        with self.lock:
            self.give_up()

    def give_up(self) -> None:
        """As `release`, with the lock held."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


_leases: weakref.WeakSet[Lease] = weakref.WeakSet()
# Held over a fork: one at a time, or one would let go what the other has taken. Guards _forking.
_fork_turn = threading.Lock()
_forking: list[Lease] = []


def _before_fork() -> None:
    _fork_turn.acquire()
    for lease in list(_leases):
        lease.lock.acquire()
        _forking.append(lease)
        lease.give_up()


def _after_fork_in_parent() -> None:
    for lease in _forking:
        lease.lock.release()
    _forking.clear()
    _fork_turn.release()


def _after_fork_in_child() -> None:
    global _fork_turn
    _fork_turn = threading.Lock()
    for lease in list(_leases):
        lease.lock = threading.Lock()
    _forking.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
