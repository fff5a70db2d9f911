"""A damaged journal: what is recovered, what is lost and named, and that nobody gets what is another's."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import Client
from lmg_offline._journal import migrations
from lmg_offline._journal.desk import Desk
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.keys import LANE_SHIFT
from lmg_offline._journal.mark import Mark
from lmg_offline._support.clock import SystemClock
from lmg_offline._sync.lease import Lease
from lmg_offline.errors import JournalCorrupt, JournalUnavailable, ValidationError
from tests.fakes import ManualClock, Rig
from tests.journal.test_migrations import SNAPSHOTS, restored
from tools.faults import damage

BODY = json.dumps({"name": "seen", "properties": {"text": "x" * 300}})


def opened(folder: Path) -> Journal:
    return Journal.open(folder, SystemClock(), durable=True)


def desk_of(journal: Journal) -> Desk:
    return Desk(journal, lambda: None)


def written(folder: Path, count: int = 40) -> list[str]:
    """Make a journal of one person and close it; return the receipts."""
    journal = opened(folder)
    receipts = [journal.identify("ann", None, None).written.text]
    receipts += [journal.append("track", BODY).text for _ in range(count)]
    journal.close()
    return receipts


def queued(journal: Journal) -> list[str]:
    return [entry.receipt_id for entry in desk_of(journal).entries()]


def folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("damaged-*"))


def on_disk(path: Path, *statements: str) -> None:
    """Change a journal that nobody has open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def flip(rig: Rig, statement: str) -> None:
    """Change a row as a flipped bit would: its digest stays."""
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(statement).rowcount)


@pytest.mark.parametrize(
    ("harm", "kept"),
    [
        pytest.param(damage.empty, 0, id="nothing left in the file"),
        pytest.param(damage.behead, 41, id="header gone"),
        pytest.param(damage.spoil_schema, 41, id="schema gone"),
        pytest.param(damage.replace_by_another, 0, id="another program's database"),
        pytest.param(lambda path, rng: path.write_bytes(b"no database at all" * 400), 0, id="no database"),
        pytest.param(lambda path, rng: on_disk(path, "DROP TABLE ledger"), 41, id="a table missing"),
        pytest.param(lambda path, rng: on_disk(path, "DELETE FROM device"), 41, id="the device's row missing"),
        pytest.param(lambda path, rng: on_disk(path, "DROP INDEX ledger_by_position"), 41, id="sound all the same"),
    ],
)
def test_a_damaged_file_is_set_aside_and_the_app_goes_on(
    tmp_path: Path, harm: Callable[[Path, random.Random], None], kept: int
) -> None:
    """At opening: the file is kept as it was, for its owner alone; what it still says is in the new one."""
    folder = tmp_path / "j"
    receipts = written(folder)
    harm(folder / "journal.db", random.Random(1))
    found = (folder / "journal.db").read_bytes()
    journal = opened(folder)
    states = {desk_of(journal).receipt(receipt) for receipt in receipts}

    assert (receipts if kept else []) == queued(journal)
    assert {"journaled" if kept else "lost"} == states
    assert desk_of(journal).audit().adds_up
    journal.append("track", BODY)
    journal.close()
    for aside in folders(folder):
        assert (found, 0o700) == ((aside / "journal.db").read_bytes(), stat.S_IMODE(aside.stat().st_mode))
        assert {path.name for path in aside.iterdir()} <= {"journal.db", "journal.db-wal", "journal.db-shm"}


def test_a_damaged_page_costs_its_own_entries_and_no_others(tmp_path: Path) -> None:
    """Those of all other pages keep ids, order, times and session."""
    folder = tmp_path / "j"
    receipts = written(folder, 200)
    pages = damage.pages_of(folder / "journal.db", "entries")
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        times = connection.execute("SELECT id, made_at, boot_id, since_boot_ms FROM entries").fetchall()
    damage.spoil_page(folder / "journal.db", random.Random(2), pages[len(pages) // 2])
    journal = opened(folder)
    left = queued(journal)
    lost = [receipt for receipt in receipts if receipt not in left]
    after = journal.store.read("SELECT id, made_at, boot_id, since_boot_ms FROM entries")

    assert 0 < len(lost) <= 4096 // 300
    assert [receipt for receipt in receipts if receipt in left] == left
    assert [row for row in times if row in after] == after
    assert {"lost"} == {desk_of(journal).receipt(receipt) for receipt in lost}
    assert ({"lost": len(lost)}, True) == (desk_of(journal).audit().ledger, desk_of(journal).audit().adds_up)
    assert "ann" == journal.current().user_id
    journal.close()


def test_an_index_that_is_not_its_tables_hides_nothing(tmp_path: Path) -> None:
    """The pages of two indexes have changed places: by one of them no lane would have anything to send."""
    folder = tmp_path / "j"
    receipts = written(folder, 3)
    swap = (
        "UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master WHERE name IN"
        " ('lanes_not_drained', 'ledger_retried')) - rootpage WHERE name IN ('lanes_not_drained', 'ledger_retried')"
    )
    on_disk(folder / "journal.db", "PRAGMA writable_schema=ON", swap)
    rig = Rig(folder)
    rig.drain()

    assert {"acknowledged"} == {rig.desk.receipt(receipt) for receipt in receipts}
    rig.close()


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        *(
            ("lanes", column, column[:-1] + "~")
            for column in ("session_id", "user_id", "state", "sealed_at", "acked_position", "identify_position")
        ),
        ("entries", "body", "bod~"),
        ("entries", "position INTEGER", "position INTEGES"),
        ("device", "secret", "secre~"),
        ("ledger", "reason", "reaso~"),
    ],
)
def test_a_flipped_bit_in_the_definition_of_a_table_loses_nobody(
    tmp_path: Path, version: int, table: str, old: str, new: str
) -> None:
    """What the file says of its columns is wrong, and what is in them is not: entries go to whom they belong."""
    if version == migrations.VERSION:
        written(tmp_path / "sound", 3)
    else:
        restored(SNAPSHOTS[version - 1], tmp_path / "sound")
    shutil.copytree(tmp_path / "sound", tmp_path / "damaged")
    wrong = f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new.replace('~', 'x')}') WHERE name = '{table}'"
    on_disk(tmp_path / "damaged" / "journal.db", "PRAGMA writable_schema=ON", wrong)
    arrived = {}
    for name in ("sound", "damaged"):
        rig = Rig(tmp_path / name)
        rig.drain()
        arrived[name] = {(entry_id, user_id) for _, _, entry_id, _, user_id in rig.platform.log}
        assert (name == "damaged") is (rig.journal.store.recovery is not None)
        rig.close()

    assert arrived["sound"] == arrived["damaged"]


@pytest.mark.parametrize(("old", "new"), [("user_id TEXT,", "user_id TEXTm"), ("lane_id INTEGER", "lane_id INTEGES")])
def test_a_definition_that_makes_no_sense_is_replaced(tmp_path: Path, old: str, new: str) -> None:
    """With a column too few, each value would be read under its neighbour's name; another can't be read at all."""
    folder = tmp_path / "j"
    receipts = written(folder, 3)
    wrong = f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}') WHERE name = 'lanes'"
    on_disk(folder / "journal.db", "PRAGMA writable_schema=ON", wrong)
    rig = Rig(folder)
    rig.drain()

    assert {"acknowledged"} == {rig.desk.receipt(receipt) for receipt in receipts}
    rig.close()


def test_a_log_that_is_gone_is_missed(tmp_path: Path) -> None:
    """The file alone looks sound. What was in the log is named lost, and its numbers are not used again."""
    folder, copy = tmp_path / "j", tmp_path / "copy"
    first = written(folder, 3)
    journal = opened(folder)
    gone = [journal.append("track", BODY).text for _ in range(5)]
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)  # as a killed process leaves it
    journal.close()
    (copy / "journal.db-wal").unlink()
    journal = opened(copy)
    after = journal.append("track", BODY).text

    assert [*first, after] == queued(journal)
    assert {"lost"} == {desk_of(journal).receipt(receipt) for receipt in gone}
    assert int(after.split(".")[1]) > int(gone[-1].split(".")[1])
    assert ("ann", True) == (journal.current().user_id, desk_of(journal).audit().adds_up)
    journal.close()


def test_a_mark_that_can_not_be_removed_is_an_error_of_ours(tmp_path: Path) -> None:
    """A new journal can't begin beside what another had reached; once the disk is well, it can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mark, "remove", lambda mark: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(JournalUnavailable, match="Input/output error"):
            Journal.open(tmp_path / "j", SystemClock(), durable=True)
    Journal.open(tmp_path / "j", SystemClock(), durable=True).close()


def test_a_log_without_its_journal_is_not_taken_for_a_new_ones(tmp_path: Path) -> None:
    """The new journal begins empty, and the log is kept with what was set aside."""
    folder, copy = tmp_path / "j", tmp_path / "copy"
    journal = opened(folder)
    receipt = journal.append("track", BODY).text
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)
    journal.close()
    (copy / "journal.db").unlink()
    journal = opened(copy)

    assert (["journal.db-shm", "journal.db-wal"], "lost") == (
        sorted(path.name for path in folders(copy)[0].iterdir()),
        desk_of(journal).receipt(receipt),
    )
    journal.close()


def test_a_journal_that_does_not_know_of_a_reset_goes_on_as_nobody(tmp_path: Path) -> None:
    """Somebody else stands there since: the session of who left must not come back."""
    folder = tmp_path / "j"
    receipts = written(folder, 2)
    old = (folder / "journal.db").read_bytes()
    journal = opened(folder)
    journal.reset()
    journal.close()
    (folder / "journal.db").write_bytes(old)
    journal = opened(folder)
    lane = journal.current()

    assert (None, "anonymous", receipts) == (lane.user_id, lane.state, queued(journal))
    assert lane.lane_id > 2
    assert ["sealed", "open"] == [each.status for each in desk_of(journal).lanes()]
    journal.close()


def test_a_session_in_which_somebody_may_have_come_does_not_go_on(tmp_path: Path) -> None:
    """Their identify was in the log that is gone: what is written now may be another's."""
    folder, copy = tmp_path / "j", tmp_path / "copy"
    journal = opened(folder)
    before = journal.append("track", BODY).text
    journal.store.checkpoint()
    journal.identify("ann", None, None)
    subprocess.run(["cp", "-r", str(folder), str(copy)], check=True)
    journal.close()
    (copy / "journal.db-wal").unlink()
    journal = opened(copy)
    after = journal.append("track", BODY).text

    assert ([before, after], None) == (queued(journal), journal.current().user_id)
    assert before.split(".")[0] != after.split(".")[0]
    journal.close()


def test_the_numbers_of_lost_lanes_are_not_given_again(tmp_path: Path) -> None:
    """A receipt of a lane that nobody can read any more is not answered with what another lane did."""
    folder = tmp_path / "j"
    receipts = written(folder, 2)
    on_disk(folder / "journal.db", "UPDATE lanes SET session_id = 'flipped-session-id' WHERE user_id = 'ann'")
    journal = opened(folder)
    after = journal.append("track", BODY)

    assert after.position >> LANE_SHIFT >= 1000
    assert ({"lost"}, [after.text]) == ({desk_of(journal).receipt(each) for each in receipts}, queued(journal))
    assert desk_of(journal).audit().adds_up
    with pytest.raises(ValidationError):
        desk_of(journal).receipt(f"5000.1.{after.id}")
    journal.close()


@pytest.mark.parametrize("column", ["user_id = 'bob'", "session_id = 'another-session-id'"])
def test_entries_of_a_lane_that_is_not_what_was_written_go_to_nobody(tmp_path: Path, column: str) -> None:
    """A bit of whose it is has flipped while the app runs: found before it is sent, and lost rather than given."""
    rig = Rig(tmp_path / "j")
    rig.journal.identify("ann", None, None)
    receipt = rig.track()
    rig.journal.reset()
    rig.journal.identify("bob", None, None)
    bobs = rig.track()
    flip(rig, f"UPDATE lanes SET {column} WHERE user_id = 'ann'")
    rig.drain()

    assert ("lost", "acknowledged") == (rig.desk.receipt(receipt), rig.desk.receipt(bobs))
    assert {"bob"} == {row[4] for row in rig.platform.log}
    assert ("bob", True) == (rig.journal.current().user_id, rig.desk.audit().adds_up)
    rig.close()


@pytest.mark.parametrize(
    "change", ["since_boot_ms = since_boot_ms + 8192", "boot_id = 'boot-0'", "made_at = made_at + 1", "kind = 'update'"]
)
def test_a_flipped_bit_in_an_entry_is_found_whatever_it_decides(tmp_path: Path, change: str) -> None:
    """Its age too: it would win over a newer value."""
    rig = Rig(tmp_path / "j")
    receipt, other = rig.track("one"), rig.track("two")
    flip(rig, f"UPDATE entries SET {change} WHERE position & 255 = 1")
    rig.drain()

    assert ("lost", "acknowledged") == (rig.desk.receipt(receipt), rig.desk.receipt(other))
    rig.close()


def test_a_current_session_that_was_ended_is_not_gone_on_with(tmp_path: Path) -> None:
    """The journal names the lane of somebody who left: the next write goes to who is there."""
    rig = Rig(tmp_path / "j")
    rig.journal.identify("ann", None, None)
    rig.journal.reset()
    rig.journal.identify("bob", None, None)
    flip(rig, "UPDATE device SET current_lane = 1")
    rig.track()
    rig.drain()

    assert [("identify", "ann"), ("identify", "bob"), ("track", "bob")] == [(r[3], r[4]) for r in rig.platform.log]
    rig.close()


@pytest.mark.parametrize("token", [None, "token of ann"])
def test_a_lost_identify_is_said_again(tmp_path: Path, token: str | None) -> None:
    """What was made under it arrives under its person, in a new session, with proof where there is a token."""
    rig = Rig(tmp_path / "j")
    rig.platform.good_tokens["ann"] = "token of ann"
    before = rig.track("before")
    claim = rig.journal.identify("ann", token, {"name": "Ann"}).written.text
    after = rig.track("after")
    flip(rig, "UPDATE entries SET body = replace(body, 'Ann', 'Anm') WHERE kind = 'identify'")
    rig.drain()

    assert ["acknowledged", "lost", "acknowledged"] == [rig.desk.receipt(each) for each in (before, claim, after)]
    assert {"ann"} == {row[4] for row in rig.platform.log}
    assert ("ann", "verified" if token else "identified") == (
        rig.journal.current().user_id,
        rig.journal.current().state,
    )
    assert rig.desk.audit().adds_up
    rig.close()


def test_a_device_that_is_not_known_any_more_goes_on_as_a_copy_does(tmp_path: Path) -> None:
    """Its id and secret are gone: a new one, and lanes whose entries are recognised."""
    rig = Rig(tmp_path / "j")
    rig.journal.identify("ann", None, None)
    rig.drain()
    receipts = [rig.track() for _ in range(3)]
    before = rig.outbox.device().device_id
    rig.close()
    on_disk(tmp_path / "j" / "journal.db", "DELETE FROM device")
    again = Rig(tmp_path / "j", rig.platform, clock=rig.clock)
    again.drain()

    assert before != again.outbox.device().device_id
    assert ["acknowledged"] * 3 == [again.desk.receipt(receipt) for receipt in receipts]
    assert {"ann"} == {row[4] for row in rig.platform.log}
    assert ("ann", True) == (again.journal.current().user_id, again.desk.audit().adds_up)
    again.close()


def test_a_parked_lane_a_dead_letter_and_a_token_are_recovered(tmp_path: Path) -> None:
    """What waits goes on waiting, for the same reason; a dead letter can be retried."""
    rig = Rig(tmp_path / "j")
    rig.platform.refuse = lambda entry: "no_good" if entry["payload"].get("name") == "bad" else None
    rig.platform.good_tokens["cyd"] = "token of cyd"
    rig.track("bad")
    rig.drain()
    rig.journal.reset()
    rig.journal.identify("bob", "wrong", None)
    rig.drain()
    rig.journal.identify("cyd", "token of cyd", None)
    rig.close()
    damage.behead(tmp_path / "j" / "journal.db", random.Random(1))
    again = Rig(tmp_path / "j", rig.platform, clock=rig.clock)
    lanes = {lane.user_id: lane.status for lane in again.desk.lanes()}

    assert ("parked", "open") == (lanes["bob"], lanes["cyd"])
    again.drain()
    assert "verified" == again.journal.current().state
    rig.platform.refuse = lambda entry: None
    receipt = again.desk.retry(again.desk.dead_letters()[0].id)
    again.drain()
    assert ("acknowledged", True) == (again.desk.receipt(receipt), again.desk.audit().adds_up)
    again.close()


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """Also one that this version would take for damaged."""
    written(tmp_path / "j")
    path = tmp_path / "j" / "journal.db"
    on_disk(path, "DROP TABLE ledger", f"PRAGMA user_version={migrations.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(JournalUnavailable, match="newer"):
        opened(tmp_path / "j")

    assert ([], before) == (folders(tmp_path / "j"), path.read_bytes())


def test_damage_met_in_a_call_is_recovered_there(tmp_path: Path) -> None:
    """The call returns what is left; writing and reading go on."""
    folder = tmp_path / "j"
    receipts = written(folder, 100)
    journal = opened(folder)
    harm = (
        "import sys, random; from pathlib import Path; from tools.faults.damage import pages_of, spoil_page;"
        "path = Path(sys.argv[1]); spoil_page(path, random.Random(1), pages_of(path, 'entries')[3])"
    )
    subprocess.run([sys.executable, "-c", harm, str(folder / "journal.db")], check=True)
    left = queued(journal)
    journal.append("track", BODY)

    assert 0 < len(left) < len(receipts)
    assert (len(left) + 1, len(receipts) - len(left)) == (len(queued(journal)), desk_of(journal).audit().ledger["lost"])
    assert "ann" == journal.current().user_id
    journal.close()


RECOVER_ELSEWHERE = """
import sys; from pathlib import Path
from lmg_offline._journal.journal import Journal; from lmg_offline._journal.outbox import Outbox
from lmg_offline._support.clock import SystemClock
journal = Journal.open(Path(sys.argv[1]), SystemClock(), durable=True)
flip = "UPDATE entries SET body = '{}' WHERE position & 255 = 2"
journal.store.run(lambda connection: connection.exec_driver_sql(flip).rowcount)
Outbox(journal).next_batch(100, 100_000, ())
assert journal.store.recovery is not None
journal.close()
"""


def test_other_processes_go_on_in_the_recovered_journal(tmp_path: Path) -> None:
    """They have the old file open: none of their writes goes there, and its close takes nothing from the new one."""
    folder = tmp_path / "j"
    written(folder, 3)
    journal, heard = opened(folder), []
    assert 4 == len(queued(journal))
    journal.store.on_recovery(heard.append)
    subprocess.run([sys.executable, "-c", RECOVER_ELSEWHERE, str(folder)], check=True)
    after = journal.append("track", BODY)
    reader = queued(journal)

    assert ([1], 4) == ([news.lost for news in heard], len(reader))
    assert after.text == reader[-1]
    journal.close()
    journal = opened(folder)
    assert (reader, 1) == (queued(journal), len(folders(folder)))
    journal.close()


def test_a_folder_that_is_removed_under_the_app_is_a_clear_error(tmp_path: Path) -> None:
    """No write goes to a file that is not there any more; when the folder is back, all goes on."""
    folder, away = tmp_path / "j", tmp_path / "away"
    written(folder, 3)
    journal = opened(folder)
    assert 4 == len(queued(journal))
    folder.rename(away)
    for call in (lambda: journal.append("track", BODY), lambda: queued(journal), journal.reset):
        with pytest.raises(JournalUnavailable, match="removed"):
            call()
    assert not folder.exists()
    away.rename(folder)
    journal.append("track", BODY)

    assert 5 == len(queued(journal))
    journal.close()
    shutil.rmtree(folder)


def test_the_app_is_told_once(tmp_path: Path) -> None:
    """When it asks, if the damage was found before that; a client that was told does not tell the next one."""
    folder = tmp_path / "j"
    written(folder, 3)
    damage.behead(folder / "journal.db", random.Random(1))
    told: list[Any] = []
    with Client("wk", data_dir=folder, sync=False) as client:
        client.on("synced", told.append)
        assert [] == told
        client.on("journal_recovered", told.append)
        status = client.status().recovery

    assert status is not None
    name = folders(folder)[0].name
    assert [{"at": status.at, "recovered": 4, "lost": 0, "folder": name}] == told
    with Client("wk", data_dir=folder, sync=False) as client:
        client.on("journal_recovered", told.append)
        assert (1, status) == (len(told), client.status().recovery)


def test_a_running_app_is_told_of_what_happens_to_its_journal(tmp_path: Path) -> None:
    """On the thread of the call that finds the damage, after it is mended."""
    told: list[Any] = []
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        receipt = client.activity.track("seen")
        client.on("journal_recovered", lambda news: told.append((news["lost"], client.journal.receipt(receipt.id))))
        client._journal.store.run(lambda connection: connection.exec_driver_sql("DELETE FROM device").rowcount)
        client.user.session_id  # noqa: B018 - a call like any other

    assert [(0, "journaled")] == told


def test_damaged_folders_go_with_the_person(tmp_path: Path) -> None:
    """They hold what was written: reset and forget remove them."""
    folder = tmp_path / "j"
    for leave in ("reset", "forget"):
        written(folder, 3)
        damage.behead(folder / "journal.db", random.Random(1))
        journal = opened(folder)
        assert 1 == len(folders(folder))
        getattr(journal, leave)()
        assert [] == folders(folder)
        journal.close()


def test_the_newest_few_damaged_folders_are_kept(tmp_path: Path) -> None:
    """A disk that fails every day does not fill up."""
    folder = tmp_path / "j"
    written(folder, 3)
    for seed in range(7):
        damage.behead(folder / "journal.db", random.Random(seed))
        journal = opened(folder)
        recovery = journal.store.recovery
        journal.close()

    assert 5 == len(folders(folder))
    assert recovery is not None
    assert recovery.folder in {path.name for path in folders(folder)}


def test_the_newest_of_many_in_one_second_is_kept(tmp_path: Path) -> None:
    """A name that was given up is not taken again, and the tenth comes after the second."""
    folder, clock = tmp_path / "j", ManualClock()
    written(folder, 3)
    names = []
    for seed in range(12):
        damage.behead(folder / "journal.db", random.Random(seed))
        journal = Journal.open(folder, clock, durable=True)
        recovery = journal.store.recovery
        journal.close()
        assert recovery is not None
        names.append(recovery.folder)

    assert 12 == len(set(names))
    assert set(names[-5:]) == {path.name for path in folders(folder)}


def test_texts_that_are_none_are_damage_and_are_shown_to_nobody(tmp_path: Path) -> None:
    """SQLite's own message would hold them."""
    rig = Rig(tmp_path / "j")
    rig.journal.identify("ann", None, None)
    rig.close()
    secret = "CAST(x'736563726574ff' AS TEXT)"  # "secret", and a byte that is no text
    on_disk(tmp_path / "j" / "journal.db", f"UPDATE lanes SET profile = {secret}, parked_message = {secret}")
    journal = opened(tmp_path / "j")
    broken = "SELECT CAST(x'736563726574ff' AS TEXT)"
    try:
        journal.store.read(broken)
    except JournalCorrupt:
        shown = traceback.format_exc()

    assert "secret" not in shown.replace(broken, "")
    journal.close()


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_an_older_journal_that_is_damaged_is_recovered_as_it_is(tmp_path: Path, snapshot: Path) -> None:
    """Nothing is brought up to date before it is known to be sound."""
    folder = tmp_path / "j"
    restored(snapshot, folder)
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        expected = connection.execute("SELECT id FROM entries ORDER BY position").fetchall()
        user = connection.execute("SELECT user_id FROM lanes WHERE sealed_at IS NULL").fetchone()[0]
    on_disk(folder / "journal.db", "DROP TABLE ledger")
    journal = opened(folder)

    assert expected == journal.store.read("SELECT id FROM entries ORDER BY position")
    assert (user, True) == (journal.current().user_id, desk_of(journal).audit().adds_up)
    journal.close()


@pytest.mark.parametrize("wall_ms", [-1, 10**17])
def test_a_clock_beyond_all_calendars_keeps_nobody_from_recovering(tmp_path: Path, wall_ms: int) -> None:
    """The folder's name is only for people."""
    folder, clock = tmp_path / "j", ManualClock()
    receipts = written(folder, 2)
    damage.behead(folder / "journal.db", random.Random(1))
    clock.wall = wall_ms
    journal = Journal.open(folder, clock, durable=True)

    assert (receipts, 1) == (queued(journal), len(folders(folder)))
    journal.close()


def test_a_damaged_lease_stops_nobody_from_sending(tmp_path: Path) -> None:
    """The file that says who sends holds nothing that could be lost."""
    (tmp_path / "lease.db").write_bytes(b"no database" * 500)
    lease = Lease(tmp_path)

    assert (False, True) == (lease.acquire(), lease.acquire())
    lease.release()


def test_a_mark_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    """It is believed only as it was written."""
    mark = Mark(tmp_path)
    mark.write(7)
    whole = (tmp_path / "journal.mark").read_bytes()
    found = [mark.read()]
    for content in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], b""):
        (tmp_path / "journal.mark").write_bytes(content)
        found.append(mark.read())
    mark.remove()

    assert [7, None, None, None, None] == [*found, mark.read()]
