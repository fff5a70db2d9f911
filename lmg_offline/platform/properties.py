"""Properties and their keys: found by write key, made by an operator or by `--dev`."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Column, Connection, insert, select

from lmg_offline.platform.identity import key_hash, new_key
from lmg_offline.platform.store import tables
from lmg_offline.verification import VerificationKey

DEV_PROPERTY = "dev"


@dataclass(frozen=True, slots=True)
class Property:
    """
    What a request needs to know of its property.

    Attributes:
        bookmarking: `enabled`, `verified_only` or `disabled`.

        redemption_audience: Who may redeem: anybody (`none`), `identified` or `verified` users.

        token_max_age_s: How old a verification token with a timestamp may be.

        tombstone_secret: Keys the hashes of forgotten users. Never shown.
    """

    id: str
    bookmarking: str
    redemption_audience: str
    token_max_age_s: int
    tombstone_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a new property, in the clear. The repr shows none of them."""

    write_key: str = field(repr=False)
    verification_key: str = field(repr=False)
    admin_key: str = field(repr=False)


def get(connection: Connection, property_id: str) -> Property:
    """
    Return a property by its id.

    Raises:
        NoResultFound: There is none.
    """
    table = tables.properties
    row = connection.execute(select(*_columns()).where(table.c.id == property_id)).one()
    return Property(*row)


def find_by_write_key(connection: Connection, write_key: str) -> tuple[Property, str] | None:
    """Return the property and the integration's id of a write key, or None."""
    table = tables.integrations
    row = connection.execute(
        select(table.c.id, *_columns())
        .join(tables.properties, tables.properties.c.id == table.c.property_id)
        .where(table.c.write_key_hash == key_hash(write_key), table.c.revoked_at.is_(None))
    ).one_or_none()
    return None if row is None else (Property(*row[1:]), row[0])


def create(connection: Connection, name: str, now_ms: int, *, property_id: str | None = None) -> Keys:
    """
    Make a property with one integration, one verification key and one owner's admin key.

    Args:
        name: For people.

        now_ms: The present, in milliseconds since 1970 UTC.

        property_id: Its id; a random one by default.

    Returns:
        The keys. The write key and the admin key are stored hashed: this is the
        only time they are seen.
    """
    property_id = property_id or str(uuid.uuid4())
    key = VerificationKey(f"vk_{secrets.token_hex(4)}", secrets.token_urlsafe(32))
    keys = Keys(new_key("wk"), key.encode(), new_key("ak"))
    connection.execute(
        insert(tables.properties).values(
            id=property_id,
            name=name,
            created_at=now_ms,
            tombstone_secret=secrets.token_hex(32),
            settings={},
        )
    )
    connection.execute(
        insert(tables.integrations).values(
            id=str(uuid.uuid4()),
            property_id=property_id,
            name=name,
            write_key_hash=key_hash(keys.write_key),
            created_at=now_ms,
        )
    )
    connection.execute(
        insert(tables.verification_keys).values(
            property_id=property_id, key_id=key.id, secret=key.secret, message=key.message, created_at=now_ms
        )
    )
    connection.execute(
        insert(tables.admin_keys).values(
            id=str(uuid.uuid4()),
            property_id=property_id,
            key_hash=key_hash(keys.admin_key),
            role="owner",
            name=name,
            created_at=now_ms,
        )
    )
    return keys


def dev_keys(connection: Connection, now_ms: int) -> Keys:
    """Return the keys of the property of `--dev`, which is made on first use and kept."""
    table = tables.dev_keys
    row = connection.execute(
        select(table.c.write_key, table.c.verification_key, table.c.admin_key).where(
            table.c.property_id == DEV_PROPERTY
        )
    ).one_or_none()
    if row is not None:
        return Keys(*row)
    keys = create(connection, "Development", now_ms, property_id=DEV_PROPERTY)
    connection.execute(
        insert(table).values(
            property_id=DEV_PROPERTY,
            write_key=keys.write_key,
            verification_key=keys.verification_key,
            admin_key=keys.admin_key,
        )
    )
    return keys


def _columns() -> tuple[Column[Any], ...]:
    table = tables.properties
    return tuple(table.c[each.name] for each in fields(Property))
