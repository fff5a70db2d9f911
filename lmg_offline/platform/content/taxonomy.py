"""What content is about, kept as rows: categories, so that activity can be counted by them in SQL, and tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from lmg_offline.platform.content.tables import (
    BY_KIND,
    businesses,
    categories,
    content_categories,
    content_tags,
    offers,
)

Document = dict[str, Any]

_TAGGED = ("businesses", "collections")


def refresh(connection: Connection, property_id: str, kind: str, content_id: str) -> None:
    """
    Bring the rows up to date after one document was put or deleted.

    Args:
        kind: Of the document. A business changes its offers too, a category everything.
    """
    if kind in _TAGGED:
        _write_tags(connection, property_id, kind, content_id)
    match kind:
        case "categories":
            _write(connection, property_id, None)
        case "businesses":
            _write(connection, property_id, content_id)
        case "offers":
            query = select(offers.c.business_id).where(offers.c.property_id == property_id, offers.c.id == content_id)
            business_id = connection.execute(query).scalar_one_or_none()
            if business_id is None:
                _delete(connection, property_id, "offers", [content_id])
            else:
                _write(connection, property_id, business_id, [content_id])


def rebuild(connection: Connection, property_id: str) -> None:
    """Make the rows of a whole property anew."""
    _write(connection, property_id, None)
    for kind in _TAGGED:
        _write_tags(connection, property_id, kind, None)


def slugs(connection: Connection, property_id: str) -> dict[str, str]:
    """Return the slug of each category of the property, by its id and by its slug."""
    rows = connection.execute(select(categories.c.id, categories.c.slug).where(categories.c.property_id == property_id))
    found = {row.id: row.slug for row in rows}
    return {**found, **{slug: slug for slug in found.values()}}


def _write(connection: Connection, property_id: str, business_id: str | None, gone: Iterable[str] = ()) -> None:
    """Write the rows of one business and its offers, or of all."""
    names = slugs(connection, property_id)
    about: dict[str, set[str]] = {}
    for row in _documents(connection, property_id, businesses, businesses.c.id, business_id):
        about[row.id] = {names.get(name, name) for name in row.document.get("categories", [])}
    own: dict[str, set[str]] = {}
    for row in _documents(connection, property_id, offers, offers.c.business_id, business_id):
        category = row.document.get("category")
        own[row.id] = about.get(row.document["business_id"], set()) | (
            {names.get(category, category)} if category else set()
        )
    business_ids = about.keys() | ({business_id} if business_id is not None else set())
    everything = business_id is None
    _delete(connection, property_id, "businesses", None if everything else business_ids)
    _delete(connection, property_id, "offers", None if everything else own.keys() | set(gone))
    rows = [
        {"property_id": property_id, "kind": kind, "content_id": content_id, "category": category}
        for kind, found in (("businesses", about), ("offers", own))
        for content_id, named in found.items()
        for category in sorted(named)
    ]
    if rows:
        connection.execute(insert(content_categories), rows)


def _write_tags(connection: Connection, property_id: str, kind: str, content_id: str | None) -> None:
    """Write the tags of one document, or of all of a kind."""
    tags, table = content_tags, BY_KIND[kind]
    old = delete(tags).where(tags.c.property_id == property_id, tags.c.kind == kind)
    connection.execute(old if content_id is None else old.where(tags.c.content_id == content_id))
    rows = [
        {"property_id": property_id, "kind": kind, "content_id": row.id, "tag": tag}
        for row in _documents(connection, property_id, table, table.c.id, content_id)
        for tag in sorted(set(row.document.get("tags", [])))
    ]
    if rows:
        connection.execute(insert(tags), rows)


def _documents(connection: Connection, property_id: str, table: Any, column: Any, business_id: str | None) -> Any:
    query = select(table.c.id, table.c.document).where(table.c.property_id == property_id)
    if business_id is not None:
        query = query.where(column == business_id)
    return connection.execute(query)


def _delete(connection: Connection, property_id: str, kind: str, ids: Iterable[str] | None) -> None:
    """Delete the rows of some documents of a kind, or of all."""
    table = content_categories
    query = delete(table).where(table.c.property_id == property_id, table.c.kind == kind)
    connection.execute(query if ids is None else query.where(table.c.content_id.in_(list(ids))))
