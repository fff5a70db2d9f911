"""
How far the journal has come, noted beside it: its own last pages can be the damaged ones.

The file holds the key of a write that was committed, in the lane that was the
current one then. It is written after the commit and never before, without a
sync: what it says has happened, though more may have. A journal that knows less
than this file has lost something: a log that was removed or torn, a page.

It names no person and holds no value.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

FILE_NAME = "journal.mark"
# The key, and once more with every bit turned, by which it is known for one.
_FORM = struct.Struct(">qq")


class Mark:
    """The file, held open: a write to it takes about a microsecond. Any thread, any process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._fd: int | None = None

    def read(self) -> int | None:
        """Return the key; None where there is no file, or something else in it."""
        try:
            fd = os.open(self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        try:
            found = os.read(fd, _FORM.size)
        except OSError:
            return None
        finally:
            os.close(fd)
        if len(found) != _FORM.size:
            return None
        position, turned = _FORM.unpack(found)
        return int(position) if turned == ~position else None

    def write(self, position: int) -> None:
        """Note a key whose write is committed. A disk that is full keeps it from nothing but this."""
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                self._fd = os.open(self._path, flags, 0o600)
            record = _FORM.pack(position, ~position)
            if hasattr(os, "pwrite"):
                os.pwrite(self._fd, record, 0)
            else:
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, record)
        except OSError:
            pass  # less is known then, and nothing wrong

    def remove(self) -> None:
        """A new journal begins: what the one before had reached says nothing of it."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the file go; the next write opens it again."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None
