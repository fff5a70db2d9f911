"""An operating-system lock on a file of its own, released when the process dies."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """
    A lock between processes. Not between threads: the caller sees to that.

    The file is never removed, and nothing is ever written to it. A forked child
    must call `abandon` (it shares the parent's lock otherwise).

    Source: our choice over a lock library, because it is taken for every write
    and must cost about two microseconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._open()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)

    def acquire(self, timeout_s: float) -> bool:
        """Take the lock, waiting at most `timeout_s` seconds; say whether it was taken."""
        if self._try():
            return True
        deadline = time.monotonic() + timeout_s
        pause_s = 0.0002
        while time.monotonic() < deadline:
            time.sleep(pause_s)
            if self._try():
                return True
            pause_s = min(pause_s * 2, 0.01)
        return False

    def release(self) -> None:
        """Let the lock go."""
        if sys.platform == "win32":
            os.lseek(self._fd, 0, os.SEEK_SET)
            msvcrt.locking(self._fd, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def is_current(self) -> bool:
        """Say whether the file at its path is the one that is locked, and not another, or none."""
        try:
            found, own = self._path.stat(), os.fstat(self._fd)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def close(self) -> None:
        """Close the file; the lock goes with it."""
        os.close(self._fd)

    def abandon(self) -> None:
        """In a forked child: drop the inherited handle, for one of its own. The parent's lock stays the parent's."""
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _try(self) -> bool:
        try:
            if self._fd < 0:
                self._open()
            if sys.platform == "win32":
                os.lseek(self._fd, 0, os.SEEK_SET)
                msvcrt.locking(self._fd, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
