"""A real platform for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmg_offline.platform.server import Running, running


@pytest.fixture
def platform() -> Iterator[Running]:
    """A platform on a free port, gone after the test."""
    with running() as found:
        yield found
