"""Which of many collections hold a business in an area: for all of them in two reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from lmg_offline.platform.content import finding, geo, taxonomy
from lmg_offline.platform.content.tables import content_categories, content_tags

Document = dict[str, Any]


def with_business_in(
    connection: Connection, property_id: str, collections: Sequence[Document], area: geo.Region
) -> set[str]:
    """
    Return the ids of the collections with a shown business that has a place in the area.

    Args:
        collections: As the Admin API has them.
    """
    inside = finding.places_in(connection, property_id, [area])
    there = {row.business_id for row in inside}
    about = _labels(connection, property_id, content_categories, content_categories.c.category, there)
    tagged = _labels(connection, property_id, content_tags, content_tags.c.tag, there)
    slugs = taxonomy.slugs(connection, property_id)
    found = set()
    for document in collections:
        kinds, tags = finding.labels_of(document, slugs)
        region = finding.region_of(document)
        filtered = _union(about, kinds) | _union(tagged, tags) if kinds or tags else there if region else set()
        if region is not None:
            filtered = filtered & {row.business_id for row in inside if region.holds((row.longitude, row.latitude))}
        if filtered or there & set(document["business_ids"]):
            found.add(document["id"])
    return found


def _labels(
    connection: Connection, property_id: str, table: Any, column: Any, there: set[str]
) -> dict[str, set[str]]:
    query = select(table.c.content_id, column).where(
        table.c.property_id == property_id, table.c.kind == "businesses"
    )
    found: dict[str, set[str]] = defaultdict(set)
    for business_id, label in connection.execute(query):
        if business_id in there:
            found[label].add(business_id)
    return found


def _union(labelled: dict[str, set[str]], labels: Iterable[str]) -> set[str]:
    return set().union(*(labelled.get(each, set()) for each in labels))
