"""
Rows of the entry log: what arrived, for those who run the property, and for telling repeats.

A replay's entries have the numbers of their lane. Those that come one by one (a
mutation of the Audience API, an event of a collector) have the number that the
device names, if it is free in their session, and else the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from lmg_offline.platform.batch import Batch, LaneState, Logged
from lmg_offline.platform.effects import Outcome, Refused, Stamp
from lmg_offline.platform.store import tables


def log_entry(
    batch: Batch, lane: LaneState, kind: str, stamp: Stamp, device_id: str, outcome: Outcome, now_ms: int
) -> None:
    """
    Put one handled entry into the log.

    Args:
        batch: Of the request.

        stamp: Under which the entry was applied; its number must be free in the session.

        device_id: As the request says; empty when it does not.

        outcome: What became of it.
    """
    refusal = outcome if isinstance(outcome, Refused) else None
    code, message = (refusal.code, refusal.message) if refusal else (None, None)
    status = "applied" if refusal is None else "refused"
    batch.log[stamp.entry_id] = Logged(lane.session_id, stamp.seq, status, code, message, stamp.at_ms, stamp.uncertain)
    batch.new_log[stamp.entry_id] = {
        "property_id": batch.property_id,
        "entry_id": stamp.entry_id,
        "device_id": device_id,
        "session_id": lane.session_id,
        "seq": stamp.seq,
        "kind": kind,
        "user_hash": lane.user_hash,
        "user_id": lane.user_id,
        "status": status,
        "code": code,
        "message": message,
        "occurred_at": stamp.at_ms,
        "uncertain": stamp.uncertain,
        "applied_at": now_ms,
    }


class Numbers:
    """Gives each entry that comes by itself a number of its own in its session."""

    def __init__(self, batch: Batch, session_id: str, asked: Sequence[int]) -> None:
        """
        Args:
            asked: The numbers that the entries of this request ask for.
        """
        seq = tables.entries.c.seq
        mine = (tables.entries.c.property_id == batch.property_id, tables.entries.c.session_id == session_id)
        last = batch.connection.execute(select(func.max(seq)).where(*mine)).scalar_one()
        taken = batch.connection.execute(select(seq).where(*mine, seq.in_(asked))).scalars() if asked else ()
        self._taken = set(taken)
        # Beyond those that are asked for later in the request, so that none of them is taken away.
        self._next = max([last or 0, *asked]) + 1

    def take(self, asked: int | None) -> int:
        """Return the number that is asked for if it is free, else one beyond all others."""
        number = asked
        if number is None or number in self._taken:
            number = self._next
            self._next += 1
        self._taken.add(number)
        return number
