"""
What the doctor looks at, one function a subject; each returns findings.

Looking changes nothing: the journal is looked into as a copy, made under its
lock, so that a damaged one stays as it was found, and opened through the store
only when that copy is sound.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .._journal import aside, ballast, mark, migrations, wal
from .._journal.engine import APPLICATION_ID, engine_for, mapped
from .._journal.records import digest_of, lane_digest
from .._journal.store import FILE_NAME, LOCK_NAME, LOCK_TIMEOUT_S, check_reached
from .._support.filelock import FileLock
from ..errors import JournalError, JournalLocked

LITTLE_DISK_BYTES = 64 * 1024 * 1024
# A clock this far behind what was written before is wrong, and not only adjusted.
CLOCK_SLACK_MS = 60_000
OWN_FILES = (
    FILE_NAME,
    f"{FILE_NAME}-wal",
    f"{FILE_NAME}-shm",
    LOCK_NAME,
    mark.FILE_NAME,
    ballast.FILE_NAME,
    "lease.db",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that is not as it should be.

    Attributes:
        name: One word for machines.

        what: One sentence: what is the matter.

        why: One sentence: why it matters.

        way_out: One sentence: what to do.

        mendable: `--mend` does it.
    """

    name: str
    what: str
    why: str
    way_out: str
    mendable: bool = False


@dataclass(slots=True)
class Inside:
    """What a copy of the journal says of it: whether it is damaged, and what the app could not be told otherwise."""

    damage: list[Finding] = field(default_factory=list)
    version: int | None = None
    is_newer: bool = False


def look_at_files(folder: Path) -> list[Finding]:
    """Look at modes, owners and links of the folder and what lies in it."""
    found = _of_path(folder, folder.name or str(folder), 0o700)
    for name in OWN_FILES:
        if os.path.lexists(folder / name):
            found += _of_path(folder / name, name, 0o600)
    return found


def _of_path(path: Path, name: str, mode: int) -> list[Finding]:
    seen = path.lstat()
    if stat.S_ISLNK(seen.st_mode):
        return [
            Finding(
                "symlink",
                f"{name} is a symbolic link.",
                "Somebody else may decide where the journal is written.",
                f"Remove the link {path}, and find out who put it there.",
            )
        ]
    found = []
    if sys.platform != "win32" and seen.st_uid != os.geteuid():
        found.append(
            Finding(
                "owner",
                f"{name} belongs to another user of this machine (number {seen.st_uid}).",
                "The app can't use it, or its owner can read what people wrote.",
                "Give it to the user that runs the app, or run the doctor as that user.",
            )
        )
    if sys.platform != "win32" and stat.S_IMODE(seen.st_mode) & 0o077:
        found.append(
            Finding(
                "mode",
                f"{name} can be read or changed by other users (mode {stat.S_IMODE(seen.st_mode):o}).",
                "It holds what people wrote.",
                f"Set its mode to {mode:o}.",
                mendable=True,
            )
        )
    return found


def look_at_disk(folder: Path) -> list[Finding]:
    """Look at the room on the disk, at what is kept back for bad times, and at the log."""
    found = []
    free = shutil.disk_usage(folder).free
    if free < LITTLE_DISK_BYTES:
        found.append(
            Finding(
                "disk",
                f"The disk has {free // 1024:,} KiB left.",
                "When it is full, writes are turned away.",
                "Free disk space.",
            )
        )
    kept_back = ballast.Ballast(folder).size_bytes
    if kept_back < ballast.SMALL_BYTES:
        found.append(
            Finding(
                "ballast",
                f"{kept_back // 1024:,} KiB are kept back for a full disk; {ballast.SIZE_BYTES // 1024} should be.",
                "On a full disk what was delivered could not be noted, and the queue would stand still.",
                "Free disk space; the journal makes it again when it is opened.",
                mendable=free >= LITTLE_DISK_BYTES,
            )
        )
    log = folder / f"{FILE_NAME}-wal"
    size = log.stat().st_size if log.is_file() else 0
    if size > wal.LONGEST_BYTES:
        found.append(
            Finding(
                "log",
                f"The journal's log takes {size // 1024:,} KiB.",
                "A process that reads without end, or died, keeps it from being emptied; it fills the disk.",
                "End processes that hang; then the log is emptied.",
                mendable=True,
            )
        )
    return found


def look_aside(folder: Path) -> list[Finding]:
    """Look at what damaged journals have left."""
    kept = aside.kept(folder)
    unfinished = sum(1 for path in folder.glob("damaged-*") if path not in kept)
    found = []
    if unfinished:
        found.append(
            Finding(
                "unfinished",
                "The recovery of a damaged journal broke off.",
                "Until it ends there is no journal to write to.",
                "Open the journal once more: recovery goes on by itself.",
                mendable=True,
            )
        )
    if kept:
        found.append(
            Finding(
                "damaged-folders",
                f"{len(kept)} damaged {'journal is' if len(kept) == 1 else 'journals are'} kept beside the new one: "
                f"{', '.join(path.name for path in kept)}.",
                "They hold what people wrote. What could be read of them is in the journal.",
                "Keep a copy if somebody is to look into them; then remove them.",
                mendable=True,
            )
        )
    return found


def look_inside(folder: Path) -> Inside:
    """
    Look into a copy of the journal: header, version, structure, and whether every row is what was written.

    Raises:
        JournalError: The journal can't be copied now.
    """
    inside = Inside()
    path = folder / FILE_NAME
    if path.stat().st_size == 0:
        inside.damage.append(_damaged("The journal's file is empty."))
        return inside
    with _copied(folder) as copy:
        inside.damage += _structure(copy, inside, mark.Mark(folder))
        if not inside.damage and not inside.is_newer:
            inside.damage += _rows(copy)
    return inside


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    lock = FileLock(folder / LOCK_NAME)
    try:
        with tempfile.TemporaryDirectory(prefix="doctor-", dir=folder) as name:
            if not lock.acquire(LOCK_TIMEOUT_S):
                raise JournalLocked(f"another process holds the journal in {folder}; call again")
            try:
                for suffix in aside.SUFFIXES[:3]:
                    source = folder / f"{FILE_NAME}{suffix}"
                    if source.is_file():
                        shutil.copyfile(source, Path(name) / source.name)
            finally:
                lock.release()
            yield Path(name) / FILE_NAME
    finally:
        lock.close()


def _structure(path: Path, inside: Inside, reached: mark.Mark) -> list[Finding]:
    with closing(sqlite3.connect(path)) as connection:
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            inside.version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error:
            return [_damaged("The journal's file is no database, or its header is damaged.")]
    if application != APPLICATION_ID:
        return [_damaged("The file of the journal's name is another program's database.")]
    inside.is_newer = inside.version is not None and inside.version > migrations.VERSION
    if inside.is_newer:
        return []
    try:
        engine = engine_for(path)
        with mapped(path), engine.connect() as probe:
            migrations.upgrade(probe, path)
            wrong = [row[0] for row in probe.exec_driver_sql("PRAGMA integrity_check(5)") if row[0] != "ok"]
            check_reached(probe, path, reached)
    except JournalError:
        return [_damaged("The journal's file is damaged, or has lost what was written to it.")]
    if wrong:
        return [_damaged(f"The structure of the journal's file is damaged in {len(wrong)} places or more.")]
    return []


def _rows(path: Path) -> list[Finding]:
    """Hold every row that has a digest against it."""
    bad = 0
    with closing(sqlite3.connect(path)) as connection:
        for table in ("entries", "dead_letters"):
            for position, entry_id, kind, body, made_at, boot_id, since_boot_ms, digest in connection.execute(
                f"SELECT position, id, kind, body, made_at, boot_id, since_boot_ms, digest FROM {table}"
            ):
                bad += digest != digest_of(position, entry_id, kind, (made_at, boot_id, since_boot_ms), body)
        for *identity, digest in connection.execute("SELECT lane_id, session_id, user_id, digest FROM lanes"):
            bad += digest != lane_digest(*identity)
    if not bad:
        return []
    which = "1 row of the journal is" if bad == 1 else f"{bad} rows of the journal are"
    return [_damaged(f"{which} not what was written.")]


def _damaged(what: str) -> Finding:
    return Finding(
        "damaged",
        what,
        "What is damaged can't be sent; the rest can, and an app that opens the journal recovers it by itself.",
        "Have it recovered. Find out what its disk does if this comes again.",
        mendable=True,
    )
