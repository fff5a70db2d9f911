"""
A damaged journal set aside: its files together, in a folder of their own beside the new one.

The folder's name says how far recovery has come, so that a crash at any line
leaves something the next opening goes on from:

1. `damaged-<time>-moving`: files of the journal are being renamed into it.
2. `damaged-<time>-unfinished`: all of them are there. No journal lies beside
   it until the new one is renamed in, whole.
3. `damaged-<time>`: the new journal is in use; this is kept for people.

The journal's file goes first, and each rename is on disk before the next: SQLite
must never find a log beside a file it does not belong to. All of it happens
under the journal's operating-system lock.

Source: sqlite.org/howtocorrupt.html, 1.3, 1.4 and 2.4.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..errors import JournalUnavailable
from .engine import sync_folder

MOST_KEPT = 5
_PREFIX, _MOVING, _UNFINISHED = "damaged-", "-moving", "-unfinished"
_COPY = "copy"
SUFFIXES = ("", "-wal", "-journal", "-shm")


class Aside:
    """The set-aside journals of one folder. Every method is called with the journal's lock held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent

    def begin(self, now_ms: int) -> None:
        """
        Make the folder for what is to be set aside; `move` does it.

        Numbered behind all of the same second: a name that was given up would make it the oldest of them.
        """
        stamp = _stamp(now_ms)
        taken = [_order(path)[1] for path in self._folder.glob(f"{_PREFIX}{stamp}*")]
        name = f"{_PREFIX}{stamp}-{max(taken) + 1}" if taken else f"{_PREFIX}{stamp}"
        self._try((self._folder / f"{name}{_MOVING}").mkdir, 0o700)
        sync_folder(self._folder)

    def move(self) -> bool:
        """Move, or go on moving, the journal's files into the folder that waits for them; say whether one did."""
        target = self._one(_MOVING)
        if target is None:
            return False
        for suffix in SUFFIXES:
            source = self._path.with_name(self._path.name + suffix)
            if source.exists() and not (target / source.name).exists():
                self._try(source.rename, target / source.name)
                sync_folder(target)
                sync_folder(self._folder)
        unfinished = target.with_name(target.name.removesuffix(_MOVING) + _UNFINISHED)
        self._try(target.rename, unfinished)
        sync_folder(self._folder)
        return True

    def unfinished(self) -> Path | None:
        """Return the folder from which a journal is still to be recovered, or whose recovery was not noted as ended."""
        return self._one(_UNFINISHED)

    def is_begun(self) -> bool:
        """Say whether a journal is being set aside, or is and not recovered yet."""
        return self._one(_MOVING) is not None or self._one(_UNFINISHED) is not None

    def final_name(self) -> str:
        """Return what the unfinished folder will be called."""
        found = self._one(_UNFINISHED)
        return "" if found is None else found.name.removesuffix(_UNFINISHED)

    def copy(self, source: Path) -> Path:
        """Return a copy of the set-aside journal to read from: SQLite changes what it opens."""
        self.drop_copy(source)
        target = source / _COPY
        self._try(target.mkdir, 0o700)
        for suffix in SUFFIXES[:3]:
            name = self._path.name + suffix
            if (source / name).exists():
                self._try(shutil.copyfile, source / name, target / name)
                (target / name).chmod(0o600)
        return target / self._path.name

    def drop_copy(self, source: Path) -> None:
        """The copy is read, or was left by a recovery that broke off."""
        shutil.rmtree(source / _COPY, ignore_errors=True)

    def finish(self) -> None:
        """The new journal is in use: give the folder its last name, and keep the newest few."""
        found = self._one(_UNFINISHED)
        if found is None:
            return
        self.drop_copy(found)
        self._try(found.rename, found.with_name(self.final_name()))
        sync_folder(self._folder)
        for old in kept(self._folder)[:-MOST_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def _one(self, suffix: str) -> Path | None:
        found = sorted(
            path for path in self._folder.glob(f"{_PREFIX}*{suffix}") if path.is_dir() and not path.is_symlink()
        )
        return found[-1] if found else None

    @staticmethod
    def _try(step: Callable[..., object], *words: object) -> None:
        try:
            step(*words)
        except OSError as error:
            raise JournalUnavailable(
                f"a damaged journal can't be set aside ({error.strerror}); make its folder writable, or free disk space"
            ) from error


def _stamp(now_ms: int) -> str:
    try:
        return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    except (OverflowError, ValueError, OSError):
        return "undated"  # a clock beyond all calendars


def kept(folder: Path) -> list[Path]:
    """Return the folders of damaged journals whose recovery has ended, oldest first."""
    found = (
        path
        for path in folder.glob(f"{_PREFIX}*")
        if not path.name.endswith((_MOVING, _UNFINISHED)) and path.is_dir() and not path.is_symlink()
    )
    return sorted(found, key=_order)


def _order(path: Path) -> tuple[str, int]:
    """Return the second and the number within it that a folder's name says."""
    name = path.name.removeprefix(_PREFIX).removesuffix(_MOVING).removesuffix(_UNFINISHED)
    stamp, _, number = name.partition("-")
    return stamp, int(number) if number.isascii() and number.isdecimal() else 0


def drop(folder: Path) -> int:
    """Remove them: they hold what people wrote. Return how many there were; what can't be removed stays."""
    found = kept(folder)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return len(found)


__all__ = ["MOST_KEPT", "SUFFIXES", "Aside", "drop", "kept"]
