"""
A platform over a database of its own, and a device to send to it.

Each test runs on both databases. `--databases=sqlite` or `postgresql` takes one
of them; a test that is marked `sqlite` is about SQLite alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import databases
import httpx
import pytest
from kiosk import Kiosk, Site
from shop import Shop

from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import running


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for a database both kinds of them."""
    for name, scope in (("database_kind", "function"), ("shared_database_kind", "module")):
        if name in metafunc.fixturenames:
            asked = metafunc.config.getoption("--databases")
            is_sqlite = metafunc.definition.get_closest_marker("sqlite") is not None
            kinds = [kind for kind in databases.KINDS if asked in (kind, "all")]
            if is_sqlite:
                kinds = [kind for kind in kinds if kind == databases.SQLITE]
            metafunc.parametrize(name, kinds, scope=scope)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> databases.Files:
    """Migrated SQLite files."""
    return databases.Files(tmp_path_factory.mktemp("template"))


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, database_kind: str, files: databases.Files, tmp_path: Path
) -> str:
    """A database with the newest schema and nothing in it."""
    return _migrated(request, database_kind, files, tmp_path)


@pytest.fixture(scope="module")
def shared_database_url(
    request: pytest.FixtureRequest,
    shared_database_kind: str,
    files: databases.Files,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A database with the newest schema, and nothing in it before the first test of a module."""
    return _migrated(request, shared_database_kind, files, tmp_path_factory.mktemp("shared"))


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    """A database without a schema."""
    if database_kind == databases.POSTGRESQL:
        server: databases.Postgres = request.getfixturevalue("postgres")
        return server.new_database()
    return f"sqlite:///{tmp_path / 'platform.db'}"


def _migrated(request: pytest.FixtureRequest, kind: str, files: databases.Files, folder: Path) -> str:
    if kind == databases.POSTGRESQL:
        server: databases.Postgres = request.getfixturevalue("postgres")
        return server.migrated_database()
    return files.migrated_database(folder)


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
