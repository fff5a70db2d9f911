"""
Rows out of a damaged table: read from both ends up to what can't be read, and from the middle on.

A scan of SQLite's stops at the first damaged page. By key it can be begun
behind it: the range that neither end reaches is halved until what is left is
the damaged page itself.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from .schema import COLUMNS

# How many columns a table had in the versions of the journal, where that has changed: they were added at the end.
WIDTHS = {"device": (6, 10, 13), "lanes": (18, 22, 23), "lmg_sessions": (6, 7), "ledger": (6, 7), "boots": (2, 3)}
# Looks at ranges of one table. A page that can't be read costs two for each of its rows.
MOST_LOOKS = 4_000
Row = tuple[Any, ...]


class Probe:
    """
    Reads the tables of one damaged journal.

    Attributes:
        skipped: Some part of a table could not be read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[str, dict[str, str]] = {}
        self.skipped = False

    def columns(self, table: str) -> list[str]:
        """
        Return the names of a table's columns; none for a table that is not there.

        Those of a version of this package, always: where the file says others, its definition of the table is
        damaged, and the place of a column says more than its name. A definition with fewer or more columns than any
        version's says nothing of where values are.
        """
        return list(self._named(table))

    def _named(self, table: str) -> dict[str, str]:
        """Return what the file calls each of a table's columns; looked up once."""
        if table not in self._names:
            known, there = list(COLUMNS[table]), self._there(table)
            is_whole = there == known[: len(there)] or len(there) in WIDTHS.get(table, (len(known),))
            self._names[table] = dict(zip(known, there, strict=False)) if is_whole else {}
        return self._names[table]

    def _there(self, table: str) -> list[str]:
        try:
            return [str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({table})")]
        except (sqlite3.Error, UnicodeDecodeError):
            return []

    def rows(self, table: str, columns: Sequence[str], low: int, high: int) -> Iterator[Row]:
        """
        Yield (key, *columns) of every row whose key is in the range and that can be read, in no order.

        The key is SQLite's own. Where a table has a whole number for its primary key, it is that, whatever the
        damaged definition says.

        Args:
            columns: Some of those that `columns` returns.

            low: First key; the range is read fastest where keys are dense.

            high: Last key.
        """
        names = self._named(table)
        sql = ", ".join(f"{table}.{_quoted(names[name])}" for name in columns)
        ranges = deque([(low, high)])
        looks = 0
        while ranges:
            first, last = ranges.popleft()
            looks += 1
            if looks > MOST_LOOKS:
                self.skipped = True
                return
            forward = _Scan(self._connection, table, sql, first, last, "ASC")
            yield from forward
            if forward.is_whole:
                continue
            self.skipped = True
            first = first if forward.key is None else forward.key + 1
            backward = _Scan(self._connection, table, sql, first, last, "DESC")
            yield from backward
            last = last if backward.key is None else backward.key - 1
            if backward.is_whole or first >= last:
                continue
            middle = (first + last) // 2
            ranges.extend(((first, middle), (middle + 1, last)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Scan:
    """One scan in one direction; afterwards says whether it reached the end, and the last key it saw."""

    def __init__(
        self, connection: sqlite3.Connection, table: str, columns: str, first: int, last: int, order: str
    ) -> None:
        self._connection = connection
        self._sql = f"SELECT rowid, {columns} FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid {order}"
        self._range = (first, last)
        self._rises = order == "ASC"
        self.key: int | None = None
        self.is_whole = False

    def __iter__(self) -> Iterator[Row]:
        try:
            for row in self._connection.execute(self._sql, self._range):
                if not isinstance(row[0], int) or not self._range[0] <= row[0] <= self._range[1]:
                    return
                if self.key is not None and (row[0] <= self.key) == self._rises:
                    return  # a page that leads back to one before it
                self.key = row[0]
                yield row
            self.is_whole = True
        except (sqlite3.Error, UnicodeDecodeError, OverflowError):
            return
