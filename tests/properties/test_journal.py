"""
The journal in any order of writers, crashes, answers and moves: one fate a number, order kept.

What is drawn depends on nothing but what was drawn before: rules take plain
numbers, and look up what they mean in the model.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lmg_offline._journal.desk import Desk
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.keys import LANE_SHIFT, SEQ_MASK
from lmg_offline._journal.outbox import Outbox
from lmg_offline._journal.records import LaneBatch, LaneResult, Refusal
from lmg_offline.config import Bounds
from lmg_offline.errors import JournalFull
from tests.fakes import ManualClock
from tests.properties.books import Books
from tests.properties.other_process import other_process
from tests.properties.search import scratch_folder, search

T = TypeVar("T")
MOST = 12
USERS = st.sampled_from(["ann", "bob"])
WHATS = st.sampled_from(["", "", "a", "b", "ab"])  # the attributes that an update sets; "" is something else
PLACES = st.integers(0, 7)
MOSTS = st.sampled_from([2, 2, 3, 5, 8])
TAKEN = st.sampled_from([8, 8, 8, 3, 2, 1, 0])
REFUSED = st.sampled_from(["nothing", "identify", "update", "track"])  # entries of that kind
EVERYTHING = 10 * MOST
_LEDGER = "SELECT first_position, last_position, reason FROM ledger"


class JournalMachine(RuleBasedStateMachine):
    """One folder, some threads and processes, and a platform's answers at any time. See `books.Books`."""

    def __init__(self) -> None:
        super().__init__()
        self.base = scratch_folder()
        self.folder = self.base / "journal-0"
        self.crashes = 0
        self.books = Books(MOST)
        self.answers: list[LaneResult] = []
        self.open()

    def open(self) -> None:
        """Open what lies on disk. The clock stands still: of two writes none is older."""
        self.clock = ManualClock()
        self.journal = Journal.open(self.folder, self.clock, durable=False, bounds=Bounds(MOST, None))
        self.outbox = Outbox(self.journal)
        self.desk = Desk(self.journal, lambda: None)

    # Who writes.

    @rule(whats=st.lists(WHATS, min_size=1, max_size=4), elsewhere=st.booleans())
    def append(self, whats: list[str], elsewhere: bool) -> None:
        for what in whats:
            kind, body = ("update", json.dumps({"profile": dict.fromkeys(what, 1)})) if what else ("track", "{}")
            fits = self.books.make_room(frozenset(what))
            try:
                receipt = self.write(elsewhere, kind, body)
            except JournalFull:
                assert not fits
            else:
                assert fits
                self.books.append(receipt, kind, frozenset(what))

    def write(self, elsewhere: bool, kind: str, body: str) -> str:
        if elsewhere:
            return other_process().do(self.folder, "append", kind, body)
        return self.journal.append(kind, body).text

    @precondition(lambda self: len(self.books.waiting()) < MOST // 2)
    @rule(counts=st.lists(st.integers(1, 3), min_size=2, max_size=4))
    def append_by_threads_at_once(self, counts: list[int]) -> None:
        """Each thread's own writes keep their order; together they get as many in as there is room for."""
        written: list[list[str]] = [[] for _ in counts]
        faults: list[Exception] = []

        def write(number: int) -> None:
            try:
                for _ in range(counts[number]):
                    written[number].append(self.journal.append("track", "{}").text)
            except JournalFull:
                pass
            except Exception as fault:  # told below, by the thread that can fail
                faults.append(fault)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [] == faults
        for receipts in written:
            assert receipts == sorted(receipts, key=number_of)
        for receipt in sorted((each for receipts in written for each in receipts), key=number_of):
            assert self.books.make_room(frozenset())
            self.books.append(receipt, "track", frozenset())
        missing = sum(counts) - sum(len(receipts) for receipts in written)
        assert not missing or not self.books.make_room(frozenset())

    @rule(user=USERS, elsewhere=st.booleans())
    def identify(self, user: str, elsewhere: bool) -> None:
        if elsewhere:
            receipt = other_process().do(self.folder, "identify", user, None)
        else:
            receipt = self.journal.identify(user, None, None).written.text
        self.books.identify(user, receipt)

    @rule(elsewhere=st.booleans())
    def reset(self, elsewhere: bool) -> None:
        if elsewhere:
            other_process().do(self.folder, "reset")
        else:
            self.journal.reset()
        self.books.open()

    @precondition(lambda self: len(self.books.writes) > 5)
    @rule(elsewhere=st.booleans())
    def forget(self, elsewhere: bool) -> None:
        receipt = other_process().do(self.folder, "forget") if elsewhere else self.journal.forget()[0].text
        self.books.forget()
        self.books.accept(receipt, "forget")
        self.books.open()

    # What happens to the file.

    @rule(is_crash=st.booleans())
    def restart(self, is_crash: bool) -> None:
        """At a crash everybody is killed at once: what lies in the file and its log is all that there is."""
        if not is_crash:
            self.journal.close()
            self.open()
            return
        self.crashes += 1
        died, self.folder = self.folder, self.base / f"journal-{self.crashes}"
        shutil.copytree(died, self.folder)
        self.journal.close()
        other_process().do(died, "close")
        self.open()

    @precondition(lambda self: self.crashes == 0)
    @rule()
    def another_process_dies_in_the_middle_of_a_write(self) -> None:
        """Once a case: a process takes longer to start than a case to run."""
        self.crashes += 1
        other_process().crash(self.folder)

    # What the platform says.

    @rule(most=MOSTS, taken=TAKEN, refused=REFUSED, proves=st.booleans(), ahead=st.booleans())
    def answer(self, most: int, taken: int, refused: str, proves: bool, ahead: bool) -> None:
        """
        The platform has handled the first so many of a batch; of no more than that the answer speaks.

        The next batch may have been read meanwhile: the next answer is to as many, or to others.
        """
        batches = self.outbox.next_batch(most, 1 << 20, ())
        sent = [batch for batch in batches if batch.entries]
        assert [each.id for each in self.books.waiting(parked=False)[:most]] == [
            entry.id for batch in sent for entry in batch.entries
        ]
        assert not sent or self.outbox.mark_sent(sent)
        coming = self.books.waiting(parked=False)[most : 2 * most]
        if ahead:
            self.outbox.get_ready(batches)
        self.answers = []
        for batch in sent:
            lane = self.books.lanes[batch.lane.lane_id - 1]
            count = min(taken, len(batch.entries))
            taken -= count
            state = "anonymous" if lane.user is None else "verified" if proves else "identified"
            self.answers.append(answer_of(batch, count, refused, state))
            lane.sent = max(lane.sent, batch.entries[-1].seq)
            self.books.handled(lane, count, refused, state)
        self.outbox.record(self.answers, now_ms=self.clock.wall_ms())
        for write in coming if ahead and len(coming) == most else ():
            lane = self.books.lanes[write.lane - 1]
            lane.sent = max(lane.sent, write.number)

    @precondition(lambda self: self.answers)
    @rule()
    def the_last_answer_comes_again(self) -> None:
        """However late: it changes nothing."""
        self.outbox.record(self.answers, now_ms=self.clock.wall_ms())

    @precondition(lambda self: self.books.provable())
    @rule(place=PLACES)
    def park(self, place: int) -> None:
        """A token is refused, of some lane that has a person and something to send."""
        lane = chosen(self.books.provable(), place)
        batches = self.outbox.next_batch(EVERYTHING, 1 << 20, ())
        batch = next(each for each in batches if each.lane.lane_id == lane.queue[0].lane)
        assert self.outbox.mark_sent([batch])
        lane.sent = max(lane.sent, batch.entries[-1].seq)
        result = answer_of(batch, 0, "nothing", "anonymous", parked_code="token_refused")
        self.outbox.record([result], now_ms=self.clock.wall_ms())
        self.books.park(lane)

    # What a person does about it.

    @precondition(lambda self: self.books.dead())
    @rule(place=PLACES)
    def retry(self, place: int) -> None:
        write = chosen(self.books.dead(), place)
        self.books.retry(write, self.desk.retry(write.id))

    @precondition(lambda self: self.books.dead() or self.books.waiting(parked=True))
    @rule(place=PLACES)
    def discard(self, place: int) -> None:
        write = chosen([*self.books.dead(), *self.books.waiting(parked=True)], place)
        self.desk.discard(write.id)
        self.books.discard(write)

    # What must hold.

    @invariant()
    def order_is_kept(self) -> None:
        assert [each.receipt for each in self.books.waiting()] == [each.receipt_id for each in self.desk.entries()]

    @invariant()
    def every_receipt_tells_what_became_of_it(self) -> None:
        for write in self.books.writes:
            assert write.fate == self.desk.receipt(write.receipt)

    @invariant()
    def the_ledger_names_all_that_was_not_delivered(self) -> None:
        """Each number once, with its reason."""
        found = [
            ((first >> LANE_SHIFT, number), reason)
            for first, last, reason in self.journal.store.read(_LEDGER)
            for number in range(first & SEQ_MASK, (last & SEQ_MASK) + 1)
        ]
        assert len(found) == len(dict(found))
        assert self.books.ledger == dict(found)

    @invariant()
    def the_audit_adds_up(self) -> None:
        audit, fates = self.desk.audit(), [write.fate for write in self.books.writes]
        assert audit.adds_up
        assert sum(lane.newest for lane in self.books.lanes) == audit.accepted
        assert fates.count("acknowledged") == audit.acknowledged
        assert fates.count("refused") == audit.dead_letters
        assert len(self.books.waiting(parked=False)) == audit.queued
        assert len(self.books.waiting(parked=True)) == audit.parked

    @invariant()
    def lanes_are_whose_they_were(self) -> None:
        """Those that still matter: the current one, and those that hold something to send."""
        mattering = [*(lane for lane in self.books.lanes[:-1] if lane.queue), self.books.lanes[-1]]
        assert [(lane.user, len(lane.queue), lane.parked) for lane in mattering] == [
            (lane.user_id, lane.queued, lane.status == "parked") for lane in self.desk.lanes()
        ]
        assert len(self.books.lanes) == self.journal.current().lane_id

    def teardown(self) -> None:
        """The platform takes all that it is sent; what is parked waits, and nothing else does."""
        try:
            if sys.exc_info()[0] is None:
                self.answer(EVERYTHING, EVERYTHING, "nothing", False, False)
                self.order_is_kept()
                self.every_receipt_tells_what_became_of_it()
                self.the_audit_adds_up()
        finally:
            other_process().do(self.folder, "close")
            self.journal.close()
            shutil.rmtree(self.base)


def chosen(found: Sequence[T], place: int) -> T:
    """Return one of them, whatever their number."""
    return found[place % len(found)]


def number_of(receipt: str) -> int:
    """Return the number in its lane that a receipt names."""
    return int(receipt.split(".", 2)[1])


def answer_of(
    batch: LaneBatch, handled: int, refused: str, state: str, parked_code: str | None = None
) -> LaneResult:
    """Return what a platform says that has handled the first entries of a lane."""
    lane = batch.lane
    last = batch.entries[handled - 1] if handled else None
    through = (lane.acked_position, lane.acked_id) if last is None else (last.position, last.id)
    refusals = tuple(
        Refusal(entry.seq, entry.id, "invalid_payload", "no")
        for entry in batch.entries[:handled]
        if entry.kind == refused
    )
    message = "no" if parked_code else None
    return LaneResult(
        lane.lane_id, *through, state, "token", refusals, parked_code=parked_code, parked_message=message
    )


TestJournal = JournalMachine.TestCase
TestJournal.settings = search(examples=20, steps=25)
