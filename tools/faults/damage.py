"""Ways a journal's files come to harm, each from a seed. What they do to the bytes, and nothing else."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

PAGE_BYTES = 4096
MOST_FLIPS = 200
_WAL_HEADER_BYTES, _FRAME_BYTES = 32, PAGE_BYTES + 24


def flip(path: Path, rng: random.Random) -> None:
    """From one to two hundred bits, anywhere."""
    data = bytearray(path.read_bytes())
    for _ in range(int(MOST_FLIPS ** rng.random())):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def spoil_page(path: Path, rng: random.Random, page: int | None = None) -> None:
    """One page becomes zeros, or noise; page numbers begin at 1."""
    data = bytearray(path.read_bytes())
    chosen = (rng.randrange(len(data) // PAGE_BYTES) if page is None else page - 1) * PAGE_BYTES
    data[chosen : chosen + PAGE_BYTES] = bytes(PAGE_BYTES) if rng.random() < 0.5 else rng.randbytes(PAGE_BYTES)
    path.write_bytes(data)


def swap_pages(path: Path, rng: random.Random) -> None:
    """Two pages change places."""
    data = bytearray(path.read_bytes())
    first, second = (PAGE_BYTES * number for number in rng.sample(range(len(data) // PAGE_BYTES), 2))
    kept = data[first : first + PAGE_BYTES]
    data[first : first + PAGE_BYTES] = data[second : second + PAGE_BYTES]
    data[second : second + PAGE_BYTES] = kept
    path.write_bytes(data)


def cut(path: Path, rng: random.Random) -> None:
    """The file ends somewhere, at a page or in it."""
    size = rng.randrange(1, path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(size if rng.random() < 0.5 else max(1, size // PAGE_BYTES) * PAGE_BYTES)


def behead(path: Path, rng: random.Random) -> None:
    """The header is gone: zeros or noise."""
    with path.open("r+b") as file:
        file.write(bytes(100) if rng.random() < 0.5 else rng.randbytes(100))


def empty(path: Path, rng: random.Random) -> None:
    """Nothing is left in the file."""
    path.write_bytes(b"")


def spoil_schema(path: Path, rng: random.Random) -> None:
    """The first page, which says where the tables are, is gone."""
    spoil_page(path, rng, 1)


def replace_by_another(path: Path, rng: random.Random) -> None:
    """Another program's database has the journal's name."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA application_id={rng.randrange(1, 1 << 31)}")
        other.execute("CREATE TABLE things (name TEXT)")
    path.chmod(0o600)


def drop_table(path: Path, rng: random.Random) -> None:
    """A table is missing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as journal:
        journal.execute(f"DROP TABLE {rng.choice(['entries', 'ledger', 'lanes', 'tokens', 'device', 'sync_state'])}")


def spoil_table(path: Path, rng: random.Random) -> None:
    """A page of lanes or entries, the ones that matter, is gone."""
    pages = pages_of(path, rng.choice(["lanes", "entries", "dead_letters", "ledger", "device"]))
    spoil_page(path, rng, rng.choice(pages) if pages else None)


def tear_log(path: Path, rng: random.Random) -> None:
    """The log ends in the middle of a frame."""
    log = path.with_name(path.name + "-wal")
    with log.open("r+b") as file:
        file.truncate(rng.randrange(log.stat().st_size))


def flip_log(path: Path, rng: random.Random) -> None:
    """Bits of the log are others."""
    flip(path.with_name(path.name + "-wal"), rng)


def remove_log(path: Path, rng: random.Random) -> None:
    """The log alone is gone."""
    path.with_name(path.name + "-wal").unlink()
    if rng.random() < 0.5:
        path.with_name(path.name + "-shm").unlink(missing_ok=True)


def remove_file(path: Path, rng: random.Random) -> None:
    """The file is gone, and its log is there."""
    path.unlink()


Damage = Callable[[Path, random.Random], None]
# Of a journal that was closed, of one whose process was killed, and of one of the first version.
TO_CLOSED: tuple[Damage, ...] = (
    flip, flip, spoil_page, swap_pages, cut, behead, empty, spoil_schema, replace_by_another, drop_table, spoil_table,
    spoil_table,
)  # fmt: skip
TO_KILLED: tuple[Damage, ...] = (
    tear_log, flip_log, remove_log, remove_file, flip, spoil_page, behead, empty, spoil_table,
)  # fmt: skip
TO_OLD: tuple[Damage, ...] = (flip, spoil_page, cut, behead, spoil_table)


def pages_of(path: Path, table: str) -> list[int]:
    """
    Return the pages of a table's tree: its root, and what the pages of inner nodes name.

    Source: sqlite.org/fileformat2.html, 1.6.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as journal:
        try:
            found = journal.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        except sqlite3.DatabaseError:
            return []
    data = path.read_bytes()
    pages, left = [], [found[0]] if found else []
    while left:
        page = left.pop()
        pages.append(page)
        start = (page - 1) * PAGE_BYTES
        if data[start] == 5:  # an inner node of a table
            cells = int.from_bytes(data[start + 3 : start + 5], "big")
            left.append(int.from_bytes(data[start + 8 : start + 12], "big"))
            for cell in range(cells):
                at = start + int.from_bytes(data[start + 12 + 2 * cell : start + 14 + 2 * cell], "big")
                left.append(int.from_bytes(data[at : at + 4], "big"))
    return pages
