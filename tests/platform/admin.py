"""A platform with something in every list, and one good request for each endpoint of the Admin API."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from kiosk import Kiosk, Site, bookmark, entry, identify, track, update_of
from sqlalchemy import Engine, select
from starlette.applications import Starlette

from lmg_offline.platform import keys, properties
from lmg_offline.platform.admin_api.access import ROLES
from lmg_offline.platform.admin_api.endpoints import PREFIX, Endpoint
from lmg_offline.platform.app import create_app
from lmg_offline.platform.server import running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.store.migrate import upgrade

MINE, OTHER = "mine", "other"
NAME = "Mine & Co."
USER = "ann/é"
RULE = {"all": [{"trait": "visits", "op": ">=", "value": 3}, {"not": {"state": "verified"}}]}

# What stands in a path, by the parameter's name and what comes before it.
IDS = {
    "user_id": USER,
    "segment_id": "often",
    "integrations": "",  # made when the platform is
    "verification-keys": "",
    "admin-keys": "",
    "businesses": "cafe",
    "locations": "downtown",
    "offers": "coffee",
    "collections": "warm",
    "categories": "food",
}
QUERIES = {
    "report_demographics": {"by": "trait:visits"},
    "delete_property": {"name": NAME},
    "list_privacy_log": {"user_id": USER},
    "list_entries": {"device_id": "kiosk-1"},
    "export_segment": {"format": "csv"},
    "rotate_write_key": {"grace_s": "60"},
    "rotate_verification_key": {"grace_s": "60"},
}
BODIES: dict[str, Any] = {
    "put_business": {"name": "Cafe", "categories": ["food"]},
    "put_location": {"business_id": "cafe", "name": "Downtown", "latitude": 49.9, "longitude": -119.45},
    "put_offer": {"business_id": "cafe", "headline": "Coffee", "redemption": {"kind": "single", "pin": "1234"}},
    "put_collection": {"name": "Warm", "business_ids": ["cafe"], "filter": {"categories": ["food"]}},
    "put_category": {"name": "Food"},
    "create_segment": {"name": "Often", "rule": RULE},
    "put_segment": {"name": "Often", "rule": RULE},
    "preview_segment": {"rule": RULE},
    "change_property": {"name": "Ours", "time_zone": "America/Vancouver", "interest_half_life_days": 7},
    "create_integration": {"name": "Android app", "platform": "android"},
    "rename_integration": {"name": "Kiosks"},
    "create_verification_key": {},
    "create_admin_key": {"name": "Help desk", "role": "support"},
}


class InProcess:
    """A client of an application in this process: a few hundred platforms are started, and a socket each takes time."""

    _app: Starlette | None = None

    def __init__(self, engine: Engine) -> None:
        if InProcess._app is None:
            InProcess._app = create_app(engine)
        self.app = InProcess._app
        self.app.state.engine = engine

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make one request."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Get."""
        return self.request("GET", path, **options)


@dataclass(frozen=True)
class Estate:
    """
    A database with two properties, of which only `MINE` is filled.

    Attributes:
        path: The file; tests that change it take a copy.

        keys: Admin keys of `MINE` by role, and `revoked`, `other` (another property's owner), `unknown`, `none`.

        ids: As `IDS`.
    """

    path: Path
    keys: Mapping[str, str | None] = field(repr=False)
    ids: Mapping[str, str]
    write_key: str = field(repr=False)

    @contextmanager
    def serving(self) -> Iterator[InProcess]:
        """Serve the file as it is."""
        engine = make_engine(f"sqlite:///{self.path}")
        try:
            yield InProcess(engine)
        finally:
            close_engine(engine)

    def copy(self, folder: Path) -> Estate:
        """Return the same in another file."""
        path = folder / "copy.db"
        for left in folder.glob("copy.db*"):
            left.unlink()
        shutil.copy(self.path, path)
        return Estate(path, self.keys, self.ids, self.write_key)

    def rows(self, property_id: str = MINE) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of a property, by table."""
        engine = make_engine(f"sqlite:///{self.path}")
        try:
            with engine.connect() as connection:
                return {
                    table.name: [
                        tuple(row)
                        for row in connection.execute(
                            select(table)
                            .where((table.c.id if table is tables.properties else table.c.property_id) == property_id)
                            .order_by(*table.primary_key)
                        )
                    ]
                    for table in metadata.sorted_tables
                    if table is tables.properties or "property_id" in table.c
                }
        finally:
            close_engine(engine)

    def call(self, http: InProcess, endpoint: Endpoint, who: str = "owner") -> httpx.Response:
        """Make the one good request of an endpoint."""
        key = self.keys[who]
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return http.request(
            endpoint.method,
            PREFIX + self.path_of(endpoint),
            params=QUERIES.get(endpoint.name),
            json=BODIES.get(endpoint.name) if endpoint.body is not None else None,
            headers=headers,
        )

    def path_of(self, endpoint: Endpoint) -> str:
        """Return the endpoint's path with the ids in it."""
        path = endpoint.path.replace(":path}", "}")
        for name in endpoint.parameters:
            known = self.ids[name if name in self.ids else endpoint.path.split("/")[1]]
            path = path.replace(f"{{{name}}}", quote(known, safe=""))
        return path


def build(folder: Path) -> Estate:
    """Make the estate: people through the SDK's own protocol, content and segments through the Admin API."""
    path = folder / "platform.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    with writing(engine) as connection:
        mine = properties.create(connection, NAME, 1, property_id=MINE)
        properties.change(connection, MINE, {"bookmarking": "enabled"})
        other = properties.create(connection, "Other", 1, property_id=OTHER)
        made = {role: keys.create_admin_key(connection, MINE, role, role, 1) for role in ROLES if role != "owner"}
        revoked_id, revoked = keys.create_admin_key(connection, MINE, "Left", "owner", 1)
        row = keys.get(connection, tables.admin_keys, "id", MINE, revoked_id)
        assert row is not None
        keys.revoke_admin_key(connection, row, 2)
        ids = {
            "integrations": connection.execute(
                select(tables.integrations.c.id).where(tables.integrations.c.property_id == MINE)
            ).scalar_one(),
            "verification-keys": connection.execute(
                select(tables.verification_keys.c.key_id).where(tables.verification_keys.c.property_id == MINE)
            ).scalar_one(),
            "admin-keys": made["support"][0],
        }
    everybody = {role: key for role, (_, key) in made.items()} | {"owner": mine.admin_key, "revoked": revoked}
    estate = Estate(
        path, {**everybody, "other": other.admin_key, "unknown": "ak_unknown", "none": None}, {**IDS, **ids},
        mine.write_key,
    )  # fmt: skip
    with running(f"sqlite:///{path}", dev=False) as platform:
        with httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30) as http:
            _fill(estate, http, Site(http, platform.engine, mine))
    close_engine(engine)
    return estate


def _fill(estate: Estate, http: httpx.Client, site: Site) -> None:
    headers = {"Authorization": f"Bearer {estate.keys['owner']}"}
    paths = {"category": "categories/food", "business": "businesses/cafe", "location": "locations/downtown"}
    paths |= {"offer": "offers/coffee", "collection": "collections/warm", "segment": "segments/often"}
    for name, path in paths.items():
        document = {**BODIES[f"put_{name}"], **({} if name == "segment" else {"tags": ["before"]})}
        answer = http.put(f"{PREFIX}/{path}", json=document, headers=headers)
        assert 201 == answer.status_code, answer.text
    profile = {"email": "ann@example.com", "birthday": "1990-02-28", "visits": 5, "likes": ["tea", "ice"]}
    reply = Kiosk(site, "kiosk-1").one(
        [
            identify(1, USER, profile=profile),
            track(2, "offer_viewed"),
            bookmark(3, "coffee"),
            update_of(4, {"gender": "female"}),
            entry(5, "track", {"name": "looked", "properties": {"offer_id": "coffee"}}),
        ]
    )
    assert (5, []) == (reply["applied_through"]["seq"], reply["refused"])
    Kiosk(site, "kiosk-2").one([identify(1, "bob", profile={"visits": 1}, lane="s2")], session="s2")
    for path in (f"users/{quote(USER, safe='')}/export", "segments/often/export"):
        assert 200 == http.get(f"{PREFIX}/{path}", headers=headers).status_code
