"""Properties and their keys: found by write key, made by an operator or by `--dev`."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Column, Connection, and_, delete, insert, or_, select, update

from lmg_offline.platform import interests, keys
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.search import index
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.times import present_ms

DEV_PROPERTY = "dev"

# The settings that have no column of their own, and what they are where nobody has set them.
DEFAULTS: dict[str, Any] = {
    "interest_half_life_days": interests.DEFAULT_HALF_LIFE_DAYS,
    "time_zone": "UTC",
}


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
    """Return the property and the integration's id of a write key, or of the one before its rotation, or None."""
    table = tables.integrations
    hashed, now_ms = key_hash(write_key), present_ms()
    row = connection.execute(
        select(table.c.id, *_columns())
        .join(tables.properties, tables.properties.c.id == table.c.property_id)
        .where(
            or_(
                table.c.write_key_hash == hashed,
                and_(table.c.previous_key_hash == hashed, table.c.previous_key_until > now_ms),
            ),
            table.c.revoked_at.is_(None),
        )
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
    connection.execute(
        insert(tables.properties).values(
            id=property_id,
            name=name,
            created_at=now_ms,
            tombstone_secret=secrets.token_hex(32),
            settings={},
        )
    )
    _, write_key = keys.create_integration(connection, property_id, name, "python", now_ms)
    verification_key = keys.create_verification_key(connection, property_id, now_ms)
    _, admin_key = keys.create_admin_key(connection, property_id, name, "owner", now_ms)
    return Keys(write_key, verification_key.encode(), admin_key)


def all_of_them(connection: Connection) -> list[dict[str, Any]]:
    """Return id, name and age of every property, the oldest first."""
    table = tables.properties
    query = select(table.c.id, table.c.name, table.c.created_at).order_by(table.c.created_at, table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def settings(connection: Connection, property_id: str) -> dict[str, Any]:
    """Return everything that can be set of a property, as it is in force, with id, `created_at` and name."""
    table = tables.properties
    row = dict(connection.execute(select(table).where(table.c.id == property_id)).mappings().one())
    kept = row.pop("settings")
    del row["tombstone_secret"]
    return {**row, **{name: kept.get(name, default) for name, default in DEFAULTS.items()}}


def change(connection: Connection, property_id: str, changes: dict[str, Any]) -> None:
    """Change settings, each by the name under which `settings` returns it. The caller has checked them."""
    table = tables.properties
    query = select(table.c.settings).where(table.c.id == property_id).with_for_update()
    kept = connection.execute(query).scalar_one()
    columns = {name: value for name, value in changes.items() if name not in DEFAULTS}
    kept = {**kept, **{name: value for name, value in changes.items() if name in DEFAULTS}}
    connection.execute(update(table).where(table.c.id == property_id).values(settings=kept, **columns))


def delete_everything(connection: Connection, property_id: str) -> None:
    """Delete a property and all that is kept for it: people, content, keys, logs."""
    index.remove_property(connection, property_id)
    for table in reversed(metadata.sorted_tables):
        if "property_id" in table.c:
            connection.execute(delete(table).where(table.c.property_id == property_id))
    connection.execute(delete(tables.properties).where(tables.properties.c.id == property_id))


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
    made = create(connection, "Development", now_ms, property_id=DEV_PROPERTY)
    connection.execute(
        insert(table).values(
            property_id=DEV_PROPERTY,
            write_key=made.write_key,
            verification_key=made.verification_key,
            admin_key=made.admin_key,
        )
    )
    return made


def _columns() -> tuple[Column[Any], ...]:
    table = tables.properties
    return tuple(table.c[each.name] for each in fields(Property))
