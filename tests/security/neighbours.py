"""Two properties on one platform, the second full of things that the first must never see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from sqlalchemy import select
from starlette.routing import BaseRoute, Mount, Route

from lmg_offline.platform import properties
from lmg_offline.platform.admin_api.endpoints import PREFIX, PathRoute
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.platform.store.metadata import metadata
from tests.platform.kiosk import Kiosk, Site, bookmark, identify, lane, track, update_of

# In everything that is only theirs to see. Ids of content are not marked: we may have some of the same name.
MARK = "THEIRS"
THEIR_USER = f"user-{MARK}"
THEIR_OFFER, THEIR_PLACE, THEIR_BUSINESS, THEIR_COLLECTION = "offer-1", "place-1", "business-1", "collection-1"
THEIR_CATEGORY, THEIR_SEGMENT = "category-1", "segment-1"
THEIR_DEVICE = f"device-{MARK}"
THEIR_SESSION = f"session-{MARK}"
OPENED = "mutation { createSession { token content { sessionId } } }"
MAX_FIELDS = 60
RULE = {"attribute": "age", "op": ">=", "value": 0}

# What a test puts for each placeholder of an address, by what stands before it; a new one must be given something here.
IN_ADDRESS = {
    "users": THEIR_USER,
    "members": THEIR_USER,
    "segments": THEIR_SEGMENT,
    "offers": THEIR_OFFER,
    "locations": THEIR_PLACE,
    "businesses": THEIR_BUSINESS,
    "collections": THEIR_COLLECTION,
    "categories": THEIR_CATEGORY,
    "content": "offers",
    "static": "portal.css",
}
# The kinds of keys, and where their ids stand.
KEYS = {
    "integrations": tables.integrations.c.id,
    "verification-keys": tables.verification_keys.c.key_id,
    "admin-keys": tables.admin_keys.c.id,
}
# What an argument of the Audience API is given, by its name; a new one that is required must be given something here.
ARGUMENTS: dict[str, object] = {
    "businessId": THEIR_BUSINESS,
    "collectionId": THEIR_COLLECTION,
    "offerId": THEIR_OFFER,
    "locationId": THEIR_PLACE,
    "locationIds": [THEIR_PLACE],
    "externalId": THEIR_USER,
    "traits": "{}",
    "currentState": "available",
    "transitionIndex": 0,
    "clientArgs": "{}",
    "device": {"id": THEIR_DEVICE, "secret": "guessed", "sent_at": 1},
    "lanes": [lane([], session=THEIR_SESSION)],
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Whose keys are used, and whose data is not to be had."""

    ours: Site
    theirs: Site
    their_session_token: str
    their_property: str

    def rows_of_theirs(self) -> dict[str, list[str]]:
        """Return every row of the other property, of every table that names one."""
        found = {}
        with self.ours.engine.connect() as connection:
            for table in metadata.tables.values():
                if "property_id" in table.c:
                    query = select(table).where(table.c.property_id == self.their_property)
                    found[table.name] = sorted(repr(row) for row in connection.execute(query))
        return found

    def address(self, path: str) -> str:
        """Put the other property's ids into the placeholders of a path."""
        parts = path.split("/")
        for at, part in enumerate(parts):
            if part.startswith("{"):
                parts[at] = quote(self._id(parts[at - 1]), safe="")
        return "/".join(parts)

    def _id(self, kind: str) -> str:
        if kind not in KEYS:
            return IN_ADDRESS[kind]
        ids = select(KEYS[kind]).where(KEYS[kind].table.c.property_id == self.their_property)
        with self.ours.engine.connect() as connection:
            return str(connection.scalars(ids).first())

    def admin(self, method: str, path: str, key: str | None) -> httpx.Response:
        """Ask the Admin API with a key, or without any."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        body = json.dumps({"name": "ours", "business_id": "ours", "headline": "ours"}).encode()
        return self.ours.http.request(method, path, headers=headers, content=body if method == "PUT" else None)


def settle(running: Running, http: httpx.Client) -> Neighbours:
    """Make the second property and fill it through its own keys."""
    ours = Site(http, running.engine, properties.Keys(running.write_key, running.verification_key, running.admin_key))
    with writing(running.engine) as connection:
        keys = properties.create(connection, "Neighbour", 1, property_id=f"property-{MARK}")
    theirs = Site(http, running.engine, keys)
    put(theirs, f"categories/{THEIR_CATEGORY}", {"name": f"Category {MARK}"})
    put(theirs, f"segments/{THEIR_SEGMENT}", {"name": f"Segment {MARK}", "rule": RULE})
    put(theirs, f"businesses/{THEIR_BUSINESS}", {"name": f"Cafe {MARK}"})
    put(theirs, f"locations/{THEIR_PLACE}", {"business_id": THEIR_BUSINESS, "name": f"Place {MARK}",
                                             "latitude": 49.0, "longitude": -119.0})  # fmt: skip
    put(theirs, f"offers/{THEIR_OFFER}", {"business_id": THEIR_BUSINESS, "headline": f"Offer {MARK}"})
    put(theirs, f"collections/{THEIR_COLLECTION}", {"name": f"Collection {MARK}", "business_ids": [THEIR_BUSINESS]})
    entries = [
        identify(1, THEIR_USER, verify=True),
        update_of(2, {"name": f"Name {MARK}"}),
        track(3, f"activity-{MARK}"),
        bookmark(4, THEIR_OFFER),
    ]
    kiosk = Kiosk(theirs, THEIR_DEVICE)
    reply = kiosk.one(entries, session=THEIR_SESSION, token=theirs.token(THEIR_USER))
    assert ("ok", "verified", []) == (reply["status"], reply["state"], reply["refused"])
    return Neighbours(ours, theirs, reply["session_token"], f"property-{MARK}")


def put(site: Site, path: str, document: dict[str, Any]) -> None:
    """Put one document with the property's own key."""
    headers = {"Authorization": f"Bearer {site.keys.admin_key}"}
    assert site.http.put(f"/admin/v1/{path}", json=document, headers=headers).status_code in (200, 201)


def walk(routes: list[BaseRoute], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield (method, path) of every endpoint below the routes, the placeholders still in it."""
    for route in routes:
        if isinstance(route, Mount):
            yield from walk(route.routes, above + route.path)
        elif isinstance(route, PathRoute):
            yield from ((method, PREFIX + route.path) for method in sorted(route.methods))
        elif isinstance(route, Route):
            yield from ((method, above + route.path) for method in sorted((route.methods or set()) - {"HEAD"}))
        else:
            raise AssertionError(f"a kind of route that this test does not know: {type(route).__name__}")


def documents(schema: GraphQLSchema) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield (name, document, variables) for every operation that a schema offers, asking for all it can show."""
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        for name, field in root.fields.items() if root else ():
            given = {arg: ARGUMENTS[arg] for arg, what in field.args.items() if isinstance(what.type, GraphQLNonNull)}
            given |= {arg: ARGUMENTS[arg] for arg in field.args if arg in ARGUMENTS}
            heads = ", ".join(f"${arg}: {field.args[arg].type}" for arg in given)
            uses = ", ".join(f"{arg}: ${arg}" for arg in given)
            head = f"{kind} Ask({heads})" if given else kind
            yield name, f"{head} {{ {name}{f'({uses})' if uses else ''}{_shown(field)} }}", given


def _shown(field: GraphQLField) -> str:
    budget = [MAX_FIELDS]
    return _selection(get_named_type(field.type), 5, budget)


def _selection(kind: Any, depth: int, budget: list[int]) -> str:
    """Select every leaf down to a depth, as long as the platform's own limits allow it."""
    if not isinstance(kind, GraphQLObjectType):
        return ""
    chosen = []
    for name, field in kind.fields.items():
        if any(isinstance(arg.type, GraphQLNonNull) for arg in field.args.values()) or budget[0] <= 0:
            continue
        budget[0] -= 1
        named = get_named_type(field.type)
        if is_leaf_type(named):
            chosen.append(name)
        elif depth > 1 and (inner := _selection(named, depth - 1, budget)):
            chosen.append(name + inner)
    return f" {{ {' '.join(chosen)} }}" if chosen else ""
