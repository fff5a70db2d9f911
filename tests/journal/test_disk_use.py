"""What the journal takes on disk: less after a drain, and no longer much because somebody else reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lmg_offline._journal.journal import Journal
from lmg_offline._journal.store import FILE_NAME
from lmg_offline._journal.wal import LONGEST_BYTES
from lmg_offline.config import LEAST_BYTES, Bounds
from lmg_offline.errors import JournalFull
from tests.fakes import ManualClock, Rig

BODY = json.dumps({"name": "n", "properties": {"p": "x" * 30_000}})

_READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM entries").fetchall()
print("reading", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
connection.close()
"""


@contextmanager
def reader_elsewhere(folder: Path) -> Iterator[None]:
    """Another process is in the middle of reading the journal."""
    child = subprocess.Popen(
        [sys.executable, "-c", _READER, str(folder / FILE_NAME)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    assert "reading\n" == child.stdout.readline()
    try:
        yield
    finally:
        child.communicate("\n", timeout=60)
    assert 0 == child.returncode


def on_disk(folder: Path) -> int:
    """Return what the file and its log take."""
    return sum((folder / name).stat().st_size for name in (FILE_NAME, f"{FILE_NAME}-wal"))


def test_what_a_drain_frees_goes_back_to_the_disk(tmp_path: Path) -> None:
    """A thousand large entries come and go, twice: the files are as small as before."""
    rig = Rig(tmp_path / "j", bounds=Bounds(None, None))
    rig.drain()
    rig.journal.store.checkpoint()
    before = on_disk(tmp_path / "j")
    full = []
    for _ in range(2):
        for _ in range(1_000):
            rig.session.append("track", BODY)
        full.append(on_disk(tmp_path / "j"))
        rig.drain(2_000)
        assert 0 == rig.desk.counts().queued
        assert on_disk(tmp_path / "j") <= before + 64 * 1024

    assert min(full) > 1_000 * len(BODY)
    assert rig.desk.audit().adds_up
    rig.close()


def test_a_log_that_a_reader_kept_long_is_cut_when_the_reader_ends(tmp_path: Path) -> None:
    """Nothing can be taken from under it; what it held up is made up for without anybody asking."""
    journal = Journal.open(tmp_path / "j", ManualClock(), durable=False, bounds=Bounds(None, None))
    with reader_elsewhere(tmp_path / "j"):
        while journal.store.wal_bytes() <= 2 * LONGEST_BYTES:
            journal.append("track", BODY)
        journal.store.settle()
        held = journal.store.wal_bytes()
    journal.store.settle()  # as the upkeep does, which was told that the log is owed

    assert (True, 0) == (held > LONGEST_BYTES, journal.store.wal_bytes())
    journal.close()


def test_a_log_that_a_reader_keeps_stays_within_the_bound(tmp_path: Path) -> None:
    """Rather than past max_bytes it is JournalFull, which names the reader; once that ends there is room again."""
    most = 2 * LEAST_BYTES
    journal = Journal.open(tmp_path / "j", ManualClock(), durable=False, bounds=Bounds(None, most))
    taken = 0
    with reader_elsewhere(tmp_path / "j"):
        with pytest.raises(JournalFull, match="another process keeps reading it"):
            while True:
                journal.append("track", BODY)
                taken += 1
        assert on_disk(tmp_path / "j") <= most
    journal.append("track", BODY)

    assert taken >= 10
    assert on_disk(tmp_path / "j") <= most
    journal.close()
