"""Sessions that are over: their rows go, and every sum and receipt says what it said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lmg_offline._journal import finished
from lmg_offline._journal.keys import LANE_SHIFT
from lmg_offline._journal.mark import Mark
from lmg_offline.config import Bounds
from lmg_offline.errors import ValidationError
from tests.fakes import Rig

KEPT = 40
MOST = KEPT + 40
MANY = 160


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as make a test quick."""
    monkeypatch.setattr(finished, "KEPT", KEPT)


def visits(rig: Rig, count: int, *, deliver: bool = True) -> list[str]:
    """Let so many people come and leave; return a receipt of each."""
    receipts = []
    for number in range(count):
        rig.journal.identify(f"person {number}", None, None)
        receipts.append(rig.track())
        rig.journal.reset()
        if deliver and number % 4 == 3:
            rig.drain()
    if deliver:
        rig.drain()
    return receipts


def lanes(rig: Rig) -> list[int]:
    """The ids of the lanes that have a row."""
    return [row[0] for row in rig.journal.store.read("SELECT lane_id FROM lanes ORDER BY lane_id")]


def size(rig: Rig) -> int:
    """What the journal takes, emptied into its file."""
    rig.journal.store.checkpoint()
    return (rig.journal.store.folder / "journal.db").stat().st_size


def test_the_journal_does_not_grow_with_the_people_who_came(tmp_path: Path) -> None:
    """Whatever their number: rows of the newest stay, and the file is as large as it was."""
    rig = Rig(tmp_path / "j")
    first = visits(rig, MANY)
    before, kept = size(rig), len(lanes(rig))
    visits(rig, MANY)

    assert kept <= MOST
    assert len(lanes(rig)) <= MOST
    assert size(rig) <= before + 2 * 4096
    audit = rig.desk.audit()
    assert (4 * MANY, 4 * MANY, True) == (audit.accepted, audit.acknowledged, audit.adds_up)
    assert {"acknowledged"} == {rig.desk.receipt(receipt) for receipt in first}
    rig.close()


def test_what_is_not_over_stays(tmp_path: Path) -> None:
    """A lane that waits for a token, one with a refused entry, one that was moved; and what was never given is none."""
    rig = Rig(tmp_path / "j")
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    refused = rig.track("bad")
    rig.journal.identify("ann", "no good token", None)
    parked = rig.track()
    rig.journal.reset()
    rig.drain()
    rig.track("bad")
    rig.journal.reset()
    rig.drain()
    moved = rig.track()
    rig.outbox.fork([rig.journal.current().lane_id], now_ms=rig.clock.wall_ms())
    rig.journal.reset()
    rig.drain()
    rig.platform.refuse = lambda entry: None
    known = lanes(rig)[:4]
    visits(rig, MANY)

    assert known == lanes(rig)[:4]
    assert KEPT < lanes(rig)[4]
    assert ["refused", "journaled", "acknowledged"] == [rig.desk.receipt(each) for each in (refused, parked, moved)]
    assert rig.desk.audit().adds_up
    retried = rig.desk.retry(refused.split(".", 2)[2])
    rig.drain()
    assert "journaled" == rig.desk.receipt(retried), "behind what waits for a token"
    rig.platform.good_tokens["ann"] = "good"
    with pytest.raises(ValidationError):
        rig.desk.receipt(f"{MANY * 9}.1.x")
    rig.close()


def test_what_was_superseded_is_still_named_so(tmp_path: Path) -> None:
    """The ledger answers for the lane."""
    rig = Rig(tmp_path / "j", bounds=Bounds(10, None))
    receipts = [rig.update(visits=number) for number in range(30)]
    rig.journal.reset()
    rig.drain()
    states = [rig.desk.receipt(receipt) for receipt in receipts]
    visits(rig, MANY)
    audit = rig.desk.audit()

    assert 1 not in lanes(rig)
    assert {"superseded", "acknowledged"} == set(states)
    assert states == [rig.desk.receipt(receipt) for receipt in receipts]
    assert (states.count("superseded"), True) == (audit.ledger["superseded"], audit.adds_up)
    assert {None} == {row.session_id for row in rig.desk.ledger()}
    rig.close()


def test_empty_sessions_leave_the_last_that_was_written_to(tmp_path: Path) -> None:
    """The mark beside the journal names it: without its row the journal would look damaged."""
    rig = Rig(tmp_path / "j")
    receipt = rig.track()
    rig.journal.reset()
    rig.drain()
    for _ in range(MANY):
        rig.journal.reset()
    rig.close()
    again = Rig(tmp_path / "j")

    assert 1 in lanes(again)
    assert "acknowledged" == again.desk.receipt(receipt)
    assert not list((tmp_path / "j").glob("damaged-*"))
    again.close()


@pytest.mark.parametrize("loses_a_lane", [False, True])
def test_a_recovered_journal_knows_who_was_there(tmp_path: Path, loses_a_lane: bool) -> None:
    """The sums are carried on where every lane could be read; where not, nothing is said that is not known."""
    rig = Rig(tmp_path / "j")
    first = visits(rig, MANY)
    rig.track()
    kept = lanes(rig)
    rig.close()
    Mark(tmp_path / "j").write((kept[-1] << LANE_SHIFT) + 2)
    if loses_a_lane:
        with closing(sqlite3.connect(tmp_path / "j" / "journal.db")) as connection:
            connection.execute("UPDATE lanes SET session_id = 'another' WHERE lane_id = ?", (kept[3],))
            connection.commit()
    again = Rig(tmp_path / "j", platform=rig.platform)
    again.drain()
    audit = again.desk.audit()

    assert len(list((tmp_path / "j").glob("damaged-*"))) == 1
    assert audit.adds_up
    assert {"lost": 1} == audit.ledger
    if loses_a_lane:
        assert "lost" == again.desk.receipt(first[0])
        assert 2 * MANY > audit.acknowledged
    else:
        assert ("acknowledged", 2 * MANY + 1) == (again.desk.receipt(first[0]), audit.acknowledged)
    again.close()
