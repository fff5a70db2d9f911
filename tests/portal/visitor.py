"""Somebody at the portal, as a test sees them: pages by path, forms with their token, people put in by replay."""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import Engine, Table, func, insert, select

from lmg_offline.platform import properties
from lmg_offline.platform.content import schemas, store
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.segments import store as segments
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.replay import DOCUMENT
from lmg_offline.verification import sign_user_id

PROPERTY = properties.DEV_PROPERTY
YEAR = datetime.now(UTC).year
AGES = (46, 41, 36, 31, 26, 21)
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@dataclass
class Visitor:
    """A browser without scripts."""

    endpoint: str
    http: httpx.Client = field(repr=False)

    def get(self, path: str = "", **query: str) -> httpx.Response:
        """Ask for a page of the portal."""
        return self.http.get(f"/portal{path}", params=query)

    def post(self, path: str, page: str | None = None, **fields: str) -> httpx.Response:
        """Post a form, with the token that a page shows: the overview, unless another is named."""
        token = _TOKEN.search(self.get(page or "").text)
        assert token is not None
        return self.http.post(f"/portal{path}", data={"form_token": token[1], **fields}, headers=self.origin)

    def sign_in(self, admin_key: str) -> httpx.Response:
        """Sign in."""
        return self.post("/sign-in", "/sign-in", admin_key=admin_key)

    @property
    def origin(self) -> dict[str, str]:
        """What a browser says of where a form came from."""
        return {"Origin": self.endpoint}


# Closed by conftest after each test.
OPENED: list[httpx.Client] = []


def visitor(platform: Running) -> Visitor:
    """Return somebody who is not signed in."""
    OPENED.append(httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=60))
    return Visitor(platform.endpoint, OPENED[-1])


def signed_in(platform: Running, role: str = "owner") -> Visitor:
    """Return somebody who is, in this role."""
    found = visitor(platform)
    key = platform.admin_key if role == "owner" else new_key(platform.engine, role)
    assert 303 == found.sign_in(key).status_code
    return found


def new_key(engine: Engine, role: str, name: str = "test") -> str:
    """Make an admin key."""
    key = f"ak_{uuid.uuid4()}"
    with writing(engine) as connection:
        connection.execute(
            insert(tables.admin_keys).values(
                id=str(uuid.uuid4()), property_id=PROPERTY, key_hash=key_hash(key), role=role, name=name, created_at=0
            )
        )
    return key


def count(engine: Engine, table: Table) -> int:
    """Return how many rows a table has."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@dataclass
class Device:
    """A device that sends one session after the other."""

    platform: Running
    device_id: str = "kiosk-1"

    def send(
        self,
        user_id: str | None,
        profile: dict[str, Any] | None = None,
        *activities: tuple[str, dict[str, Any]],
        verify: bool = False,
        session_id: str | None = None,
        more: tuple[tuple[str, dict[str, Any]], ...] = (),
    ) -> None:
        """Send a session of one person, or of nobody; `more` are kinds of entries with their payloads."""
        session_id = session_id or str(uuid.uuid4())
        made: list[tuple[str, dict[str, Any]]] = []
        if user_id is not None:
            made.append(("identify", {"user_id": user_id, "verify": verify}))
        if profile is not None:
            made.append(("update", {"profile": profile}))
        made += [("track", {"name": name, "properties": found}) for name, found in activities]
        made += more
        entries = [
            {"seq": seq, "id": f"{session_id}-{seq:04}", "kind": kind, "made_at": 1, "age_ms": 1000, "payload": payload}
            for seq, (kind, payload) in enumerate(made, 1)
        ]
        token = sign_user_id(self.platform.verification_key, user_id) if verify and user_id else None
        lane = {"session_id": session_id, "after": {"seq": 0, "id": None}, "token": token, "entries": entries}
        device = {"id": self.device_id, "secret": "s3cret", "sent_at": time.time_ns() // 1_000_000}
        body = {"query": DOCUMENT, "variables": {"device": device, "lanes": [lane]}}
        headers = {"X-Integration-Write-Key": self.platform.write_key, "Content-Type": "application/json"}
        answer = httpx.post(
            f"{self.platform.endpoint}/graph/auth", content=json.dumps(body), headers=headers, trust_env=False
        )
        assert "errors" not in answer.json(), answer.text


def put_content(engine: Engine, kind: str, content_id: str, document: dict[str, Any]) -> None:
    """Put a document."""
    with writing(engine) as connection:
        store.put(connection, PROPERTY, kind, content_id, dict(schemas.BY_KIND[kind].load(document)))


def put_segment(engine: Engine, segment_id: str, name: str, rule: dict[str, Any]) -> None:
    """Keep a segment."""
    with writing(engine) as connection:
        segments.put(connection, PROPERTY, segment_id, name, rule, 1_700_000_000_000)


def furnish(platform: Running) -> None:
    """Put in a few of everything: content, six people on two devices, a refusal, a segment, a log."""
    put_content(platform.engine, "categories", "food", {"name": "Food"})
    put_content(platform.engine, "businesses", "cafe", {"name": "Cafe", "categories": ["food"], "tags": ["warm"]})
    put_content(platform.engine, "locations", "main", {"business_id": "cafe", "name": "Main street"})
    put_content(platform.engine, "offers", "coffee", {"business_id": "cafe", "headline": "Free coffee"})
    put_content(platform.engine, "collections", "warm", {"name": "Warm", "filter": {"tags": ["warm"]}})
    put_segment(platform.engine, "grown", "Grown-ups", {"all": [{"attribute": "age", "op": ">=", "value": 18}]})
    for number in range(6):
        Device(platform, f"kiosk-{number % 2}").send(
            f"person-{number}",
            {
                "birthday": f"{YEAR - AGES[number]}-01-01",
                "gender": ("female", "male")[number % 2],
                "education": 8 + number,
            },
            ("offer_viewed", {"offer_id": "coffee"}),
            verify=number == 0,
        )
    Device(platform).send(None, None, ("looked", {}))
    bookmark = {"offer_id": "coffee", "business_id": None, "location_ids": []}
    Device(platform).send("refused", None, more=(("bookmark", bookmark),))
    with writing(platform.engine) as connection:
        connection.execute(
            insert(tables.platform_log).values(
                id="log-1", property_id=PROPERTY, at=1_700_000_000_000, event="lane_restored", details={"kept_seq": 3}
            )
        )
