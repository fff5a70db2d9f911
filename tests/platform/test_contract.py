"""The cases of tests/contract against a running platform."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Any

import httpx
import pytest
from kiosk import Site, ago
from sqlalchemy import update

from lmg_offline.platform import properties
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.verification import VerificationKey, sign_user_id
from tests.contract.cases import COMMON, Case, Step, Values, faults, load_cases, request_of

CASES = {title: case for title, case in load_cases().items() if any(step.is_for_platform for step in case.steps)}
OF_THE_PROCESS = {field.name for field in fields(Settings)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one case runs: a property of its own on a platform with the case's settings."""

    platform: Running
    site: Site
    property_id: str

    def expire_tokens(self, at_ms: int) -> None:
        """Let the session tokens of the property have expired at an instant."""
        table = tables.sessions
        with writing(self.platform.engine) as connection:
            connection.execute(
                update(table).where(table.c.property_id == self.property_id).values(token_expires_at=at_ms)
            )

    def sign(self, what: Mapping[str, Any]) -> str:
        """Sign as a `$sign` placeholder says."""
        key = VerificationKey.parse(self.site.keys.verification_key)
        if "key" in what:
            key = VerificationKey(what["key"], "another property's secret")
        return sign_user_id(key, what["$sign"], at=ago(what["age_s"] * 1000) if "age_s" in what else None)


DEEDS: Mapping[str, Callable[[Place], None]] = {
    "the session tokens expire": lambda place: place.expire_tokens(time.time_ns() // 1_000_000 - 1000),
    "the session tokens expired long ago": lambda place: place.expire_tokens(1),
}


class Platforms:
    """One running platform for each set of settings, all over one database."""

    def __init__(self, database_url: str, stack: ExitStack) -> None:
        self._database_url = database_url
        self._stack = stack
        self._running: dict[frozenset[tuple[str, Any]], tuple[Running, httpx.Client]] = {}

    def place(self, case: Case) -> Place:
        """Make a property with the case's settings and content."""
        of_process = {name: value for name, value in case.settings.items() if name in OF_THE_PROCESS}
        of_property = {name: value for name, value in case.settings.items() if name not in OF_THE_PROCESS}
        platform, client = self._platform(of_process)
        property_id = str(uuid.uuid4())
        with writing(platform.engine) as connection:
            keys = properties.create(connection, "contract", time.time_ns() // 1_000_000, property_id=property_id)
            if of_property:
                table = tables.properties
                connection.execute(update(table).where(table.c.id == property_id).values(**of_property))
        for path, document in case.content.items():
            admin = {"Authorization": f"Bearer {keys.admin_key}"}
            assert client.put(f"/admin/v1/{path}", json=document, headers=admin).is_success
        return Place(platform, Site(client, platform.engine, keys), property_id)

    def _platform(self, settings: Mapping[str, Any]) -> tuple[Running, httpx.Client]:
        chosen = frozenset(settings.items())
        if chosen not in self._running:
            options = Settings(**{"dev": True, **settings})
            platform = self._stack.enter_context(running(self._database_url, settings=options))
            # No connection is kept: the server gives up one that idles while other platforms have their turn.
            limits = httpx.Limits(max_keepalive_connections=0)
            client = httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30, limits=limits)
            self._running[chosen] = platform, self._stack.enter_context(client)
        return self._running[chosen]


@pytest.fixture(scope="module")
def platforms(shared_database_url: str) -> Iterator[Platforms]:
    """Whatever platforms the cases need."""
    with ExitStack() as stack:
        yield Platforms(shared_database_url, stack)


def ask(place: Place, step: Step, values: Values) -> httpx.Response:
    """Send a step's request."""
    request = request_of(step, values)
    body = gzip.compress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    return place.site.http.post(request.path, content=body, headers=dict(request.headers))


def reply_faults(step: Step, answer: httpx.Response, values: Values) -> list[str]:
    """Return where a reply is not what its step says."""
    found = faults(step.status, answer.status_code, values, "status")
    for name, template in {**COMMON["headers"]["reply"], **step.reply_headers}.items():
        found += faults(template, answer.headers.get(name), values, name)
    if step.reply_body is None:
        return found + faults(step.reply_raw or "", answer.text, values, "body")
    return found + faults(step.reply_body, json.loads(answer.text), values, "body")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_platform_answers_as_the_case_says(case: Case, platforms: Platforms) -> None:
    """Step after step; nothing is missing from a reply, and nothing is in it that the case does not name."""
    place = platforms.place(case)
    values = Values(place.platform.endpoint, write_key=place.site.keys.write_key, sign=place.sign)
    for number, step in enumerate(case.steps, 1):
        if step.then is not None:
            DEEDS[step.then](place)
        elif step.is_for_platform:
            assert [] == reply_faults(step, ask(place, step, values), values), f"step {number}"
