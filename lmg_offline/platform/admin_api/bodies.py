"""Reading the JSON body of a request, bounded."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.protocol.canonical import text_fault

MAX_BODY = 256 * 1024


def json_body(request: Request) -> Any:
    """
    Return the body that was read into `request.state.body`, as JSON.

    Raises:
        Problem: It is too large (413), no JSON (400), or holds what no database keeps (422).
    """
    body: bytes = request.state.body
    if len(body) > MAX_BODY:
        raise Problem(413, "Content Too Large", f"A document is at most {MAX_BODY} bytes.")
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
        text = json.dumps(found, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Bad Request", "The body is not JSON.") from error
    if text_fault(text) is not None or "\\u0000" in text:
        raise Problem(422, "Unprocessable", "NUL and lone surrogates are not text.")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
