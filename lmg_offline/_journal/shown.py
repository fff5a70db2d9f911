"""What the desk shows: the queue and its history as people see them. No repr shows a person's data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One queued entry, as people see it."""

    id: str
    receipt_id: str
    session_id: str
    seq: int
    kind: str
    payload: dict[str, object] = field(repr=False)
    made_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry that was refused for good: why, and when."""

    id: str
    receipt_id: str
    session_id: str
    seq: int
    kind: str
    payload: dict[str, object] = field(repr=False)
    made_at: datetime
    code: str
    message: str
    refused_at: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """
    One session's lane.

    Attributes:
        state: `anonymous`, `identified` or `verified`.

        status: `open`, `sealed`, `parked` or `drained`.

        applied_seq: Number of the last acknowledged entry, 0 for none.
    """

    session_id: str
    user_id: str | None = field(repr=False)
    state: str
    status: str
    queued: int
    applied_seq: int
    parked_code: str | None
    parked_message: str | None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """
    Accepted entries that were not delivered as they were, and why.

    Attributes:
        session_id: None for a session that ended long ago: its lane is let go of.
    """

    session_id: str | None
    first_seq: int
    last_seq: int
    entries: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Audit:
    """
    What became of every accepted entry, each figure counted by itself.

    Attributes:
        ledger: Entries by reason: superseded, discarded, forgotten, retried, moved, lost.
    """

    accepted: int
    acknowledged: int
    queued: int
    parked: int
    dead_letters: int
    ledger: dict[str, int]

    @property
    def adds_up(self) -> bool:
        """Every accepted entry is accounted for, once."""
        found = self.acknowledged + self.queued + self.parked + self.dead_letters
        return self.accepted == found + sum(self.ledger.values())


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of `status()`."""

    queued: int
    parked: int
    dead_letters: int
    oldest_made_at: int | None
