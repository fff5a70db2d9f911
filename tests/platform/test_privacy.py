"""One person's data, in every table there is: all of it is exported, and none of it is left after an erasure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from kiosk import Kiosk, Site, forget, identify, track
from sqlalchemy import JSON, Boolean, Engine, Float, Table, insert, select, text

from lmg_offline.platform import erasure, privacy, properties
from lmg_offline.platform.identity import tombstone_key, user_hash
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.store.migrate import upgrade

USER = "ann@example.com"
OTHER = "bob@example.com"
# Columns whose values mean something to the database: what a test can't put there just anything into.
FIXED = {
    "event": "export",
    "status": "applied",
    "to_state": "redeemed",
    "from_state": "default",
}
# Never shown: they open doors, or are keys of the database.
WITHHELD = {"property_id", "user_hash", "token_hash", "previous_token_hash", "ingest_key", "secret_hash"}
WITHHELD |= {"forgotten_key", "state"}
# What stays after an erasure, and why.
STAYS = {
    "devices": "the machine is not the person",
    "sessions": "belongs to nobody, so that it can be given to nobody else; without its tokens",
    "entries": "a lane must go on where it was; without the user",
    "entry_repeats": "as entries: numbers and ids",
    "redemptions": "what a shop gave away stays counted; without person, session, entry and minute",
    "platform_log": "what happened to lanes; never a user id",
    "privacy_log": "who asked, about a keyed hash",
}
CLEARED = {
    "sessions": {"user_hash", "user_id", "token_hash", "previous_token_hash", "token_expires_at", "identified_at"},
    "entries": {"user_hash", "user_id"},
    "redemptions": {"user_hash", "user_id", "session_id", "entry_id"},
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with two people in every table that can be about one."""
    engine = make_engine(f"sqlite:///{tmp_path / 'platform.db'}")
    upgrade(engine)
    with writing(engine) as connection:
        properties.create(connection, "P", 1, property_id="p")
        secret = properties.get(connection, "p").tombstone_secret
        for user_id in (USER, OTHER):
            for table in metadata.sorted_tables:
                if table in about_people():
                    connection.execute(insert(table).values(**row_of(table, user_id, secret)))
    yield engine
    close_engine(engine)


def about_people() -> list[Table]:
    """Every table with a column that names a user or a session, and the devices these are on."""
    named = {"user_hash", "user_id", "session_id", "subject"}
    return [table for table in metadata.sorted_tables if named & set(table.c.keys()) or table is tables.devices]


def row_of(table: Table, user_id: str, secret: str) -> dict[str, Any]:
    """A row about a person, with a word in each text that is in no other."""
    known: dict[str, Any] = {
        "property_id": "p",
        "user_hash": user_hash(user_id),
        "user_id": user_id,
        "session_id": f"session of {user_id}",
        "device_id": f"device of {user_id}",
        "subject": tombstone_key(secret, user_id),
        "state": "identified",
        **FIXED,
    }
    found: dict[str, Any] = {}
    for place, column in enumerate(table.c):
        word = f"{table.name}.{column.name} of {user_id}"
        if column.name in known:
            found[column.name] = known[column.name]
        elif isinstance(column.type, JSON):
            found[column.name] = {"told": word}
        elif isinstance(column.type, Boolean):
            found[column.name] = True
        elif isinstance(column.type, Float):
            found[column.name] = 0.5
        elif column.type.python_type is int:
            found[column.name] = 1000 + place + len(user_id)
        else:
            found[column.name] = json.dumps(word) if column.name in ("value", "properties", "location_ids") else word
    return found


def exported(engine: Engine, user_id: str) -> dict[str, Any]:
    """Return the whole export."""
    with engine.connect() as connection:
        property_ = properties.get(connection, "p")
    found: dict[str, Any] = json.loads("".join(privacy.export(engine, property_, user_id)))
    return found


def test_every_table_that_can_be_about_a_person_is_exported(engine: Engine) -> None:
    """Each row, each column, and nobody else's: found by looking at the tables, so that a new one is not forgotten."""
    found = exported(engine, USER)
    shown = json.dumps(found)

    assert {table.name for table in about_people()} == {name for name, rows in found.items() if isinstance(rows, list)}
    for table in about_people():
        (row,) = found[table.name]
        given = row_of(table, USER, "")
        assert set(table.c.keys()) - WITHHELD <= {*row, "entry_id", "state"}
        for column, value in given.items():
            if isinstance(value, str) and column not in WITHHELD | {"subject"}:
                assert value.strip('"') in json.dumps(row, ensure_ascii=False), f"{table.name}.{column}"
    assert OTHER not in shown


def test_nothing_of_a_person_is_left_after_an_erasure(engine: Engine, tmp_path: Path) -> None:
    """No row but those that say what they are kept for, no word in them, and no byte in the file."""
    with writing(engine) as connection:
        before = {table.name: connection.execute(select(table)).mappings().all() for table in about_people()}
        property_ = properties.get(connection, "p")
        now_ms = time.time_ns() // 1_000_000
        assert erasure.erase_user(connection, property_, USER, now_ms, now_ms)
    with engine.connect() as connection:
        after = {table.name: connection.execute(select(table)).mappings().all() for table in about_people()}
    gone = {USER}
    for table in about_people():
        kept = set(table.c.keys()) - CLEARED.get(table.name, set())
        rows = [row for row in after[table.name] if OTHER not in json.dumps(dict(row), default=str)]
        rows = [row for row in rows if row.get("event") not in ("user_forgotten",)]
        assert len(rows) == int(table.name in STAYS), table.name
        assert 2 == len(before[table.name])
        for column, value in row_of(table, USER, "").items():
            if table.name not in STAYS or column not in kept:
                gone |= {value.strip('"')} if isinstance(value, str) and "of" in value else set()
                assert all(row[column] is None for row in rows), f"{table.name}.{column}"
    # Of a session its id stays, and of a device; of everything else of theirs not a byte.
    gone -= {f"session of {USER}", f"device of {USER}", USER}
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("platform.db*"))

    assert len(gone) > 20
    assert [] == [word for word in sorted(gone) if word.encode() in raw]
    assert OTHER.encode() in raw


def test_both_are_asked_through_the_api_and_it_is_written_down_who_asked(site: Site) -> None:
    """By which key and role, when, and about whom only as a keyed hash; a person asks from their own device."""
    headers = {"Authorization": f"Bearer {site.keys.admin_key}"}
    path = f"/admin/v1/users/{quote(USER, safe='')}"
    Kiosk(site, "k").one([identify(1, USER, verify=True, profile={"name": "Ann"}), track(2, "x")],
                         token=site.token(USER))  # fmt: skip
    found = site.http.get(f"{path}/export", headers=headers)
    erased = site.http.delete(path, headers=headers)
    missing = [site.http.request(method, url, headers=headers).status_code
               for method, url in (("GET", f"{path}/export"), ("DELETE", path))]  # fmt: skip
    Kiosk(site, "k2").one(
        [identify(1, OTHER, verify=True, lane="s2"), forget(2, lane="s2")], session="s2", token=site.token(OTHER)
    )
    log = site.http.get("/admin/v1/privacy-log", headers=headers)
    about = site.http.get("/admin/v1/privacy-log", params={"user_id": USER}, headers=headers).json()["items"]

    assert (200, 204, [404, 404]) == (found.status_code, erased.status_code, missing)
    assert USER == found.json()["user_id"] and "attachment" in found.headers["content-disposition"]
    shown = [(row["event"], row["asked_by"], row["role"]) for row in log.json()["items"]]
    assert [("export", "admin_key", "owner"), ("erasure", "admin_key", "owner"), ("erasure", "person", None)] == shown
    assert log.json()["items"][:2] == about
    assert not any(name in log.text for name in (USER, OTHER))
    rows = site.rows(tables.privacy_log, "at", "id")
    assert not any(name in str(rows) for name in (USER, OTHER))
    assert len({row["admin_key_id"] for row in about}) == 1 == len({row["subject"] for row in about})


def test_an_export_is_sent_while_it_is_read(site: Site) -> None:
    """Not gathered first: the beginning is there before the rows are."""
    Kiosk(site, "k").one([identify(1, USER), *(track(2 + n, "x") for n in range(400))])
    with site.engine.connect() as connection:
        property_ = properties.get(connection, site.rows(tables.properties)[0]["id"])
    parts = list(privacy.export(site.engine, property_, USER))

    assert 400 < len(parts)
    assert max(map(len, parts)) < 2000
    assert 400 == len(json.loads("".join(parts))["activity"])
