"""Keeping content: put, get, list, delete."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from lmg_offline.platform.content import taxonomy
from lmg_offline.platform.content.tables import BY_KIND
from lmg_offline.platform.search import index

Document = dict[str, Any]


def put(connection: Connection, property_id: str, kind: str, content_id: str, document: Document) -> bool:
    """Create or replace; say whether it is new."""
    table = BY_KIND[kind]
    title = document.get("name") or document.get("headline") or content_id
    document = {**document, "id": content_id, "slug": document.get("slug") or content_id}
    if "short_name" not in document and "name" in document:
        document["short_name"] = document["name"]
    values: Document = {
        "slug": document["slug"],
        "name": title,
        "enabled": document.get("enabled", True),
        "document": document,
    }
    for column in ("business_id", "latitude", "longitude"):
        if column in table.c:
            values[column] = document[column]
    if "priority" in table.c:
        values["priority"] = document.get("priority", 0)
    where = and_(table.c.property_id == property_id, table.c.id == content_id)
    owner = _owner(connection, property_id, kind, content_id)
    is_new = not connection.execute(update(table).where(where).values(**values)).rowcount
    if is_new:
        connection.execute(insert(table).values(property_id=property_id, id=content_id, **values))
    _refresh(connection, property_id, kind, content_id, owner)
    return is_new


def get(connection: Connection, property_id: str, kind: str, content_id: str) -> Document | None:
    """Return one document by id, or None."""
    table = BY_KIND[kind]
    query = select(table.c.document).where(table.c.property_id == property_id, table.c.id == content_id)
    found: Document | None = connection.execute(query).scalar_one_or_none()
    return found


def remove(connection: Connection, property_id: str, kind: str, content_id: str) -> bool:
    """Delete one; say whether it was there."""
    table = BY_KIND[kind]
    owner = _owner(connection, property_id, kind, content_id)
    found = connection.execute(
        delete(table).where(table.c.property_id == property_id, table.c.id == content_id)
    )
    _refresh(connection, property_id, kind, content_id, owner)
    return found.rowcount > 0


def page(
    connection: Connection, property_id: str, kind: str, after_id: str, limit: int
) -> list[Document]:
    """Return documents in the order of their ids, after one id."""
    table = BY_KIND[kind]
    query = (
        select(table.c.document)
        .where(table.c.property_id == property_id, table.c.id > after_id)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [row[0] for row in connection.execute(query)]


def rebuild(connection: Connection, property_id: str) -> None:
    """Make anew what follows from all documents of a property: categories, tags and words."""
    taxonomy.rebuild(connection, property_id)
    index.refresh(connection, property_id, None)


def _refresh(connection: Connection, property_id: str, kind: str, content_id: str, owner: str | None) -> None:
    """
    Bring up to date what follows from a document that was put or deleted.

    Args:
        owner: The business that an offer belonged to before.
    """
    taxonomy.refresh(connection, property_id, kind, content_id)
    match kind:
        case "categories":
            index.refresh(connection, property_id, None)
        case "businesses":
            index.refresh(connection, property_id, [content_id])
        case "offers":
            owners = {owner, _owner(connection, property_id, kind, content_id)}
            index.refresh(connection, property_id, [owner for owner in owners if owner is not None])


def _owner(connection: Connection, property_id: str, kind: str, content_id: str) -> str | None:
    if kind != "offers":
        return None
    table = BY_KIND[kind]
    query = select(table.c.business_id).where(table.c.property_id == property_id, table.c.id == content_id)
    return connection.execute(query).scalar_one_or_none()
