"""Content put straight into both databases, and a person with interests to ask for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import databases
from sqlalchemy import Connection, Engine, insert

from lmg_offline.platform import comparable
from lmg_offline.platform.content import store
from lmg_offline.platform.content.asker import Asker
from lmg_offline.platform.content.schemas import BY_KIND
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.protocol import canonical


@contextmanager
def database(kind: str, folder: Path, server: databases.Postgres | None) -> Iterator[Engine]:
    """A database with the platform's tables."""
    engine = make_engine(f"sqlite:///{folder / 'platform.db'}" if server is None else server.new_database())
    upgrade(engine)
    yield engine
    close_engine(engine)


def make_property(connection: Connection, property_id: str, **settings: Any) -> None:
    """Make an empty property."""
    row = {"id": property_id, "name": property_id, "created_at": 0, "tombstone_secret": "00" * 32}
    connection.execute(insert(tables.properties).values(**row, settings=settings))


def put(connection: Connection, property_id: str, kind: str, content_id: str, document: Mapping[str, Any]) -> None:
    """Put one document as the Admin API would."""
    loaded: Any = BY_KIND[kind].load(dict(document))
    store.put(connection, property_id, kind, content_id, loaded)


def put_all(connection: Connection, property_id: str, content: Mapping[str, Any]) -> None:
    """Put content as the shared cases have it; `at` is the place of a business."""
    for kind in ("categories", "businesses", "offers", "collections"):
        for document in content.get(kind, ()):
            kept = {name: value for name, value in document.items() if name not in ("at", "id")}
            put(connection, property_id, kind, document["id"], kept)
            if "at" in document:
                longitude, latitude = document["at"]
                place = {"business_id": document["id"], "name": document["name"]}
                place |= {"longitude": longitude, "latitude": latitude}
                put(connection, property_id, "locations", f"at-{document['id']}", place)


def person(
    connection: Connection,
    property_id: str,
    user_id: str,
    now_ms: int,
    *,
    deeds: Mapping[str, int] | None = None,
    state: str = "identified",
    **profile: object,
) -> None:
    """Put a person who looked at businesses so many times, just now."""
    hashed = user_hash(user_id)
    mine = {"property_id": property_id, "user_hash": hashed, "user_id": user_id}
    seen = {"first_seen_at": 0, "last_seen_at": now_ms}
    connection.execute(insert(tables.users).values(**mine, state=state, **seen))
    origin = {"device_id": "d", "session_id": "s", "entry_id": "e", "occurred_at": 0}
    for attribute, value in profile.items():
        text = canonical.encode(value)
        row = {**mine, "attribute": attribute, "value": text, "verified": True, **comparable.columns_of(text)._asdict()}
        connection.execute(insert(tables.profile_values).values(**row, **origin))
    for business_id, times in (deeds or {}).items():
        for number in range(times):
            entry = {"device_id": "d", "session_id": "s", "seq": 1, "entry_id": f"{user_id} {business_id} {number}"}
            looked = {"name": "looked", "properties": json.dumps({"business_id": business_id})}
            row = {**mine, **entry, **looked, "business_id": business_id, "occurred_at": now_ms}
            connection.execute(insert(tables.activity).values(**row))


def asker(
    connection: Connection, property_id: str, now_ms: int, user_id: str | None = None, *, verified: bool = False
) -> Asker:
    """Return who asks."""
    hashed = None if user_id is None else user_hash(user_id)
    return Asker(connection, property_id, hashed, verified=verified, now_ms=now_ms)
