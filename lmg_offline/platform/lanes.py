"""
What to do with a device and a lane: compare what the device says was acknowledged with what is kept.

Pure: docs/protocol.md, "What the server keeps", row for row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lmg_offline.protocol.entries import Kind
from lmg_offline.protocol.replay import START, Entry, Lane, Position


@dataclass(frozen=True, slots=True)
class Apply:
    """
    The lane goes on.

    Attributes:
        kept: The pair to start from.

        skipped: Entries at the front that were handled before.

        fresh: The entries to apply.

        restored: The device knows of more than is kept here.
    """

    kept: Position
    skipped: tuple[Entry, ...]
    fresh: tuple[Entry, ...]
    restored: bool


@dataclass(frozen=True, slots=True)
class Fork:
    """Nothing may be applied: somebody else goes on with this lane. `reason` is a sentence."""

    reason: str


Plan = Apply | Fork


def plan(kept: Position | None, lane: Lane, *, is_owner: bool, is_logged: Callable[[Entry], bool]) -> Plan:
    """
    Return what to do with one lane of a request.

    Args:
        kept: The last handled entry of the session; None when it is not known.

        lane: What the device sent.

        is_owner: This device opened the session. Not asked when it is not known.

        is_logged: Whether an entry was handled in this lane under its number and id.
    """
    after, entries = lane.after, lane.entries
    if kept is None:
        return Apply(after, (), entries, restored=after != START)
    if not is_owner:
        return Fork("Another device opened this session.")
    if kept == after:
        return Apply(kept, (), entries, restored=False)
    if kept.seq == after.seq:
        return Fork("Another entry was handled under the number that this device knows as acknowledged.")
    if kept.seq < after.seq:
        return Apply(after, (), entries, restored=True)
    for place, entry in enumerate(entries, 1):
        if (entry.seq, entry.id) == (kept.seq, kept.id):
            return Apply(kept, entries[:place], entries[place:], restored=False)
    if entries and _gives_up(entries[0], kept):
        return Apply(kept, (), entries, restored=False)
    reaches = bool(entries) and entries[-1].seq >= kept.seq
    if not reaches and all(is_logged(entry) for entry in entries):
        return Apply(kept, entries, (), restored=False)
    return Fork("Entries that this device did not send were handled in this lane.")


def _gives_up(entry: Entry, kept: Position) -> bool:
    """Whether an erasure names the last handled entry among those that its device gave up; not checked yet."""
    if entry.kind != Kind.FORGET.value or entry.seq <= kept.seq or not isinstance(entry.payload, Mapping):
        return False
    void = entry.payload.get("void")
    return isinstance(void, list) and kept.id in void


def next_exchange(kept: Position | None, sent: Position) -> Position | None:
    """
    Return what to keep of a device's exchanges after this request; None when it comes from a copy.

    Copies of one journal know the same exchange. Whichever of them records a
    reply first gives it an id of its own, and the next request that is based on
    it settles which one goes on: the others know another id, or an older number.

    Args:
        kept: How many exchanges the device must know of, and the id of the one
            before; None when nothing is kept.

        sent: The last exchange that it knows of.
    """
    if kept is None or sent.seq >= kept.seq:
        return Position(sent.seq + 1, sent.id)  # with more than is kept: restored from a backup
    return kept if sent == Position(kept.seq - 1, kept.id) else None
