"""The journal in any order of threads, processes, crashes, answers and moves: one fate a number, order kept."""

from __future__ import annotations

import shutil
import sys
import threading
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lmg_offline._journal.desk import Desk
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.outbox import Outbox
from lmg_offline._journal.records import LaneBatch, LaneResult, Refusal
from lmg_offline._journal.tables import LANE_SHIFT, SEQ_MASK
from tests.fakes import ManualClock
from tests.properties.other_process import other_process
from tests.properties.search import scratch_folder, search


@dataclass
class Model:
    """
    What became of every write, by the id of its entry.

    Attributes:
        queues: Ids that wait, by the number of their lane, in the order of replay.

        fates: `journaled`, `acknowledged`, `refused` or `discarded`.

        receipts: What answers for them.
    """

    queues: dict[int, list[str]] = field(default_factory=dict)
    fates: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)

    def write(self, receipt: str) -> None:
        """A write returned, or a dead letter was queued again: it is the last of its lane."""
        lane, _, entry_id = receipt.split(".", 2)
        self.queues.setdefault(int(lane), []).append(entry_id)
        self.fates[entry_id], self.receipts[entry_id] = "journaled", receipt

    def settle(self, entry_id: str, fate: str) -> None:
        """A write is waiting no more."""
        for queue in self.queues.values():
            if entry_id in queue:
                queue.remove(entry_id)
        self.fates[entry_id] = fate

    def move(self, receipts: list[str]) -> None:
        """What waits has other numbers, in an order that is to be the same."""
        before = self.order()
        self.queues.clear()
        for receipt in receipts:
            self.write(receipt)
        assert before == [each for each in self.order() if each in before]

    def order(self) -> list[str]:
        """Return what waits, in the order in which it is to be sent."""
        return [each for lane in sorted(self.queues) for each in self.queues[lane]]


class JournalMachine(RuleBasedStateMachine):
    """One folder, some threads and processes, and a platform's answers at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.base = scratch_folder()
        self.folder = self.base / "journal"
        self.clock = ManualClock()
        self.model = Model()
        self.retries = self.moves = self.crashes = 0
        self.open()

    def open(self) -> None:
        """Open the journal."""
        self.journal = Journal.open(self.folder, self.clock, durable=False)
        self.outbox = Outbox(self.journal)
        self.desk = Desk(self.journal, lambda: None)

    @rule(counts=st.lists(st.integers(1, 5), min_size=1, max_size=4))
    def append_by_threads_at_once(self, counts: list[int]) -> None:
        """Each thread's own writes keep their order; all of them are neighbours."""
        barrier = threading.Barrier(len(counts))
        written: list[list[str]] = [[] for _ in counts]

        def write(number: int) -> None:
            barrier.wait(10)
            written[number] += [self.journal.append("track", "{}").text for _ in range(counts[number])]

        threads = [threading.Thread(target=write, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for receipts in written:
            assert receipts == sorted(receipts, key=seq_of)
        together = sorted((receipt for receipts in written for receipt in receipts), key=seq_of)
        first = seq_of(together[0])
        assert list(range(first, first + len(together))) == [seq_of(receipt) for receipt in together]
        for receipt in together:
            self.model.write(receipt)

    @rule(count=st.integers(1, 3))
    def append_by_another_process(self, count: int) -> None:
        for _ in range(count):
            self.model.write(other_process().do(self.folder, "append", "track", "{}"))

    @rule(user_id=st.sampled_from(["ann", "bob"]), elsewhere=st.booleans())
    def identify(self, user_id: str, elsewhere: bool) -> None:
        if elsewhere:
            self.model.write(other_process().do(self.folder, "identify", user_id, None))
        else:
            self.model.write(self.journal.identify(user_id, None, None).written.text)

    @rule(elsewhere=st.booleans())
    def reset(self, elsewhere: bool) -> None:
        if elsewhere:
            other_process().do(self.folder, "reset")
        else:
            self.journal.reset()

    @precondition(lambda self: self.crashes == 0)
    @rule()
    def another_process_dies_in_the_middle_of_a_write(self) -> None:
        self.crashes += 1
        other_process().crash(self.folder)

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.open()

    @rule(most=st.integers(1, 8), taken=st.integers(0, 8), refused=st.sets(st.integers(0, 7)), late=st.booleans())
    def answer(self, most: int, taken: int, refused: set[int], late: bool) -> None:
        """The platform has handled the first so many of a batch; a late answer is recorded twice."""
        batches = self.outbox.next_batch(most, 1 << 20, ())
        left = taken
        results = []
        for batch in batches:
            handled = batch.entries[:left]
            left -= len(handled)
            results.append(answer_of(batch, len(handled), refused))
            for number, entry in enumerate(handled):
                self.model.settle(entry.id, "refused" if number in refused else "acknowledged")
        for _ in range(2 if late else 1):
            self.outbox.record(results, now_ms=self.clock.wall_ms())

    @precondition(lambda self: self.desk.dead_letters())
    @rule(data=st.data(), how=st.sampled_from(["retry", "discard"]))
    def settle_a_dead_letter(self, data: st.DataObject, how: str) -> None:
        letters = self.desk.dead_letters()
        letter = letters[data.draw(st.integers(0, len(letters) - 1))]
        if how == "discard":
            self.desk.discard(letter.id)
            self.model.settle(letter.id, "discarded")
            return
        self.retries += 1
        self.model.write(self.desk.retry(letter.id))

    @precondition(lambda self: self.moves < 3)
    @rule()
    def move(self) -> None:
        """The platform says that this journal is a copy: everything goes on in new sessions."""
        self.moves += 1
        batches = self.outbox.next_batch(1000, 1 << 20, ())
        lane_ids = [batch.lane.lane_id for batch in batches]
        self.outbox.fork(lane_ids or [self.journal.current().lane_id], now_ms=self.clock.wall_ms())
        entries = self.desk.entries()
        added = [entry for entry in entries if entry.id not in self.model.fates]
        assert {("identify", 1)} >= {(entry.kind, entry.seq) for entry in added}
        self.model.move([entry.receipt_id for entry in entries])

    @invariant()
    def order_is_kept(self) -> None:
        assert self.model.order() == [entry.id for entry in self.desk.entries()]

    @invariant()
    def every_receipt_is_answered(self) -> None:
        assert self.model.fates == {each: self.desk.receipt(found) for each, found in self.model.receipts.items()}

    @invariant()
    def every_number_has_one_fate(self) -> None:
        """Queued, a dead letter, in the ledger, or else acknowledged; no number was skipped or used twice."""
        read = self.journal.store.read
        named = [row[0] for table in ("entries", "dead_letters") for row in read(f"SELECT position FROM {table}")]
        for first, last in read("SELECT first_position, last_position FROM ledger"):
            named += range(first, last + 1)
        assert len(named) == len(set(named))
        lanes = "SELECT lane_id, last_position, acked_position, acked_count FROM lanes"
        for lane_id, last, acked, count in read(lanes):
            mine = {each & SEQ_MASK for each in named if each >> LANE_SHIFT == lane_id}
            newest = max([last & SEQ_MASK, *mine])
            others = set(range(1, newest + 1)) - mine
            assert count == len(others)
            assert all(seq <= acked & SEQ_MASK for seq in others)

    @invariant()
    def the_audit_adds_up(self) -> None:
        audit = self.desk.audit()
        fates = list(self.model.fates.values())
        renamed = self.retries + audit.ledger.get("moved", 0)
        assert (True, len(fates) + renamed) == (audit.adds_up, audit.accepted)
        assert [fates.count(fate) for fate in ("journaled", "acknowledged", "refused", "discarded")] == [
            audit.queued,
            audit.acknowledged,
            audit.dead_letters,
            audit.ledger.get("discarded", 0),
        ]

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.answer(1000, 1000, set(), False)
                self.every_receipt_is_answered()
                self.every_number_has_one_fate()
        finally:
            other_process().do(self.folder, "close")
            self.journal.close()
            shutil.rmtree(self.base)


def seq_of(receipt: str) -> int:
    """Return the number in its lane that a receipt names."""
    return int(receipt.split(".", 2)[1])


def answer_of(batch: LaneBatch, handled: int, refused: set[int]) -> LaneResult:
    """Return what a platform says that has handled the first entries of a lane."""
    lane = batch.lane
    last = batch.entries[handled - 1] if handled else None
    through = (lane.acked_position, lane.acked_id) if last is None else (last.position, last.id)
    refusals = tuple(
        Refusal(entry.seq, entry.id, "invalid_payload", "no")
        for number, entry in enumerate(batch.entries[:handled])
        if number in refused
    )
    state = "identified" if lane.user_id else "anonymous"
    return LaneResult(lane.lane_id, *through, state, "token", refusals)


TestJournal = JournalMachine.TestCase
TestJournal.settings = search(examples=40, steps=25)
