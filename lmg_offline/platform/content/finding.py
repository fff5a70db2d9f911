"""
Which businesses are shown, and in which order: as ids.

Categories, tags, bookmarks and words are filtered by the database's indexes, and
places by a box before the exact test. Only ids, names and coordinates of what is
left are read; the documents of one page come after that. Names are compared
here, for each database has its own order of letters.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select, true

from lmg_offline.platform.content import geo, taxonomy
from lmg_offline.platform.content.asker import Asker
from lmg_offline.platform.content.tables import businesses, content_categories, content_tags, locations, offers
from lmg_offline.platform.search import find
from lmg_offline.platform.search.ranking import Wanted, interest_points, near_points
from lmg_offline.platform.search.words import fold
from lmg_offline.platform.store.tables import bookmarks

ORDERS = ("name", "nearest", "priority", "relevance")
# So many ids are named in a statement; of more, all rows are read.
_NAMED = 500
_MANY_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Filter:
    """
    Which businesses.

    Attributes:
        tags: With one of these; none given: with any or none.

        saved_by: With an offer that this person has saved, by the hash.

        region: With a place in it.

        words: With all these words.

        collection: As the Admin API has it; None: not of a collection.

        point: Where distances are from.

        order: One of `ORDERS`. None: by words if there are any, else by
            distance from the point if there is one, else by name.
    """

    tags: Sequence[str] = ()
    saved_by: int | None = None
    region: geo.Region | None = None
    words: Sequence[Wanted] | None = None
    collection: dict[str, Any] | None = field(default=None, repr=False)
    point: geo.Point | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """What businesses are ordered by."""

    id: str
    name: str
    priority: int
    distance_m: float
    interest: int
    words: int

    def by_name(self) -> tuple[Any, ...]:
        return (fold(self.name), self.name, self.id)


def business_ids(connection: Connection, property_id: str, asker: Asker, wanted: Filter) -> list[str]:
    """Return the ids of all that are wanted, in order."""
    scored = None if wanted.words is None else find.points(connection, property_id, list(wanted.words))
    if scored is not None and not scored:
        return []
    query = select(businesses.c.id, businesses.c.name, businesses.c.priority).where(
        *_conditions(connection, property_id, wanted)
    )
    found = connection.execute(query).all()
    if scored is not None:
        found = [row for row in found if row.id in scored]
    area = [] if wanted.region is None else [wanted.region]
    if area:
        inside = ids_in(connection, property_id, area)
        found = [row for row in found if row.id in inside]
    own = region_of(wanted.collection)
    if own is not None and wanted.collection is not None:
        listed = set(wanted.collection["business_ids"])
        inside = ids_in(connection, property_id, [own, *area])
        found = [row for row in found if row.id in listed or row.id in inside]
    ids = [row.id for row in found]
    order = wanted.order or ("nearest" if scored is None else "words")
    far = {} if wanted.point is None or order == "name" else distances_m(connection, property_id, ids, wanted.point)
    liked = _interest(connection, property_id, ids, asker) if order in ("words", "relevance") else {}
    rows = [
        _Row(
            row.id, row.name, row.priority, far.get(row.id, math.inf), liked.get(row.id, 0),
            0 if scored is None else scored[row.id],
        )
        for row in found
    ]  # fmt: skip
    return [row.id for row in sorted(rows, key=_key(order, wanted.point is not None))]


def _key(order: str, has_point: bool) -> Any:
    if order == "words":
        return lambda row: (-_score(row, has_point), row.distance_m, row.id)
    nearest_or_name = (lambda row: (row.distance_m, row.id)) if has_point else _Row.by_name
    match order:
        case "name":
            return _Row.by_name
        case "priority":
            return lambda row: (-row.priority, *nearest_or_name(row))
        case "relevance":
            return lambda row: (-row.interest, *nearest_or_name(row))
    return nearest_or_name


def _score(row: _Row, has_point: bool) -> int:
    near = near_points(row.distance_m) if has_point and row.distance_m < math.inf else 0
    return row.words + near + interest_points(row.interest, _MANY_POINTS)


def _conditions(connection: Connection, property_id: str, wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [businesses.c.property_id == property_id, businesses.c.enabled]
    if wanted.tags:
        found.append(_labelled(content_tags, content_tags.c.tag, property_id, wanted.tags))
    if wanted.saved_by is not None:
        found.append(
            businesses.c.id.in_(
                select(offers.c.business_id)
                .join(
                    bookmarks,
                    and_(bookmarks.c.property_id == offers.c.property_id, bookmarks.c.offer_id == offers.c.id),
                )
                .where(
                    offers.c.property_id == property_id,
                    offers.c.enabled,
                    bookmarks.c.user_hash == wanted.saved_by,
                    bookmarks.c.saved,
                )
            )
        )
    if wanted.collection is not None:
        found.append(_in_collection(connection, property_id, wanted.collection))
    return found


def _labelled(table: Any, column: Any, property_id: str, labels: Iterable[str]) -> ColumnElement[bool]:
    return businesses.c.id.in_(
        select(table.c.content_id).where(
            table.c.property_id == property_id, table.c.kind == "businesses", column.in_(sorted(set(labels)))
        )
    )


def _in_collection(connection: Connection, property_id: str, collection: dict[str, Any]) -> ColumnElement[bool]:
    """By id, or by filter: with one of the categories or tags, where there are any. Its region comes after that."""
    parts: list[ColumnElement[bool]] = []
    if collection["business_ids"]:
        parts.append(businesses.c.id.in_(collection["business_ids"]))
    kinds, tags = labels_of(collection, taxonomy.slugs(connection, property_id))
    if kinds or tags:
        parts.append(_labelled(content_categories, content_categories.c.category, property_id, kinds))
        parts.append(_labelled(content_tags, content_tags.c.tag, property_id, tags))
    elif region_of(collection) is not None:
        return true()
    return or_(*parts) if parts else false()


def labels_of(collection: dict[str, Any], slugs: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the categories, by their slugs, and the tags that a collection's filter names."""
    wanted = collection.get("filter") or {}
    return [slugs.get(each, each) for each in wanted.get("categories", [])], wanted.get("tags", [])


def region_of(collection: dict[str, Any] | None) -> geo.Region | None:
    """Return the region of a collection's filter, or None."""
    return None if collection is None else geo.region_of((collection.get("filter") or {}).get("region"))


def ids_in(connection: Connection, property_id: str, regions: Sequence[geo.Region]) -> set[str]:
    """Return the businesses that have a place which lies in all regions."""
    found = places_in(connection, property_id, regions)
    return {row.business_id for row in found}


def places_in(connection: Connection, property_id: str, regions: Sequence[geo.Region]) -> list[Any]:
    """
    Return the places of shown businesses that lie in all regions; all places where there are none.

    A row has id, business_id, name, longitude and latitude.
    """
    query = (
        select(locations.c.id, locations.c.business_id, locations.c.name, locations.c.longitude, locations.c.latitude)
        .join(
            businesses,
            and_(businesses.c.property_id == locations.c.property_id, businesses.c.id == locations.c.business_id),
        )
        .where(locations.c.property_id == property_id, locations.c.enabled, businesses.c.enabled)
    )
    for region in regions:
        boxes = [
            and_(
                locations.c.latitude.between(box.south, box.north), locations.c.longitude.between(box.west, box.east)
            )
            for box in region.boxes()
        ]
        query = query.where(or_(*boxes))
    rows = connection.execute(query).all()
    return [row for row in rows if all(region.holds((row.longitude, row.latitude)) for region in regions)]


def distances_m(
    connection: Connection, property_id: str, ids: Collection[str], point: geo.Point
) -> dict[str, float]:
    """Return the metres to each business's nearest place; those without a place are left out."""
    query = select(locations.c.business_id, locations.c.longitude, locations.c.latitude).where(
        locations.c.property_id == property_id, locations.c.enabled
    )
    if len(ids) <= _NAMED:
        query = query.where(locations.c.business_id.in_(ids))
    found: dict[str, float] = {}
    for business_id, longitude, latitude in connection.execute(query):
        away = geo.distance_m(point, (longitude, latitude))
        found[business_id] = min(away, found.get(business_id, math.inf))
    return found


def _interest(connection: Connection, property_id: str, ids: Collection[str], asker: Asker) -> dict[str, int]:
    """Return how much of the person's interests each business's categories are, in millionths, above zero."""
    mine = asker.interests
    if not mine or not ids:
        return {}
    table, whole = content_categories, sum(mine.values())
    query = select(table.c.content_id, table.c.category).where(
        table.c.property_id == property_id, table.c.kind == "businesses", table.c.category.in_(sorted(mine))
    )
    if len(ids) <= _NAMED:
        query = query.where(table.c.content_id.in_(ids))
    found: dict[str, int] = {}
    for business_id, category in connection.execute(query):
        found[business_id] = found.get(business_id, 0) + mine[category]
    return {business_id: _MANY_POINTS * points // whole for business_id, points in found.items()}
