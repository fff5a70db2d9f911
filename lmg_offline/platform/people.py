"""One person as the platform knows them: what the Admin API shows."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.store import tables
from lmg_offline.platform.times import iso
from lmg_offline.protocol.profile import STANDARD

Row = dict[str, Any]


def user(connection: Connection, property_id: str, user_id: str) -> Row | None:
    """Return the person with profile and sessions, or None."""
    found = _user_row(connection, property_id, user_id)
    if found is None:
        return None
    sessions = tables.sessions
    query = (
        select(sessions)
        .where(sessions.c.property_id == property_id, sessions.c.user_hash == user_hash(user_id))
        .order_by(sessions.c.opened_at, sessions.c.session_id)
    )
    return {
        "user_id": user_id,
        "state": found["state"].upper(),
        "profile": profile(connection, property_id, user_id),
        "sessions": [
            {
                "session_id": row["session_id"],
                "device_id": row["device_id"],
                "state": row["state"].upper(),
                "opened_at": iso(row["opened_at"]),
                "identified_at": iso(row["identified_at"]),
                "verified_at": iso(row["verified_at"]),
            }
            for row in connection.execute(query).mappings()
        ],
        "first_seen_at": iso(found["first_seen_at"]),
        "last_seen_at": iso(found["last_seen_at"]),
    }


def profile(connection: Connection, property_id: str, user_id: str) -> Row:
    """Return the effective profile: the four standard traits, None where unknown, and `traits`."""
    values = tables.profile_values
    query = select(values.c.attribute, values.c.value).where(
        values.c.property_id == property_id, values.c.user_hash == user_hash(user_id)
    )
    known = {row[0]: json.loads(row[1]) for row in connection.execute(query)}
    traits = {name: known[name] for name in sorted(known) if name not in STANDARD}
    return {**{name: known.get(name) for name in STANDARD}, "traits": traits}


def activity(connection: Connection, property_id: str, user_id: str, after: tuple[int, str], limit: int) -> list[Row]:
    """Return what the person did, oldest first, after one place in that order."""
    table = tables.activity
    query = (
        select(table)
        .where(
            table.c.property_id == property_id,
            table.c.user_hash == user_hash(user_id),
            (table.c.occurred_at > after[0])
            | ((table.c.occurred_at == after[0]) & (table.c.entry_id > after[1])),
        )
        .order_by(table.c.occurred_at, table.c.entry_id)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def activity_item(row: Row) -> Row:
    """Return one activity as the Admin API shows it."""
    return {
        "id": row["entry_id"],
        "name": row["name"],
        "properties": json.loads(row["properties"]),
        "occurred_at": iso(row["occurred_at"]),
        "session_id": row["session_id"],
        "device_id": row["device_id"],
        "seq": row["seq"],
    }


def _user_row(connection: Connection, property_id: str, user_id: str) -> Row | None:
    users = tables.users
    query = select(users).where(
        users.c.property_id == property_id, users.c.user_hash == user_hash(user_id), users.c.user_id == user_id
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
