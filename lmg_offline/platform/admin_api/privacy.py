"""Export and erasure of one person, and who asked for them."""

from __future__ import annotations

from sqlalchemy import Connection, select, tuple_
from starlette.requests import Request
from starlette.responses import Response

from lmg_offline.platform import erasure, people, privacy, properties
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.replies import cursor_of, limit_of, missing, page_reply
from lmg_offline.platform.downloads import download
from lmg_offline.platform.identity import tombstone_key
from lmg_offline.platform.store.tables import privacy_log
from lmg_offline.platform.times import iso, present_ms


def export_user(request: Request, connection: Connection, caller: Caller) -> Response:
    """Everything held about one person, sent while it is read."""
    user_id, property_ = _asked(request, connection, caller, privacy.EXPORT)
    parts = privacy.export(request.app.state.engine, property_, user_id)
    headers = {"Content-Disposition": 'attachment; filename="person.json"'}
    return download(parts, "application/json", headers)


def erase_user(request: Request, connection: Connection, caller: Caller) -> Response:
    """Erase one person, and refuse what arrives late."""
    user_id, property_ = _asked(request, connection, caller, privacy.ERASURE)
    now_ms = present_ms()
    erasure.erase_user(connection, property_, user_id, now_ms, now_ms)
    return Response(status_code=204)


def list_privacy_log(request: Request, connection: Connection, caller: Caller) -> Response:
    """Who asked for whose data, the oldest first."""
    limit, (at, event_id) = limit_of(request), cursor_of(request, [-1, ""])
    table = privacy_log
    query = select(table).where(
        table.c.property_id == caller.property_id,
        tuple_(table.c.at, table.c.id) > tuple_(at, event_id),
    )
    user_id = request.query_params.get("user_id")
    if user_id is not None:
        secret = properties.get(connection, caller.property_id).tombstone_secret
        query = query.where(table.c.subject == tombstone_key(secret, user_id))
    rows = connection.execute(query.order_by(table.c.at, table.c.id).limit(limit + 1)).mappings().all()
    items = [
        {
            "id": row["id"],
            "at": iso(row["at"]),
            "event": row["event"],
            "subject": row["subject"],
            "segment_id": row["segment_id"],
            "asked_by": "person" if row["admin_key_id"] is None else "admin_key",
            "admin_key_id": row["admin_key_id"],
            "role": row["role"],
        }
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return page_reply(items, None if last is None else [last["at"], last["id"]])


def _asked(
    request: Request, connection: Connection, caller: Caller, event: str
) -> tuple[str, properties.Property]:
    """Return the person that is asked for, once it is written down that they are."""
    user_id: str = request.path_params["user_id"]
    if people.user(connection, caller.property_id, user_id) is None:
        raise missing("user")
    property_ = properties.get(connection, caller.property_id)
    asker = privacy.Asker(caller.key_id, caller.role)
    privacy.record(connection, property_, event, asker, present_ms(), user_id=user_id)
    return user_id, property_
