"""Keeping segments: by property, with a name and a rule."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from lmg_offline.platform import interests
from lmg_offline.platform.content import taxonomy
from lmg_offline.platform.segments.conditions import Scope
from lmg_offline.platform.segments.rules import Rule, parse
from lmg_offline.platform.segments.tables import segments
from lmg_offline.platform.store import tables


@dataclass(frozen=True, slots=True)
class Segment:
    """
    A kept segment.

    Attributes:
        document: The rule as it was written.
    """

    id: str
    name: str
    document: dict[str, Any] = field(repr=False)
    created_at: int
    updated_at: int

    @property
    def rule(self) -> Rule:
        """The rule, read."""
        return parse(self.document)


def put(
    connection: Connection, property_id: str, segment_id: str | None, name: str, document: object, now_ms: int
) -> tuple[Segment, bool]:
    """
    Keep a segment, in the place of another of the same id if there is one.

    Args:
        segment_id: None for an id of our own.

    Returns:
        The segment, and whether it is new.

    Raises:
        ValidationError: The rule is not one.
    """
    parse(document)
    id_ = segment_id or str(uuid.uuid4())
    which = (segments.c.property_id == property_id, segments.c.id == id_)
    values = {"name": name, "rule": document, "updated_at": now_ms}
    is_new = not connection.execute(update(segments).where(*which).values(**values)).rowcount
    if is_new:
        connection.execute(insert(segments).values(property_id=property_id, id=id_, created_at=now_ms, **values))
    return _segment(connection.execute(select(segments).where(*which)).one()), is_new


def get(connection: Connection, property_id: str, segment_id: str) -> Segment | None:
    """Return one, or None."""
    query = select(segments).where(segments.c.property_id == property_id, segments.c.id == segment_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _segment(row)


def page(connection: Connection, property_id: str, after_id: str, limit: int) -> list[Segment]:
    """Return segments in the order of their ids, after one id."""
    query = (
        select(segments)
        .where(segments.c.property_id == property_id, segments.c.id > after_id)
        .order_by(segments.c.id)
        .limit(limit)
    )
    return [_segment(row) for row in connection.execute(query)]


def remove(connection: Connection, property_id: str, segment_id: str) -> bool:
    """Delete one; say whether it was there."""
    found = connection.execute(
        delete(segments).where(segments.c.property_id == property_id, segments.c.id == segment_id)
    )
    return found.rowcount > 0


def scope(connection: Connection, property_id: str, now_ms: int) -> Scope:
    """Return the scope in which the property's rules are asked now."""
    return Scope(property_id, now_ms, half_life_days(connection, property_id), taxonomy.slugs(connection, property_id))


def half_life_days(connection: Connection, property_id: str) -> int:
    """Return the half-life of interests that the property has set, in days."""
    query = select(tables.properties.c.settings).where(tables.properties.c.id == property_id)
    settings = connection.execute(query).scalar_one()
    return int(settings.get("interest_half_life_days", interests.DEFAULT_HALF_LIFE_DAYS))


def _segment(row: Row[Any]) -> Segment:
    return Segment(row.id, row.name, row.rule, row.created_at, row.updated_at)
