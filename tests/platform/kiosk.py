"""What the tests of the platform send, and how they look at what it kept."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from httpx import Client, Response
from sqlalchemy import Engine, Table, select, update

from lmg_offline.platform import properties
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.replay import DOCUMENT, load_reply
from lmg_offline.verification import sign_user_id

START = {"seq": 0, "id": None}
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Site:
    """A platform under test, with one property."""

    http: Client
    engine: Engine
    keys: properties.Keys

    def post(self, path: str, body: object, **headers: str) -> Response:
        """Post JSON with the write key."""
        sent = {"X-Integration-Write-Key": self.keys.write_key, "Content-Type": "application/json", **headers}
        return self.http.post(path, content=json.dumps(body).encode(), headers=sent)

    def ask(self, path: str, query: str, token: str | None = None, **variables: object) -> dict[str, Any]:
        """Run a GraphQL document and return the whole body."""
        headers = {} if token is None else {"X-Session-Token": token}
        body: dict[str, Any] = self.post(path, {"query": query, "variables": variables}, **headers).json()
        return body

    def token(self, user_id: str, *, at: datetime | None = None) -> str:
        """Sign a user id as the property's own server would."""
        return sign_user_id(self.keys.verification_key, user_id, at=at)

    def rows(self, table: Table, *order: str, **equal: object) -> list[dict[str, Any]]:
        """Return the rows of a table with these values."""
        with self.engine.connect() as connection:
            found = connection.execute(
                select(table)
                .where(*(table.c[name] == value for name, value in equal.items()))
                .order_by(*(table.c[name] for name in order))
            ).mappings()
            return [dict(row) for row in found]

    def profile(self, user_id: str) -> dict[str, object]:
        """Return the effective profile of a user."""
        rows = self.rows(tables.profile_values, user_id=user_id)
        return {row["attribute"]: json.loads(row["value"]) for row in rows}

    def set_property(self, **values: object) -> None:
        """Change the property's settings."""
        with writing(self.engine) as connection:
            connection.execute(update(tables.properties).values(**values))

    def log(self, session_id: str) -> list[tuple[int, str, str, str | None]]:
        """Return (seq, id, status, code) of the handled entries of a session."""
        rows = self.rows(tables.entries, "seq", session_id=session_id)
        return [(row["seq"], row["entry_id"], row["status"], row["code"]) for row in rows]


def entry(
    seq: int, kind: str, payload: object, *, entry_id: str | None = None, age_ms: int | None = 1000, lane: str = "s1"
) -> dict[str, Any]:
    """Return an entry as it is sent; its id follows from lane and number."""
    return {
        "seq": seq,
        "id": entry_id or f"{lane}-{seq}",
        "kind": kind,
        "made_at": 1,
        "age_ms": age_ms,
        "payload": payload,
    }


def update_of(seq: int, profile: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return an update."""
    return entry(seq, "update", {"profile": profile}, **options)


def identify(seq: int, user_id: str, *, verify: bool = False, **options: Any) -> dict[str, Any]:
    """Return an identify, with a profile if one is given."""
    profile = options.pop("profile", None)
    payload = {"user_id": user_id, "verify": verify}
    return entry(seq, "identify", payload if profile is None else {**payload, "profile": profile}, **options)


def track(seq: int, name: str, **options: Any) -> dict[str, Any]:
    """Return an activity."""
    return entry(seq, "track", {"name": name, "properties": {}}, **options)


def bookmark(seq: int, offer_id: str, *, kind: str = "bookmark", **options: Any) -> dict[str, Any]:
    """Return a bookmark, or with `kind` its removal."""
    return entry(seq, kind, {"offer_id": offer_id, "business_id": None, "location_ids": []}, **options)


def forget(seq: int, *, user_id: str | None = None, token: str | None = None, **options: Any) -> dict[str, Any]:
    """Return an erasure request."""
    return entry(seq, "forget", {"user_id": user_id, "token": token}, **options)


def lane(
    entries: list[dict[str, Any]],
    *,
    session: str = "s1",
    after: dict[str, Any] | None = None,
    token: str | None = None,
    was: tuple[str, bool] | None = None,
) -> dict[str, Any]:
    """Return a lane as it is sent; `was` is whose session the device knows it to be, and whether verified."""
    found = {"session_id": session, "after": after or START, "token": token, "entries": entries}
    return found if was is None else {**found, "identity": {"user_id": was[0], "verified": was[1]}}


def position(seq: int, entry_id: str | None = None, *, session: str = "s1") -> dict[str, Any]:
    """Return the (seq, id) of an entry made by `entry`."""
    return {"seq": seq, "id": entry_id or f"{session}-{seq}"}


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A device that replays lanes."""

    site: Site
    device_id: str
    secret: str = field(default="s3cret", repr=False)

    def send(
        self,
        *lanes: dict[str, Any],
        clock_ahead_ms: int = 0,
        exchange: tuple[int, str | None] | None = None,
        reckoned_ago_ms: int | None = None,
    ) -> Response:
        """Send lanes and return the HTTP answer."""
        sent_at = time.time_ns() // 1_000_000 + clock_ahead_ms
        device: dict[str, Any] = {"id": self.device_id, "secret": self.secret, "sent_at": sent_at}
        if reckoned_ago_ms is not None:
            device["server_at"] = time.time_ns() // 1_000_000 - reckoned_ago_ms
        if exchange is not None:
            device["exchange"] = {"seq": exchange[0], "id": exchange[1]}
        return self.site.post("/graph/auth", {"query": DOCUMENT, "variables": {"device": device, "lanes": list(lanes)}})

    def replay(self, *lanes: dict[str, Any]) -> list[dict[str, Any]]:
        """Send lanes and return the lanes of the reply, which the SDK must be able to read."""
        answer = self.send(*lanes)
        assert 200 == answer.status_code, answer.text
        load_reply(answer.json())
        replies: list[dict[str, Any]] = answer.json()["data"]["replay"]["lanes"]
        return replies

    def one(self, entries: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
        """Send one lane and return its reply."""
        return self.replay(lane(entries, **options))[0]


def ago(ms: int) -> datetime:
    """Return the instant so many milliseconds ago."""
    return datetime.fromtimestamp(time.time() - ms / 1000, UTC)
