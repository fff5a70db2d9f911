"""The row `power`, small, and the disks that it makes."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.faults import power, power_story
from tools.faults.nursery import Nursery, has_shim, shim
from tools.faults.oracle import Report
from tools.faults.power_cuts import SECTOR_BYTES, Deed, Disk, read_record
from tools.faults.promises import Noted
from tools.faults.stage import STAGES

with_shim = pytest.mark.skipif(not has_shim(), reason="needs a C compiler (cc) on Linux, to record what is written")

COMMITS = 20


def disk_after(*deeds: tuple[str, str, int, bytes], **files: bytes) -> Disk:
    """Return a folder that held these files, after these deeds."""
    disk = Disk(files)
    for kind, name, offset, data in deeds:
        disk.do(Deed(kind, name, offset, data, 0))
    return disk


def states(disk: Disk, chance: int = 0) -> list[dict[str, bytes]]:
    return [dict(files) for files in disk.states(random.Random("cuts"), chance)]


def test_what_was_synced_is_there_and_the_rest_may_be() -> None:
    """Content by content."""
    disk = disk_after(
        ("W", "a", 0, b"new"), ("S", "a", 0, b""), ("W", "a", 3, b"er"), ("W", "b", 1, b"B"), a=b"old", b=b"bbb"
    )

    assert [{"a": b"new", "b": b"bbb"}, {"a": b"newer", "b": b"bBb"}] == states(disk)


def test_a_name_is_sure_when_its_folder_is_synced() -> None:
    """A file that was synced and not its folder may have no name at all, or the one before."""
    disk = disk_after(("C", "a", 0, b""), ("W", "a", 0, b"new"), ("S", "a", 0, b""), ("R", "a", 0, b"b"), b=b"old")
    before = states(disk, 60)
    disk.do(Deed("S", "", 0, b"", 0))

    assert [{"b": b"old"}, {"b": b"new"}] == before[:2]
    assert {("a", "b"), ("b",)} == {tuple(sorted(files)) for files in before}
    assert [{"b": b"new"}] == states(disk)


def test_a_file_that_was_removed_may_be_there_again() -> None:
    """With what was sure of it."""
    disk = disk_after(("W", "a", 0, b"lost"), ("U", "a", 0, b""), a=b"sure")
    found = states(disk)

    assert ({"a": b"sure"}, {}, {"a": b"lost"}) == (found[0], found[1], found[2])


def test_a_write_tears_at_sectors() -> None:
    """Each sector is the old or the new one, whole, and in the end every mixture comes."""
    disk = disk_after(("W", "a", 0, b"n" * 3 * SECTOR_BYTES), a=b"o" * 3 * SECTOR_BYTES)
    found = {
        tuple(files["a"][place : place + SECTOR_BYTES] for place in range(0, 3 * SECTOR_BYTES, SECTOR_BYTES))
        for files in states(disk, 400)
    }

    assert {b"n" * SECTOR_BYTES, b"o" * SECTOR_BYTES} == {sector for sectors in found for sector in sectors}
    assert 8 == len(found)


def test_a_truncate_may_come_before_or_after_what_it_meets() -> None:
    """Not synced: the file is as long as before, or as after."""
    disk = disk_after(("T", "a", 2, b""), ("W", "a", 2, b"ne"), a=b"older")

    assert {b"older", b"ol", b"olne", b"olner"} <= {files["a"] for files in states(disk, 400)}


def commit(folder: str, record: str, level: str) -> None:
    """In a child: commit straight to SQLite, each commit marked once it has returned."""
    recorder = shim()
    recorder.faults_record(folder.encode(), record.encode())
    database = sqlite3.connect(Path(folder) / "a.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={level}")
    database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    for n in range(1, COMMITS + 1):
        database.execute("INSERT INTO t VALUES (?)", (n,))
        recorder.faults_mark(n)


def rows_in(folder: Path, files: dict[str, bytes]) -> int:
    """Return how many rows a disk has; 0 where there is not even a table."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    database = sqlite3.connect(folder / "a.db", isolation_level=None)
    try:
        assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
        count = "SELECT count(*) FROM t" if database.execute("SELECT 1 FROM sqlite_master").fetchone() else "SELECT 0"
        return int(database.execute(count).fetchone()[0])
    finally:
        database.close()


@with_shim
@pytest.mark.parametrize(("level", "loses"), [("FULL", False), ("NORMAL", True)])
def test_the_cuts_show_what_sqlite_itself_says_of_its_settings(tmp_path: Path, level: str, loses: bool) -> None:
    """
    WAL with FULL keeps every commit, with NORMAL it may lose the last ones; neither is damaged.

    Source: sqlite.org/pragma.html, "synchronous".
    """
    folder, record = tmp_path / "folder", tmp_path / "record"
    folder.mkdir()
    with Nursery() as nursery:
        words = {"folder": str(folder), "record": str(record), "level": level}
        assert 0 == nursery.start("tests.faults.test_power:commit", tmp_path / "output", words).wait(60)
    disk, rng, returned, lost, tries = Disk({}), random.Random("commits"), 0, 0, 0
    for deed in read_record(record, folder):
        if deed.kind == "M":
            returned = deed.offset
            for files in disk.states(rng, 3):
                tries += 1
                found = rows_in(tmp_path / f"found-{tries}", dict(files))
                lost += found < returned
                assert found <= returned + 1
        else:
            disk.do(deed)

    assert (COMMITS, loses) == (returned, lost > 0)


@with_shim
def test_the_power_goes_and_what_had_returned_is_there() -> None:
    """At a share of the syncs of three runs: opened, whole, and nobody mistaken."""
    found = power.power(STAGES["replay"], 11, 16)

    assert found.tries > 20
    assert Report("power", tries=found.tries) == found


TRACK, IDENTIFY = (Noted(1, kind, {}, None, False, "1.1.a") for kind in ("track", "identify"))
ANN_LEAVES = [(TRACK, "s1", "ann"), (None, "s2", None), (TRACK, "s2", None)]
BOB_COMES = [(TRACK, "s1", None), (IDENTIFY, "s1", "bob"), (TRACK, "s1", "bob")]
NOBODY_STAYS = [(TRACK, "s1", None), (TRACK, "s1", None), (TRACK, "s1", None)]
ANN_STAYS = [(TRACK, "s1", "ann"), (TRACK, "s1", "ann"), (TRACK, "s1", "ann")]


@pytest.mark.parametrize(
    ("steps", "there", "session", "person", "recovered", "is_right"),
    [
        pytest.param(ANN_LEAVES, 1, "s1", "ann", False, True, id="after the last call"),
        pytest.param(ANN_LEAVES, 1, "s2", None, False, True, id="after the reset"),
        pytest.param(ANN_LEAVES, 2, "s1", "ann", False, False, id="who has left"),
        pytest.param(ANN_LEAVES, 1, "new", None, True, True, id="a reset is lost, and known to be"),
        pytest.param(BOB_COMES, 1, "new", None, True, True, id="an identify is lost, and known to be"),
        pytest.param(NOBODY_STAYS, 1, "new", None, True, True, id="an identify may be among what is lost"),
        pytest.param(NOBODY_STAYS, 1, "new", "ann", True, False, id="somebody, of whom nothing was heard"),
        pytest.param(ANN_LEAVES, 1, "new", None, False, False, id="nothing was said of a loss"),
        pytest.param(ANN_LEAVES, 1, "new", "ann", True, False, id="ann, who may have left, in a session of her own"),
        pytest.param(ANN_LEAVES, 1, "s2", "ann", True, False, id="ann in another's session"),
        pytest.param(ANN_STAYS, 1, "new", None, True, False, id="nobody came and nobody left"),
    ],
)
def test_who_may_be_there_after_a_cut(
    steps: list[Any], there: int, session: str, person: str | None, recovered: bool, is_right: bool
) -> None:
    """The verdict on whose session it is can be no."""
    story = power_story.Story([], power_story.Step(None, "s0", None), [power_story.Step(*step) for step in steps], 0.0)
    status = SimpleNamespace(recovery=object() if recovered else None)
    client: Any = SimpleNamespace(user=SimpleNamespace(session_id=session, id=person), status=lambda: status)

    assert is_right == power_story._is_right_person(client, story, power_story.Cut(1, 2, 1, 0), there)
