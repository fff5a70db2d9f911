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
# No ballast that would take more than a quarter of what is free.
_SHARE = 4
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Ballast:
    """The ballast beside a journal. Every process may make it and give it up, under the journal's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME

    @property
    def size_bytes(self) -> int:
        """How much there is to give up; 0 for none."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def make(self) -> bool:
        """Make it, unless it is there or there is too little room; say whether it is there now."""
        if self.size_bytes:
            return True
        try:
            free = shutil.disk_usage(self._folder).free
            for size in (SIZE_BYTES, SMALL_BYTES):
                if free >= size * _SHARE:
                    return self._fill(size)
        except OSError:
            pass  # a folder that can't be written to: whoever writes the journal is told
        return False

    def give_up(self) -> bool:
        """Remove it; say whether there was one."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _fill(self, size: int) -> bool:
        """Make it whole or not at all; say whether there was room."""
        draft = self._path.with_name(FILE_NAME + ".new")
        draft.unlink(missing_ok=True)
        try:
            fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(fd, "wb") as file:
                _take_up(file, size)
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno in _NO_ROOM:
                return False
            raise
        return True


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
