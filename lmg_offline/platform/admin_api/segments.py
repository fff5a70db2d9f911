"""Segments: kept, previewed, listed, exported, and one person with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.errors import ValidationError
from lmg_offline.platform import privacy, properties
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.replies import cursor_of, limit_of, missing, page_reply, unprocessable
from lmg_offline.platform.downloads import download
from lmg_offline.platform.segments import export as export_lines
from lmg_offline.platform.segments import members, schema, store
from lmg_offline.platform.segments.conditions import Scope
from lmg_offline.platform.segments.rules import Rule, parse
from lmg_offline.platform.times import iso, present_ms

_MAX_ID = 64


def create_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """Keep a new segment."""
    return _put(request, connection, caller, None)


def put_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """Keep a segment under an id of one's own: new (201) or in the place of another (200)."""
    segment_id = request.path_params["segment_id"]
    if len(segment_id) > _MAX_ID:
        raise unprocessable(f"An id is 1 to {_MAX_ID} characters of text.", field="id")
    return _put(request, connection, caller, segment_id)


def _put(request: Request, connection: Connection, caller: Caller, segment_id: str | None) -> Response:
    body = request.state.document
    _rule(body["rule"])
    found, is_new = store.put(connection, caller.property_id, segment_id, body["name"], body["rule"], present_ms())
    return JSONResponse(_item(found), 201 if is_new else 200)


def preview_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """How many people a rule holds for."""
    rule = _rule(request.state.document["rule"])
    return JSONResponse({"count": members.count(connection, rule, _scope(connection, caller))})


def list_segments(request: Request, connection: Connection, caller: Caller) -> Response:
    """Segments in the order of their ids."""
    limit, (after,) = limit_of(request), cursor_of(request, [""])
    found = store.page(connection, caller.property_id, after, limit + 1)
    items = [_item(segment) for segment in found[:limit]]
    return page_reply(items, [found[limit - 1].id] if len(found) > limit else None)


def get_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """One, with how many people are in it now."""
    found = _found(request, connection, caller)
    count = members.count(connection, found.rule, _scope(connection, caller))
    return JSONResponse({**_item(found), "count": count})


def delete_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """Delete one; nobody in it is changed."""
    if not store.remove(connection, caller.property_id, request.path_params["segment_id"]):
        raise missing("segment")
    return Response(status_code=204)


def list_members(request: Request, connection: Connection, caller: Caller) -> Response:
    """Who is in it now, in the order of hashed ids."""
    found = _found(request, connection, caller)
    limit, (after,) = limit_of(request), cursor_of(request, [members.BEFORE_ALL])
    rows = members.page(connection, found.rule, _scope(connection, caller), after, limit + 1)
    items = [export_lines.member(row) for row in rows[:limit]]
    return page_reply(items, [rows[limit - 1]["user_hash"]] if len(rows) > limit else None)


def get_member(request: Request, connection: Connection, caller: Caller) -> Response:
    """Whether one person is in it, and why."""
    found = _found(request, connection, caller)
    user_id = request.path_params["user_id"]
    verdict = members.reason(connection, found.rule, _scope(connection, caller), user_id)
    if verdict is None:
        raise missing("user")
    return JSONResponse({"segment": found.id, "user_id": user_id, **verdict})


def export_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """Everybody in it, as CSV or NDJSON, read a part at a time while it is sent."""
    found = _found(request, connection, caller)
    form = request.query_params.get("format", "ndjson")
    if form not in ("csv", "ndjson"):
        raise unprocessable("format is csv or ndjson.")
    privacy.record(
        connection,
        properties.get(connection, caller.property_id),
        privacy.SEGMENT_EXPORT,
        privacy.Asker(caller.key_id, caller.role),
        present_ms(),
        segment_id=found.id,
    )
    engine, scope, rule = request.app.state.engine, _scope(connection, caller), found.rule

    lines = export_lines.as_csv if form == "csv" else export_lines.as_ndjson

    def parts() -> Iterator[str]:
        with engine.begin() as reading:
            yield from lines(members.everyone(reading, rule, scope))

    media_type = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="segment.{form}"'}
    return download(parts(), media_type, headers)


def rule_schema(request: Request, connection: Connection, caller: Caller) -> Response:
    """The rule language as a JSON Schema."""
    return JSONResponse(schema.document(), media_type="application/schema+json")




def _rule(document: object) -> Rule:
    try:
        return parse(document)
    except ValidationError as error:
        raise unprocessable("The rule is not as it must be.", errors=error.errors) from error


def _scope(connection: Connection, caller: Caller) -> Scope:
    return store.scope(connection, caller.property_id, present_ms())


def _found(request: Request, connection: Connection, caller: Caller) -> store.Segment:
    found = store.get(connection, caller.property_id, request.path_params["segment_id"])
    if found is None:
        raise missing("segment")
    return found


def _item(segment: store.Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "name": segment.name,
        "rule": segment.document,
        "created_at": iso(segment.created_at),
        "updated_at": iso(segment.updated_at),
    }
