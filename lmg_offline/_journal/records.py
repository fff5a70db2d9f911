"""
What the journal hands out: frozen values, no database objects. No repr shows a person's data.

Tuples with names, because a process that starts makes every class anew, and a frozen dataclass takes it five times
as long as one of these.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from .keys import LANE_SHIFT, SEQ_MASK

_BLANK = hashlib.blake2b(digest_size=8)


class LaneRow(NamedTuple):
    """
    One session's lane as it lies in the journal.

    Attributes:
        lane_id: Its number on this device, from 1.

        acked_position: Key of the last entry known to be acknowledged.

        identify_position: Key of the newest identify; None when there was none.

        claimed_position: Key of the newest identify that the platform has taken;
            None while the platform knows the session as nobody's.

        tried_position: Key of the last redemption that may have reached the
            platform by the LMG dialect; None when there was none.

        tried_from: Where its offer stood before the first try.

        sent_position: Entries up to this key may have been on the wire; 0 for none.
    """

    lane_id: int
    session_id: str
    user_id: str | None
    state: str
    sealed_at: int | None
    last_position: int
    acked_position: int
    acked_id: str | None
    identify_position: int | None
    session_token: str | None
    parked_code: str | None
    parked_message: str | None
    drained: int
    profile: str | None
    claimed_position: int | None
    tried_position: int | None
    tried_from: str | None
    sent_position: int
    digest: bytes

    def __repr__(self) -> str:
        return f"<LaneRow {self.lane_id} {self.state}>"

    def is_intact(self) -> bool:
        """Say whether session and user are those that were written."""
        return self.digest == lane_digest(self.lane_id, self.session_id, self.user_id)

    @property
    def identify_pending(self) -> bool:
        """An identify is journaled and has no answer yet."""
        return (
            self.identify_position is not None
            and self.identify_position > self.acked_position
            and self.parked_code is None
        )

    @property
    def is_claimed(self) -> bool:
        """The platform has taken an identify of this lane: it knows the session as the user's."""
        return self.claimed_position is not None and self.user_id is not None

    @property
    def acked_seq(self) -> int:
        """Number of the last acknowledged entry in its lane, 0 for none."""
        return self.acked_position & SEQ_MASK


class EntryRow(NamedTuple):
    """One queued entry; `body` is the JSON that will be sent. A tuple, because a replay makes hundreds."""

    position: int
    id: str
    kind: str
    body: str
    made_at: int
    boot_id: str
    since_boot_ms: int
    digest: bytes

    def __repr__(self) -> str:
        return f"<EntryRow {self.lane_id}.{self.seq} {self.kind}>"

    @property
    def lane_id(self) -> int:
        """The lane it belongs to."""
        return self.position >> LANE_SHIFT

    @property
    def seq(self) -> int:
        """Its number in the lane, from 1."""
        return self.position & SEQ_MASK

    def is_intact(self) -> bool:
        """Say whether the row is what was written."""
        position, entry_id, kind, body, at, boot_id, since_boot_ms, digest = self
        return digest == digest_of(position, entry_id, kind, (at, boot_id, since_boot_ms), body)


class LaneBatch(NamedTuple):
    """
    A lane's part of one replay.

    Attributes:
        lane: Where it stands.

        token: The verification token of its user.

        entries: What to send.

        retried: Keys of those that were dead letters: older than their place says.
    """

    lane: LaneRow
    token: str | None
    entries: tuple[EntryRow, ...]
    retried: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"<LaneBatch of {len(self.entries)} in lane {self.lane.lane_id}>"


class Refusal(NamedTuple):
    """An entry that was refused for good, by its number in the lane and its id."""

    seq: int
    entry_id: str
    code: str
    message: str


class LaneResult(NamedTuple):
    """
    What became of one lane in one replay, ready to be recorded.

    Attributes:
        through: Key of the last handled entry.

        through_id: Its id; None when nothing was ever handled.

        claim: What the lane's LMG session is identified as now; None in the
            replay dialect, and where that did not change.
    """

    lane_id: int
    through: int
    through_id: str | None
    state: str
    session_token: str | None
    refused: tuple[Refusal, ...] = ()
    parked_code: str | None = None
    parked_message: str | None = None
    sent_token: str | None = None
    claim: str | None = None

    def __repr__(self) -> str:
        return f"<LaneResult of lane {self.lane_id}>"


class LmgSession(NamedTuple):
    """
    A lane's session on a platform that speaks the LMG dialect.

    Attributes:
        session_id: The platform's id of it; not the lane's own session id.

        claim: What it was identified as: `anonymous`, `identified` or `verified`.

        token_at: When the token was issued, in wall milliseconds.
    """

    lane_id: int
    session_id: str
    token: str
    ingestion_url: str
    claim: str
    token_at: int

    def __repr__(self) -> str:
        return f"<LmgSession of lane {self.lane_id}>"


class Recorded(NamedTuple):
    """What recording a replay changed, for events: lanes by what happened to them."""

    acknowledged: int
    identified: tuple[int, ...] = ()
    verified: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    released: tuple[int, ...] = ()
    refused: tuple[str, ...] = ()


class Recovery(NamedTuple):
    """
    What was made of a damaged journal.

    Attributes:
        at: When, in wall milliseconds.

        recovered: Entries and dead letters that are in the new one.

        lost: Accepted entries that are not: the ledger names each.

        folder: Name of the folder beside the journal that holds the damaged files.

        told: The app has heard of it.
    """

    recovery_id: int
    at: int
    recovered: int
    lost: int
    folder: str
    told: int


def digest_of(position: int, entry_id: str, kind: str, made: tuple[int, str, int], body: str) -> bytes:
    """
    Return eight bytes that bind an entry to its place, so that a flipped bit is seen before sending.

    Args:
        made: Wall time, boot id and time since boot: they decide which of two values is the newer one.
    """
    return _digest(f"{position}|{entry_id}|{kind}|{made[0]}|{made[1]}|{made[2]}|{body}")  # at every write: no join


def old_digest_of(position: int, entry_id: str, kind: str, made_at: int, body: str) -> bytes:
    """Return what journals before version 3 kept beside an entry: nothing of its boot."""
    return row_digest(position, entry_id, kind, made_at, body)


def lane_digest(lane_id: int, session_id: str, user_id: str | None) -> bytes:
    """Return eight bytes that bind a lane to its session and its user."""
    return row_digest(lane_id, session_id, *(() if user_id is None else (user_id,)))


def row_digest(*values: object) -> bytes:
    """Return eight bytes of a row's values, the free text last."""
    return _digest("|".join(map(str, values)))


def _digest(text: str) -> bytes:
    hasher = _BLANK.copy()  # a third less than to make one
    hasher.update(text.encode("utf-8", "surrogatepass"))
    return hasher.digest()
