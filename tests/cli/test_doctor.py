"""`lmg-offline doctor`: what it finds, that looking changes nothing, and what it mends."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import Client
from lmg_offline._journal.journal import Journal
from lmg_offline._support.clock import SystemClock
from lmg_offline._sync.lease import Lease
from lmg_offline.cli.main import main
from tests.fakes import Rig
from tools.faults import damage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound journal with one queued entry."""
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify("ann-the-user", profile={"email": "ann@example.com"})
    return tmp_path / "j"


@pytest.fixture(autouse=True)
def disk_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1 << 40, 0, 1 << 40))


def doctor(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    code = main(["doctor", "--data-dir", str(folder), *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def findings(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, list[str], dict[str, Any]]:
    code, out, _ = doctor(capsys, folder, "--json", *words)
    found = json.loads(out)
    return code, [each["name"] for each in found["findings"]], found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def on_disk(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as connection:
        connection.execute(statement)


def test_nothing_is_wrong_with_a_sound_journal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, and it says so."""
    code, out, err = doctor(capsys, folder)

    assert (0, "Nothing is wrong.", "") == (code, out.splitlines()[-1], err)
    assert (0, [], True) == (*findings(capsys, folder)[:2], findings(capsys, folder)[2]["ok"])


MENDABLE: dict[str, Callable[[Path], object]] = {
    "mode": lambda folder: (folder / "journal.db").chmod(0o644),
    "ballast": lambda folder: (folder / "journal.ballast").unlink(),
    "damaged": lambda folder: damage.behead(folder / "journal.db", random.Random(1)),
    "unfinished": lambda folder: (
        (folder / "damaged-20260101T000000Z-moving").mkdir(0o700),
        (folder / "journal.db").rename(folder / "damaged-20260101T000000Z-moving" / "journal.db"),
    ),
    "damaged-folders": lambda folder: (folder / "damaged-20260101T000000Z").mkdir(0o700),
}


@pytest.mark.parametrize("name", MENDABLE)
def test_what_is_safe_to_mend_is_mended_when_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Found with exit 1 and nothing changed; mended with exit 0, once what was recovered from is removed too."""
    MENDABLE[name](folder)
    code, found, _ = findings(capsys, folder)

    assert (1, True) == (code, name in found)
    if name in ("ballast", "mode"):
        MENDABLE[name](folder)  # whoever opens a journal sees to these, the doctor too
    code, _, after = findings(capsys, folder, "--mend")
    assert name in [each["name"] for each in after["mended"]]
    assert ["damaged-folders"] == findings(capsys, folder)[1] or code == 0
    doctor(capsys, folder, "--mend")
    assert (0, []) == findings(capsys, folder)[:2]
    with Client("wk", data_dir=folder, sync=False) as client:
        assert ("ann-the-user", 1) == (client.user.id, client.status().queued)


@pytest.mark.parametrize(
    "harm",
    [
        damage.empty,
        damage.behead,
        damage.replace_by_another,
        damage.drop_table,
        lambda path, rng: path.write_bytes(b"no database" * 999),
        lambda path, rng: on_disk(path.parent, "UPDATE entries SET made_at = made_at + 1"),
        lambda path, rng: on_disk(path.parent, "UPDATE lanes SET user_id = 'bob'"),
    ],
)
def test_looking_at_a_damaged_journal_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path, random.Random], None]
) -> None:
    """It says what would be mended; the bytes stay."""
    harm(folder / "journal.db", random.Random(1))
    before = contents(folder)
    code, found, _ = findings(capsys, folder)

    assert (1, ["damaged"]) == (code, found)
    assert before == contents(folder)
    findings(capsys, folder, "--mend")
    doctor(capsys, folder, "--mend")
    assert 0 == findings(capsys, folder)[0]


def test_a_link_a_foreign_owner_and_a_full_disk_are_for_people(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, and not touched by --mend."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1 << 30, 1 << 30, 1 << 20))
    assert (1, ["disk"]) == findings(capsys, folder, "--mend")[:2]
    if os.geteuid() == 0:
        os.chown(folder / "journal.lock", 65534, 65534)
        assert (3, ["owner", "disk"]) == findings(capsys, folder, "--mend")[:2]  # nobody opens such a journal
        os.chown(folder / "journal.lock", 0, 0)
    (folder / "journal.ballast").unlink()
    (folder / "journal.ballast").symlink_to("/etc/hostname")
    assert (3, ["symlink"]) == findings(capsys, folder, "--mend")[:2]
    assert (folder / "journal.ballast").is_symlink()


def test_what_waits_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A parked lane, a dead letter, a refused key, a clock that is behind."""
    rig = Rig(tmp_path / "j")
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    rig.track("bad")
    rig.journal.identify("ann", "a bad token", None)
    rig.drain()
    rig.journal.store.run(lambda c: c.exec_driver_sql("UPDATE sync_state SET suspended_code = 'unknown_key'").rowcount)
    rig.clock.advance(100 * 365 * 86_400)
    rig.track()
    rig.close()
    code, found, _ = findings(capsys, tmp_path / "j")

    assert (1, ["suspended", "parked", "dead-letters", "clock"]) == (code, found)


def test_sums_that_do_not_agree_are_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody mends what nobody understands."""
    on_disk(folder, "UPDATE lanes SET last_position = last_position + 7")

    assert (1, ["audit"]) == findings(capsys, folder, "--mend")[:2]


def test_a_log_that_was_not_emptied_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A process died and left it long."""
    code = (
        "import os, sys; from pathlib import Path; from lmg_offline._journal.journal import Journal;"
        "from lmg_offline._support.clock import SystemClock;"
        "j = Journal.open(Path(sys.argv[1]), SystemClock(), durable=False);"
        "j.store._disk.after_commit = lambda c: None;"
        "[j.append('track', '{\"x\": \"' + 'y' * 30000 + '\"}') for _ in range(400)]; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)

    assert (1, ["log"]) == findings(capsys, folder)[:2]
    assert (0, []) == findings(capsys, folder, "--mend")[:2]


def test_a_journal_in_use_is_looked_at_and_stays_in_use(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The app writes before and after; who sends is named."""
    app = "import sys; from tests.cli.test_doctor import use; use(sys.argv[1])"
    process = subprocess.Popen(
        [sys.executable, "-c", app, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "ready" == process.stdout.readline().strip()
    code, found, all_of_it = findings(capsys, folder, "--mend")
    out, _ = process.communicate("go on\n")

    assert (0, []) == (code, found)
    assert ("written", 0) == (out.strip(), process.returncode)
    assert all_of_it["sender"] in (f"process {process.pid}", "a process")
    with Client("wk", data_dir=folder, sync=False) as client:
        assert 3 == client.status().queued


def use(folder: str) -> None:
    """Be the app that has the journal open and holds the right to send."""
    lease = Lease(Path(folder))
    lease.acquire()
    journal = Journal.open(Path(folder), SystemClock(), durable=True)
    journal.append("track", "{}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    journal.append("track", "{}")
    sys.stdout.write("written\n")
    journal.close()


def test_what_can_not_be_looked_at_is_exit_3(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No journal, and one of a newer version; neither is made or changed."""
    assert 3 == doctor(capsys, tmp_path / "nothing", "--mend")[0]
    assert not (tmp_path / "nothing").exists()
    on_disk(folder, "PRAGMA user_version=99")
    before = (folder / "journal.db").read_bytes()
    code, _, err = doctor(capsys, folder, "--mend")

    assert (3, True, before) == (code, "newer" in err, (folder / "journal.db").read_bytes())


def test_people_read_it_in_80_columns_and_without_anybodys_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each finding: what, why, the way out, and whether --mend does it."""
    for harm in MENDABLE.values():
        if (folder / "journal.db").exists():
            harm(folder)
    _, out, _ = doctor(capsys, folder)
    lines = out.splitlines()

    assert [] == [line for line in lines if len(line) > 80 and "/" not in line]
    text = " ".join(out.split())
    for words in ("1. ", "Why it matters: ", "Way out: ", "`lmg-offline doctor --mend` does it."):
        assert words in text
    assert "ann" not in out.replace(str(folder), "")
