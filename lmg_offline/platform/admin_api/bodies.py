"""The JSON bodies of requests: read within a bound, read as JSON, checked by a schema."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema
from marshmallow import ValidationError as SchemaError
from starlette.requests import Request

from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.bodies import inflated, read_json
from lmg_offline.platform.problems import AudienceError
from lmg_offline.protocol import canonical

MAX_BODY = 256 * 1024


async def raw_body(request: Request) -> bytes:
    """
    Return the body of a request, as bytes of JSON.

    Raises:
        Problem: It calls itself something else (415), is too large (413) or cut off (400).
    """
    try:
        raw = await read_json(request, MAX_BODY, request.app.state.settings.body_within_s)
        return inflated(request.headers.get("content-encoding", ""), raw, MAX_BODY)
    except AudienceError as error:
        raise Problem(error.status_code, HTTPStatus(error.status_code).phrase, error.message) from error


def document(raw: bytes, schema: Schema) -> dict[str, Any]:
    """
    Return a body as the schema reads it.

    Raises:
        Problem: It is no JSON (400), holds what no database keeps, or is not as the schema says (422).
    """
    try:
        found = canonical.decode(raw)
    except ValueError as error:
        raise Problem(400, "Bad Request", f"The body can't be read: {error}.") from error
    fault = _fault(found)
    if fault is not None:
        raise Problem(422, "Unprocessable Content", f"The body holds what can't be kept. {fault}")
    try:
        return dict(schema.load(found))  # type: ignore[arg-type]  # it says itself what it can't load
    except SchemaError as error:
        errors = error.messages_dict if isinstance(error.messages, dict) else {"_schema": error.messages}
        raise Problem(
            422, "Unprocessable Content", "Some fields are not as they must be.", errors=errors
        ) from error


def _fault(value: object) -> str | None:
    """Return why one database or another could not keep a value, or None."""
    match value:
        case str():
            return canonical.text_fault(value)
        case bool():
            return None
        case int():
            return canonical.integer_fault(value)
        case dict():
            parts = [*value, *value.values()]
        case list():
            parts = value
        case _:
            return None
    return next((fault for fault in map(_fault, parts) if fault is not None), None)
