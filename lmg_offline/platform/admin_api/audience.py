"""People, devices and the entry log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, tuple_
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform import people
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.replies import cursor_of, limit_of, missing, page_reply
from lmg_offline.platform.store import tables
from lmg_offline.platform.times import iso


def list_users(request: Request, connection: Connection, caller: Caller) -> Response:
    """People in the order of their hashed ids."""
    limit, (after,) = limit_of(request), cursor_of(request, [-(2**63)])
    users = tables.users
    query = (
        select(users)
        .where(users.c.property_id == caller.property_id, users.c.user_hash > after)
        .order_by(users.c.user_hash)
        .limit(limit + 1)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    items = [
        {
            "user_id": row["user_id"],
            "state": row["state"].upper(),
            "first_seen_at": iso(row["first_seen_at"]),
            "last_seen_at": iso(row["last_seen_at"]),
        }
        for row in rows[:limit]
    ]
    return page_reply(items, [rows[limit - 1]["user_hash"]] if len(rows) > limit else None)


def get_user(request: Request, connection: Connection, caller: Caller) -> Response:
    """One person, profile and sessions."""
    found = people.user(connection, caller.property_id, request.path_params["user_id"])
    return JSONResponse(_found(found))


def list_activity(request: Request, connection: Connection, caller: Caller) -> Response:
    """What one person did, oldest first."""
    user_id, limit = request.path_params["user_id"], limit_of(request)
    _found(people.user(connection, caller.property_id, user_id))
    at, entry_id = cursor_of(request, [-1, ""])
    rows = people.activity(connection, caller.property_id, user_id, (at, entry_id), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    items = [people.activity_item(row) for row in rows[:limit]]
    return page_reply(items, None if last is None else [last["occurred_at"], last["entry_id"]])


def list_devices(request: Request, connection: Connection, caller: Caller) -> Response:
    """Devices, and how far each of their lanes is applied."""
    limit, (after,) = limit_of(request), cursor_of(request, [""])
    devices, sessions = tables.devices, tables.sessions
    query = (
        select(devices)
        .where(devices.c.property_id == caller.property_id, devices.c.device_id > after)
        .order_by(devices.c.device_id)
        .limit(limit + 1)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    shown = rows[:limit]
    lanes: dict[str, list[dict[str, Any]]] = {row["device_id"]: [] for row in shown}
    of_devices = (
        select(sessions)
        .where(sessions.c.property_id == caller.property_id, sessions.c.device_id.in_(lanes))
        .order_by(sessions.c.opened_at, sessions.c.session_id)
    )
    for row in connection.execute(of_devices).mappings():
        lanes[row["device_id"]].append(
            {"session_id": row["session_id"], "applied_seq": row["kept_seq"], "applied_id": row["kept_id"]}
        )
    items = [
        {
            "device_id": row["device_id"],
            "first_seen_at": iso(row["first_seen_at"]),
            "last_seen_at": iso(row["last_seen_at"]),
            "clock_offset_s": row["clock_offset_s"],
            "lanes": lanes[row["device_id"]],
        }
        for row in shown
    ]
    return page_reply(items, [rows[limit - 1]["device_id"]] if len(rows) > limit else None)


def list_entries(request: Request, connection: Connection, caller: Caller) -> Response:
    """The log of applied and refused entries, in the order of application."""
    limit = limit_of(request)
    at, session_id, seq = cursor_of(request, [-1, "", 0])
    entries = tables.entries
    query = select(entries).where(
        entries.c.property_id == caller.property_id,
        tuple_(entries.c.applied_at, entries.c.session_id, entries.c.seq) > tuple_(at, session_id, seq),
    )
    device_id = request.query_params.get("device_id")
    if device_id is not None:
        query = query.where(entries.c.device_id == device_id)
    query = query.order_by(entries.c.applied_at, entries.c.session_id, entries.c.seq).limit(limit + 1)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    last = rows[limit - 1] if len(rows) > limit else None
    items = [
        {
            "device_id": row["device_id"],
            "session_id": row["session_id"],
            "seq": row["seq"],
            "id": row["entry_id"],
            "kind": row["kind"],
            "user_id": row["user_id"],
            "status": row["status"],
            "code": row["code"],
            "message": row["message"],
            "occurred_at": iso(row["occurred_at"]),
            "uncertain": row["uncertain"],
            "applied_at": iso(row["applied_at"]),
        }
        for row in rows[:limit]
    ]
    return page_reply(items, None if last is None else [last["applied_at"], last["session_id"], last["seq"]])


def _found(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise missing("user")
    return row
