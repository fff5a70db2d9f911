"""What `client.status()` returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    What was made of a damaged journal.

    Attributes:
        at: When, aware UTC.

        recovered: Entries and dead letters that could be read.

        lost: Accepted entries that could not: the ledger names each.

        folder: Name of the folder beside the journal that holds the damaged
            files; it goes at the next reset.
    """

    at: datetime
    recovered: int
    lost: int
    folder: str


@dataclass(frozen=True, slots=True)
class Status:
    """
    What is queued, and what the sync is doing.

    Attributes:
        queued: Entries waiting to be sent, parked ones not counted.

        parked: Entries in lanes that wait for an accepted token.

        dead_letters: Entries the platform refused for good.

        oldest_age: Seconds since the oldest queued entry was made, by the
            device's clock; None when nothing is queued.

        online: Whether the last attempt got an answer; None before the first.

        sending: Whether this process is the one that sends.

        suspended: The code under which the write key was refused, or None.

        last_synced_at: When the platform last answered in the protocol, aware UTC.

        last_error: One sentence about the last failed attempt, or None.

        restarts: How often the sync had to be begun anew since this client
            opened, because its thread was killed or something raised what is no
            error of the journal or the network.

        next_attempt_in: Seconds until the next attempt; None when none is due.

        dialect: How this endpoint is spoken to; None before the first answer.

        state: State of the current session.

        journal: The journal's file.

        journal_bytes: What it takes on disk, its write-ahead log included.

        max_entries: The most entries it holds, parked and refused ones counted; None: any number.

        max_bytes: The most bytes it takes; None: whatever the disk has.

        recovery: The last time the journal was damaged and recovered, or None.
    """

    queued: int
    parked: int
    dead_letters: int
    oldest_age: float | None
    online: bool | None
    sending: bool
    suspended: str | None
    last_synced_at: datetime | None
    last_error: str | None
    restarts: int
    next_attempt_in: float | None
    dialect: str | None
    state: str
    session_id: str
    journal: str
    journal_bytes: int
    max_entries: int | None
    max_bytes: int | None
    recovery: Recovered | None
