"""Where the journal lies: the folder, its modes, and whether its file system is local."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import platformdirs

from ..errors import JournalUnavailable

# Source: sqlite.org/wal.html, "does not work over a network filesystem".
_REMOTE_TYPES = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "virtiofs"})


def folder_of(app_name: str, data_dir: Path | None) -> Path:
    """Return the folder of the journal, absolute; it need not exist."""
    if data_dir is not None:
        return data_dir.expanduser().absolute()
    return platformdirs.user_data_path(app_name, appauthor=False, ensure_exists=False)


def prepare(folder: Path) -> None:
    """
    Make the folder if need be, for its owner alone (0700).

    Raises:
        JournalUnavailable: It is a symbolic link, not a folder, somebody
            else's, or can't be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise JournalUnavailable(f"{folder} is not a folder (or is a symbolic link); give another data_dir")
        if sys.platform != "win32":
            if found.st_uid != os.geteuid():
                raise JournalUnavailable(f"{folder} belongs to another user; give another data_dir")
            if stat.S_IMODE(found.st_mode) & 0o077:
                folder.chmod(0o700)
        if not _may(folder, os.W_OK | os.X_OK):
            raise JournalUnavailable(f"the folder {folder} can't be written (it is read-only); make it writable")
    except FileExistsError as error:
        raise JournalUnavailable(f"{folder} is not a folder; give another data_dir") from error
    except OSError as error:
        raise JournalUnavailable(
            f"the folder {folder} can't be used ({error.strerror}); make it writable or give another data_dir"
        ) from error


def check_file(path: Path) -> bool:
    """
    Say whether the journal's file exists; refuse what is not a plain file, or can't be written.

    SQLite would open a file that it can only read, and give the files it makes
    beside it the same mode: the journal would stay read-only when its file no longer is.

    Raises:
        JournalUnavailable: It is a symbolic link or no plain file; it, or a file
            that SQLite keeps beside it, is read-only.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise JournalUnavailable(f"{path} is not a plain file; remove it or give another data_dir")
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if not _may(each, os.W_OK) and each.exists():
            raise JournalUnavailable(f"{each} can't be written (it is read-only); make it writable")
    return True


def _may(path: Path, what: int) -> bool:
    """Say whether this process may do that, by its effective rights where the system can tell."""
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def is_local(folder: Path) -> bool:
    """
    Say whether the folder's file system is on this machine; True where it can't be known.

    Source: /proc/self/mountinfo, proc(5): the type follows the separator "-".
    """
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return True
    real = os.path.realpath(folder)
    kind, longest = "", -1
    for fields in mounts:
        point = fields[4].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            kind, longest = fields[fields.index("-") + 1], len(point)
    return kind not in _REMOTE_TYPES and not kind.startswith("fuse.")
