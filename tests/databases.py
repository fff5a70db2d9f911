"""
Databases for tests: of the kinds the platform runs on, migrated, one of its own for whoever asks.

The PostgreSQL server is one that pip brings, started once a run and when first
asked for. The one that LMG_TEST_POSTGRESQL_URL names is taken instead, where it is set.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from lmg_offline.platform.store.engine import close_engine, make_engine
from lmg_offline.platform.store.migrate import upgrade
from tools.cluster.postgres import new_server, place

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)
# Nothing in it outlives the run.
_IN_A_HURRY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass
class Postgres:
    """A running server."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _migrated: str | None = None

    def new_database(self, template: str = "template0") -> str:
        """Make an empty database, or a copy of another, and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
        engine.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def migrated_database(self) -> str:
        """Make a database with the newest schema and nothing in it, and return its URL."""
        if self._migrated is None:
            url = self.new_database()
            _migrate(url)
            self._migrated = make_url(url).database
        return self.new_database(self._migrated or "")


class Files:
    """SQLite files with the newest schema: copies of one that is made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"

    def migrated_database(self, folder: Path) -> str:
        """Make a database with the newest schema and nothing in it, and return its URL."""
        if not self._template.exists():
            _migrate(f"sqlite:///{self._template}")
        shutil.copy(self._template, folder / "platform.db")
        return f"sqlite:///{folder / 'platform.db'}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """
    Run a server, or take the one that is named.

    Raises:
        NoPostgres: None can be had; a test that needs one fails with the reason.
    """
    named = os.environ.get("LMG_TEST_POSTGRESQL_URL")
    if named is not None:
        yield Postgres(named)
        return
    # In memory where that can be: a few hundred databases are made, a copy of some 7 MB each.
    with place() as folder:
        server = new_server(folder / "server", _IN_A_HURRY)
        try:
            server.start()
            yield Postgres(f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres")
        finally:
            server.kill()


def _migrate(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    close_engine(engine)
