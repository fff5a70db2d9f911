"""audit(): whatever happens, each accepted write is in one of its figures, and what was turned away in none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lmg_offline._core.schedule import Retry, Split, Suspend
from lmg_offline.config import Bounds
from lmg_offline.errors import JournalFull
from tests.fakes import Rig
from tests.properties.other_process import other_process

Receipts = list[str]


def acknowledgements_lost(rig: Rig, receipts: Receipts) -> None:
    rig.platform.lose_reply = 3


def bad_answers(rig: Rig, receipts: Receipts) -> None:
    rig.platform.faults = [Retry("HTTP 500", reached=True), Suspend("no", "no"), Split("413", malformed=False)]


def refusals(rig: Rig, receipts: Receipts) -> None:
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["seq"] % 2 else None


def a_retry_and_a_discard(rig: Rig, receipts: Receipts) -> None:
    refusals(rig, receipts)
    rig.drain()
    retried, discarded = rig.desk.dead_letters()[:2]
    rig.desk.retry(retried.id)
    rig.desk.discard(discarded.id)


def a_bad_token(rig: Rig, receipts: Receipts) -> None:
    receipts.append(rig.journal.identify("ann", "bad", None).written.text)
    receipts.extend(rig.track() for _ in range(3))
    rig.drain()
    assert 4 == rig.desk.counts().parked
    rig.desk.discard(receipts[-1].split(".", 2)[2])
    receipts.append(rig.track())


def an_erasure(rig: Rig, receipts: Receipts) -> None:
    receipts.append(rig.journal.identify("ann", None, None).written.text)
    receipts.append(rig.journal.forget()[0].text)
    receipts.append(rig.track())


def a_move(rig: Rig, receipts: Receipts) -> None:
    rig.outbox.fork([rig.journal.current().lane_id], now_ms=rig.clock.wall_ms())
    receipts.append(rig.track())


def damage(rig: Rig, receipts: Receipts) -> None:
    rig.journal.store.run(
        lambda connection: connection.exec_driver_sql("UPDATE entries SET body = '{}' WHERE position & 3 = 2").rowcount
    )


def a_full_journal(rig: Rig, receipts: Receipts) -> None:
    with pytest.raises(JournalFull):
        while True:
            receipts.append(rig.track())
    receipts.append(rig.journal.identify("ann", None, None).written.text)


def merging(rig: Rig, receipts: Receipts) -> None:
    receipts.extend(rig.update(visits=number) for number in range(100))
    assert rig.desk.audit().ledger["superseded"]


def another_process_dies_in_a_write(rig: Rig, receipts: Receipts) -> None:
    folder = rig.journal.store.folder
    receipts.append(other_process().do(folder, "append", "track", '{"name": "seen", "properties": {}}'))
    other_process().crash(folder)


@pytest.mark.parametrize(
    "happen",
    [
        acknowledgements_lost,
        bad_answers,
        refusals,
        a_retry_and_a_discard,
        a_bad_token,
        an_erasure,
        a_move,
        damage,
        a_full_journal,
        merging,
        another_process_dies_in_a_write,
    ],
    ids=lambda happen: happen.__name__.replace("_", " "),
)
def test_every_accepted_write_is_accounted_for(tmp_path: Path, happen: Callable[[Rig, Receipts], None]) -> None:
    """At once, after a crash, and after everything that can be sent was sent."""
    rig = Rig(tmp_path / "j", bounds=Bounds(40, None))
    rig.drain()
    receipts = [rig.track() for _ in range(10)]
    happen(rig, receipts)
    check(rig, receipts)
    shutil.copytree(tmp_path / "j", tmp_path / "crashed")
    platform = rig.platform
    rig.close()
    again = Rig(tmp_path / "crashed", platform, bounds=Bounds(40, None))
    check(again, receipts)
    again.drain()
    check(again, receipts)

    assert 0 == again.desk.counts().queued
    again.close()


def check(rig: Rig, receipts: Receipts) -> None:
    """Each figure is what the receipts say one by one."""
    audit = rig.desk.audit()
    states = [rig.desk.receipt(receipt) for receipt in receipts]
    named_again = audit.ledger.get("moved", 0) + audit.ledger.get("retried", 0)

    assert audit.adds_up
    assert len(receipts) + named_again == audit.accepted
    assert states.count("acknowledged") == audit.acknowledged
    assert states.count("journaled") == audit.queued + audit.parked
    assert states.count("refused") == audit.dead_letters
    for reason in ("superseded", "discarded", "forgotten"):
        assert states.count(reason) == audit.ledger.get(reason, 0)
