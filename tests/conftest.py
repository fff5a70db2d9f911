"""What tests of every folder may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import databases
import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[databases.Postgres]:
    """A PostgreSQL server for the whole run, started when first asked for."""
    with databases.postgres() as server:
        yield server
