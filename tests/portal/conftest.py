"""A platform with a few of everything, on both databases, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import databases
import pytest
from visitor import OPENED, Visitor, furnish, signed_in

from lmg_offline.platform.server import Running, running
from tools.portal.chromium import Browser, BrowserMissing, chromium


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    """Close the connections of whoever visited."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Running]:
    """An empty platform on SQLite."""
    with running(f"sqlite:///{tmp_path / 'platform.db'}") as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with a few of everything, to look at."""
    if request.param == "postgresql":
        server: databases.Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('portal') / 'platform.db'}"
    with running(url) as found:
        furnish(found)
        yield found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same on SQLite, for tests that leave it as it is."""
    with running(f"sqlite:///{tmp_path_factory.mktemp('house') / 'platform.db'}") as found:
        furnish(found)
        yield found


@pytest.fixture
def guest(house: Running) -> Visitor:
    """Somebody there who may do everything."""
    return signed_in(house)


@pytest.fixture
def owner(platform: Running) -> Visitor:
    """Somebody who may do everything, on the empty platform."""
    return signed_in(platform)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one the tests fail, and say what to install."""
    try:
        with chromium() as found:
            yield found
    except BrowserMissing as error:
        pytest.fail(str(error), pytrace=False)
