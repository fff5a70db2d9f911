"""The two rates: of servers that take batches, and of the database that is given the rows they wrote."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
from sqlalchemy import Engine, func, insert, select

from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.protocol.replay import AUTH_PATH, MAX_ENTRIES, WRITE_KEY_HEADER
from tools.cluster.postgres import free_port
from tools.cluster.servers import Facts, announced, serving

from .batches import batches

# What one multi-row INSERT may bind; SQLite takes 32,766.
MOST_VALUES = 30_000
# What is there before the first entry comes.
SITE = ("properties", "dev_keys", "integrations", "verification_keys", "admin_keys")
Rows = dict[str, list[tuple[Any, ...]]]


def served(url: str, folder: Path, workers: int, devices: int, each: int, seed: int) -> float:
    """
    Send full batches of so many devices at once to servers over an empty database.

    Returns:
        Entries a second, from the first request to the last reply.

    Raises:
        RuntimeError: Not every entry was applied.
    """
    with serving(free_port(), url, folder, workers) as server:
        facts = announced(server)
        sent = batches(devices, each, facts.verification_key, seed)
        connections = urllib3.connection_from_url(facts.endpoint, maxsize=devices, timeout=300, retries=False)
        threads = [threading.Thread(target=_send, args=(connections, facts, bodies)) for bodies in sent]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s = time.perf_counter() - began
    entries = devices * each * MAX_ENTRIES
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            which = tables.entries.c.status == "applied"
            applied = connection.execute(select(func.count()).select_from(tables.entries).where(which)).scalar_one()
    finally:
        close_engine(engine)
    if applied != entries:
        raise RuntimeError(f"{applied:,} of {entries:,} entries were applied")
    return entries / took_s


def _send(connections: Any, facts: Facts, bodies: Sequence[bytes]) -> None:
    headers = {WRITE_KEY_HEADER: facts.write_key, "Content-Type": "application/json"}
    for body in bodies:
        answer = connections.request("POST", AUTH_PATH, body=body, headers=headers)
        if answer.status != 200 or "errors" in json.loads(answer.data):
            raise RuntimeError(f"the platform answered {answer.status}: {answer.data[:300]!r}")


def rows_of(url: str) -> Rows:
    """Return every row that was written, of each table in an order in which they can be put in."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            found = {table.name: [tuple(row) for row in connection.execute(select(table))]
                     for table in metadata.sorted_tables}  # fmt: skip
        return {name: rows for name, rows in found.items() if rows}
    finally:
        close_engine(engine)


def bare(url: str, rows: Rows, transactions: int) -> float:
    """
    Put the same rows into an empty database by multi-row INSERT alone, in so many transactions.

    Returns:
        Entries a second.
    """
    engine = make_engine(url)
    try:
        upgrade(engine)
        with engine.begin() as connection:
            for name in SITE:
                table = metadata.tables[name]
                connection.execute(insert(table), [dict(zip(table.c.keys(), row, strict=True)) for row in rows[name]])
        split = parts({name: rows[name] for name in rows if name not in SITE}, transactions)
        began = time.perf_counter()
        _insert(engine, split)
        return len(rows["entries"]) / (time.perf_counter() - began)
    finally:
        close_engine(engine)


def parts(rows: Rows, transactions: int) -> list[Rows]:
    """Split the rows into transactions as they came: those of a session or a user go where their entries go."""
    names = {name: [column.name for column in metadata.tables[name].c] for name in rows}
    of_session, of_user = names["entries"].index("session_id"), names["entries"].index("user_hash")
    place: dict[Any, int] = {}
    for number, row in enumerate(rows["entries"]):
        for key in (row[of_session], row[of_user]):
            place.setdefault(key, number * transactions // len(rows["entries"]))
    found: list[Rows] = [{name: [] for name in rows} for _ in range(transactions)]
    for name, all_rows in rows.items():
        key = next((names[name].index(each) for each in ("session_id", "user_hash") if each in names[name]), None)
        for row in all_rows:
            found[0 if key is None else place.get(row[key], 0)][name].append(row)
    return found


def _insert(engine: Engine, split: Sequence[Rows]) -> None:
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        for part in split:
            if engine.dialect.name == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            for name, mine in part.items():
                most = MOST_VALUES // max(1, len(metadata.tables[name].c))
                for begin in range(0, len(mine), most):
                    _insert_many(engine, cursor, name, mine[begin : begin + most])
            raw.commit()
    finally:
        raw.close()


def _insert_many(engine: Engine, cursor: Any, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    one = f"({', '.join(mark for _ in rows[0])})"
    columns = ", ".join(column.name for column in metadata.tables[name].c)
    values = [value for row in rows for value in row]
    cursor.execute(f"INSERT INTO {name} ({columns}) VALUES {', '.join([one] * len(rows))}", values)
