"""Rows by the set: the same on both databases, for one row and for many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table, Text, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from lmg_offline.platform.store import sets
from lmg_offline.platform.store.engine import close_engine, make_engine, writing

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("property_id", String(8), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(4)),
    Column("size", Integer),
    Column("share", Float(53)),
    Column("is_good", Boolean),
    Column("details", JSON),
    Column("session_id", String(8)),
    Column("user_hash", BigInteger),
    Column("user_id", Text),
)


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    """A database with an empty table of things."""
    found = make_engine(empty_database_url)
    METADATA.create_all(found)
    yield found
    close_engine(found)


def thing(number: int, **values: object) -> dict[str, object]:
    """Return a row with everything that is hard to bring across."""
    return {
        "property_id": "p",
        "number": number,
        "name": 'a"{,',
        "size": -1,
        "share": 0.1,
        "is_good": True,
        "details": {"a": [None, "é\\"]},
        "session_id": "s",
        "user_hash": None,
        "user_id": None,
        **values,
    }


def rows(engine: Engine) -> list[dict[str, object]]:
    """Return what is in the table."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(THINGS).order_by(THINGS.c.number)).mappings()]


MOST = 2**63 - 1


def test_rows_come_back_as_they_were_written_changed_and_left(engine: Engine) -> None:
    """Every kind of column, None among values, none but None, and the largest numbers."""
    first = [thing(-MOST, name=None, is_good=None, share=None), thing(2), thing(3, user_hash=MOST, user_id="")]
    with writing(engine) as connection:
        sets.write(connection, THINGS, first)
    written = rows(engine)
    changed = [thing(2, name="NULL", details=[]), thing(3, is_good=False, size=None)]
    with writing(engine) as connection:
        sets.overwrite(connection, THINGS, changed)
        sets.remove(connection, THINGS, [first[0]])

    assert first == written
    assert changed == rows(engine)


def test_nothing_is_done_with_no_rows(engine: Engine) -> None:
    """The caller need not ask."""
    with writing(engine) as connection:
        sets.write(connection, THINGS, [])
        sets.overwrite(connection, THINGS, [])
        sets.remove(connection, THINGS, [])
        sets.pass_on(connection, THINGS, "p", [])

    assert [] == rows(engine)


def test_a_row_that_is_there_stays_where_that_is_asked_for(engine: Engine) -> None:
    """The others are written; without asking it is an error."""
    with writing(engine) as connection:
        sets.write(connection, THINGS, [thing(1)])
        sets.write(connection, THINGS, [thing(1, name="late"), thing(2)], unless_there=True)
    with pytest.raises(DBAPIError), writing(engine) as connection:
        sets.write(connection, THINGS, [thing(1)])

    assert [thing(1), thing(2)] == rows(engine)


def test_what_sessions_did_passes_to_their_users_but_nothing_of_others(engine: Engine) -> None:
    """Of this property, and what belongs to nobody yet."""
    owned = {"user_hash": 7, "user_id": "old"}
    others = [thing(3, **owned), thing(4, session_id="u"), thing(5, property_id="q")]
    before = [thing(1), thing(2, session_id="t"), *others]
    with writing(engine) as connection:
        sets.write(connection, THINGS, before)
        sets.pass_on(connection, THINGS, "p", [("s", MOST, "ann"), ("t", -5, "bob")])

    ann, bob = {"user_hash": MOST, "user_id": "ann"}, {"user_hash": -5, "user_id": "bob"}
    assert [before[0] | ann, before[1] | bob, *before[2:]] == rows(engine)


@pytest.mark.parametrize(("name", "values"), [("number", [1, 3, MOST]), ("session_id", ["s", "tt", "x" * 300])])
def test_among_finds_what_is_one_of_these(engine: Engine, name: str, values: list[object]) -> None:
    """A value that is too long for the column is none of its values; of none there are none."""
    with writing(engine) as connection:
        sets.write(connection, THINGS, [thing(1), thing(2, session_id="t"), thing(3), thing(4, session_id="xxxxxxxx")])
        column = THINGS.c[name]
        dialect = connection.dialect.name
        query = select(THINGS.c.number).where(sets.among(dialect, column, "values"))
        found = connection.execute(query, {"values": sets.given(dialect, values)})
        none = connection.execute(query, {"values": sets.given(dialect, [])})
        numbers = sorted(found.scalars())
        assert [] == none.scalars().all()

    assert [1, 3] == numbers


def test_a_text_that_is_too_long_is_not_cut_off(engine: Engine) -> None:
    """PostgreSQL refuses it; SQLite keeps all of it."""
    long = thing(1, name="longer than four")
    try:
        with writing(engine) as connection:
            sets.write(connection, THINGS, [long])
    except DBAPIError:
        assert [] == rows(engine)
    else:
        assert [long] == rows(engine)
