"""Who is asking, and what each role may."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from starlette.requests import Request

from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.store.tables import admin_keys

ROLES = ("owner", "admin", "dev", "marketing", "support")

# Source: the real portal's roles. Everybody sees businesses, offers, the audience and reports; marketing
# creates collections and segments; dev edits the settings of property and integrations; support changes
# nothing; the owner alone deletes the property.
READERS = frozenset(ROLES)
EDITORS = frozenset({"owner", "admin", "marketing"})
SETTERS = frozenset({"owner", "admin", "dev"})
KEEPERS = frozenset({"owner", "admin"})
OWNERS = frozenset({"owner"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The admin key a request came with."""

    key_id: str
    property_id: str
    role: str


def caller_of(request: Request, connection: Connection) -> Caller:
    """
    Return who a request is from.

    Raises:
        Problem: 401: no key, an unknown one, or one that was revoked.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Problem(401, "Unauthorized", "Send Authorization: Bearer and an admin key.")
    query = select(admin_keys.c.id, admin_keys.c.property_id, admin_keys.c.role).where(
        admin_keys.c.key_hash == key_hash(key.strip()), admin_keys.c.revoked_at.is_(None)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise Problem(401, "Unauthorized", "This admin key is not known, or was revoked.")
    return Caller(row[0], row[1], row[2])
