"""The real platform without HTTP: its replay on a real database, in a transaction that nobody else sees."""

from __future__ import annotations

import atexit
import json
import shutil
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, update

from lmg_offline.platform import ingest, properties
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.protocol.replay import load_reply, load_request
from lmg_offline.verification import sign_user_id
from tests.properties.search import scratch_folder

NOW_MS = 1_790_000_000_000
PROPERTY = "property-1"


class DirectSite:
    """
    One property on one connection, whose transaction is rolled back at the end.

    Attributes:
        now_ms: The platform's clock, milliseconds since 1970 UTC; moved by whoever wants to.
    """

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self._connection: Connection = _engine().connect()
        self._transaction = self._connection.begin()
        self.keys = properties.create(self._connection, "Test", self.now_ms, property_id=PROPERTY)

    def replay(self, device: dict[str, Any], lanes: list[dict[str, Any]]) -> dict[str, Any]:
        """Send one request as the endpoint reads it, and return the reply, which the SDK must be able to read."""
        sender, sent = load_request(*json.loads(json.dumps([device, lanes])))
        found = properties.get(self._connection, PROPERTY)
        with self._connection.begin_nested():
            reply = ingest.replay(
                self._connection, found, "integration-1", sender, sent, now_ms=self.now_ms, session_ttl_s=60, sdk=None
            )
        load_reply(json.loads(json.dumps(reply)))
        return reply

    def token(self, user_id: str) -> str:
        """Sign a user id as the property's own server would."""
        return sign_user_id(self.keys.verification_key, user_id)

    def set_property(self, **values: object) -> None:
        """Change the property's settings."""
        table = tables.properties
        self._connection.execute(update(table).where(table.c.id == PROPERTY).values(**values))

    def rows(self, table: Table, *order: str, **equal: object) -> list[dict[str, Any]]:
        """Return the rows of a table with these values."""
        query = select(table).where(*(table.c[name] == value for name, value in equal.items()))
        found = self._connection.execute(query.order_by(*(table.c[name] for name in order))).mappings()
        return [dict(row) for row in found]

    def profile(self, user_id: str) -> dict[str, Any]:
        """Return the effective profile of a user."""
        return {
            row["attribute"]: json.loads(row["value"]) for row in self.rows(tables.profile_values, user_id=user_id)
        }

    def everything(self) -> str:
        """Return all that the database holds, as text."""
        return str([self.rows(table) for table in tables.metadata.sorted_tables])

    def close(self) -> None:
        """Leave nothing behind."""
        self._transaction.rollback()
        self._connection.close()


@cache
def _engine() -> Engine:
    folder = scratch_folder()
    engine = make_engine(f"sqlite:///{folder / 'platform.db'}")
    atexit.register(lambda: (close_engine(engine), shutil.rmtree(folder)))
    upgrade(engine)
    return engine
