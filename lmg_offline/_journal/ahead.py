"""
What is made ready while a request is under way: the entries to send next, and what those under way do to the profile.

Both stay true while others write, merge and forget: an entry never changes, and no key is used twice. So what
was read is what lies there as long as the keys are the same, which is asked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from .._core.profiles import changes_of
from ..errors import JournalCorrupt
from ..protocol.canonical import size_of
from .engine import Driver
from .keys import LANE_SHIFT
from .records import EntryRow, LaneBatch

T = TypeVar("T")
# What a request holds beside the bodies: for each entry its numbers and its id, for each lane its ids and token.
ENTRY_BYTES = 256
LANE_BYTES = 512
# So many entries are read, proved or decoded before others have their turn: some 0.2 ms.
TURN = 32

_SENDABLE = (
    " FROM lanes l CROSS JOIN entries e"
    " ON e.position BETWEEN max(l.lane_id << 32, ?) AND (l.lane_id << 32) + 4294967295"
    " WHERE l.drained = 0 AND l.parked_at IS NULL AND l.lane_id NOT IN (SELECT value FROM json_each(?))"
    " ORDER BY l.lane_id, e.position LIMIT ?"
)
_ENTRIES = f"SELECT e.position, e.id, e.kind, e.body, e.made_at, e.boot_id, e.since_boot_ms, e.digest{_SENDABLE}"
_KEYS = f"SELECT e.position{_SENDABLE}"
DAMAGED = "the journal holds something else than what was written; call again, it is recovered"


class Part(NamedTuple):
    """
    Entries for one request.

    Attributes:
        is_full: There may be more that it had no room for.
    """

    entries: list[EntryRow]
    is_full: bool

    def __repr__(self) -> str:
        return f"<Part of {len(self.entries)}>"


class Wanted(NamedTuple):
    """
    How much one request may hold.

    Attributes:
        skipped: Lanes to leave out, rising.

        most_bytes: No further entry once the request would hold more, in UTF-8.
    """

    most_entries: int
    most_bytes: int
    skipped: tuple[int, ...]
    most_lanes: int

    def read(self, driver: Driver, start: int = 0) -> Part:
        """
        Return what to send next from this key on, oldest lanes first, not proved yet.

        What comes behind a request begins one past its last key.
        """
        found = driver.execute(_ENTRIES, (start, json.dumps(self.skipped), self.most_entries)).fetchall()
        entries = list(map(EntryRow._make, found))
        most = self._fitting(entries)
        return Part(entries[:most], most == self.most_entries or most < len(entries))

    def are_next(self, driver: Driver, entries: Sequence[EntryRow]) -> bool:
        """Say whether these are what is to be sent next, none missing and none before or between them."""
        found = driver.execute(_KEYS, (0, json.dumps(self.skipped), len(entries))).fetchall()
        return [key for (key,) in found] == [entry.position for entry in entries]

    def _fitting(self, entries: Sequence[EntryRow]) -> int:
        if self._fit(entries):
            return len(entries)
        size = lanes = 0
        lane_id = None
        for index, (position, _, _, body, *_) in enumerate(entries):
            is_other = position >> LANE_SHIFT != lane_id
            lane_id = position >> LANE_SHIFT
            size += size_of(body) + ENTRY_BYTES + LANE_BYTES * is_other
            if index and (size > self.most_bytes or (is_other and lanes == self.most_lanes)):
                return index
            lanes += is_other
        return len(entries)

    def _fit(self, entries: Sequence[EntryRow]) -> bool:
        """Say of entries of one lane, in ASCII, whether they all fit: nearly always, and seen at once."""
        bodies = [entry.body for entry in entries]
        return (
            bool(entries)
            and entries[0].lane_id == entries[-1].lane_id
            and all(map(str.isascii, bodies))
            and sum(map(len, bodies)) + ENTRY_BYTES * len(bodies) + LANE_BYTES <= self.most_bytes
        )


def in_turns(items: Iterable[T], give_way: Callable[[], None]) -> Iterator[list[T]]:
    """Yield items in parts, between which a call of another thread goes first: see `Store.give_way`."""
    rest = iter(items)
    while part := list(islice(rest, TURN)):
        yield part
        give_way()


def prove(entries: Iterable[EntryRow], give_way: Callable[[], None] = lambda: None) -> None:
    """
    See that entries are what was written.

    Raises:
        JournalCorrupt: One is not.
    """
    for part in in_turns(entries, give_way):
        if not all(entry.is_intact() for entry in part):
            raise JournalCorrupt(DAMAGED)


class Folded(NamedTuple):
    """
    What some entries of a lane do to its profile.

    Attributes:
        through: Key of the last of them; they begin with the lane's first.

        entries: How many there are, of whatever kind.

        changes: By name; None clears.
    """

    through: int
    entries: int
    changes: dict[str, object]

    def __repr__(self) -> str:
        return f"<Folded {self.entries} through {self.through}>"


def folded(batch: LaneBatch, give_way: Callable[[], None]) -> Folded:
    """Return what a lane's part of a request will have done to the profile once all of it is handled."""
    changes: dict[str, object] = {}
    for part in in_turns(batch.entries, give_way):
        changes.update(changes_of([(entry.kind, entry.body) for entry in part]))
    return Folded(batch.entries[-1].position, len(batch.entries), changes)
