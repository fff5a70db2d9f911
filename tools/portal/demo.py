"""
A platform with the demo's people, sent through the SDK by a few kiosks.

The survey's respondents all come in one minute. For pictures, what the platform
noted of when they came is spread over the last month afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Table, case, select, update

from lmg_offline import Client
from lmg_offline.cli.people import Person, load
from lmg_offline.platform import properties
from lmg_offline.platform.content import schemas
from lmg_offline.platform.content import store as content
from lmg_offline.platform.segments import store as segments
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.verification import sign_user_id

PEOPLE = 420
KIOSKS = ("kiosk-foyer", "kiosk-market", "kiosk-rink")
_DAY_MS = 24 * 3600 * 1000
_DAYS = 30
_SEND_S = 120
_CATEGORIES = {"food-drink": "Food + Drink", "sports": "Sports", "home-auto": "Home + Auto", "books": "Books"}
_BUSINESSES = {
    "cafe": ("Corner Café", ["food-drink"], (49.8997, -119.4547)),
    "rink": ("Harbour Rink", ["sports"], (49.8921, -119.4960)),
    "shop": ("Page & Spine", ["books"], (49.8867, -119.4929)),
    "garage": ("North End Garage", ["home-auto"], (49.9102, -119.4801)),
}
_OFFERS = {
    "coffee": ("cafe", "Free coffee with any cake"),
    "skates": ("rink", "Two skate for one on weekdays"),
    "novel": ("shop", "A tenth off new novels"),
    "tyres": ("garage", "Winter tyres changed for free"),
}
_SEGMENTS = {
    "Grown-ups with a degree": {"all": [{"attribute": "age", "op": ">=", "value": 25},
                                        {"trait": "education", "op": ">=", "value": 16}]},
    "Skaters to be": {"all": [{"attribute": "age", "op": "between", "value": [18, 34]},
                              {"any": [{"interest": "sports", "score": 0.5},
                                       {"trait": "language", "op": "==", "value": "French"}]},
                              {"not": {"state": "verified"}}]},
}  # fmt: skip


@contextmanager
def platform() -> Iterator[Running]:
    """Run a platform over a file that is gone afterwards, with content, people, segments and a few refusals."""
    with TemporaryDirectory(prefix="lmg-portal-") as folder, running() as found:
        _put_content(found)
        people = load(PEOPLE)
        share = len(people) // len(KIOSKS)
        for number, kiosk in enumerate(KIOSKS):
            with Client(found.write_key, endpoint=found.endpoint, data_dir=Path(folder) / kiosk) as client:
                if kiosk == KIOSKS[-1]:
                    _set_bookmarking(found, "disabled")  # its bookmarks are the refused entries
                for person in people[number * share : (number + 1) * share]:
                    _serve(client, person, found.verification_key)
                if not client.flush(_SEND_S):
                    raise TimeoutError("the platform did not take the people in time")
        _spread(found)
        yield found


def _serve(client: Client, person: Person, key: str) -> None:
    token = sign_user_id(key, person.user_id) if person.is_verified else None
    client.user.identify(person.user_id, token)
    client.user.update(person.profile(datetime.now(UTC).date()))
    offers = list(_OFFERS)
    for offer_id in offers[: 1 + person.number % 3]:
        client.activity.track("offer_viewed", {"offer_id": offer_id})
    if person.is_verified and person.number % 2:
        offer_id = offers[person.number % len(offers)]
        client.offer.bookmark(offer_id, _OFFERS[offer_id][0])
    client.user.reset_session()
    if person.number % 9 == 0:
        client.activity.track("screen_opened", {"screen": "welcome"})
        client.user.reset_session()


def _set_bookmarking(found: Running, policy: str) -> None:
    with writing(found.engine) as connection:
        connection.execute(update(tables.properties).values(bookmarking=policy))


def _put_content(found: Running) -> None:
    with writing(found.engine) as connection:
        for category, name in _CATEGORIES.items():
            _put(connection, "categories", category, {"name": name})
        for business, (name, categories, (latitude, longitude)) in _BUSINESSES.items():
            _put(connection, "businesses", business, {"name": name, "categories": categories, "tags": ["kelowna"]})
            place = {"business_id": business, "name": name, "latitude": latitude, "longitude": longitude}
            _put(connection, "locations", f"{business}-main", place)
        for offer, (business, headline) in _OFFERS.items():
            _put(connection, "offers", offer, {"business_id": business, "headline": headline,
                                               "redemption": {"kind": "single"}})  # fmt: skip
        _put(connection, "collections", "winter", {"name": "Winter in town", "filter": {"tags": ["kelowna"]}})
        now_ms = time.time_ns() // 1_000_000
        for name, rule in _SEGMENTS.items():
            segments.put(connection, properties.DEV_PROPERTY, None, name, rule, now_ms)


def _put(connection: Connection, kind: str, content_id: str, document: dict[str, object]) -> None:
    content.put(connection, properties.DEV_PROPERTY, kind, content_id, dict(schemas.BY_KIND[kind].load(document)))


def _spread(found: Running) -> None:
    """Move what happened to the last month, more of it of late, each person's things together."""
    with writing(found.engine) as connection:
        by_day: dict[int, list[str]] = {}
        for user_id in connection.execute(select(tables.users.c.user_id)).scalars():
            number = int(user_id.removeprefix("slid-"))
            place = (number * 37 % 101) / 101
            by_day.setdefault(int(_DAYS * place**1.2), []).append(user_id)
        for days, user_ids in by_day.items():
            _move(connection, tables.users, ("first_seen_at", "last_seen_at"), days, user_ids)
            for table in (tables.activity, tables.profile_values, tables.entries):
                _move(connection, table, ("occurred_at",), days, user_ids)
        silent = {kiosk: hours * 3600 * 1000 for kiosk, hours in zip(_device_ids(connection), (0, 7, 75), strict=True)}
        devices = tables.devices
        ago = case(*((devices.c.device_id == name, ms) for name, ms in silent.items()), else_=0)
        connection.execute(update(devices).values(last_seen_at=devices.c.last_seen_at - ago))
        now_ms = time.time_ns() // 1_000_000
        connection.execute(
            tables.platform_log.insert(),
            [
                {"id": f"demo-{number}", "property_id": properties.DEV_PROPERTY, "at": now_ms - days * _DAY_MS,
                 "event": event, "device_id": next(iter(silent)), "session_id": None, "details": details}
                for number, (days, event, details) in enumerate(
                    ((2, "lane_restored", {"kept_seq": 18, "after_seq": 21}), (9, "lane_forked", {"after_seq": 7}))
                )
            ],
        )  # fmt: skip


def _move(connection: Connection, table: Table, columns: tuple[str, ...], days: int, user_ids: list[str]) -> None:
    values = {name: table.c[name] - days * _DAY_MS for name in columns}
    connection.execute(update(table).where(table.c.user_id.in_(user_ids)).values(values))


def _device_ids(connection: Connection) -> list[str]:
    query = select(tables.devices.c.device_id).order_by(tables.devices.c.device_id)
    return list(connection.execute(query).scalars())
