"""What was salvaged, put into a new journal. Within the one transaction that makes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from .._support.ids import new_id, new_secret
from ..config import MAX_BYTES, MAX_ENTRIES
from .engine import scalar
from .keys import LANE_SHIFT
from .migrations import open_lane
from .salvage import Salvage, Values
from .schema import COLUMNS

_PART = 500
# Where lanes may be missing, the ids of the next few are left out: receipts name them.
_LANES_LEFT_OUT = 1_000


@dataclass(slots=True)
class Kept:
    """
    What the accounts are made from.

    Attributes:
        strays: Lanes without a row, each with the first and last key of an entry that was theirs.

        is_queue_whole: Every page of entries could be read.

        is_ledger_whole: Every row of ledger and dead letters could be read, and was what was written.

        damaged: Keys of dead letters that are not what was written.
    """

    strays: dict[int, tuple[int, int]] = field(default_factory=dict)
    is_queue_whole: bool = False
    is_ledger_whole: bool = False
    damaged: tuple[int, ...] = ()


def rebuild(connection: Connection, salvage: Salvage | None, reached: int | None, now: int) -> Kept:
    """
    Fill a new journal's empty tables; a journal of nobody's where nothing could be read.

    Args:
        reached: The key that the old one's mark says, or None.

        now: In wall milliseconds.

    Returns:
        What is needed to account for what is missing.
    """
    if salvage is None:
        _device(connection, None, _new_lane(connection, {}, reached, True, now), True, now)
        connection.exec_driver_sql("INSERT INTO sync_state (id, failures) VALUES (1, 0)")
        return Kept()
    lanes, is_short = salvage.lanes()
    _insert(connection, "lanes", lanes.values())
    kept = Kept()
    _queue(connection, salvage, lanes, kept)
    device = salvage.single("device")
    current = _current(connection, lanes, device, reached)
    goes_on = current is not None
    if current is None:
        current = _new_lane(connection, lanes, reached, is_short, now)
    elif is_short:
        _leave_out(connection, lanes, reached)
    connection.exec_driver_sql(
        "UPDATE lanes SET sealed_at = ? WHERE sealed_at IS NULL AND lane_id <> ?", (now, current)
    )
    _device(connection, device, current, is_short, now)
    _sync_state(connection, salvage.single("sync_state"))
    _insert(connection, "lmg_sessions", (row for row in salvage.digested("lmg_sessions") if row["lane_id"] in lanes))
    _insert(connection, "boots", salvage.digested("boots"))
    users = {lane["user_id"] for lane in lanes.values()} - {None}
    _insert(connection, "tokens", (row for row in salvage.plain("tokens") if row["user_id"] in users))
    _insert(connection, "recoveries", salvage.plain("recoveries"))
    if goes_on:
        _insert(connection, "bookmarks", (row for row in salvage.plain("bookmarks") if _is_own(row, current)))
        _insert(connection, "search_terms", salvage.plain("search_terms"))
    return kept


def _queue(connection: Connection, salvage: Salvage, lanes: dict[int, Values], kept: Kept) -> None:
    salvage.is_short()
    ledger = COLUMNS["ledger"]
    _insert(connection, "ledger", (dict(zip(ledger, row, strict=True)) for row in salvage.ledger()))
    for table, found in (("dead_letters", salvage.dead_letters(lanes)), ("entries", salvage.entries(lanes))):
        if table == "entries":
            kept.is_ledger_whole = not salvage.is_short() and not salvage.damaged
            kept.damaged = tuple(salvage.damaged)
        names = COLUMNS[table]
        owned = (row for row in found if _is_owned(row[0], lanes, kept))
        _insert(connection, table, (dict(zip(names, row, strict=True)) for row in owned))
    kept.is_queue_whole = not salvage.is_short()


def _is_owned(position: int, lanes: dict[int, Values], kept: Kept) -> bool:
    lane_id = position >> LANE_SHIFT
    if lane_id in lanes:
        return True
    first, last = kept.strays.get(lane_id, (position, position))
    kept.strays[lane_id] = (min(first, position), max(last, position))
    return False


def _current(
    connection: Connection, lanes: dict[int, Values], device: Values | None, reached: int | None
) -> int | None:
    """
    Return the lane of the session that goes on; None where nobody knows that its person is still there.

    Somebody has left since if the mark names a later lane. Somebody has come if
    it names later numbers of one that was nobody's: an identify may be among them.
    """
    open_lanes = [lane_id for lane_id, lane in lanes.items() if lane["sealed_at"] is None]
    named = None if device is None else device.get("current_lane")
    if named not in open_lanes:
        named = open_lanes[0] if len(open_lanes) == 1 else None
    if not isinstance(named, int):
        return None
    if reached is None or reached >> LANE_SHIFT < named:
        return named
    lane, next_lane = lanes[named], (named + 1) << LANE_SHIFT
    newest = scalar(connection, "SELECT max(position) FROM entries WHERE position < ?", (next_lane,)) or 0
    is_known = reached <= max(lane["last_position"], newest)
    return named if is_known or (lane["user_id"] is not None and reached < next_lane) else None


def _new_lane(connection: Connection, lanes: dict[int, Values], reached: int | None, is_short: bool, now: int) -> int:
    if is_short:
        _leave_out(connection, lanes, reached)
    highest = scalar(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'lanes'") or 0
    lane_id = int(max(highest, (reached or 0) >> LANE_SHIFT)) + 1
    open_lane(connection, lane_id, now)
    return lane_id


def _leave_out(connection: Connection, lanes: dict[int, Values], reached: int | None) -> None:
    """Give the lanes to come ids that no missing one had."""
    known = [*lanes, (reached or 0) >> LANE_SHIFT]
    for table in ("ledger", "entries", "dead_letters"):
        column = "last_position" if table == "ledger" else "position"
        known.append((scalar(connection, f"SELECT max({column}) FROM {table}") or 0) >> LANE_SHIFT)
    start = (max(known) // _LANES_LEFT_OUT + 1) * _LANES_LEFT_OUT
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'lanes'")
    connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('lanes', ?)", (start,))


def _device(connection: Connection, found: Values | None, current: int, is_short: bool, now: int) -> None:
    """
    Keep the device if its id and secret can be read; the platform knows another one as a copy's.

    Where lanes may be missing, nobody can say of one that has no row whether it had ended.
    """
    row = found or {}
    device_id, secret = row.get("device_id"), row.get("secret")
    is_known = isinstance(device_id, str) and isinstance(secret, str) and bool(device_id and secret)
    connection.exec_driver_sql(
        "INSERT INTO device (id, device_id, secret, previous_device_id, current_lane, created_at, max_entries,"
        " max_bytes, exchange_seq, exchange_id, finished_through, finished_accepted, finished_acknowledged)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device_id if is_known else new_id(now),
            secret if is_known else new_secret(),
            row["previous_device_id"] if isinstance(row.get("previous_device_id"), str) else None,
            current,
            row["created_at"] if isinstance(row.get("created_at"), int) else now,
            _bound(row, "max_entries", MAX_ENTRIES),
            _bound(row, "max_bytes", MAX_BYTES),
            row["exchange_seq"] if is_known and isinstance(row.get("exchange_seq"), int) else 0,
            row["exchange_id"] if is_known and isinstance(row.get("exchange_id"), str) else None,
            *((0, 0, 0) if is_short else _finished(row)),
        ),
    )


def _finished(row: Values) -> tuple[int, int, int]:
    """Return what is known of lanes without a row; nothing unless all of it can be so."""
    through, accepted, acknowledged = (
        row.get(f"finished_{name}") for name in ("through", "accepted", "acknowledged")
    )
    if isinstance(through, int) and isinstance(accepted, int) and isinstance(acknowledged, int):
        return (through, accepted, acknowledged) if 0 <= acknowledged <= accepted and through >= 0 else (0, 0, 0)
    return 0, 0, 0


def _bound(row: Values, name: str, default: int) -> int | None:
    value = row.get(name, default)
    return value if value is None or (isinstance(value, int) and value > 0) else default


def _sync_state(connection: Connection, found: Values | None) -> None:
    """Keep what was learnt of the endpoint. Waits are not: a flipped bit could make one of years."""
    row = found or {}
    text = {
        name: row[name] if isinstance(row.get(name), str) else None
        for name in ("endpoint", "write_key_digest", "dialect", "settings")
    }
    try:
        json.loads(text["settings"] or "{}")
    except ValueError:
        text["settings"] = None
    connection.exec_driver_sql(
        "INSERT INTO sync_state (id, failures, endpoint, write_key_digest, dialect, settings, last_synced_at)"
        " VALUES (1, 0, ?, ?, ?, ?, ?)",
        (
            text["endpoint"],
            text["write_key_digest"],
            text["dialect"] if text["dialect"] in ("replay", "lmg") else None,
            text["settings"],
            row["last_synced_at"] if isinstance(row.get("last_synced_at"), int) else None,
        ),
    )


def _is_own(row: Values, current: int) -> bool:
    try:
        return row["lane_id"] == current and isinstance(json.loads(row["location_ids"]), list)
    except ValueError:
        return False


def _insert(connection: Connection, table: str, found: Iterable[Values]) -> None:
    """Insert rows, a part at a time; what is there already, or is no row of the table, stays out."""
    names = COLUMNS[table]
    columns = ", ".join(f'"{name}"' for name in names)
    sql = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"
    values: Iterator[tuple[Any, ...]] = (tuple(row.get(name) for name in names) for row in found)
    while part := list(islice(values, _PART)):
        connection.exec_driver_sql(sql, part)
