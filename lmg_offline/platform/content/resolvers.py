"""Resolvers of the Audience API's content: every type and field that is not simply a document's own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from lmg_offline.platform.content import finding, geo, holding
from lmg_offline.platform.content.catalogue import Catalogue, Document
from lmg_offline.platform.content.discovery import Place, is_open, suits_age
from lmg_offline.platform.problems import AudienceError, not_found
from lmg_offline.platform.search import find, index
from lmg_offline.platform.search.words import fold

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
    return _shown(_catalogue(info).by_id_or_slug("businesses", businessId), "business")


def offer(_: Any, info: Any, offerId: str) -> Document:
    """One offer of a shown business by id or slug."""
    catalogue = _catalogue(info)
    found = catalogue.by_id_or_slug("offers", offerId)
    return _shown(found if found and catalogue.business_of(found["businessId"]) else None, "offer")


def collection(_: Any, info: Any, collectionId: str) -> Document:
    """One collection by id or slug, whether it is listed now or not; not one for another age."""
    catalogue = _catalogue(info)
    found = catalogue.by_id_or_slug("collections", collectionId)
    return _shown(found if found and _suits(catalogue, found["kept"]) else None, "collection")


def business_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Businesses by words, bookmarks, area and tags: best match first, else nearest where there is a point."""
    context, catalogue = info.context, _catalogue(info)
    saved_by, text = None, wanted.get("q")
    if wanted.get("bookmarkedOffersOnly"):
        if context.user_id is None:
            raise AudienceError(
                "NotIdentifiedError", "Identify the user to list saved offers.", 403, "user-not-identified"
            )
        saved_by = context.user_hash
    words = find.question(context.connection, context.property_id, text) if text else None
    which = finding.Filter(
        tags=wanted.get("tagNames") or (),
        saved_by=saved_by,
        region=_area(wanted),
        words=words,
        point=_point(wanted),
    )
    feed = _businesses(info, catalogue, which, wanted)
    extra = {"savedOnly": saved_by is not None, "words": words}
    return {**feed, "businesses": [{**item, **extra} for item in feed["businesses"]]}


def collection_businesses(parent: Document, info: Any, **wanted: Any) -> Document:
    """The businesses of one collection, in its own order."""
    kept = parent["kept"]
    which = finding.Filter(region=_area(wanted), collection=kept, point=_point(wanted), order=kept.get("order"))
    return _businesses(info, _catalogue(info), which, wanted)


def _businesses(info: Any, catalogue: Catalogue, which: finding.Filter, wanted: dict[str, Any]) -> Document:
    context = info.context
    ids = finding.business_ids(context.connection, context.property_id, catalogue.asker, which)
    feed = _feed("businesses", ids, wanted)
    return {**feed, "businesses": catalogue.businesses(feed["businesses"])}


def collection_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Collections that can be found now, higher priority first; in an area, those with a business there."""
    context, catalogue = info.context, _catalogue(info)
    area = _area(wanted)
    place = Place(_checked(wanted.get("orderingGeoPoint")), area)
    found = [item for item in catalogue.collections if _is_listed(context, catalogue, item["kept"], place)]
    segments = {each for item in found for each in _segments(item["kept"])}
    member_of = catalogue.asker.segments_of(segments)
    found = [item for item in found if not _segments(item["kept"]) or member_of & set(_segments(item["kept"]))]
    if wanted.get("tagNames"):
        found = [item for item in found if set(item["tags"]) & set(wanted["tagNames"])]
    if area is not None:
        kept = holding.with_business_in(
            context.connection, context.property_id, [item["kept"] for item in found], area
        )
        found = [item for item in found if item["id"] in kept]
    found.sort(key=lambda item: (-item["priority"], fold(item["name"]), item["name"], item["id"]))
    return _feed("collections", found, wanted)


def _segments(kept: Document) -> list[str]:
    found: list[str] = (kept.get("discoverability") or {}).get("segments", [])
    return found


def _suits(catalogue: Catalogue, kept: Document) -> bool:
    limits = (kept.get("filter") or {}).get("age")
    return suits_age(limits, None) or suits_age(limits, catalogue.asker.age)


def _is_listed(context: Any, catalogue: Catalogue, kept: Document, place: Place) -> bool:
    """Whether age, clock and place let a collection be listed; segments are asked for together, later."""
    rules = kept.get("discoverability") or {}
    timetable, region = rules.get("schedule"), geo.region_of(rules.get("region"))
    return (
        _suits(catalogue, kept)
        and (timetable is None or is_open(timetable, context.now_ms, catalogue.time_zone))
        and (region is None or place.is_in(region))
    )


def location_feed(_: Any, info: Any, **wanted: Any) -> Document:
    """Places of shown businesses, nearest first where there is a point."""
    context, catalogue, point, area = info.context, _catalogue(info), _point(wanted), _area(wanted)
    rows = finding.places_in(context.connection, context.property_id, [] if area is None else [area])
    if point is None:
        rows.sort(key=lambda row: (fold(row.name), row.name, row.id))
    else:
        rows.sort(key=lambda row: (geo.distance_m(point, (row.longitude, row.latitude)), row.id))
    feed = _feed("locations", [row.id for row in rows], wanted)
    places = catalogue.places(feed["locations"])
    catalogue.name(place["businessId"] for place in places)
    return {**feed, "locations": catalogue.ordered(places, point)}


def business_offers(parent: Document, info: Any) -> list[Document]:
    """A business's offers: in a list of saved ones the saved ones first, in a search what was searched for."""
    catalogue = _catalogue(info)
    found = catalogue.offers_of(parent["id"])
    words, saved_only = parent.get("words") or [], bool(parent.get("savedOnly"))

    def place(item: Document) -> tuple[bool, int]:
        return saved_only and item["id"] not in catalogue.saved, -index.offer_points(words, item)

    return sorted(found, key=place)


def business_categories(parent: Document, info: Any) -> list[Document]:
    """A business's categories, those that are known."""
    known = _catalogue(info).categories
    return [known[key] for key in parent["categories"] if key in known]


def business_locations(parent: Document, info: Any, **wanted: Any) -> list[Document]:
    """A business's places, nearest first where there is a point."""
    catalogue = _catalogue(info)
    return catalogue.ordered(catalogue.locations_of(parent["id"]), _point(wanted))


def offer_locations(parent: Document, info: Any, **wanted: Any) -> list[Document]:
    """Where an offer holds: its own places, or all of its business."""
    catalogue = _catalogue(info)
    chosen = set(parent["locationIds"])
    places = [p for p in catalogue.locations_of(parent["businessId"]) if not chosen or p["id"] in chosen]
    return catalogue.ordered(places, _point(wanted))


def owner(parent: Document, info: Any) -> Document:
    """The business of an offer or place."""
    return _shown(_catalogue(info).business_of(parent["businessId"]), "business")


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


def _shown(found: Document | None, kind: str) -> Document:
    if found is None:
        raise not_found(kind)
    return found


def _area(wanted: dict[str, Any]) -> geo.Region | None:
    ring = wanted.get("contextGeoArea")
    if not ring:
        return None
    if not all(map(_is_point, ring)):
        raise AudienceError("BadRequestError", "An area is a ring of [longitude, latitude].", 400, "bad-area")
    return geo.Ring(ring)


def _point(wanted: dict[str, Any]) -> list[float] | None:
    return _checked(wanted.get("orderingGeoPoint") or wanted.get("originGeoPoint"))


def _checked(found: list[float] | None) -> list[float] | None:
    if found is not None and not _is_point(found):
        raise _bad_point()
    return found


def _is_point(found: list[float]) -> bool:
    return len(found) == 2 and -180 <= found[0] <= 180 and -90 <= found[1] <= 90


def _bad_point() -> AudienceError:
    return AudienceError("BadRequestError", "A point is [longitude, latitude], in degrees.", 400, "bad-point")


def _feed(name: str, found: list[Any], wanted: dict[str, Any]) -> Document:
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
