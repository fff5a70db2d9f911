"""
Writes collected events down, through the same `Effects` as a replay.

An event counts once by its id, whatever way it came before. The session's row
is locked first, so that requests for one session queue; an id that two sessions
send at the same instant meets the key of the log or of the activity.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from lmg_offline.platform.batch import Touched
from lmg_offline.platform.collector.events import Sorted
from lmg_offline.platform.effects import Effects, Stamp
from lmg_offline.platform.entry_log import Numbers, log_entry
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
    asked = [event.place.seq for event in events.good if event.place.seq is not None]
    numbers = Numbers(effects.batch, session_id, asked) if is_logged else None
    known = effects.batch.log.keys() | _counted(connection, property_.id, ids)
    for event in events.good:
        if event.event_id in known:
            continue
        known.add(event.event_id)
        seq = 0 if numbers is None else numbers.take(event.place.seq)
        stamp = Stamp(event.event_id, seq, event.at_ms)
        outcome = effects.apply(session_id, Kind.TRACK, event.payload, None, stamp)
        if numbers is not None:
            lane = effects.batch.lanes[session_id]
            log_entry(effects.batch, lane, Kind.TRACK.value, stamp, event.place.device_id, outcome, now_ms)
    if events.bad:
        effects.batch.events.append(_note(property_.id, session_id, events.bad, now_ms))
    effects.finish()


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
