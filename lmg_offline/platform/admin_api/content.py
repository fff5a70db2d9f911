"""Businesses, locations, offers, collections, categories: put, get, list, delete."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform.admin_api import schemas
from lmg_offline.platform.admin_api.access import EDITORS, KEEPERS, READERS, Caller
from lmg_offline.platform.admin_api.endpoints import PAGING, Endpoint, Handler
from lmg_offline.platform.admin_api.replies import cursor_of, limit_of, missing, page_reply, unprocessable
from lmg_offline.platform.content import store
from lmg_offline.platform.content.schemas import BY_KIND

_MAX_ID = 128
# Marketing puts together what others have written.
_WRITERS = {"collections": EDITORS}


def endpoints() -> list[Endpoint]:
    """Return the four endpoints of each kind of content."""
    return [endpoint for kind in BY_KIND for endpoint in _endpoints(kind)]


def _endpoints(kind: str) -> list[Endpoint]:
    schema, writers, tag = BY_KIND[kind], _WRITERS.get(kind, KEEPERS), kind.capitalize()
    one = type(schema).__name__.removesuffix("Schema").lower()
    path = f"/{kind}/{{content_id}}"

    def listed(request: Request, connection: Connection, caller: Caller) -> Response:
        limit, (after,) = limit_of(request), cursor_of(request, [""])
        found = store.page(connection, caller.property_id, kind, after, limit + 1)
        return page_reply(found[:limit], [found[limit - 1]["id"]] if len(found) > limit else None)

    def got(request: Request, connection: Connection, caller: Caller) -> Response:
        found = store.get(connection, caller.property_id, kind, request.path_params["content_id"])
        if found is None:
            raise missing(one)
        return JSONResponse(found)

    def put(request: Request, connection: Connection, caller: Caller) -> Response:
        content_id, document = request.path_params["content_id"], request.state.document
        if len(content_id) > _MAX_ID:
            raise unprocessable(f"An id is 1 to {_MAX_ID} characters of text.", field="id")
        if document.get("id", content_id) != content_id:
            raise unprocessable("id differs from the one in the path; leave it out.", field="id")
        is_new = store.put(connection, caller.property_id, kind, content_id, document)
        stored = store.get(connection, caller.property_id, kind, content_id)
        return JSONResponse(stored, 201 if is_new else 200)

    def deleted(request: Request, connection: Connection, caller: Caller) -> Response:
        if not store.remove(connection, caller.property_id, kind, request.path_params["content_id"]):
            raise missing(one)
        return Response(status_code=204)

    page = schemas.page_of(type(schema))
    return [
        Endpoint("GET", f"/{kind}", _named(listed, f"list_{kind}", f"All {kind}, in the order of their ids."),
                 READERS, tag, page, PAGING),
        Endpoint("GET", path, _named(got, f"get_{one}", f"One {one}."), READERS, tag, schema),
        Endpoint("PUT", path, _named(put, f"put_{one}", f"Create (201) or replace (200) one {one}."),
                 writers, tag, schema, body=schema, statuses=(200, 201)),
        Endpoint("DELETE", path, _named(deleted, f"delete_{one}", f"Delete one {one}."), writers, tag),
    ]  # fmt: skip


def _named(handler: Handler, name: str, summary: str) -> Handler:
    handler.__name__, handler.__doc__ = name, summary
    return handler
