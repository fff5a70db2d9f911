"""
The database's own full-text index: FTS5 on SQLite, a GIN index over `tsvector` on PostgreSQL.

Both are given words that are folded already, and take them as they are: FTS5's
tokenizer `ascii` parts at spaces and leaves everything beyond ASCII alone, and
`array_to_tsvector` parses nothing. So both find the same, and a word of a
question, which is letters and digits alone, means nothing to their query languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    column,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from lmg_offline.platform.search.tables import search_documents

# Of the words that a question's word can stand for; any of them will do.
Alternatives = Sequence[tuple[str, bool]]
INDEX = "search_index"
_VECTOR = "array_to_tsvector(string_to_array(search_documents.words, ' '))"
_SAFE = re.compile(r"[^\W_]+")


class Engine(Protocol):
    """A full-text index over `search_documents`."""

    def put(self, connection: Connection, documents: Iterable[dict[str, Any]]) -> None:
        """Take rows of `search_documents` that were just written."""
        ...

    def remove(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Leave out documents that are about to go, by their numbers."""
        ...

    def holds(self, property_id: str, wanted: Sequence[Alternatives]) -> ColumnElement[bool]:
        """
        Return the documents of a property that hold each of the words, as a condition.

        Args:
            wanted: For each word of the question what may stand for it, and
                whether it is but a beginning.
        """
        ...


def engine_of(connection: Connection) -> Engine:
    """Return the index of a database."""
    return _Fts5() if connection.dialect.name == "sqlite" else _Vectors()


def is_index(name: str | None) -> bool:
    """Whether a table or index is the database's own, and declared nowhere."""
    return name is not None and name.startswith(INDEX)


class _Fts5:
    """
    A virtual table beside the documents, made by migration 0007.

    No trigger can fill it: `trusted_schema` is off.
    """

    def put(self, connection: Connection, documents: Iterable[dict[str, Any]]) -> None:
        rows = [
            {"number": row["number"], "property": _hex(row["property_id"]), "words": row["words"]} for row in documents
        ]
        if rows:
            statement = f"INSERT INTO {INDEX} (rowid, property, words) VALUES (:number, :property, :words)"
            connection.execute(text(statement), rows)

    def remove(self, connection: Connection, numbers: Iterable[int]) -> None:
        rows = [{"number": number} for number in numbers]
        if rows:
            connection.execute(text(f"DELETE FROM {INDEX} WHERE rowid = :number"), rows)

    def holds(self, property_id: str, wanted: Sequence[Alternatives]) -> ColumnElement[bool]:
        parts = [
            "words : (" + " OR ".join(f'"{_checked(word)}"{"*" if begins else ""}' for word, begins in each) + ")"
            for each in wanted
        ]
        expression = " AND ".join([f'property : "{_hex(property_id)}"', *parts])
        found: Select[Any] = select(column("rowid")).select_from(table(INDEX))
        matched = found.where(literal_column(INDEX).op("MATCH", is_comparison=True)(literal(expression)))
        # The property is in the match already: named again, SQLite would go through all of its documents.
        return search_documents.c.number.in_(matched)


class _Vectors:
    """An index over an expression, made by migration 0007; the database keeps it by itself."""

    def put(self, connection: Connection, documents: Iterable[dict[str, Any]]) -> None:
        pass

    def remove(self, connection: Connection, numbers: Iterable[int]) -> None:
        pass

    def holds(self, property_id: str, wanted: Sequence[Alternatives]) -> ColumnElement[bool]:
        expression = " & ".join(
            "(" + " | ".join(f"'{_checked(word)}'{':*' if begins else ''}" for word, begins in each) + ")"
            for each in wanted
        )
        vector: ColumnElement[Any] = literal_column(_VECTOR)
        matched = vector.op("@@", is_comparison=True)(cast(bindparam(None, expression), TSQUERY))
        return and_(search_documents.c.property_id == property_id, matched)


def _hex(property_id: str) -> str:
    return property_id.encode().hex()


def _checked(word: str) -> str:
    """Return a word that is letters and digits: what stands between quotes must not end them."""
    if not _SAFE.fullmatch(word):
        raise ValueError("a word of a question is letters and digits")
    return word
