"""
A damaged journal opened to be read, from a copy.

As it is, so that SQLite replays a log that is sound. Where tables are not to be
found then, with a new journal's header, or its whole schema, in the place of
its own: the tables of one version lie in the same places in every file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .._support.clock import Clock
from . import migrations
from .aside import Aside
from .salvage import Salvage
from .schema import COLUMNS

_PAGE_BYTES = 4096  # SQLite's own choice, which the package leaves alone
# Offsets in the file's header. Source: sqlite.org/fileformat2.html, 1.3.
_HEADER_BYTES, _CHANGES, _PAGES, _CHANGES_OF_SIZE = 100, 24, 28, 92
_INNER_NODE = 5
_TEMPLATE = "template.db"
# What every version has.
_NEEDED = frozenset(COLUMNS) - {"recoveries", "lmg_sessions"}
_AS_IT_IS, _NEW_HEADER, _NEW_SCHEMA = range(3)


@contextmanager
def opened(aside: Aside, source: Path, clock: Clock) -> Iterator[sqlite3.Connection | None]:
    """Open the set-aside journal as far as that helps; None where no lane of it can be found."""
    best, most = _AS_IT_IS, (0, 0)
    for how in (_AS_IT_IS, _NEW_HEADER, _NEW_SCHEMA):
        found = _found(_copied(aside, source, clock, how))
        if found > most:
            best, most = how, found
        if most[0] == len(_NEEDED) and most[1]:
            break
    if not most[1]:
        yield None
        return
    with closing(sqlite3.connect(_copied(aside, source, clock, best), isolation_level=None)) as connection:
        _prepare(connection)
        yield connection


def _copied(aside: Aside, source: Path, clock: Clock, how: int) -> Path:
    path = aside.copy(source)
    if how != _AS_IT_IS:
        _replace_start(path, _template(path, clock), is_all=how == _NEW_SCHEMA)
    return path


def _found(path: Path) -> tuple[int, int]:
    """Return how many tables, and how many lanes, are to be found in a file."""
    if not path.exists():
        return 0, 0
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _prepare(connection)
            salvage = Salvage(connection)
            return sum(salvage.has(table) for table in _NEEDED), len(salvage.lanes()[0])
    except (sqlite3.Error, UnicodeDecodeError):
        return 0, 0


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA writable_schema=ON")  # reads on past a definition that makes no sense
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA trusted_schema=OFF")


def _template(path: Path, clock: Clock) -> bytes:
    template = path.with_name(_TEMPLATE)
    template.unlink(missing_ok=True)
    migrations.create(template, clock)
    return template.read_bytes()


def _replace_start(path: Path, new: bytes, *, is_all: bool) -> None:
    """Write a new journal's header, or all pages of its schema, over those of a file."""
    data = bytearray(path.read_bytes()) if path.exists() else bytearray()
    data.extend(bytes(-len(data) % _PAGE_BYTES))
    if len(data) < _PAGE_BYTES:
        data, is_all = bytearray(_PAGE_BYTES), True
    for page in _schema_pages(new) if is_all else ():
        start = (page - 1) * _PAGE_BYTES
        if start < len(data):
            data[start : start + _PAGE_BYTES] = new[start : start + _PAGE_BYTES]
    data[:_HEADER_BYTES] = new[:_HEADER_BYTES]
    data[_PAGES : _PAGES + 4] = (len(data) // _PAGE_BYTES).to_bytes(4, "big")
    data[_CHANGES_OF_SIZE : _CHANGES_OF_SIZE + 4] = data[_CHANGES : _CHANGES + 4]
    path.write_bytes(data)


def _schema_pages(data: bytes) -> list[int]:
    """
    Return the pages of a sound file's schema.

    Source: sqlite.org/fileformat2.html, 1.6; page 1 has the file's header before its own.
    """
    pages, left = [], [1]
    while left:
        page = left.pop()
        pages.append(page)
        start = (page - 1) * _PAGE_BYTES
        head = start + (_HEADER_BYTES if page == 1 else 0)
        if data[head] != _INNER_NODE:
            continue
        left.append(int.from_bytes(data[head + 8 : head + 12], "big"))
        for cell in range(int.from_bytes(data[head + 3 : head + 5], "big")):
            place = head + 12 + 2 * cell
            at = start + int.from_bytes(data[place : place + 2], "big")
            left.append(int.from_bytes(data[at : at + 4], "big"))
    return pages
