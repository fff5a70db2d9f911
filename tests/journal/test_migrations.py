"""Every released version of the journal arrives at the newest one, with what was in it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lmg_offline._journal import migrations
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.probing import WIDTHS
from lmg_offline._journal.tables import metadata
from lmg_offline._support.clock import SystemClock
from tests.fakes import MemoryLane, Rig

SNAPSHOTS = sorted((Path(__file__).parent / "snapshots").glob("v*.sql"), key=lambda path: int(path.stem[1:]))


def restored(snapshot: Path, folder: Path) -> Path:
    """Make the journal of a snapshot."""
    folder.mkdir(mode=0o700)
    path = folder / "journal.db"
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with sqlite3.connect(path) as connection:
        connection.executescript(snapshot.read_text("utf-8"))
    connection.close()
    return path


def shape(path: Path) -> dict[str, Any]:
    """Return the tables with their columns, the indexes, and the version."""
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, Any] = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        found["indexes"] = sorted(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
        found["version"] = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return found


def test_there_is_a_snapshot_of_every_version_before_this_one() -> None:
    """Whoever raises the version keeps one of the version before."""
    assert [f"v{number}" for number in range(1, migrations.VERSION)] == [path.stem for path in SNAPSHOTS]


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_an_older_journal_becomes_what_a_new_one_is(snapshot: Path, tmp_path: Path) -> None:
    """The same tables, columns, indexes and number."""
    path = restored(snapshot, tmp_path / "old")
    Journal.open(tmp_path / "old", SystemClock(), durable=True).close()
    Journal.open(tmp_path / "new", SystemClock(), durable=True).close()

    assert shape(tmp_path / "new" / "journal.db") == shape(path)


def test_what_reads_damaged_journals_knows_how_many_columns_each_version_has(tmp_path: Path) -> None:
    """By their number it knows a definition whose names are damaged; a later version only adds some at the end."""
    Journal.open(tmp_path / "new", SystemClock(), durable=True).close()
    versions = [shape(restored(snapshot, tmp_path / snapshot.stem)) for snapshot in SNAPSHOTS]
    versions.append(shape(tmp_path / "new" / "journal.db"))
    for table in metadata.tables.values():
        columns = [[row[1] for row in version[table.name]] for version in versions if table.name in version]
        assert WIDTHS.get(table.name, (len(table.columns),)) == tuple(sorted({len(names) for names in columns}))
        assert all(names == table.columns.keys()[: len(names)] for names in columns)


def test_what_version_1_held_is_sent_by_this_one(tmp_path: Path) -> None:
    """Three people, the first of them delivered in part: all the rest arrives, in order, under its person."""
    restored(SNAPSHOTS[0], tmp_path / "j")
    rig = Rig(tmp_path / "j")
    rows = rig.journal.store.read("SELECT user_id, session_id, acked_id, claimed_position & 255 FROM lanes")
    _, bob, acked_id, _ = rows[1]
    device_id = rig.outbox.device().device_id
    rig.platform.lanes[bob] = MemoryLane(device_id, (1, acked_id), "identified", "bob")
    rig.platform.good_tokens["cyd"] = "token of cyd"
    rig.drain()

    assert [(None, None), ("bob", 1), ("cyd", None)] == [(row[0], row[3]) for row in rows]
    expected = [(2, "update", "bob"), (1, "identify", "cyd"), (2, "track", "cyd")]
    assert expected == [(row[1], row[3], row[4]) for row in rig.platform.log]
    assert (0, True) == (rig.desk.counts().queued, rig.desk.audit().adds_up)
    rig.close()


def test_a_step_that_fails_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table, rows and number go together: the next opening does the step again."""
    path = restored(SNAPSHOTS[0], tmp_path / "j")
    before = shape(path)

    def fail(connection: object) -> None:
        migrations._to_2(connection)  # type: ignore[arg-type]
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setitem(migrations._STEPS, 2, fail)
        with pytest.raises(RuntimeError):
            Journal.open(tmp_path / "j", SystemClock(), durable=True)
    assert before == shape(path)
    Journal.open(tmp_path / "j", SystemClock(), durable=True).close()
    assert migrations.VERSION == shape(path)["version"]
