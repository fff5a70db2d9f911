"""
A platform over a database of its own, and a device to send to it.

SQLite, unless LMG_TEST_POSTGRESQL_URL names a PostgreSQL database, whose
schema `public` is thrown away before each test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kiosk import Kiosk, Site
from shop import Shop
from sqlalchemy import create_engine, text

from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import running


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An empty database."""
    return _empty_database(tmp_path)


@pytest.fixture(scope="module")
def shared_database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that is empty before the first test of a module."""
    return _empty_database(tmp_path_factory.mktemp("shared"))


def _empty_database(folder: Path) -> str:
    url = os.environ.get("LMG_TEST_POSTGRESQL_URL")
    if url is None:
        return f"sqlite:///{folder / 'platform.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A running platform with one property."""
    with (
        running(database_url) as platform,
        httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30) as http,
    ):
        keys = Keys(platform.write_key, platform.verification_key, platform.admin_key)
        yield Site(http, platform.engine, keys)


@pytest.fixture
def kiosk(site: Site) -> Kiosk:
    """A device of that property."""
    return Kiosk(site, "kiosk-1")


@pytest.fixture
def shop(site: Site) -> Shop:
    """A café with one offer at one place in Vancouver; anybody may redeem."""
    found = Shop(site)
    site.set_property(redemption_audience="none")
    found.put("businesses/cafe", {"name": "Cafe"})
    place = {"business_id": "cafe", "name": "Downtown", "latitude": 49.8996925, "longitude": -119.4546625}
    found.put("locations/downtown", {**place, "address": {"timezone": "America/Vancouver"}})
    found.offer()
    return found
