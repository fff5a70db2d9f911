"""Sessions as the Audience API sees them: opened, extended, found by their token."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.store import tables

_COLUMNS = (
    "property_id",
    "session_id",
    "integration_id",
    "device_id",
    "user_hash",
    "user_id",
    "state",
    "opened_at",
    "updated_at",
    "ingest_key",
)


@dataclass(frozen=True, slots=True)
class Session:
    """
    A session, as a reader needs it. The repr leaves the user out.

    Attributes:
        device_id: The device that replays it; None when createSession opened it.

        user_id: The user it belongs to, or None.

        state: `anonymous`, `identified` or `verified`.

        opened_at: In milliseconds since 1970 UTC.

        updated_at: When it last changed, in milliseconds since 1970 UTC.

        ingest_key: Names the session in its ingestion address; None until the
            first token of a session that is older than these keys.
    """

    property_id: str
    session_id: str
    integration_id: str
    device_id: str | None
    user_hash: int | None = field(repr=False)
    user_id: str | None = field(repr=False)
    state: str
    opened_at: int
    updated_at: int
    ingest_key: str | None = field(repr=False)


def new_token() -> str:
    """Return a new session token: 32 random bytes as text."""
    return secrets.token_urlsafe(32)


def new_ingest_key() -> str:
    """
    Return a new ingestion key: 24 random bytes as text.

    It is kept as it is, because the address that holds it is told again with
    every token; whoever knows it can add activity to one session, and read nothing.
    """
    return secrets.token_urlsafe(24)


def find(connection: Connection, property_id: str, token: str, now_ms: int, *, grace_s: int = 0) -> Session | None:
    """
    Return the session of a token, or None when there is none or the token has expired.

    Args:
        grace_s: Take a token that expired at most so many seconds ago too.
    """
    table = tables.sessions
    hashed = key_hash(token)
    # Without the property: SQLite would take an index that begins with it, and go through all its sessions.
    row = connection.execute(
        select(*(table.c[name] for name in _COLUMNS)).where(
            or_(table.c.token_hash == hashed, table.c.previous_token_hash == hashed),
            table.c.token_expires_at > now_ms - grace_s * 1000,
        )
    ).one_or_none()
    return None if row is None or row.property_id != property_id else _session(row)


def get(connection: Connection, property_id: str, session_id: str) -> Session:
    """
    Return a session that is known to exist.

    Raises:
        NoResultFound: It does not, a bug in the caller.
    """
    table = tables.sessions
    row = connection.execute(
        select(*(table.c[name] for name in _COLUMNS)).where(
            table.c.property_id == property_id, table.c.session_id == session_id
        )
    ).one()
    return _session(row)


def find_by_ingest_key(connection: Connection, key: str) -> tuple[str, str] | None:
    """Return the property and the id of the session of an ingestion key; None when its integration was revoked too."""
    table, integrations = tables.sessions, tables.integrations
    row = connection.execute(
        select(table.c.property_id, table.c.session_id)
        .join(integrations, integrations.c.id == table.c.integration_id)
        .where(table.c.ingest_key == key, integrations.c.revoked_at.is_(None))
    ).one_or_none()
    return None if row is None else (row.property_id, row.session_id)


def open_session(connection: Connection, property_id: str, integration_id: str, now_ms: int) -> Session:
    """Open an anonymous session that no device replays."""
    session_id = str(uuid.uuid4())
    connection.execute(
        insert(tables.sessions).values(
            property_id=property_id,
            session_id=session_id,
            integration_id=integration_id,
            state="anonymous",
            opened_at=now_ms,
            updated_at=now_ms,
            kept_seq=0,
            ingest_key=new_ingest_key(),
        )
    )
    return get(connection, property_id, session_id)


def issue_token(connection: Connection, session: Session, now_ms: int, ttl_s: int, held: str | None) -> str:
    """
    Give a session a new token.

    Args:
        held: The token that the caller holds. It stays good until the new one
            is used: the answer may be lost, however often.

    Returns:
        The token; only its hash is kept.
    """
    table = tables.sessions
    token = new_token()
    connection.execute(
        update(table)
        .where(table.c.property_id == session.property_id, table.c.session_id == session.session_id)
        .values(
            previous_token_hash=key_hash(held) if held is not None else table.c.token_hash,
            token_hash=key_hash(token),
            token_expires_at=now_ms + ttl_s * 1000,
            updated_at=now_ms,
            ingest_key=func.coalesce(table.c.ingest_key, new_ingest_key()),
        )
    )
    return token


def _session(row: Row[tuple[object, ...]]) -> Session:
    return Session(**row._mapping)
