"""
A file that takes up room on the disk, so that there is some to give up when the disk is full.

Taking an acknowledged entry out of the journal needs room too: without it, a
full disk would be full for ever.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import IO

FILE_NAME = "journal.ballast"
SIZE_BYTES = 512 * 1024
SMALL_BYTES = 128 * 1024
# Less than this is not worth a file.
LEAST_BYTES = 32 * 1024
# No ballast that would take more than a quarter of what is free.
_SHARE = 4
_BLOCK = 4096


class Ballast:
    """The ballast beside a journal. Every process may make it and give it up, under the journal's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME

    @property
    def size_bytes(self) -> int:
        """How much there is to give up; 0 for none."""
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def make(self) -> None:
        """Make it, or make it anew where it has become small, if there is plenty of room."""
        size = self.size_bytes
        if size >= SIZE_BYTES:
            return
        for wanted in (SIZE_BYTES, SMALL_BYTES):
            if wanted > size and self._free_bytes() >= wanted * _SHARE and self._fill(wanted):
                return

    def give_up(self) -> int:
        """Remove it; return how much that gave, 0 for nothing."""
        size = self.size_bytes
        try:
            self._path.unlink()
        except OSError:
            return 0
        return size

    def take_back(self, size: int) -> None:
        """Make it again after it was given up for a moment, as large as it was or as there is room for."""
        size = min(size, self._free_bytes() // _BLOCK * _BLOCK)
        while size >= LEAST_BYTES and not self._fill(size):
            size -= _BLOCK  # the file system keeps some of what it calls free for itself

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 0

    def _fill(self, size: int) -> bool:
        """Make it whole or not at all; say whether it is there. Whoever writes the journal meets other faults too."""
        draft = self._path.with_name(FILE_NAME + ".new")
        try:
            draft.unlink(missing_ok=True)
            fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(fd, "wb") as file:
                _take_up(file, size)
            draft.replace(self._path)
        except OSError:
            self._discard(draft)
            return False
        return True

    @staticmethod
    def _discard(draft: Path) -> None:
        try:
            draft.unlink(missing_ok=True)
        except OSError:
            pass  # the next try meets the same fault


def _take_up(file: IO[bytes], size: int) -> None:
    """Have the disk set this much aside for real: a hole, or bytes that shrink, would give nothing back."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    file.write(os.urandom(size))
    file.flush()
    os.fsync(file.fileno())
