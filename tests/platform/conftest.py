"""A platform over a SQLite file of its own, and a device to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kiosk import Kiosk, Site

from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A running platform with one property."""
    with (
        running(f"sqlite:///{tmp_path / 'platform.db'}") as platform,
        httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30) as http,
    ):
        keys = Keys(platform.write_key, platform.verification_key, platform.admin_key)
        yield Site(http, platform.engine, keys)


@pytest.fixture
def kiosk(site: Site) -> Kiosk:
    """A device of that property."""
    return Kiosk(site, "kiosk-1")
