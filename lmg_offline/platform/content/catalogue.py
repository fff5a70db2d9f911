"""The shown content of one property, read once a request, as the objects the Audience API serves."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property
from typing import Any

from sqlalchemy import select

from lmg_offline.platform.audience_api.context import RequestContext
from lmg_offline.platform.content import geo, store
from lmg_offline.platform.store import tables

Document = dict[str, Any]


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
    """Everything enabled of one property; each kind is read when first asked for."""

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    def _read(self, kind: str) -> dict[str, Document]:
        found = store.shown(self._context.connection, self._context.property_id, kind)
        return {document["id"]: camel(document) for document in found}

    @cached_property
    def businesses(self) -> dict[str, Document]:
        """By id, in the order of their names."""
        return self._read("businesses")

    @cached_property
    def offers(self) -> dict[str, Document]:
        """Offers of shown businesses, by id."""
        return {key: offer for key, offer in self._read("offers").items() if offer["businessId"] in self.businesses}

    @cached_property
    def locations(self) -> dict[str, Document]:
        """Locations of shown businesses, by id, with `address.centre` set."""
        found = {}
        for key, place in self._read("locations").items():
            if place["businessId"] in self.businesses:
                address = {**place["address"], "id": key, "centre": [place["longitude"], place["latitude"]]}
                found[key] = {**place, "address": address}
        return found

    @cached_property
    def collections(self) -> dict[str, Document]:
        """By id."""
        return self._read("collections")

    @cached_property
    def categories(self) -> dict[str, Document]:
        """By id and by slug."""
        found = self._read("categories")
        return {**{document["slug"]: document for document in found.values()}, **found}

    @cached_property
    def offers_of(self) -> dict[str, list[Document]]:
        """Offers by business."""
        return _grouped(self.offers)

    @cached_property
    def locations_of(self) -> dict[str, list[Document]]:
        """Locations by business."""
        return _grouped(self.locations)

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

    def ordered(self, places: list[Document], point: list[float] | None) -> list[Document]:
        """Return places nearest to `point` first, with `distance` in metres; by name without one."""
        if point is None:
            return places
        near = [{**place, "distance": geo.distance_m(point, place["address"]["centre"])} for place in places]
        return sorted(near, key=lambda place: (place["distance"], place["id"]))

    def distance_of(self, business: Document, point: list[float]) -> float:
        """Return metres to the business's nearest place; infinite without places."""
        places = self.locations_of.get(business["id"], [])
        return min((geo.distance_m(point, place["address"]["centre"]) for place in places), default=math.inf)

    def is_in(self, business: Document, ring: list[list[float]]) -> bool:
        """Say whether one of the business's places lies in the ring."""
        places = self.locations_of.get(business["id"], [])
        return any(geo.is_inside(place["address"]["centre"], ring) for place in places)

    def matches(self, business: Document, words: str) -> bool:
        """Say whether every word stands somewhere in the business or its offers, case aside."""
        texts = [business.get(name) or "" for name in ("name", "shortName", "desc", "slogan")]
        texts += business.get("tags", [])
        for offer in self.offers_of.get(business["id"], []):
            texts += [offer["headline"], offer["subhead"], offer["details"], *offer["keywords"]]
        text = "\n".join(texts).casefold()
        return all(word in text for word in words.casefold().split())

    def in_collection(self, collection: Document, business: Document) -> bool:
        """Say whether a collection holds a business, by id or by filter."""
        if business["id"] in collection["businessIds"]:
            return True
        wanted = collection.get("filter") or {"categories": [], "tags": []}
        return bool(
            set(wanted["categories"]) & set(business["categories"]) or set(wanted["tags"]) & set(business["tags"])
        )


def _grouped(documents: dict[str, Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = defaultdict(list)
    for document in documents.values():
        found[document["businessId"]].append(document)
    return found
