"""An empty database of each kind, for a tool that wants one for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .postgres import NoPostgres, new_server, place, url

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)
_NAME = "platform"


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """
    Yield the URL of an empty database: a file in the folder, or one of a server that is started for it.

    Raises:
        NoPostgres: There is none to be had here.
    """
    if kind == SQLITE:
        yield f"sqlite:///{folder / 'platform.db'}"
        return
    with place() as ground:
        server = new_server(ground / "server")
        try:
            server.start()
            if server.ask(f"CREATE DATABASE {_NAME}") is None:
                raise NoPostgres("PostgreSQL makes no database")
            yield url([server], _NAME)
        finally:
            server.kill()
