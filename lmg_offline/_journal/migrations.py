"""
From nothing, or an older version, to the journal this package writes.

A new journal is made as the newest version at once; an older one goes through
the steps, each in one transaction with its number in `user_version`. A journal
from a newer version is refused and left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from .._support.clock import Clock
from .._support.ids import new_id, new_secret
from ..config import MAX_BYTES, MAX_ENTRIES
from ..errors import JournalCorrupt, JournalUnavailable
from .engine import APPLICATION_ID, DATABASE_ERRORS, engine_for, is_schema_error, mapped, rows, scalar, sync_folder
from .finished import let_go_now
from .keys import LANE_SHIFT
from .records import digest_of, lane_digest, old_digest_of, row_digest
from .schema import COLUMNS, STATEMENTS

VERSION = 3
# As version 2 had it: a step never makes today's table.
_LMG_SESSIONS_2 = """
CREATE TABLE lmg_sessions (
    lane_id INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    token TEXT NOT NULL,
    ingestion_url TEXT NOT NULL,
    claim TEXT NOT NULL CHECK (claim IN ('anonymous', 'identified', 'verified')),
    token_at INTEGER NOT NULL,
    PRIMARY KEY (lane_id)
)
"""
# As version 3 had it.
_RECOVERIES_3 = """
CREATE TABLE recoveries (
    recovery_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    recovered INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    folder TEXT NOT NULL,
    told INTEGER NOT NULL CHECK (told IN (0, 1))
)
"""
# With the tables' names: SQLite takes a quoted name that no column has for a text.
_EVERY_COLUMN = "SELECT {} FROM {} LIMIT 0".format(
    ", ".join(f'{table}."{name}"' for table, names in COLUMNS.items() for name in names), ", ".join(COLUMNS)
)
_DAMAGED = "the journal {} is damaged; open it again to have it recovered"
# A quick look at a file of this size takes some 50 ms. Source: our measurement; it is linear.
MOST_CHECKED_BYTES = 50 * 1024 * 1024
# A whole one takes some 30 ms then. Only that holds the indexes against their tables: by a wrong one
# lanes that wait would look as if they had nothing to send.
MOST_CHECKED_WHOLE_BYTES = 8 * 1024 * 1024


def create(path: Path, clock: Clock, fill: Callable[[Connection], None] | None = None) -> None:
    """
    Make a new journal at `path`, whole or not at all.

    It is built beside and renamed, so that a crash never leaves an empty file
    under the journal's name: an empty journal is a damaged one.

    Args:
        fill: Called within the one transaction after the tables are made, for
            what they are to hold; default: a device and its first session.
    """
    draft = path.with_name(path.name + ".new")
    with mapped(path):
        for leftover in (draft, draft.with_name(draft.name + "-journal")):
            leftover.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    except OSError as error:
        raise JournalUnavailable(f"{draft} can't be made ({error.strerror}); make its folder writable") from error
    engine = engine_for(draft)
    with mapped(path), engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=FULL")
        connection.exec_driver_sql("PRAGMA auto_vacuum=FULL")  # before the first table; drained space goes back
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        _in_one_transaction(connection, VERSION, lambda: _fill(connection, clock, fill))
    engine.dispose()
    with mapped(path):
        draft.replace(path)
        sync_folder(path.parent)


def upgrade(connection: Connection, path: Path) -> None:
    """
    Bring an existing journal to this version, and see that it is sound.

    Raises:
        JournalCorrupt: The file is not a journal of this package, or is damaged.

        JournalUnavailable: A newer version of this package wrote it.
    """
    if scalar(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise JournalCorrupt(f"{path} is not a journal of this package (or was emptied)")
    found = scalar(connection, "PRAGMA user_version")
    if found > VERSION:
        raise JournalUnavailable(
            f"{path} was written by a newer lmg_offline (journal version {found}, this one knows {VERSION}); "
            "install the newer package"
        )
    if found < 1:
        raise JournalCorrupt(_DAMAGED.format(path))
    # Before a step changes anything: what is damaged is recovered as it is.
    size = path.stat().st_size
    check = "integrity_check" if size < MOST_CHECKED_WHOLE_BYTES else "quick_check"
    if size < MOST_CHECKED_BYTES and rows(connection, f"PRAGMA {check}(1)") != [("ok",)]:
        raise JournalCorrupt(_DAMAGED.format(path))
    try:
        for number in range(found + 1, VERSION + 1):
            step = _STEPS[number]
            _in_one_transaction(connection, number, lambda: step(connection))  # noqa: B023 - called before the next turn
        connection.exec_driver_sql(_EVERY_COLUMN).fetchall()
    except DATABASE_ERRORS as error:
        if is_schema_error(error):
            raise JournalCorrupt(_DAMAGED.format(path)) from error
        raise
    _check_current(connection, path)


def _check_current(connection: Connection, path: Path) -> None:
    """See that there is a device, and a session that is its."""
    current = rows(
        connection,
        "SELECT l.lane_id, l.session_id, l.user_id, l.digest FROM device d JOIN lanes l ON l.lane_id = d.current_lane"
        " AND l.sealed_at IS NULL AND l.state IN ('anonymous', 'identified', 'verified') JOIN sync_state",
    )
    if not current or current[0][3] != lane_digest(*current[0][:3]):
        raise JournalCorrupt(_DAMAGED.format(path))


def _in_one_transaction(connection: Connection, number: int, work: Callable[[], None]) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")
    try:
        work()
        connection.exec_driver_sql(f"PRAGMA user_version={number}")
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise


def _fill(connection: Connection, clock: Clock, fill: Callable[[Connection], None] | None) -> None:
    """Make the newest tables, and unless somebody fills them otherwise a device and its first session."""
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)
    if fill is not None:
        fill(connection)
        return
    now = clock.wall_ms()
    open_lane(connection, 1, now)
    connection.exec_driver_sql(
        "INSERT INTO device (id, device_id, secret, current_lane, created_at) VALUES (1, ?, ?, 1, ?)",
        (new_id(now), new_secret(), now),
    )
    connection.exec_driver_sql("INSERT INTO sync_state (id, failures) VALUES (1, 0)")


def open_lane(connection: Connection, lane_id: int, now: int) -> None:
    """Within a transaction: open a lane of a new session that is nobody's."""
    session_id, base = new_id(now), lane_id << LANE_SHIFT
    connection.exec_driver_sql(
        "INSERT INTO lanes (lane_id, session_id, state, opened_at, last_position, acked_position, acked_count,"
        " drained, digest) VALUES (?, ?, 'anonymous', ?, ?, ?, 0, 0, ?)",
        (lane_id, session_id, now, base, base, lane_digest(lane_id, session_id, None)),
    )


def _to_2(connection: Connection) -> None:
    """Sessions of the LMG dialect; by lane what was taken, tried and sent; bounds, exchanges, moves."""
    connection.exec_driver_sql("ALTER TABLE lanes ADD COLUMN claimed_position INTEGER")
    connection.exec_driver_sql("ALTER TABLE lanes ADD COLUMN tried_position INTEGER")
    connection.exec_driver_sql("ALTER TABLE lanes ADD COLUMN tried_from TEXT")
    connection.exec_driver_sql(
        "UPDATE lanes SET claimed_position = identify_position"
        " WHERE identify_position <= acked_position AND user_id IS NOT NULL"
    )
    # Anything queued before now may have been sent.
    connection.exec_driver_sql("ALTER TABLE lanes ADD COLUMN sent_position INTEGER DEFAULT 0 NOT NULL")
    connection.exec_driver_sql(
        "UPDATE lanes SET sent_position = coalesce((SELECT max(position) FROM entries"
        " WHERE position BETWEEN lane_id << 32 AND (lane_id << 32) + 4294967295), 0)"
    )
    connection.exec_driver_sql(f"ALTER TABLE device ADD COLUMN max_entries INTEGER DEFAULT {MAX_ENTRIES}")
    connection.exec_driver_sql(f"ALTER TABLE device ADD COLUMN max_bytes INTEGER DEFAULT {MAX_BYTES}")
    connection.exec_driver_sql("ALTER TABLE device ADD COLUMN exchange_seq INTEGER NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE device ADD COLUMN exchange_id TEXT")
    connection.exec_driver_sql("ALTER TABLE ledger ADD COLUMN moved_to INTEGER")
    connection.exec_driver_sql("CREATE INDEX lanes_by_user ON lanes (user_id) WHERE user_id IS NOT NULL")
    connection.exec_driver_sql("CREATE INDEX ledger_retried ON ledger (moved_to) WHERE reason = 'retried'")
    connection.exec_driver_sql(_LMG_SESSIONS_2)


def _to_3(connection: Connection) -> None:
    """Digests of lanes, sessions, boots; those of entries cover their boot; recoveries; ends of lanes, and theirs."""
    for table, columns in _DIGESTED.items():
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN digest BLOB")
        for row in rows(connection, f"SELECT rowid, {columns} FROM {table}"):
            connection.exec_driver_sql(
                f"UPDATE {table} SET digest = ? WHERE rowid = ?", (DIGESTS[table](*row[1:]), row[0])
            )
    for table in ("entries", "dead_letters"):
        _digest_anew(connection, table)
    connection.exec_driver_sql(
        "UPDATE lanes SET last_position = max(last_position, coalesce((SELECT max(position) FROM entries"
        " WHERE position BETWEEN lane_id << 32 AND (lane_id << 32) + 4294967295), 0))"
    )
    connection.exec_driver_sql(_RECOVERIES_3)
    for column in ("finished_through", "finished_accepted", "finished_acknowledged"):
        connection.exec_driver_sql(f"ALTER TABLE device ADD COLUMN {column} INTEGER DEFAULT 0 NOT NULL")
    current = scalar(connection, "SELECT current_lane FROM device")
    if current is not None:
        let_go_now(connection, current)


def _digest_anew(connection: Connection, table: str) -> None:
    """Give intact entries the digest of this version, a part at a time; what is damaged stays so."""
    columns = "position, id, kind, made_at, boot_id, since_boot_ms, body, digest"
    part: list[tuple[Any, ...]] = rows(connection, f"SELECT {columns} FROM {table} ORDER BY position LIMIT 1000")
    while part:
        for position, entry_id, kind, made_at, boot_id, since_boot_ms, body, digest in part:
            if digest == old_digest_of(position, entry_id, kind, made_at, body):
                new = digest_of(position, entry_id, kind, (made_at, boot_id, since_boot_ms), body)
                connection.exec_driver_sql(f"UPDATE {table} SET digest = ? WHERE position = ?", (new, position))
        part = rows(
            connection,
            f"SELECT {columns} FROM {table} WHERE position > ? ORDER BY position LIMIT 1000",
            (part[-1][0],),
        )


DIGESTS: dict[str, Callable[..., bytes]] = {"lanes": lane_digest, "lmg_sessions": row_digest, "boots": row_digest}
_DIGESTED = {
    "lanes": "lane_id, session_id, user_id",
    "lmg_sessions": "lane_id, session_id, token, ingestion_url",
    "boots": "boot_id, booted_at",
}

_STEPS: dict[int, Callable[[Connection], None]] = {2: _to_2, 3: _to_3}
