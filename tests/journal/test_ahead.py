"""What is made ready while a request is under way: used when it still holds, and otherwise left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lmg_offline._journal.ahead import Wanted
from lmg_offline._journal.outbox import Outbox
from lmg_offline._journal.records import EntryRow, LaneBatch, LaneResult, Refusal
from lmg_offline.protocol.replay import MAX_BYTES
from tests.fakes import Rig

MOST = 3


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A journal whose session is open on the platform."""
    rig = Rig(tmp_path / "journal")
    rig.drain()
    return rig


def read(outbox: Outbox, most_bytes: int = MAX_BYTES) -> list[LaneBatch]:
    return outbox.next_batch(MOST, most_bytes, ())


def ids(batches: Sequence[LaneBatch]) -> list[str]:
    return [entry.id for batch in batches for entry in batch.entries]


def all_of(batch: LaneBatch, *refused: EntryRow, parked: str | None = None) -> LaneResult:
    last = batch.entries[-1]
    refusals = tuple(Refusal(entry.seq, entry.id, "invalid_payload", "no") for entry in refused)
    through = (batch.lane.acked_position, batch.lane.acked_id) if parked else (last.position, last.id)
    return LaneResult(batch.lane.lane_id, *through, "anonymous", "token", refusals, parked, parked and "Why.")


def record(rig: Rig, *results: LaneResult) -> None:
    rig.outbox.record(list(results), now_ms=rig.clock.wall_ms())


def test_the_next_request_is_what_was_read_and_marked_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a second look at the entries nor a commit of its own is needed before it goes."""
    receipts = [rig.update(a=number) for number in range(2 * MOST + 1)]
    batches = read(rig.outbox)
    rig.outbox.mark_sent(batches)
    rig.outbox.get_ready(batches)
    monkeypatch.setattr(Wanted, "read", lambda *_: pytest.fail("it was read before"))
    record(rig, all_of(batches[0]))
    (batch,) = read(rig.outbox)

    assert [receipt.split(".", 2)[2] for receipt in receipts[MOST : 2 * MOST]] == ids([batch])
    assert (batch.entries[-1].position, batch.entries[0].position - 1) == (
        batch.lane.sent_position,
        batch.lane.acked_position,
    )
    rig.close()


def test_a_request_that_bytes_have_filled_has_a_next_one_too(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        rig.update(a="x" * 10_000, b=number)
    batches = read(rig.outbox, 25_000)
    rig.outbox.get_ready(batches)
    monkeypatch.setattr(Wanted, "read", lambda *_: pytest.fail("it was read before"))
    record(rig, all_of(batches[0]))

    assert [2, 2] == [len(ids(batches)), len(ids(read(rig.outbox, 25_000)))]
    rig.close()


def test_behind_a_request_that_took_all_nothing_is_read(rig: Rig) -> None:
    """What is written while it is under way goes together, and not by the one or two that came first."""
    rig.update(a=1)
    batches = read(rig.outbox)
    rig.update(a=2)
    rig.outbox.get_ready(batches)
    later = [rig.update(a=number).split(".", 2)[2] for number in range(3, 5)]
    record(rig, all_of(batches[0]))

    assert later == ids(read(rig.outbox))[1:]
    rig.close()


def test_what_another_has_changed_is_read_anew(rig: Rig) -> None:
    """A lane that stood aside comes first again."""
    rig.session.identify("ann", "old", None)
    for number in range(MOST):
        rig.update(a=number)
    (anns,) = read(rig.outbox)
    record(rig, all_of(anns, parked="token_refused"))
    for number in range(3 * MOST):
        rig.update(b=number)
    own = read(rig.outbox)
    rig.outbox.get_ready(own)
    record(rig, all_of(own[0]))
    release = "UPDATE lanes SET parked_at = NULL, parked_code = NULL"  # as another process does, whose token was taken
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(release).rowcount)

    assert ids([anns]) == ids(read(rig.outbox))
    rig.close()


def test_a_lane_that_the_answer_parks_is_not_sent_on(rig: Rig) -> None:
    """Its next entries were read, and it waits for a token now."""
    rig.session.identify("ann", "old", None)
    for number in range(3 * MOST):
        rig.update(a=number)
    batches = read(rig.outbox)
    rig.outbox.get_ready(batches)
    record(rig, all_of(batches[0], parked="token_refused"))

    assert [] == ids(read(rig.outbox))
    rig.close()


def test_damage_that_is_met_meanwhile_is_left_to_who_needs_the_entry(rig: Rig) -> None:
    """It is recovered then, and the entry is named as lost."""
    for number in range(2 * MOST):
        rig.update(a=number)
    batches = read(rig.outbox)
    flip = f"UPDATE entries SET body = '{{}}' WHERE position = {batches[0].entries[-1].position + 1}"
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(flip).rowcount)
    rig.outbox.get_ready(batches)
    record(rig, all_of(batches[0]))

    assert MOST - 1 == len(ids(read(rig.outbox)))
    assert 1 == rig.desk.audit().ledger["lost"]
    rig.close()


@pytest.mark.parametrize("is_ready", [True, False])
def test_what_was_refused_is_not_in_the_profile(rig: Rig, is_ready: bool) -> None:
    """However the profile was put together."""
    for profile in ({"a": 1, "b": 1}, {"a": 2, "c": 2}, {"a": None, "d": 3}):
        rig.update(**profile)
    (batch,) = read(rig.outbox)
    if is_ready:
        rig.outbox.get_ready([batch])
    record(rig, all_of(batch, batch.entries[1]))

    assert {"b": 1, "d": 3} == rig.journal.profile()
    rig.close()


def test_what_was_put_together_meanwhile_is_what_the_entries_say(rig: Rig) -> None:
    """Names that are kept, changed and cleared, and entries that are no profile's between."""
    rig.update(a=0, b=0, kept="é")
    rig.drain()
    rig.update(a=1, c=1)
    rig.track()
    rig.update(b=None)
    (batch,) = rig.outbox.next_batch(10, MAX_BYTES, ())
    rig.outbox.get_ready([batch])
    record(rig, all_of(batch))

    assert {"a": 1, "kept": "é", "c": 1} == rig.journal.profile()
    rig.close()


def test_another_process_that_has_sent_them_is_noticed(rig: Rig) -> None:
    """Another client of the same journal had the answer first."""
    for number in range(3 * MOST):
        rig.update(a=number)
    batches = read(rig.outbox)
    rig.outbox.get_ready(batches)
    other = Outbox(rig.journal)
    for _ in range(2):
        (found,) = read(other)
        other.record([all_of(found)], now_ms=rig.clock.wall_ms())

    assert [2 * MOST + 1] == [batch.entries[0].seq for batch in read(rig.outbox)]
    rig.close()
