"""
Sessions of the portal: who is signed in, by a cookie.

The cookie holds 32 random bytes; the database holds their SHA-256, so that a
copy of the database signs nobody in. A session ends with its admin key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, or_, select, update

from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.portal.tables import portal_sessions
from lmg_offline.platform.store.tables import admin_keys, properties

# Source: our choice; a working day, and a lunch.
LASTS_MS = 8 * 3600 * 1000
IDLE_MS = 3600 * 1000
_SEEN_EVERY_MS = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Person:
    """
    Somebody who is signed in.

    Attributes:
        key_name: What the admin key is called.

        is_stale: Their session is to be marked as seen.
    """

    caller: Caller
    key_name: str
    property_name: str
    is_stale: bool


def new_secret() -> str:
    """Return the value of a new cookie."""
    return secrets.token_urlsafe(32)


def form_token(cookie: str) -> str:
    """Return what each form sends along, to show that it was ours: it follows from the cookie, and not back."""
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), b"lmg portal form", hashlib.sha256).hexdigest()


def sign_in(connection: Connection, admin_key: str, now_ms: int) -> str | None:
    """
    Open a session for whoever has an admin key; sessions that are over are deleted.

    Returns:
        The value of its cookie, or None where the key is not known or revoked.
    """
    query = select(admin_keys.c.id).where(
        admin_keys.c.key_hash == key_hash(admin_key.strip()), admin_keys.c.revoked_at.is_(None)
    )
    key_id = connection.execute(query).scalar_one_or_none()
    if key_id is None:
        return None
    table = portal_sessions
    connection.execute(
        delete(table).where(or_(table.c.created_at <= now_ms - LASTS_MS, table.c.seen_at <= now_ms - IDLE_MS))
    )
    secret = new_secret()
    connection.execute(
        insert(table).values(id_hash=_hashed(secret), admin_key_id=key_id, created_at=now_ms, seen_at=now_ms)
    )
    return secret


def find(connection: Connection, cookie: str, now_ms: int) -> Person | None:
    """Return who a cookie belongs to, or None: unknown, over, or its admin key revoked."""
    table = portal_sessions
    query = (
        select(
            admin_keys.c.id,
            admin_keys.c.property_id,
            admin_keys.c.role,
            admin_keys.c.name.label("key_name"),
            properties.c.name.label("property_name"),
            table.c.seen_at,
        )
        .join(admin_keys, admin_keys.c.id == table.c.admin_key_id)
        .join(properties, properties.c.id == admin_keys.c.property_id)
        .where(
            table.c.id_hash == _hashed(cookie),
            table.c.created_at > now_ms - LASTS_MS,
            table.c.seen_at > now_ms - IDLE_MS,
            admin_keys.c.revoked_at.is_(None),
        )
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    caller = Caller(row.id, row.property_id, row.role)
    return Person(caller, row.key_name, row.property_name, row.seen_at <= now_ms - _SEEN_EVERY_MS)


def mark_seen(connection: Connection, cookie: str, now_ms: int) -> None:
    """Put the end of an idle session off."""
    which = portal_sessions.c.id_hash == _hashed(cookie)
    connection.execute(update(portal_sessions).where(which).values(seen_at=now_ms))


def sign_out(connection: Connection, cookie: str) -> None:
    """End a session."""
    connection.execute(delete(portal_sessions).where(portal_sessions.c.id_hash == _hashed(cookie)))


def _hashed(cookie: str) -> str:
    return key_hash(cookie)
