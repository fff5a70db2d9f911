"""Businesses, locations, offers, collections, categories: put, get, list, delete."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError as SchemaError
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform.admin_api.access import EDITORS, READERS, Caller, endpoint
from lmg_offline.platform.admin_api.bodies import json_body
from lmg_offline.platform.admin_api.replies import Problem, cursor_of, limit_of, page_reply
from lmg_offline.platform.content import schemas, store
from lmg_offline.protocol.canonical import text_fault


async def put_content(request: Request) -> Response:
    """Create (201) or replace (200) one document."""
    from starlette.concurrency import run_in_threadpool

    request.state.body = await request.body()
    return await run_in_threadpool(_put, request)


@endpoint(EDITORS, writes=True)
def _put(request: Request, connection: Connection, caller: Caller) -> Response:
    kind = _kind(request)
    content_id = request.path_params["content_id"]
    document = _load(kind, json_body(request))
    if document.get("id", content_id) != content_id:
        raise Problem(422, "Unprocessable", "id differs from the one in the path; leave it out.", field="id")
    is_new = store.put(connection, caller.property_id, kind, content_id, document)
    stored = store.get(connection, caller.property_id, kind, content_id)
    return JSONResponse(stored, 201 if is_new else 200)


@endpoint(READERS)
def get_content(request: Request, connection: Connection, caller: Caller) -> Response:
    """One document."""
    kind = _kind(request)
    found = store.get(connection, caller.property_id, kind, request.path_params["content_id"])
    if found is None:
        raise Problem(404, "Not Found", f"There is nothing of this id among the {kind}.")
    return JSONResponse(found)


@endpoint(EDITORS, writes=True)
def delete_content(request: Request, connection: Connection, caller: Caller) -> Response:
    """Delete one document."""
    kind = _kind(request)
    if not store.remove(connection, caller.property_id, kind, request.path_params["content_id"]):
        raise Problem(404, "Not Found", f"There is nothing of this id among the {kind}.")
    return Response(status_code=204)


@endpoint(READERS)
def list_content(request: Request, connection: Connection, caller: Caller) -> Response:
    """Documents of a kind, in the order of their ids."""
    kind, limit, (after,) = _kind(request), limit_of(request), cursor_of(request, [""])
    found = store.page(connection, caller.property_id, kind, after, limit + 1)
    return page_reply(found[:limit], [found[limit - 1]["id"]] if len(found) > limit else None)


def _kind(request: Request) -> str:
    kind: str = request.path_params["kind"]
    if kind not in schemas.BY_KIND:
        raise Problem(404, "Not Found", "There is no such resource; see /admin/openapi.json.")
    content_id = request.path_params.get("content_id", "x")
    if not 1 <= len(content_id) <= 128 or text_fault(content_id) is not None:
        raise Problem(422, "Unprocessable", "An id is 1 to 128 characters of text.", field="id")
    return kind


def _load(kind: str, data: Any) -> dict[str, Any]:
    try:
        return dict(schemas.BY_KIND[kind].load(data))
    except SchemaError as error:
        raise Problem(
            422, "Unprocessable", "Some fields are not as they must be.", errors=error.messages
        ) from error
