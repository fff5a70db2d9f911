"""
The keys of a property: made, rotated, revoked. A key is seen once, in the answer that made it.

Admin keys and write keys are kept hashed; verification keys in the clear, since
tokens are computed with them. Nothing here asks who may: `admin_api.keys` does.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from lmg_offline.platform.identity import key_hash, new_key
from lmg_offline.platform.store import tables
from lmg_offline.verification import DEFAULT_MESSAGE, VerificationKey

Row = dict[str, Any]


class KeyRefused(Exception):
    """The key can't be changed like that; the message says why."""


def page(
    connection: Connection, table: Table, column: str, property_id: str, after: str, limit: int
) -> list[Row]:
    """Return rows of a table of keys, by their ids, after one id."""
    query = (
        select(table)
        .where(table.c.property_id == property_id, table.c[column] > after)
        .order_by(table.c[column])
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def get(connection: Connection, table: Table, column: str, property_id: str, key_id: str) -> Row | None:
    """Return one row of a table of keys, locked where the database can, or None."""
    query = select(table).where(table.c.property_id == property_id, table.c[column] == key_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def create_admin_key(connection: Connection, property_id: str, name: str, role: str, now_ms: int) -> tuple[str, str]:
    """Make an admin key; return its id and the key."""
    key_id, key = str(uuid.uuid4()), new_key("ak")
    connection.execute(
        insert(tables.admin_keys).values(
            id=key_id, property_id=property_id, key_hash=key_hash(key), role=role, name=name, created_at=now_ms
        )
    )
    return key_id, key


def rotate_admin_key(connection: Connection, row: Row) -> str:
    """
    Give an admin key another text, at once: the one of before opens nothing any more.

    Raises:
        KeyRefused: It was revoked.
    """
    _check_live(row)
    key, table = new_key("ak"), tables.admin_keys
    connection.execute(update(table).where(table.c.id == row["id"]).values(key_hash=key_hash(key)))
    _announce(connection, row["property_id"], "admin_key", row["key_hash"], key)
    return key


def revoke_admin_key(connection: Connection, row: Row, now_ms: int) -> None:
    """
    Revoke an admin key; once revoked it stays so.

    Raises:
        KeyRefused: It is the last one of an owner, without whom nobody could ever be let in again.
    """
    table, properties = tables.admin_keys, tables.properties
    # Held to the end of the transaction: two owners who revoke each other's key come one after the other.
    connection.execute(
        select(properties.c.id).where(properties.c.id == row["property_id"]).with_for_update()
    ).one()
    if row["role"] == "owner" and row["revoked_at"] is None:
        owners = connection.execute(
            select(func.count())
            .select_from(table)
            .where(
                table.c.property_id == row["property_id"], table.c.role == "owner", table.c.revoked_at.is_(None)
            )
        ).scalar_one()
        if owners == 1:
            raise KeyRefused("This is the property's last owner; make another owner's key first.")
    connection.execute(
        update(table).where(table.c.id == row["id"], table.c.revoked_at.is_(None)).values(revoked_at=now_ms)
    )


def create_integration(
    connection: Connection, property_id: str, name: str, platform: str, now_ms: int
) -> tuple[str, str]:
    """Make an integration; return its id and its write key."""
    integration_id, key = str(uuid.uuid4()), new_key("wk")
    connection.execute(
        insert(tables.integrations).values(
            id=integration_id,
            property_id=property_id,
            name=name,
            platform=platform,
            write_key_hash=key_hash(key),
            created_at=now_ms,
        )
    )
    return integration_id, key


def rename_integration(connection: Connection, row: Row, name: str) -> None:
    """Give an integration another name."""
    table = tables.integrations
    connection.execute(update(table).where(table.c.id == row["id"]).values(name=name))


def rotate_write_key(connection: Connection, row: Row, grace_s: int, now_ms: int) -> str:
    """
    Give an integration another write key; the one of before is good for `grace_s` seconds more.

    One that was still good from an earlier rotation is not, from now on.

    Raises:
        KeyRefused: The integration was revoked.
    """
    _check_live(row)
    key, table = new_key("wk"), tables.integrations
    connection.execute(
        update(table)
        .where(table.c.id == row["id"])
        .values(
            write_key_hash=key_hash(key),
            previous_key_hash=row["write_key_hash"],
            previous_key_until=now_ms + grace_s * 1000,
        )
    )
    _announce(connection, row["property_id"], "write_key", row["write_key_hash"], key)
    return key


def revoke_integration(connection: Connection, row: Row, now_ms: int) -> None:
    """Revoke an integration with all its write keys: its apps keep what they have, and wait."""
    table = tables.integrations
    connection.execute(
        update(table).where(table.c.id == row["id"], table.c.revoked_at.is_(None)).values(revoked_at=now_ms)
    )


def create_verification_key(
    connection: Connection, property_id: str, now_ms: int, message: str = DEFAULT_MESSAGE
) -> VerificationKey:
    """Make a verification key beside those there are; all are accepted."""
    key = VerificationKey(f"vk_{secrets.token_hex(8)}", secrets.token_urlsafe(32), message)
    connection.execute(
        insert(tables.verification_keys).values(
            property_id=property_id, key_id=key.id, secret=key.secret, message=key.message, created_at=now_ms
        )
    )
    return key


def rotate_verification_key(connection: Connection, row: Row, grace_s: int, now_ms: int) -> VerificationKey:
    """
    Make the successor of a verification key, which is accepted for `grace_s` seconds more.

    Raises:
        KeyRefused: It is retired.
    """
    if not is_accepted(row, now_ms):
        raise KeyRefused("It is retired; make another one.")
    _retire_at(connection, row, now_ms + grace_s * 1000)
    return create_verification_key(connection, row["property_id"], now_ms, row["message"])


def retire_verification_key(connection: Connection, row: Row, now_ms: int) -> None:
    """Accept no token of a key any more."""
    if is_accepted(row, now_ms):
        _retire_at(connection, row, now_ms)


def is_accepted(row: Row, now_ms: int) -> bool:
    """Whether tokens of a verification key are accepted."""
    return bool(row["active"]) and (row["retires_at"] is None or row["retires_at"] > now_ms)


def _retire_at(connection: Connection, row: Row, at_ms: int) -> None:
    table = tables.verification_keys
    connection.execute(
        update(table)
        .where(table.c.property_id == row["property_id"], table.c.key_id == row["key_id"])
        .values(retires_at=at_ms)
    )


def _check_live(row: Row) -> None:
    if row["revoked_at"] is not None:
        raise KeyRefused("It was revoked; make another one.")


def _announce(connection: Connection, property_id: str, column: str, old_hash: str, key: str) -> None:
    """Where the rotated key is the one that `--dev` announces at each start, let it announce the new one."""
    table = tables.dev_keys
    old = connection.execute(select(table.c[column]).where(table.c.property_id == property_id)).scalar_one_or_none()
    if old is not None and key_hash(old) == old_hash:
        connection.execute(update(table).where(table.c.property_id == property_id).values({column: key}))
