"""What tests of every folder may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import databases
import pytest
from hypothesis import settings
from properties import search

# No search asserts a time, and each tries the same cases on every machine.
settings.register_profile("lmg", deadline=None, derandomize=True)
settings.load_profile("lmg")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of databases."""
    parser.addoption(
        "--databases",
        choices=("all", *databases.KINDS),
        default="all",
        help="which databases the platform's tests run on; default: %(default)s",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    config.addinivalue_line("markers", "sqlite: is about SQLite, and does not run on PostgreSQL")
    if search.IS_LONG:
        config.option.timeout = 0  # the long search takes what it takes


@pytest.fixture(scope="session")
def postgres() -> Iterator[databases.Postgres]:
    """A PostgreSQL server for the whole run, started when first asked for."""
    with databases.postgres() as server:
        yield server
