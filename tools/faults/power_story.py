"""What a recorded run promised, call by call, and what of it a journal has that was found after a cut."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from lmg_offline import Client
from lmg_offline._journal.records import EntryRow

from .oracle import Report
from .promises import Noted, place_of, read_notes

_ENTRIES = "SELECT position, id, kind, body, made_at, boot_id, since_boot_ms, digest FROM entries"
_LANE_SHIFT = 32


@dataclass(frozen=True, slots=True)
class Step:
    """
    One call that returned while it was recorded.

    Attributes:
        call: None for a reset, which writes no entry.

        session: Whose session it was after the call; None before anything was said.
    """

    call: Noted | None
    session: str
    person: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Story:
    """
    A run.

    Attributes:
        before: What returned before it was recorded; all of that was sure.

        start: Who was there at the first opening.

        longest_stall_s: For how long the process did not get to run, at worst.
    """

    before: list[Noted]
    start: Step
    steps: list[Step]
    longest_stall_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """
    Where the power goes.

    Attributes:
        number: Counts the cuts of a run, from 1.

        returned: How many calls of the run had returned.

        sure: How many of these must be there.

        at_ns: When, by the monotonic clock.
    """

    number: int
    returned: int
    sure: int
    at_ns: int


def read_story(log: Path, first: int) -> Story:
    """
    Return what a notebook tells.

    Args:
        first: The number before that of the first call which was recorded.
    """
    calls = {call.number: call for call in read_notes([log])[0]}
    start, steps, stall_s, number = Step(None, "", None), [], 0.0, first
    for text in log.read_bytes().splitlines():
        line = json.loads(text)
        number = max(number, line.get("did", 0))  # of those before the run, all are lower
        if "mark" in line:
            call = calls.pop(number, None) if number > first else None  # None after a reset: the last is taken
            steps.append(Step(call, line["session"], line["person"]))
        elif line.get("opened") == first:
            start = Step(None, line["session"], line["person"])
        stall_s = max(stall_s, line.get("longest_stall_s", 0.0))
    return Story(list(calls.values()), start, steps, stall_s)


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was found in a journal.

    Attributes:
        calls: All that had begun before the cut; those that are not there without their receipts.
    """

    report: Report
    calls: list[Noted]


def examine(client: Client, story: Story, cut: Cut) -> Found:
    """Hold an opened journal against what was promised before the cut."""
    report, name = Report("power"), f"cut {cut.number}"
    begun = story.steps[: cut.returned + 1]  # the last of these was in flight
    calls = [*story.before, *(step.call for step in begun if step.call is not None)]
    entries = [EntryRow(*row) for row in client._journal.store.read(_ENTRIES)]
    acked = dict(client._journal.store.read("SELECT lane_id, acked_position FROM lanes"))
    ids = {entry.position: entry.id for entry in entries}
    there = [_is_there(call, ids, acked) for call in calls]
    for call, is_there in zip(calls[: _count(story, cut.sure)], there, strict=False):
        if not is_there:
            report = report.found("lost", f"{name}: {call.kind} {call.number}")
    if any(later and not earlier for earlier, later in pairwise(there)):
        report = report.found("out_of_order", f"{name}: a call is there, and not the one before it")
    known = {str(call.receipt).split(".", 2)[2] for call in calls}
    for entry in entries:
        if entry.id not in known:
            report = report.found("mistaken", f"{name}: {entry.kind} that nobody had written")
        if not entry.is_intact():
            report = report.found("wrong_value", f"{name}: {entry.kind} is not as it was written")
        if entry.position <= acked[entry.lane_id]:
            report = report.found("twice", f"{name}: {entry.kind} is queued and acknowledged")
    for entry_id, times in Counter(entry.id for entry in entries).items():
        if times > 1:
            report = report.found("twice", f"{name}: entry {entry_id}")
    audit = client.audit()
    named_lost = audit.ledger.get("lost", 0)  # of durability "normal", what the journal itself says is gone
    is_more = named_lost > (0 if cut.sure == cut.returned else len(calls) - sum(there))
    if not audit.adds_up or audit.accepted != sum(there) + named_lost or is_more:
        report = report.found("wrong_value", f"{name}: {sum(there)} entries, and the account is {audit}")
    if client._journal.store.read("PRAGMA integrity_check") != [("ok",)]:
        report = report.found("wrong_value", f"{name}: the file is damaged")
    if not _is_right_person(client, story, cut, sum(there)):
        report = report.found("mistaken", f"{name}: another session or person than the last call's")
    kept = [call if is_there else _without_receipt(call) for call, is_there in zip(calls, there, strict=True)]
    return Found(report, kept)


def _count(story: Story, steps: int) -> int:
    """Return how many entries so many calls have written, those before the run counted."""
    return len(story.before) + sum(step.call is not None for step in story.steps[:steps])


def _is_there(call: Noted, ids: dict[int, str], acked: dict[int, int]) -> bool:
    lane, seq = place_of(str(call.receipt))
    position = (lane << _LANE_SHIFT) + seq
    if position in ids:
        return ids[position] == str(call.receipt).split(".", 2)[2]
    return position <= acked.get(lane, 0)


def _is_right_person(client: Client, story: Story, cut: Cut, there: int) -> bool:
    """
    Whether who is there now was there after the last call that is there, or after a reset that followed it.

    Or nobody, in a session of its own, where the journal knows that it has lost calls by which somebody may have
    come or left: it was recovered, and goes on as nobody's rather than as somebody's who may have gone. How many
    calls it lost it knows, and not which: of a session that was nobody's each may have been an identify.
    """
    steps: Sequence[Step] = [story.start, *story.steps[: cut.returned + 1]]
    places = [number for number in range(cut.sure, len(steps)) if _count(story, number) == there]
    session_id, user_id = client.user.session_id, client.user.id
    if (session_id, user_id) in [(steps[number].session, steps[number].person) for number in places]:
        return True
    if cut.sure == 0 and not story.before and there == 0:
        return True  # nothing is sure
    lost = steps[places[0] + 1 :] if places else []
    has_changed = any(step.call is None or step.person is None or step.call.kind == "identify" for step in lost)
    is_new = session_id not in {step.session for step in steps}
    return client.status().recovery is not None and has_changed and is_new and user_id is None


def _without_receipt(call: Noted) -> Noted:
    return Noted(call.number, call.kind, call.value, call.person, call.is_verified)
