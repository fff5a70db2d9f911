"""
Rows by the set: many of them written, changed or deleted by one statement, whatever their number.

On PostgreSQL a statement gets one array per column, so that its text is the
same for one row and for a thousand, and is parsed and planned once a connection.
On SQLite, which is in this process, the driver's own loop costs less than that: it
gets tuples, so that nothing is looked up by name for each value.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Table,
    Text,
    TextClause,
    any_,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]


def write(connection: Connection, table: Table, rows: Sequence[Row], *, unless_there: bool = False) -> None:
    """
    Insert rows, all with the same columns.

    Args:
        unless_there: Leave rows whose primary key is taken as they are, also by
            another transaction at the same instant.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        connection.execute(_insertion(table, names, unless_there), _arrays(table, names, rows))
    else:
        connection.exec_driver_sql(_sqlite_insertion(table, names, unless_there), _tuples(table, names, rows))


def overwrite(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write whole rows, all with the same columns, over those with the same primary key."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        connection.execute(_update(table, names), _arrays(table, names, rows))
        return
    keys = _keys(table)
    order = (*(name for name in names if name not in keys), *keys)
    connection.exec_driver_sql(_sqlite_update(table, order), _tuples(table, order, rows))


def remove(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Delete the rows with the primary keys of these."""
    if not rows:
        return
    names = _keys(table)
    if connection.dialect.name == "postgresql":
        connection.execute(_deletion(table), _arrays(table, names, rows))
    else:
        connection.exec_driver_sql(_sqlite_deletion(table), _tuples(table, names, rows))


def pass_on(connection: Connection, table: Table, property_id: str, owners: Sequence[tuple[str, int, str]]) -> None:
    """
    Give the rows of sessions that belong to nobody yet to users.

    Args:
        owners: Session id, user hash and user id.
    """
    if not owners:
        return
    sessions, hashes, users = (list(each) for each in zip(*owners, strict=True))
    if connection.dialect.name == "postgresql":
        statement = text(
            f"UPDATE {table.name} AS t SET user_hash = n.user_hash, user_id = n.user_id"
            " FROM unnest(CAST(:sessions AS text[]), CAST(:hashes AS bigint[]), CAST(:users AS text[]))"
            " AS n (session_id, user_hash, user_id)"
            " WHERE t.property_id = :property_id AND t.session_id = n.session_id AND t.user_hash IS NULL"
        )
        given = {"sessions": sessions, "hashes": hashes, "users": users, "property_id": property_id}
        connection.execute(statement, given)
        return
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET user_hash = ?, user_id = ?"
        " WHERE property_id = ? AND session_id = ? AND user_hash IS NULL",
        [(hashed, user_id, property_id, session_id) for session_id, hashed, user_id in owners],
    )


def among(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a text or whole number is one of those that `given` puts under a parameter's name."""
    if dialect != "postgresql":
        values = func.json_each(bindparam(name, type_=Text())).table_valued("value")
        return column.in_(select(values.c.value))
    kind: TypeEngine[Any] = BigInteger() if isinstance(column.type, Integer) else Text()
    return column == any_(bindparam(name, type_=ARRAY(kind)))


def given(dialect: str, values: Collection[Any]) -> object:
    """Return the parameter of `among` for these values."""
    return list(values) if dialect == "postgresql" else json.dumps(list(values))


def _arrays(table: Table, names: Sequence[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    arrays: dict[str, list[Any]] = {}
    for name in names:
        values = [row[name] for row in rows]
        if isinstance(table.c[name].type, JSON):
            values = [_json(value) for value in values]
        arrays[name] = values
    return arrays


def _tuples(table: Table, names: Sequence[str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    if len(names) == 1:
        return [(row[names[0]],) for row in rows]
    take = operator.itemgetter(*names)
    places = [place for place, name in enumerate(names) if isinstance(table.c[name].type, JSON)]
    if not places:
        return [take(row) for row in rows]
    return [
        tuple(_json(value) if place in places else value for place, value in enumerate(take(row))) for row in rows
    ]


@functools.cache
def _sqlite_insertion(table: Table, names: tuple[str, ...], unless_there: bool) -> str:
    conflict = f" ON CONFLICT ({', '.join(_keys(table))}) DO NOTHING" if unless_there else ""
    marks = ", ".join("?" for _ in names)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}){conflict}"


@functools.cache
def _sqlite_update(table: Table, names: tuple[str, ...]) -> str:
    keys = _keys(table)
    changes = ", ".join(f"{name} = ?" for name in names if name not in keys)
    return f"UPDATE {table.name} SET {changes} WHERE {_all(keys)}"


@functools.cache
def _sqlite_deletion(table: Table) -> str:
    return f"DELETE FROM {table.name} WHERE {_all(_keys(table))}"


def _all(names: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in names)


@functools.cache
def _keys(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@functools.cache
def _insertion(table: Table, names: tuple[str, ...], unless_there: bool) -> TextClause:
    chosen = ", ".join(_given(table.c[name]) for name in names)
    conflict = ""
    if unless_there:
        conflict = f" ON CONFLICT ({', '.join(_keys(table))}) DO NOTHING"
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {chosen} FROM {_unnested(table, names)}{conflict}"
    )


@functools.cache
def _update(table: Table, names: tuple[str, ...]) -> TextClause:
    keys = _keys(table)
    changes = ", ".join(f"{name} = {_given(table.c[name])}" for name in names if name not in keys)
    return text(f"UPDATE {table.name} AS t SET {changes} FROM {_unnested(table, names)} WHERE {_same(keys)}")


@functools.cache
def _deletion(table: Table) -> TextClause:
    keys = _keys(table)
    return text(f"DELETE FROM {table.name} AS t USING {_unnested(table, keys)} WHERE {_same(keys)}")


def _given(column: Column[Any]) -> str:
    return f"CAST(n.{column.name} AS json)" if isinstance(column.type, JSON) else f"n.{column.name}"


def _same(keys: Sequence[str]) -> str:
    return " AND ".join(f"t.{name} = n.{name}" for name in keys)


def _unnested(table: Table, names: Sequence[str]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {_array_type(table.c[name])}[])" for name in names)
    return f"unnest({arrays}) AS n ({', '.join(names)})"


def _array_type(column: Column[Any]) -> str:
    """Return the type of an array's members. Text without a length: a cast to one cuts off without a word."""
    kind = column.type
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, Integer):
        return "bigint"
    if isinstance(kind, Float):
        return "double precision"
    return "text"
