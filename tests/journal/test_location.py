"""Where the journal lies: what it needs there, and what it refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lmg_offline._journal import location, migrations
from lmg_offline._journal.exclusive import ExclusiveFile
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.store import Store
from lmg_offline._support.clock import SystemClock
from lmg_offline.errors import JournalFull, JournalUnavailable


def test_the_lock_of_the_sender_takes_no_room(tmp_path: Path) -> None:
    """On a full disk the queue must drain: the file is empty, and nothing lies beside it."""
    lock = ExclusiveFile.try_open(tmp_path / "lease.db")
    taken_twice = ExclusiveFile.try_open(tmp_path / "lease.db")
    found = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert lock is not None
    lock.close()

    assert ({"lease.db": 0}, None) == (found, taken_twice)


def test_a_lock_that_can_not_be_made_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the system's."""

    def no_room(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", no_room)
    with pytest.raises(JournalFull, match="lease"):
        ExclusiveFile.try_open(tmp_path / "lease.db")


@pytest.mark.parametrize("name", ["journal.db", "journal.db-shm", "journal.db-wal", ""])
def test_what_is_read_only_is_refused_before_anything_is_made_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """
    SQLite would give a log the mode of a read-only file, and the journal would stay so.

    The rights are made up: root may write whatever the modes say.
    """
    folder = tmp_path / "j"
    Journal.open(folder, SystemClock(), durable=True).close()
    for each in ("journal.db-shm", "journal.db-wal"):
        (folder / each).touch()
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr(location, "_may", lambda path, what: path != folder / name)

    with pytest.raises(JournalUnavailable, match="read-only"):
        Journal.open(folder, SystemClock(), durable=True)
    assert before == sorted(path.name for path in folder.iterdir())


def test_a_journal_that_can_not_be_given_its_name_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is made by the next opening."""

    def fails(folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "sync_folder", fails)
        with pytest.raises(JournalUnavailable, match="can't be used"):
            Journal.open(tmp_path / "j", SystemClock(), durable=True)
    journal = Journal.open(tmp_path / "j", SystemClock(), durable=True)
    journal.append("track", "{}")
    journal.close()


def test_an_opening_on_a_full_disk_takes_from_the_ballast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it is ballast again; without any, the disk is said to be full."""
    Journal.open(tmp_path / "j", SystemClock(), durable=True).close()
    ballast = tmp_path / "j" / "journal.ballast"
    start, seen = Store._start, []

    def crowded(store: Store) -> None:
        seen.append(ballast.exists())
        if ballast.exists():
            raise JournalFull("no room")
        start(store)

    monkeypatch.setattr(Store, "_start", crowded)
    Journal.open(tmp_path / "j", SystemClock(), durable=True).close()
    is_made_again = ballast.exists()
    ballast.unlink()

    def full(store: Store) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(Store, "_start", full)

    assert ([True, False], True) == (seen, is_made_again)
    with pytest.raises(JournalFull):
        Journal.open(tmp_path / "j", SystemClock(), durable=True)
