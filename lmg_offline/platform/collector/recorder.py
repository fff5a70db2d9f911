"""
Writes collected events down, through the same `Effects` as a replay.

An event counts once by its id, whatever way it came before. The session's row
is locked first, so that requests for one session queue; an id that two sessions
send at the same instant meets the key of the log or of the activity.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from lmg_offline.platform.batch import Batch, Logged, Touched
from lmg_offline.platform.collector.events import Collected, Sorted
from lmg_offline.platform.effects import Effects, Outcome, Refused, Stamp
from lmg_offline.platform.properties import Property
from lmg_offline.platform.store import tables
from lmg_offline.protocol.entries import Kind


def record(
    connection: Connection,
    property_: Property,
    session_id: str,
    events: Sorted,
    now_ms: int,
) -> None:
    """
    Count each good event once as activity of the session, and note how many were set aside.

    Activity made before its session's person asked to be forgotten is dropped.

    Args:
        connection: In a transaction that may write. Nothing is committed here.

        session_id: Of a session that exists.

        events: At most some hundreds: one statement looks for all their ids.

        now_ms: The platform's clock, in milliseconds since 1970 UTC.
    """
    ids = [event.event_id for event in events.good]
    effects = Effects(connection, property_, Touched(session_ids=[session_id], entry_ids=ids), now_ms)
    # A lane that a device replays has its own numbers: a row of ours would take one of them.
    is_logged = effects.batch.lanes[session_id].device_id is None
    numbers = _Numbers(effects.batch, session_id, events.good) if is_logged else None
    known = effects.batch.log.keys() | _counted(connection, property_.id, ids)
    for event in events.good:
        if event.event_id in known:
            continue
        known.add(event.event_id)
        seq = 0 if numbers is None else numbers.take(event.place.seq)
        stamp = Stamp(event.event_id, seq, event.at_ms)
        outcome = effects.apply(session_id, Kind.TRACK, event.payload, None, stamp)
        if numbers is not None:
            log_collected(effects.batch, session_id, stamp, event.place.device_id, outcome, now_ms)
    if events.bad:
        effects.batch.events.append(_note(property_.id, session_id, events.bad, now_ms))
    effects.finish()


def log_collected(batch: Batch, session_id: str, stamp: Stamp, device_id: str, outcome: Outcome, now_ms: int) -> None:
    """
    Put one handled event into the log of entries.

    Args:
        batch: Of the request; its session is not one that a device replays.

        stamp: Under which the event was applied; its number must be free in the session.

        device_id: As the event says; empty when it does not.

        outcome: What became of it.
    """
    lane = batch.lanes[session_id]
    refusal = outcome if isinstance(outcome, Refused) else None
    code, message = (refusal.code, refusal.message) if refusal else (None, None)
    status = "applied" if refusal is None else "refused"
    batch.log[stamp.entry_id] = Logged(session_id, stamp.seq, status, code, message, stamp.at_ms)
    batch.new_log[stamp.entry_id] = {
        "property_id": batch.property_id,
        "entry_id": stamp.entry_id,
        "device_id": device_id,
        "session_id": session_id,
        "seq": stamp.seq,
        "kind": Kind.TRACK.value,
        "user_hash": lane.user_hash,
        "user_id": lane.user_id,
        "status": status,
        "code": code,
        "message": message,
        "occurred_at": stamp.at_ms,
        "uncertain": stamp.uncertain,
        "applied_at": now_ms,
    }


class _Numbers:
    """Gives each logged event of one session a number of its own."""

    def __init__(self, batch: Batch, session_id: str, events: Sequence[Collected]) -> None:
        seq = tables.entries.c.seq
        mine = (tables.entries.c.property_id == batch.property_id, tables.entries.c.session_id == session_id)
        asked = [event.place.seq for event in events if event.place.seq is not None]
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


def _counted(connection: Connection, property_id: str, event_ids: Sequence[str]) -> set[str]:
    """Return the ids that are an activity already, of a session that is not logged too."""
    table = tables.activity
    found = select(table.c.entry_id).where(table.c.property_id == property_id, table.c.entry_id.in_(event_ids))
    return set(connection.execute(found).scalars())


def _note(property_id: str, session_id: str, bad: Mapping[str, int], now_ms: int) -> dict[str, object]:
    return {
        "id": str(uuid.uuid4()),
        "property_id": property_id,
        "at": now_ms,
        "event": "events_set_aside",
        "device_id": None,
        "session_id": session_id,
        "details": {"events": sum(bad.values()), "reasons": dict(bad)},
    }
