"""
Generated people, drawn from the survey with replacement, straight into the platform's tables.

As many as are asked for, in parts of a size that memory holds; the same from the
same seed. Everybody has a few deeds of the last weeks about a dozen businesses.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert

from lmg_offline.platform import comparable
from lmg_offline.platform.content.tables import content_categories
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.interests import DAY_MS
from lmg_offline.platform.store import tables
from lmg_offline.protocol import canonical
from tools.slid import from_the_file
from tools.slid.send import FILE

PROPERTY = "million"
CHUNK = 20_000
TAGS = tuple(f"tag-{number}" for number in range(12))
CATEGORIES = ("food", "drink", "sport", "books", "music", "home")
BUSINESSES = tuple(f"business-{number}" for number in range(12))
SEEN = ("offer_viewed", "business_viewed")
DEEDS = (0, 1, 1, 2, 3, 5)
DAYS = 60
FILLED = (tables.users, tables.profile_values, tables.profile_members, tables.activity)

Rows = dict[str, list[tuple[Any, ...]]]


def furnish(connection: Connection) -> None:
    """Make the property, and what its businesses are about."""
    connection.execute(
        insert(tables.properties).values(
            id=PROPERTY, name="Million", created_at=0, tombstone_secret="00" * 32, settings={}
        )
    )
    rows = [
        {"property_id": PROPERTY, "kind": "businesses", "content_id": business, "category": CATEGORIES[place % 6]}
        for place, business in enumerate(BUSINESSES)
    ]
    connection.execute(insert(content_categories), rows)


def generated(people: int, seed: int, now_ms: int) -> Iterator[Rows]:
    """Yield the rows of each of `FILLED`, a part of the people at a time, in the order of `columns`."""
    rng = random.Random(f"million {seed}")
    survey = from_the_file.read(FILE)
    year = time.gmtime(now_ms / 1000).tm_year
    for begin in range(0, people, CHUNK):
        rows: Rows = {table.name: [] for table in FILLED}
        for number in range(begin, min(begin + CHUNK, people)):
            _person(rows, rng, number, rng.choice(survey), year, now_ms)
        yield rows


def columns(table: Table) -> list[str]:
    """Return the columns of generated rows, in their order."""
    return [column.name for column in table.c if column.name != "uncertain"]


def _person(rows: Rows, rng: random.Random, number: int, row: from_the_file.Row, year: int, now_ms: int) -> None:
    user_id = f"person-{number}"
    hashed, at = user_hash(user_id), now_ms - rng.randrange(DAYS * DAY_MS)
    state = "verified" if number % 3 == 0 else "identified"
    rows["users"].append((PROPERTY, hashed, user_id, state, at, now_ms))
    tags = sorted(rng.sample(TAGS, rng.randrange(4)))
    values: dict[str, Any] = {
        "gender": row["sex"].lower(),
        "birthday": f"{year - int(row['age'])}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "tags": tags,
    }
    values |= {name: float(row[name]) for name in ("education", "wages") if row[name] != from_the_file.NONE}
    values |= {"language": row["language"]} if row["language"] != from_the_file.NONE else {}
    for attribute, value in values.items():
        stored, word, plain = _stored(tuple(value) if isinstance(value, list) else value)
        rows["profile_values"].append(
            (PROPERTY, hashed, user_id, attribute, stored, word, plain, state == "verified", at, "d", "s", "e")
        )
    rows["profile_members"] += [(PROPERTY, "tags", tag, hashed) for tag in tags]
    for deed in range(rng.choice(DEEDS)):
        name, business = rng.choice(SEEN), rng.choice(BUSINESSES)
        rows["activity"].append(
            (PROPERTY, f"{number}-{deed}", f"s-{number}", "d", deed + 1, hashed, user_id, name, "{}", None, business,
             now_ms - rng.randrange(DAYS * DAY_MS))
        )  # fmt: skip


@cache
def _stored(value: Any) -> tuple[str, Any, Any]:
    """Return a value as it is stored, with what it is compared by."""
    text = canonical.encode(list(value) if isinstance(value, tuple) else value)
    return text, *comparable.columns_of(text)


def load(engine: Engine, people: int, seed: int, now_ms: int) -> None:
    """Put them in, in the fastest way each database has, and let the planner count."""
    with engine.begin() as connection:
        furnish(connection)
    raw = engine.raw_connection()
    try:
        for rows in generated(people, seed, now_ms):
            if engine.dialect.name == "sqlite":
                raw.cursor().execute("BEGIN")
            for table in FILLED:
                _copy(engine, raw.cursor(), table, rows[table.name])
            raw.commit()
        raw.cursor().execute("ANALYZE")
        raw.commit()
    finally:
        raw.close()


def _copy(engine: Engine, cursor: Any, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    named = ", ".join(columns(table))
    if engine.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in columns(table))
        cursor.executemany(f"INSERT INTO {table.name} ({named}) VALUES ({marks})", rows)
        return
    with cursor.copy(f"COPY {table.name} ({named}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
