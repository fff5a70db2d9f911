"""
Privacy: what is held about one person, as a stream, and the log of who asked for it.

What is exported follows from the tables themselves: every table that names users or
sessions is a section, so that a new one can't be forgotten.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Engine, Select, Table, insert, select, union_all

from lmg_offline.platform import people
from lmg_offline.platform.identity import tombstone_key, user_hash
from lmg_offline.platform.properties import Property
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.times import iso

EXPORT, ERASURE, SEGMENT_EXPORT = "export", "erasure", "segment_export"

# What only opens doors, or is of use inside the database alone, tells a person nothing about themselves.
_WITHHELD = frozenset(
    {"property_id", "user_hash", "token_hash", "previous_token_hash", "ingest_key", "secret_hash", "forgotten_key"}
)
_JSON_COLUMNS = frozenset({"value", "properties", "location_ids"})
_NAMES = {("activity", "entry_id"): "id"}
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: an admin key of some role, or the person, from one of their own devices."""

    key_id: str | None = None
    role: str | None = None


THE_PERSON = Asker()


def record(
    connection: Connection,
    property_: Property,
    event: str,
    asker: Asker,
    now_ms: int,
    *,
    user_id: str | None = None,
    segment_id: str | None = None,
) -> None:
    """Write down who asked for what. Of the person there is the keyed hash by which they are also forgotten."""
    connection.execute(
        insert(tables.privacy_log).values(
            property_id=property_.id,
            id=str(uuid.uuid4()),
            at=now_ms,
            event=event,
            subject=None if user_id is None else tombstone_key(property_.tombstone_secret, user_id),
            segment_id=segment_id,
            admin_key_id=asker.key_id,
            role=asker.role,
        )
    )


def sections() -> list[Table]:
    """Return the tables that may hold rows about a person, in the order of their names."""
    telling = ("user_hash", "session_id", "subject")
    found = [table for table in metadata.tables.values() if any(name in table.c for name in telling)]
    return sorted([*found, tables.devices], key=lambda table: table.name)


def export(engine: Engine, property_: Property, user_id: str) -> Iterator[str]:
    """
    Yield everything held about one person, as the parts of one JSON object.

    First who they are; then for each of `sections` a list of its rows, under the
    table's name. All of it is as of one instant, and read as it is sent.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # a reader of SQLite sees one instant anyway
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            head = people.user(connection, property_.id, user_id)
            if head is None:  # erased since the answer began
                yield "{}"
                return
            del head["sessions"]
            yield json.dumps(head, ensure_ascii=False)[:-1]
            for table in sections():
                yield f', "{table.name}": ['
                query = _about(table, property_, user_id).execution_options(yield_per=_ROWS_AT_ONCE)
                comma = ""
                for row in connection.execute(query).mappings():
                    yield comma + json.dumps(_shown(table, dict(row)), ensure_ascii=False)
                    comma = ", "
                yield "]"
            yield "}"


def _about(table: Table, property_: Property, user_id: str) -> Select[Any] | CompoundSelect[Any]:
    """Return the query of what a table holds about one person, in the order of its key."""
    hashed, sessions = user_hash(user_id), tables.sessions
    theirs = (sessions.c.property_id == property_.id, sessions.c.user_hash == hashed)
    of_property = select(table).where(table.c.property_id == property_.id)
    if table is tables.devices:
        found = of_property.where(table.c.device_id.in_(select(sessions.c.device_id).where(*theirs)))
    elif "subject" in table.c:
        found = of_property.where(table.c.subject == tombstone_key(property_.tombstone_secret, user_id))
    elif "session_id" not in table.c or ("user_hash" in table.c and not table.c.user_hash.nullable):
        found = of_property.where(table.c.user_hash == hashed)
    else:
        of_session = of_property.where(table.c.session_id.in_(select(sessions.c.session_id).where(*theirs)))
        if "user_hash" not in table.c:
            found = of_session
        else:  # each way by its own index: OR over both goes through the whole property
            # "Is distinct" and not "is null", which is an index's to look for too: all that nobody has.
            nobodys = of_session.where(table.c.user_hash.is_distinct_from(hashed))
            ways = (of_property.where(table.c.user_hash == hashed), nobodys)
            return union_all(*ways).order_by(*(column.name for column in table.primary_key))
    return found.order_by(*table.primary_key)


def _shown(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name in _WITHHELD:
            continue
        if name.endswith("_at") or name == "at":
            value = iso(value)
        elif name in _JSON_COLUMNS and value is not None:
            value = json.loads(value)
        elif table is tables.sessions and name == "state":
            value = value.upper()
        found[_NAMES.get((table.name, name), name)] = value
    return found
