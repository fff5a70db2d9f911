"""Resolvers of the Audience API's content: every type and field that is not simply a document's own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from lmg_offline.platform.content import geo
from lmg_offline.platform.content.catalogue import Catalogue, Document
from lmg_offline.platform.problems import AudienceError, not_found

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_catalogues: WeakKeyDictionary[Connection, Catalogue] = WeakKeyDictionary()


def _catalogue(info: Any) -> Catalogue:
    """Return the request's catalogue: one a connection, which is one a request."""
    context = info.context
    found = _catalogues.get(context.connection)
    if found is None or found._context is not context:
        found = _catalogues[context.connection] = Catalogue(context)
    return found


def business(_: Any, info: Any, businessId: str) -> Document:
    """One business by id or slug."""
    return _by_id_or_slug(_catalogue(info).businesses, businessId, "business")


def offer(_: Any, info: Any, offerId: str) -> Document:
    """One offer by id or slug."""
    return _by_id_or_slug(_catalogue(info).offers, offerId, "offer")


def collection(_: Any, info: Any, collectionId: str) -> Document:
    """One collection by id or slug."""
    return _by_id_or_slug(_catalogue(info).collections, collectionId, "collection")


def business_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Businesses by words, bookmarks, area and tags; nearest first where there is a point."""
    catalogue = _catalogue(info)
    found = list(catalogue.businesses.values())
    if wanted.get("bookmarkedOffersOnly"):
        if info.context.user_id is None:
            raise AudienceError(
                "NotIdentifiedError", "Identify the user to list saved offers.", 403, "user-not-identified"
            )
        owners = {item["businessId"] for key, item in catalogue.offers.items() if key in catalogue.saved}
        found = [{**item, "savedOnly": True} for item in found if item["id"] in owners]
    if wanted.get("tagNames"):
        found = [item for item in found if set(item["tags"]) & set(wanted["tagNames"])]
    if wanted.get("q"):
        found = [item for item in found if catalogue.matches(item, wanted["q"])]
    return _feed("businesses", _in_area(catalogue, found, wanted), wanted)


def collection_businesses(parent: Document, info: Any, **wanted: Any) -> Document:
    """The businesses of one collection."""
    catalogue = _catalogue(info)
    found = [item for item in catalogue.businesses.values() if catalogue.in_collection(parent, item)]
    return _feed("businesses", _in_area(catalogue, found, wanted), wanted)


def collection_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Collections, higher priority first; in an area, those with a business there."""
    catalogue = _catalogue(info)
    found = sorted(catalogue.collections.values(), key=lambda item: (-item["priority"], item["name"], item["id"]))
    if wanted.get("tagNames"):
        found = [item for item in found if set(item["tags"]) & set(wanted["tagNames"])]
    ring = _ring(wanted)
    if ring:
        inside = [item for item in catalogue.businesses.values() if catalogue.is_in(item, ring)]
        found = [item for item in found if any(catalogue.in_collection(item, b) for b in inside)]
    return _feed("collections", found, wanted)


def location_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Places, nearest first where there is a point."""
    catalogue = _catalogue(info)
    found = list(catalogue.locations.values())
    ring = _ring(wanted)
    if ring:
        found = [place for place in found if geo.is_inside(place["address"]["centre"], ring)]
    return _feed("locations", catalogue.ordered(found, _point(wanted)), wanted)


def business_offers(parent: Document, info: Any) -> list[Document]:
    """A business's offers; in a list of saved ones, the saved ones first."""
    catalogue = _catalogue(info)
    found = catalogue.offers_of.get(parent["id"], [])
    return sorted(found, key=lambda item: item["id"] not in catalogue.saved) if parent.get("savedOnly") else found


def business_categories(parent: Document, info: Any) -> list[Document]:
    """A business's categories, those that are known."""
    known = _catalogue(info).categories
    return [known[key] for key in parent["categories"] if key in known]


def business_locations(parent: Document, info: Any, **wanted: Any) -> list[Document]:
    """A business's places, nearest first where there is a point."""
    catalogue = _catalogue(info)
    return catalogue.ordered(catalogue.locations_of.get(parent["id"], []), _point(wanted))


def offer_locations(parent: Document, info: Any, **wanted: Any) -> list[Document]:
    """Where an offer holds: its own places, or all of its business."""
    catalogue = _catalogue(info)
    chosen = set(parent["locationIds"])
    places = [p for p in catalogue.locations_of.get(parent["businessId"], []) if not chosen or p["id"] in chosen]
    return catalogue.ordered(places, _point(wanted))


def owner(parent: Document, info: Any) -> Document:
    """The business of an offer or place."""
    found: Document = _catalogue(info).businesses[parent["businessId"]]
    return found


def is_bookmarked(parent: Document, info: Any) -> bool:
    """Whether the session's user has saved the offer."""
    return parent["id"] in _catalogue(info).saved


RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "Query": {
        "business": business,
        "businessFeed": business_feed,
        "collection": collection,
        "collectionFeed": collection_feed,
        "locationFeed": location_feed,
        "offer": offer,
    },
    "Business": {"offers": business_offers, "categories": business_categories, "locations": business_locations},
    "Offer": {"business": owner, "locations": offer_locations, "isBookmarked": is_bookmarked},
    "Location": {"business": owner},
    "Collection": {"businessFeed": collection_businesses},
}


def _by_id_or_slug(found: dict[str, Document], key: str, kind: str) -> Document:
    if key in found:
        return found[key]
    for document in found.values():
        if document["slug"] == key:
            return document
    raise not_found(kind)


def _in_area(catalogue: Catalogue, found: list[Document], wanted: dict[str, Any]) -> list[Document]:
    ring, point = _ring(wanted), _point(wanted)
    if ring:
        found = [item for item in found if catalogue.is_in(item, ring)]
    if point is not None:
        found = sorted(found, key=lambda item: (catalogue.distance_of(item, point), item["id"]))
    return found


def _point(wanted: dict[str, Any]) -> list[float] | None:
    found = wanted.get("orderingGeoPoint") or wanted.get("originGeoPoint")
    if found is not None and not _is_point(found):
        raise AudienceError("BadRequestError", "A point is [longitude, latitude], in degrees.", 400, "bad-point")
    return found


def _ring(wanted: dict[str, Any]) -> list[list[float]] | None:
    found: list[list[float]] | None = wanted.get("contextGeoArea")
    if found is not None and not all(map(_is_point, found)):
        raise AudienceError("BadRequestError", "An area is a ring of [longitude, latitude].", 400, "bad-area")
    return found


def _is_point(found: list[float]) -> bool:
    return len(found) == 2 and -180 <= found[0] <= 180 and -90 <= found[1] <= 90


def _feed(name: str, found: list[Document], wanted: dict[str, Any]) -> Document:
    limit = wanted.get("limit")
    limit = DEFAULT_LIMIT if limit is None else max(1, min(limit, MAX_LIMIT))
    start = _offset(wanted.get("cursor"))
    following = start + limit
    cursor = {
        "previous": _cursor(max(0, start - limit)) if start else None,
        "next": _cursor(following) if following < len(found) else None,
    }
    return {name: found[start:following], "cursor": cursor}


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
        if text.startswith("o") and text[1:].isdecimal():
            return int(text[1:12])
    except (binascii.Error, ValueError):
        pass  # answered below, like any other text that is no cursor
    raise AudienceError("BadRequestError", "This is not a cursor of this list.", 400, "bad-cursor")
