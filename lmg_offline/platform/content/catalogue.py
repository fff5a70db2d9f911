"""
The shown content of one property, as the objects the Audience API serves.

Documents are read when they are first needed, those of a page together: what a
list's first business asks for is read for all businesses of the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import or_, select

from lmg_offline.platform import properties
from lmg_offline.platform.audience_api.context import RequestContext
from lmg_offline.platform.content import geo
from lmg_offline.platform.content.asker import Asker
from lmg_offline.platform.content.tables import BY_KIND
from lmg_offline.platform.store import tables

Document = dict[str, Any]
# What collections are found by is named as the Admin API has it.
_AS_KEPT = "kept"


def camel(document: Document) -> Document:
    """Return the document with the schema's names: snake_case becomes camelCase, at every depth."""
    return {_camel(name): _value(value) for name, value in document.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return camel(value)
    return [_value(item) for item in value] if isinstance(value, list) else value


class Catalogue:
    """Everything enabled of one property, as one request needs it."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context
        self._businesses: dict[str, Document | None] = {}
        self._offers: dict[str, list[Document]] = {}
        self._locations: dict[str, list[Document]] = {}
        self._named: set[str] = set()  # businesses that were named and may be asked about
        self.asker = Asker(
            context.connection,
            context.property_id,
            context.user_hash,
            verified=context.verified,
            now_ms=context.now_ms,
        )

    @cached_property
    def time_zone(self) -> str:
        """The IANA name of the property's own."""
        found: str = properties.settings(self._context.connection, self._context.property_id)["time_zone"]
        return found

    def businesses(self, ids: Sequence[str]) -> list[Document]:
        """Return those that are shown, in the order of the ids."""
        self.name(ids)
        self._read_businesses()
        found = (self._businesses.get(key) for key in ids)
        return [each for each in found if each is not None]

    def business_of(self, business_id: str) -> Document | None:
        """Return one that is shown, or None."""
        found = self.businesses([business_id])
        return found[0] if found else None

    def offers_of(self, business_id: str) -> list[Document]:
        """Return a business's offers, by headline."""
        return self._belongings("offers", self._offers, business_id)

    def locations_of(self, business_id: str) -> list[Document]:
        """Return a business's places, by name, with `address.centre` set."""
        return self._belongings("locations", self._locations, business_id)

    def name(self, business_ids: Iterable[str]) -> None:
        """Say which businesses will be asked about, so that they are read together."""
        self._named.update(business_ids)

    def places(self, ids: Sequence[str]) -> list[Document]:
        """Return places in the order of their ids."""
        found = {row["id"]: _placed(row) for row in self._select("locations", ids=ids)}
        return [found[key] for key in ids if key in found]

    def by_id_or_slug(self, kind: str, key: str) -> Document | None:
        """Return what has an id, or else, first by name, a slug; None where nothing shown has."""
        table = BY_KIND[kind]
        found = {row["id"]: row for row in self._select(kind, or_(table.c.id == key, table.c.slug == key))}
        if key in found or not found:
            return found.get(key)
        return next(iter(found.values()))

    @cached_property
    def collections(self) -> list[Document]:
        """All that are enabled, with `kept` as the Admin API has each."""
        return self._select("collections")

    def select_collections(self, ids: Collection[str]) -> list[Document]:
        """Return those with these ids."""
        return [each for each in self.collections if each["id"] in ids]

    @cached_property
    def categories(self) -> dict[str, Document]:
        """By id and by slug."""
        found = {document["id"]: document for document in self._select("categories")}
        return {**{document["slug"]: document for document in found.values()}, **found}

    @cached_property
    def saved(self) -> set[str]:
        """Ids of the offers the session's user has saved."""
        context = self._context
        if context.user_hash is None:
            return set()
        table = tables.bookmarks
        query = select(table.c.offer_id).where(
            table.c.property_id == context.property_id, table.c.user_hash == context.user_hash, table.c.saved
        )
        return {row[0] for row in context.connection.execute(query)}

    def ordered(self, places: list[Document], point: geo.Point | None) -> list[Document]:
        """Return places nearest to `point` first, with `distance` in metres; as they are without one."""
        if point is None:
            return places
        near = [{**place, "distance": geo.distance_m(point, place["address"]["centre"])} for place in places]
        return sorted(near, key=lambda place: (place["distance"], place["id"]))

    def _select(self, kind: str, *which: Any, ids: Sequence[str] | None = None) -> list[Document]:
        table = BY_KIND[kind]
        conditions = [table.c.property_id == self._context.property_id, table.c.enabled, *which]
        if ids is not None:
            conditions.append(table.c.id.in_(ids))
        query = select(table.c.document).where(*conditions)
        kept = sorted(
            self._context.connection.execute(query).scalars(),
            key=lambda document: (document.get("name") or document.get("headline") or document["id"], document["id"]),
        )
        if kind == "collections":
            return [{**camel(document), _AS_KEPT: document} for document in kept]
        return [camel(document) for document in kept]

    def _read_businesses(self) -> None:
        missing = sorted(self._named - self._businesses.keys())
        if missing:
            self._businesses.update(dict.fromkeys(missing))
            self._businesses.update({row["id"]: row for row in self._select("businesses", ids=missing)})

    def _belongings(self, kind: str, read: dict[str, list[Document]], business_id: str) -> list[Document]:
        if business_id not in read:
            missing = sorted((self._named | {business_id}) - read.keys())
            found: dict[str, list[Document]] = defaultdict(list)
            for row in self._select(kind, BY_KIND[kind].c.business_id.in_(missing)):
                found[row["businessId"]].append(_placed(row) if kind == "locations" else row)
            read.update({key: found[key] for key in missing})
        return read[business_id]


def _placed(place: Document) -> Document:
    address = {**place["address"], "id": place["id"], "centre": [place["longitude"], place["latitude"]]}
    return {**place, "address": address}
