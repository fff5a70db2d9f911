"""
Erasure of one person, or of what one session wrote.

The log of entries keeps its rows, without user ids: a lane must go on where it
was. Redemptions keep theirs, so that what a shop has given away stays counted,
without user, session, entry and the minute. What stays of a person is a keyed
hash and the time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from lmg_offline.platform import comparable
from lmg_offline.platform.identity import tombstone_key, user_hash
from lmg_offline.platform.properties import Property
from lmg_offline.platform.store import sets, tables

_QUARTER_HOUR_MS = 15 * 60 * 1000


def erase_user(connection: Connection, property_: Property, user_id: str, at_ms: int, now_ms: int) -> bool:
    """
    Erase what is held of a user, and remember by a keyed hash that they are forgotten.

    Sessions that were identified as this user after `at_ms` are of somebody who
    started afresh: they stay, with what they wrote. The other sessions of the
    user belong to nobody afterwards, and can be given to nobody else.

    Args:
        at_ms: When the person asked; entries made earlier are refused from now on.

        now_ms: The present.

    Returns:
        Whether anything was held of the user.
    """
    hashed = user_hash(user_id)
    users = tables.users
    known = (users.c.property_id == property_.id, users.c.user_hash == hashed, users.c.user_id == user_id)
    held = connection.execute(select(users.c.state).where(*known)).one_or_none() is not None
    _remember(connection, property_, user_id, at_ms)
    sessions = tables.sessions
    owned = (sessions.c.property_id == property_.id, sessions.c.user_hash == hashed)
    if held:
        rows = connection.execute(
            select(sessions.c.session_id, sessions.c.identified_at, sessions.c.state).where(*owned)
        ).all()
        fresh = [row for row in rows if row.identified_at > at_ms]
        kept_ids = [row.session_id for row in fresh]
        _delete_values(connection, property_.id, hashed, kept_ids)
        key = tombstone_key(property_.tombstone_secret, user_id)
        _detach(connection, key, at_ms, now_ms, *owned, sessions.c.session_id.not_in(kept_ids))
        if fresh:
            state = "verified" if any(row.state == "verified" for row in fresh) else "identified"
            first = min(row.identified_at for row in fresh)
            connection.execute(update(users).where(*known).values(state=state, first_seen_at=first))
        else:
            connection.execute(delete(users).where(*known))
    _note(connection, property_.id, "user_forgotten", now_ms, None)
    return held


def erase_session(connection: Connection, property_: Property, session_id: str, at_ms: int, now_ms: int) -> str | None:
    """
    Erase what one session wrote, and take the session from its user.

    Args:
        at_ms: When the person asked; entries the session made earlier are refused from now on.

        now_ms: The present.

    Returns:
        The id of a user that other sessions still belong to, whose effective
        profile is to be computed anew; else None.
    """
    sessions = tables.sessions
    mine = (sessions.c.property_id == property_.id, sessions.c.session_id == session_id)
    row = connection.execute(select(sessions.c.user_hash, sessions.c.user_id).where(*mine)).one()
    for table in (tables.session_values, tables.activity):
        connection.execute(delete(table).where(table.c.property_id == property_.id, table.c.session_id == session_id))
    # Keyed by the user: what a session wrote there before it was taken from one went with that user.
    for table in (tables.user_values, tables.bookmarks) if row.user_hash is not None else ():
        connection.execute(
            delete(table).where(
                table.c.property_id == property_.id,
                table.c.user_hash == row.user_hash,
                table.c.session_id == session_id,
            )
        )
    entries = tables.entries
    connection.execute(
        update(entries)
        .where(entries.c.property_id == property_.id, entries.c.session_id == session_id)
        .values(user_hash=None, user_id=None)
    )
    redemptions = tables.redemptions
    _anonymise(connection, property_.id, redemptions.c.session_id == session_id)
    _note(connection, property_.id, "session_erased", now_ms, session_id)
    if row.user_id is None:
        return None
    _detach(connection, tombstone_key(property_.tombstone_secret, row.user_id), at_ms, now_ms, *mine)
    others = connection.execute(
        select(func.count())
        .select_from(sessions)
        .where(sessions.c.property_id == property_.id, sessions.c.user_hash == row.user_hash)
    ).scalar_one()
    if others:
        return str(row.user_id)
    for table in (
        tables.profile_values,
        tables.profile_members,
        tables.user_values,
        tables.bookmarks,
        tables.users,
    ):
        connection.execute(delete(table).where(table.c.property_id == property_.id, table.c.user_hash == row.user_hash))
    _anonymise(connection, property_.id, redemptions.c.user_hash == row.user_hash)
    return None


def _delete_values(connection: Connection, property_id: str, hashed: int, kept_ids: list[str]) -> None:
    sessions, values = tables.sessions, tables.session_values
    left = (
        select(sessions.c.session_id)
        .where(
            sessions.c.property_id == property_id,
            sessions.c.user_hash == hashed,
            sessions.c.session_id.not_in(kept_ids),
        )
        .scalar_subquery()
    )
    connection.execute(delete(values).where(values.c.property_id == property_id, values.c.session_id.in_(left)))
    for table in (tables.user_values, tables.profile_values, tables.activity, tables.bookmarks):
        connection.execute(
            delete(table).where(
                table.c.property_id == property_id,
                table.c.user_hash == hashed,
                table.c.session_id.not_in(kept_ids),
            )
        )
    _delete_members(connection, property_id, hashed)
    redemptions = tables.redemptions
    _anonymise(connection, property_id, redemptions.c.user_hash == hashed, redemptions.c.session_id.not_in(kept_ids))
    entries = tables.entries
    connection.execute(
        update(entries)
        .where(
            entries.c.property_id == property_id,
            entries.c.user_hash == hashed,
            entries.c.session_id.not_in(kept_ids),
        )
        .values(user_hash=None, user_id=None)
    )


def _delete_members(connection: Connection, property_id: str, hashed: int) -> None:
    """
    Delete the members of lists that are no longer in the user's profile.

    All of the person's, and those back that are: asked for others than these,
    SQLite goes through the members of everybody.
    """
    members, values = tables.profile_members, tables.profile_values
    mine = (values.c.property_id == property_id, values.c.user_hash == hashed)
    left = connection.execute(select(values.c.attribute, values.c.value).where(*mine)).all()
    connection.execute(delete(members).where(members.c.property_id == property_id, members.c.user_hash == hashed))
    rows = [
        {"property_id": property_id, "attribute": row.attribute, "member": member, "user_hash": hashed}
        for row in left
        for member in sorted(comparable.members_of(row.value))
    ]
    sets.write(connection, members, rows)


def _anonymise(connection: Connection, property_id: str, *which: ColumnElement[bool]) -> None:
    """Take the person from redemptions. Times are cut to the quarter hour, of which every window has whole ones."""
    table = tables.redemptions
    connection.execute(
        update(table)
        .where(table.c.property_id == property_id, *which)
        .values(
            entry_id=None,
            session_id=None,
            user_hash=None,
            user_id=None,
            occurred_at=table.c.occurred_at - table.c.occurred_at % _QUARTER_HOUR_MS,
        )
    )


def _detach(connection: Connection, key: str, at_ms: int, now_ms: int, *which: ColumnElement[bool]) -> None:
    connection.execute(
        update(tables.sessions)
        .where(*which)
        .values(
            user_hash=None,
            user_id=None,
            state="anonymous",
            identified_at=None,
            verified_at=None,
            forgotten_key=key,
            forgotten_at=at_ms,
            token_hash=None,
            previous_token_hash=None,
            token_expires_at=None,
            updated_at=now_ms,
        )
    )


def _remember(connection: Connection, property_: Property, user_id: str, at_ms: int) -> None:
    table = tables.tombstones
    key = tombstone_key(property_.tombstone_secret, user_id)
    which = (table.c.property_id == property_.id, table.c.user_key_hash == key)
    known = connection.execute(select(table.c.forgotten_at).where(*which)).one_or_none()
    if known is None:
        connection.execute(insert(table).values(property_id=property_.id, user_key_hash=key, forgotten_at=at_ms))
    elif known.forgotten_at < at_ms:
        connection.execute(update(table).where(*which).values(forgotten_at=at_ms))


def _note(
    connection: Connection,
    property_id: str,
    event: str,
    at_ms: int,
    session_id: str | None,
    details: Mapping[str, str] | None = None,
) -> None:
    connection.execute(
        insert(tables.platform_log).values(
            id=str(uuid.uuid4()),
            property_id=property_id,
            at=at_ms,
            event=event,
            session_id=session_id,
            details=dict(details or {}),
        )
    )
