"""Admin keys, write keys and verification keys. What they open is shown once, in the reply that made them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform import keys
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.endpoints import Query
from lmg_offline.platform.admin_api.replies import Problem, cursor_of, limit_of, missing, page_reply, whole
from lmg_offline.platform.store.tables import admin_keys, integrations, verification_keys
from lmg_offline.platform.times import iso, present_ms

DAY_S = 86_400
# Apps have the write key built in, and people update them when they like; servers are changed by their owner.
WRITE_KEY_GRACE_S = 30 * DAY_S
VERIFICATION_KEY_GRACE_S = DAY_S
MOST_GRACE_S = 365 * DAY_S


def grace(default_s: int) -> Query:
    """Return the parameter of a rotation."""
    return Query(
        "grace_s",
        "For how many seconds the key of before is good as well.",
        {"type": "integer", "minimum": 0, "maximum": MOST_GRACE_S, "default": default_s},
    )


def list_admin_keys(request: Request, connection: Connection, caller: Caller) -> Response:
    """All admin keys, revoked ones too, in the order of their ids."""
    return _page(request, connection, caller, admin_keys, "id")


def create_admin_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Make an admin key of some role."""
    body = request.state.document
    _check_owner(caller, body["role"])
    key_id, key = keys.create_admin_key(connection, caller.property_id, body["name"], body["role"], present_ms())
    return _made(connection, caller, admin_keys, "id", key_id, admin_key=key)


def rotate_admin_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Give an admin key another text; the one of before opens nothing from now on."""
    row = _found(request, connection, caller, admin_keys, "id")
    _check_owner(caller, row["role"])
    try:
        key = keys.rotate_admin_key(connection, row)
    except keys.KeyRefused as refused:
        raise _conflict(refused) from refused
    return _made(connection, caller, admin_keys, "id", row["id"], 200, admin_key=key)


def revoke_admin_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Revoke an admin key, never that of the last owner."""
    row = _found(request, connection, caller, admin_keys, "id")
    _check_owner(caller, row["role"])
    try:
        keys.revoke_admin_key(connection, row, present_ms())
    except keys.KeyRefused as refused:
        raise _conflict(refused) from refused
    return Response(status_code=204)


def list_integrations(request: Request, connection: Connection, caller: Caller) -> Response:
    """All integrations, revoked ones too, in the order of their ids."""
    return _page(request, connection, caller, integrations, "id")


def create_integration(request: Request, connection: Connection, caller: Caller) -> Response:
    """Make an integration: one app, with a write key."""
    body = request.state.document
    integration_id, key = keys.create_integration(
        connection, caller.property_id, body["name"], body["platform"], present_ms()
    )
    return _made(connection, caller, integrations, "id", integration_id, write_key=key)


def rename_integration(request: Request, connection: Connection, caller: Caller) -> Response:
    """Give an integration another name."""
    row = _found(request, connection, caller, integrations, "id")
    keys.rename_integration(connection, row, request.state.document["name"])
    return _made(connection, caller, integrations, "id", row["id"], 200)


def rotate_write_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Give an integration another write key; the one of before is good for a while."""
    row = _found(request, connection, caller, integrations, "id")
    grace_s = whole(request, "grace_s", WRITE_KEY_GRACE_S, 0, MOST_GRACE_S)
    try:
        key = keys.rotate_write_key(connection, row, grace_s, present_ms())
    except keys.KeyRefused as refused:
        raise _conflict(refused) from refused
    return _made(connection, caller, integrations, "id", row["id"], 200, write_key=key)


def revoke_integration(request: Request, connection: Connection, caller: Caller) -> Response:
    """Revoke an integration: its apps are refused, keep what they have, and wait."""
    keys.revoke_integration(connection, _found(request, connection, caller, integrations, "id"), present_ms())
    return Response(status_code=204)


def list_verification_keys(request: Request, connection: Connection, caller: Caller) -> Response:
    """All verification keys, retired ones too, in the order of their ids."""
    return _page(request, connection, caller, verification_keys, "key_id")


def create_verification_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Make a verification key beside those there are."""
    key = keys.create_verification_key(
        connection, caller.property_id, present_ms(), request.state.document["message"]
    )
    return _made(connection, caller, verification_keys, "key_id", key.id, verification_key=key.encode())


def rotate_verification_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Make the successor of a verification key, which is accepted for a while longer."""
    row = _found(request, connection, caller, verification_keys, "key_id")
    grace_s = whole(request, "grace_s", VERIFICATION_KEY_GRACE_S, 0, MOST_GRACE_S)
    try:
        key = keys.rotate_verification_key(connection, row, grace_s, present_ms())
    except keys.KeyRefused as refused:
        raise _conflict(refused) from refused
    return _made(connection, caller, verification_keys, "key_id", key.id, verification_key=key.encode())


def retire_verification_key(request: Request, connection: Connection, caller: Caller) -> Response:
    """Accept no token of a verification key any more."""
    row = _found(request, connection, caller, verification_keys, "key_id")
    keys.retire_verification_key(connection, row, present_ms())
    return Response(status_code=204)


def _page(request: Request, connection: Connection, caller: Caller, table: Table, column: str) -> Response:
    limit, (after,) = limit_of(request), cursor_of(request, [""])
    rows = keys.page(connection, table, column, caller.property_id, after, limit + 1)
    items = [_item(table, row) for row in rows[:limit]]
    return page_reply(items, [rows[limit - 1][column]] if len(rows) > limit else None)


def _found(request: Request, connection: Connection, caller: Caller, table: Table, column: str) -> dict[str, Any]:
    row = keys.get(connection, table, column, caller.property_id, request.path_params["key_id"])
    if row is None:
        raise missing("key" if table is not integrations else "integration")
    return row


def _made(
    connection: Connection,
    caller: Caller,
    table: Table,
    column: str,
    key_id: str,
    status: int = 201,
    **key: str,
) -> Response:
    row = keys.get(connection, table, column, caller.property_id, key_id)
    if row is None:
        raise missing("key")
    return JSONResponse({**_item(table, row), **key}, status, {"Cache-Control": "no-store"})


def _item(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    found = {"name": row.get("name"), "created_at": iso(row["created_at"])}
    if table is verification_keys:
        del found["name"]
        active = keys.is_accepted(row, present_ms())
        found |= {"key_id": row["key_id"], "message": row["message"], "active": active}
        return {**found, "retires_at": iso(row["retires_at"])}
    found |= {"id": row["id"], "revoked_at": iso(row["revoked_at"])}
    if table is admin_keys:
        return {**found, "role": row["role"]}
    return {**found, "platform": row["platform"], "previous_key_until": iso(row["previous_key_until"])}


def _check_owner(caller: Caller, role: str) -> None:
    """An admin may do everything but what would make an owner of them."""
    if role == "owner" and caller.role != "owner":
        raise Problem(403, "Forbidden", "Only an owner may change the keys of owners.")


def _conflict(refused: keys.KeyRefused) -> Problem:
    return Problem(409, "Conflict", str(refused))
