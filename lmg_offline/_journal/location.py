"""Where the journal lies: the folder, its modes, and whether its file system is local."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
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
    Make the folder and those on the way to it if need be, for their owner alone (0700).

    Raises:
        JournalUnavailable: It is a symbolic link, not a folder, somebody
            else's, in a place where anybody may put another one instead, or
            can't be made.
    """
    try:
        for missing in reversed([each for each in folder.parents if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)  # not by `parents`, whose mode is the umask's
        folder.mkdir(mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise JournalUnavailable(f"{folder} is not a folder (or is a symbolic link); give another data_dir")
        if sys.platform != "win32":
            if found.st_uid != os.geteuid():
                raise JournalUnavailable(f"{folder} belongs to another user; give another data_dir")
            _check_way(folder)
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


def _check_way(folder: Path) -> None:
    """
    Refuse a folder that anybody could rename and replace, in each folder on the way to it.

    Source: sshd's StrictModes; the sticky bit is what makes /tmp safe for this.
    """
    for parent in Path(os.path.realpath(folder)).parents:
        mode = os.lstat(parent).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise JournalUnavailable(
                f"anybody can replace what is in {parent} (mode {stat.S_IMODE(mode):o});"
                f" take away the right to write there from others, or give another data_dir than {folder}"
            )


def check_files(paths: Iterable[Path]) -> None:
    """
    Refuse files that somebody may have planted, and close those that are open to others.

    Two names for one file are refused: what SQLite writes through ours would
    destroy what another name means. A file of another owner is theirs to change
    at any time. One that can only be read is refused too: SQLite would open it,
    and give the files it makes beside it the same mode, so that the journal
    would stay read-only when its file no longer is.

    Raises:
        JournalUnavailable: One is no plain file, has another name, is somebody
            else's, is read-only, or its mode can't be changed.
    """
    for path in paths:
        if not check_file(path):
            continue
        try:
            found = os.lstat(path)
            if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
                path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
        except FileNotFoundError:
            continue  # another process has just closed the journal, and its log is gone
        except OSError as error:
            raise JournalUnavailable(f"the mode of {path} can't be made 0600 ({error.strerror})") from error
        if not _may(path, os.W_OK) and path.exists():
            raise JournalUnavailable(f"{path} can't be written (it is read-only); make it writable")


def check_file(path: Path) -> bool:
    """
    Say whether the file exists; refuse what is not a plain file of ours alone.

    Raises:
        JournalUnavailable: It is a symbolic link or no plain file, has another
            name, or belongs to another user.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise JournalUnavailable(f"{path} is not a plain file; remove it or give another data_dir")
    if sys.platform != "win32":
        if found.st_uid != os.geteuid():
            raise JournalUnavailable(f"{path} belongs to another user; remove it or give another data_dir")
        if found.st_nlink > 1:
            raise JournalUnavailable(f"{path} has another name beside this one; remove it or give another data_dir")
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
