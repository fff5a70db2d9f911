"""
Which process sends: a lock that dies with its process.

Source: our choice of `BEGIN EXCLUSIVE` on a small SQLite file of its own; the
lock is SQLite's, so it is the same on every system, and a forked child does not
inherit it.
"""

from __future__ import annotations

import os
from pathlib import Path

from .._journal.exclusive import ExclusiveFile


class Lease:
    """The right to send, for one process of those that share a journal."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lease.db"
        self._file: ExclusiveFile | None = None
        self._pid = os.getpid()

    @property
    def held(self) -> bool:
        """This process holds the lease."""
        return self._file is not None and self._pid == os.getpid()

    def acquire(self) -> bool:
        """Try to take the lease, without waiting; say whether it is held."""
        if self.held:
            return True
        self._pid = os.getpid()
        self._file = ExclusiveFile.try_open(self._path)
        return self._file is not None

    def release(self) -> None:
        """Let another process send. Safe to call twice."""
        if self.held and self._file is not None:
            self._file.close()
        self._file = None
