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

from sqlalchemy import Connection

from .._support.clock import Clock
from .._support.ids import new_id, new_secret
from ..config import MAX_BYTES, MAX_ENTRIES
from ..errors import JournalCorrupt, JournalUnavailable
from .engine import APPLICATION_ID, engine_for, mapped, rows, scalar, sync_folder
from .tables import LANE_SHIFT, lanes_by_user, ledger_retried, lmg_sessions, metadata

VERSION = 2


def create(path: Path, clock: Clock) -> None:
    """
    Make a new journal at `path`, whole or not at all.

    It is built beside and renamed, so that a crash never leaves an empty file
    under the journal's name: an empty journal is a damaged one.
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
        _in_one_transaction(connection, VERSION, lambda: _fill(connection, clock))
    engine.dispose()
    with mapped(path):
        draft.replace(path)
        sync_folder(path.parent)


def upgrade(connection: Connection, path: Path, clock: Clock) -> None:
    """
    Bring an existing journal to this version.

    Raises:
        JournalCorrupt: The file is not a journal of this package, or is damaged.

        JournalUnavailable: A newer version of this package wrote it.
    """
    if scalar(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise JournalCorrupt(f"{path} is not a journal of this package (or was emptied); move it aside")
    found = scalar(connection, "PRAGMA user_version")
    if found > VERSION:
        raise JournalUnavailable(
            f"{path} was written by a newer lmg_offline (journal version {found}, this one knows {VERSION}); "
            "install the newer package"
        )
    for number in range(found + 1, VERSION + 1):
        step = _STEPS[number]
        _in_one_transaction(connection, number, lambda: step(connection))  # noqa: B023 - called before the next turn
    if rows(connection, "PRAGMA quick_check(1)") != [("ok",)]:
        raise JournalCorrupt(f"the journal {path} is damaged; keep a copy of its folder and move it aside")


def _in_one_transaction(connection: Connection, number: int, work: Callable[[], None]) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")
    try:
        work()
        connection.exec_driver_sql(f"PRAGMA user_version={number}")
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise


def _fill(connection: Connection, clock: Clock) -> None:
    """Make the newest tables, a device and its first session."""
    metadata.create_all(connection, checkfirst=False)
    now = clock.wall_ms()
    base = 1 << LANE_SHIFT
    connection.exec_driver_sql(
        "INSERT INTO lanes (lane_id, session_id, state, opened_at, last_position, acked_position, acked_count,"
        " drained) VALUES (1, ?, 'anonymous', ?, ?, ?, 0, 0)",
        (new_id(now), now, base, base),
    )
    connection.exec_driver_sql(
        "INSERT INTO device (id, device_id, secret, current_lane, created_at) VALUES (1, ?, ?, 1, ?)",
        (new_id(now), new_secret(), now),
    )
    connection.exec_driver_sql("INSERT INTO sync_state (id, failures) VALUES (1, 0)")


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
    lanes_by_user.create(connection)
    ledger_retried.create(connection)
    lmg_sessions.create(connection)


_STEPS: dict[int, Callable[[Connection], None]] = {2: _to_2}
