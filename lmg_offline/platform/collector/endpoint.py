"""
The collector over HTTP: the POST path of the tracker protocol, and its pixel.

The answers are the published collector's: `ok` to a POST, a pixel to a GET,
whatever became of the single events. It sets no cookie and knows no click
redirects; a session is told by the address alone.

Source: Snowplow's stream collector, versions 2.x and 3.x: 200, `ok` as text/plain.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lmg_offline.platform import properties, sessions
from lmg_offline.platform.audience_api import errors
from lmg_offline.platform.audience_api.endpoint import error_reply
from lmg_offline.platform.bodies import inflated, read_json
from lmg_offline.platform.collector.events import read_payload, sort_events
from lmg_offline.platform.collector.recorder import record
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.shedding import Shedder
from lmg_offline.platform.store.engine import transact
from lmg_offline.platform.times import present_ms
from lmg_offline.protocol import canonical
from lmg_offline.protocol.replay import SESSION_EXPIRED

# One transaction; what one statement can name on either database.
_MOST_AT_ONCE = 500
_NEVER_CACHED = {"Cache-Control": "no-cache, no-store, must-revalidate"}
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def collector_routes(engine: Engine, settings: Settings, shedder: Shedder) -> list[Route]:
    """Return the routes below `/ingest/{key}`, the address that a session is told."""

    async def post(request: Request) -> Response:
        try:
            raw = await read_json(request, settings.max_body_bytes, settings.body_within_s)
            await shedder.run(_collect_body, engine, settings, request, raw)
        except AudienceError as error:
            return error_reply(error)
        return Response("ok", media_type="text/plain")

    async def pixel(request: Request) -> Response:
        try:
            await shedder.run(_collect, engine, request, [dict(request.query_params)])
        except AudienceError as error:
            return error_reply(error)
        return Response(_PIXEL, media_type="image/gif", headers=_NEVER_CACHED)

    return [
        Route("/ingest/{key}/com.snowplowanalytics.snowplow/tp2", post, methods=["POST"]),
        Route("/ingest/{key}/i", pixel, methods=["GET"]),
    ]


def _collect_body(engine: Engine, settings: Settings, request: Request, raw: bytes) -> None:
    body = inflated(request.headers.get("content-encoding", ""), raw, settings.max_body_bytes)
    try:
        events = read_payload(body)
    except ValueError as error:
        raise errors.malformed(f"The body can't be read: {error}.") from None
    _collect(engine, request, events)


def _collect(engine: Engine, request: Request, events: Sequence[object]) -> None:
    """Count the events of one request for the session of its address."""
    now_ms = present_ms()
    key = request.path_params["key"]
    with engine.connect() as connection:
        known = sessions.find_by_ingest_key(connection, key) if canonical.text_fault(key) is None else None
        if known is None:
            raise _unknown_address()
        property_id, session_id = known
        property_ = properties.get(connection, property_id)
    for start in range(0, len(events), _MOST_AT_ONCE):
        part = sort_events(events[start : start + _MOST_AT_ONCE], now_ms)
        transact(engine, partial(record, property_=property_, session_id=session_id, events=part, now_ms=now_ms))


def _unknown_address() -> AudienceError:
    return AudienceError(
        "AuthenticationError",
        "No session has this ingestion address. Ask for one: createSession or extendSession answers with it.",
        404,
        SESSION_EXPIRED,
    )
