"""Segments: kept, previewed, listed, exported, and one person with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lmg_offline.errors import ValidationError
from lmg_offline.platform.admin_api.access import EDITORS, READERS, Caller, endpoint
from lmg_offline.platform.admin_api.bodies import json_body
from lmg_offline.platform.admin_api.replies import Problem, cursor_of, limit_of, page_reply
from lmg_offline.platform.segments import export as export_lines
from lmg_offline.platform.segments import members, schema, store
from lmg_offline.platform.segments.conditions import Scope
from lmg_offline.platform.segments.rules import Rule, parse
from lmg_offline.platform.times import iso
from lmg_offline.protocol.canonical import text_fault

_MAX_NAME = 256


async def create(request: Request) -> Response:
    """Keep a new one (201)."""
    request.state.body = await request.body()
    return await run_in_threadpool(_put, request)


async def replace(request: Request) -> Response:
    """Keep one under an id of one's own: new (201) or in the place of another (200)."""
    request.state.body = await request.body()
    return await run_in_threadpool(_put, request)


async def preview(request: Request) -> Response:
    """How many people a rule holds for."""
    request.state.body = await request.body()
    return await run_in_threadpool(_preview, request)


@endpoint(EDITORS, writes=True)
def _put(request: Request, connection: Connection, caller: Caller) -> Response:
    body = _fields(request, {"name", "rule"})
    name = body["name"]
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME or text_fault(name) is not None:
        raise Problem(422, "Unprocessable", f"name is a text of 1 to {_MAX_NAME} characters.", field="name")
    _rule(body["rule"])
    segment_id = request.path_params.get("segment_id")
    if segment_id is not None and (not 1 <= len(segment_id) <= 64 or text_fault(segment_id) is not None):
        raise Problem(422, "Unprocessable", "An id is 1 to 64 characters of text.", field="id")
    found, is_new = store.put(connection, caller.property_id, segment_id, name, body["rule"], _now_ms())
    return JSONResponse(_item(found), 201 if is_new else 200)


@endpoint(READERS)
def _preview(request: Request, connection: Connection, caller: Caller) -> Response:
    rule = _rule(_fields(request, {"rule"})["rule"])
    return JSONResponse({"count": members.count(connection, rule, _scope(connection, caller))})


@endpoint(READERS)
def list_segments(request: Request, connection: Connection, caller: Caller) -> Response:
    """Segments in the order of their ids."""
    limit, (after,) = limit_of(request), cursor_of(request, [""])
    found = store.page(connection, caller.property_id, after, limit + 1)
    items = [_item(segment) for segment in found[:limit]]
    return page_reply(items, [found[limit - 1].id] if len(found) > limit else None)


@endpoint(READERS)
def get_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """One, with how many people are in it now."""
    found = _found(request, connection, caller)
    count = members.count(connection, found.rule, _scope(connection, caller))
    return JSONResponse({**_item(found), "count": count})


@endpoint(EDITORS, writes=True)
def delete_segment(request: Request, connection: Connection, caller: Caller) -> Response:
    """Delete one; nobody in it is changed."""
    if not store.remove(connection, caller.property_id, request.path_params["segment_id"]):
        raise _missing()
    return Response(status_code=204)


@endpoint(READERS)
def list_members(request: Request, connection: Connection, caller: Caller) -> Response:
    """Who is in it now, in the order of hashed ids."""
    found = _found(request, connection, caller)
    limit, (after,) = limit_of(request), cursor_of(request, [members.BEFORE_ALL])
    rows = members.page(connection, found.rule, _scope(connection, caller), after, limit + 1)
    items = [export_lines.member(row) for row in rows[:limit]]
    return page_reply(items, [rows[limit - 1]["user_hash"]] if len(rows) > limit else None)


@endpoint(READERS)
def get_member(request: Request, connection: Connection, caller: Caller) -> Response:
    """Whether one person is in it, and why."""
    found = _found(request, connection, caller)
    user_id = request.path_params["user_id"]
    verdict = members.reason(connection, found.rule, _scope(connection, caller), user_id)
    if verdict is None:
        raise Problem(404, "Not Found", "There is no such user in this property.")
    return JSONResponse({"segment": found.id, "user_id": user_id, **verdict})


@endpoint(EDITORS)
def export(request: Request, connection: Connection, caller: Caller) -> Response:
    """Everybody in it, as CSV or NDJSON, read a part at a time while it is sent."""
    found = _found(request, connection, caller)
    form = request.query_params.get("format", "ndjson")
    if form not in ("csv", "ndjson"):
        raise Problem(422, "Unprocessable", "format is csv or ndjson.")
    engine, scope, rule = request.app.state.engine, _scope(connection, caller), found.rule

    lines = export_lines.as_csv if form == "csv" else export_lines.as_ndjson

    def parts() -> Iterator[str]:
        with engine.begin() as reading:
            yield from lines(members.everyone(reading, rule, scope))

    media_type = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="segment.{form}"'}
    return StreamingResponse(parts(), media_type=media_type, headers=headers)


@endpoint(READERS)
def rule_schema(request: Request, connection: Connection, caller: Caller) -> Response:
    """The rule language as a JSON Schema."""
    return JSONResponse(schema.document(), media_type="application/schema+json")


def _fields(request: Request, names: set[str]) -> dict[str, Any]:
    body = json_body(request)
    if not isinstance(body, dict) or body.keys() != names:
        raise Problem(422, "Unprocessable", f"The body is an object with {' and '.join(sorted(names))}.")
    return body


def _rule(document: object) -> Rule:
    try:
        return parse(document)
    except ValidationError as error:
        raise Problem(422, "Unprocessable", "The rule is not as it must be.", errors=error.errors) from error


def _scope(connection: Connection, caller: Caller) -> Scope:
    return store.scope(connection, caller.property_id, _now_ms())


def _found(request: Request, connection: Connection, caller: Caller) -> store.Segment:
    found = store.get(connection, caller.property_id, request.path_params["segment_id"])
    if found is None:
        raise _missing()
    return found


def _missing() -> Problem:
    return Problem(404, "Not Found", "There is no such segment in this property.")


def _item(segment: store.Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "name": segment.name,
        "rule": segment.document,
        "created_at": iso(segment.created_at),
        "updated_at": iso(segment.updated_at),
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
