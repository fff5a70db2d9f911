"""A platform for all tests of a module, and one for a test that changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings


@pytest.fixture(scope="module")
def shared_platform() -> Iterator[Running]:
    """A platform on a free port, the same for every test of the module: each of them uses people of its own."""
    with running() as found:
        yield found


@pytest.fixture
def platform() -> Iterator[Running]:
    """A platform on a free port, gone after the test."""
    with running() as found:
        yield found


@pytest.fixture(params=["replay", "lmg"])
def either_platform(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A platform with the replay extension, and one as the real platform is."""
    with running(settings=Settings(dev=True, lmg_only=request.param == "lmg")) as found:
        yield found
