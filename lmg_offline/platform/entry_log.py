"""
The log's rows for entries that come one by one, outside a replay.

They say what arrived, for those who run the property. Nothing is decided by
them: a write of the LMG dialect is applied whether or not the log has it.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, or_, select

from lmg_offline.platform.audience_api.context import NamedEntry
from lmg_offline.platform.sessions import get
from lmg_offline.platform.store import tables
from lmg_offline.protocol.entries import Kind


def note(
    connection: Connection,
    property_id: str,
    session_id: str,
    kind: Kind,
    entry: NamedEntry,
    at_ms: int,
    now_ms: int,
) -> None:
    """
    Log one applied entry, once, however often it arrives.

    Where its number is taken by another entry of the session it gets the next free one.

    Args:
        at_ms: When it happened.

        now_ms: When it was applied.
    """
    table = tables.entries
    mine = table.c.property_id == property_id
    found = connection.execute(
        select(table.c.entry_id).where(
            mine,
            or_(table.c.entry_id == entry.id, (table.c.session_id == session_id) & (table.c.seq == entry.seq)),
        )
    ).scalars().all()
    if entry.id in found:
        return
    seq = entry.seq
    if found:
        highest = select(func.max(table.c.seq)).where(mine, table.c.session_id == session_id)
        seq = connection.execute(highest).scalar_one() + 1
    session = get(connection, property_id, session_id)
    connection.execute(
        insert(table).values(
            property_id=property_id,
            entry_id=entry.id,
            device_id=entry.device_id,
            session_id=session_id,
            seq=seq,
            kind=kind.value,
            user_hash=session.user_hash,
            user_id=session.user_id,
            status="applied",
            occurred_at=at_ms,
            applied_at=now_ms,
        )
    )
