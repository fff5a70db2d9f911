"""A real platform for each test that asks for one: with the replay extension, and as the real platform is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings

Serve = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(params=["replay", "lmg"])
def dialect(request: pytest.FixtureRequest) -> str:
    """How the platform is spoken to."""
    found: str = request.param
    return found


@pytest.fixture
def serve(dialect: str) -> Serve:
    """Start a platform: as `running`, in the dialect of the test."""
    return partial(running, settings=Settings(dev=True, lmg_only=dialect == "lmg"))


@pytest.fixture
def platform(serve: Serve) -> Iterator[Running]:
    """A platform on a free port, gone after the test."""
    with serve() as found:
        yield found
