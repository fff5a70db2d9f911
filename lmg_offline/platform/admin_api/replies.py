"""Replies of the Admin API: JSON, pages with cursors, and problems (RFC 9457)."""

from __future__ import annotations

import base64
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.protocol.canonical import text_fault

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_MOST = 2**63 - 1


class Problem(Exception):
    """A request that can't be answered as asked."""

    def __init__(self, status: int, title: str, detail: str, **extra: object) -> None:
        super().__init__(status, title, detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}


def unprocessable(detail: str, **extra: object) -> Problem:
    """Return the problem of a request that can be read and is not as it must be."""
    return Problem(422, "Unprocessable Content", detail, **extra)


def missing(what: str) -> Problem:
    """Return the problem of something that this property does not have."""
    return Problem(404, "Not Found", f"There is no such {what} in this property.")


def problem_reply(problem: Problem) -> Response:
    """Return a problem as a reply."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return JSONResponse(problem.body, problem.status, headers, media_type="application/problem+json")


def limit_of(request: Request) -> int:
    """Return the page size asked for, 1 to 1,000."""
    return whole(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number of the query, between two bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise unprocessable(f"{name} is a whole number from {least} to {most}.")
    return int(text)


def cursor_of(request: Request, start: list[Any]) -> list[Any]:
    """Return the place a cursor names; `start` without one."""
    text = request.query_params.get("cursor")
    if not text:
        return start
    try:
        found = json.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or [type(item) for item in found] != [type(item) for item in start]:
        raise _not_a_cursor()
    for item in found:
        if isinstance(item, int) and not -_MOST - 1 <= item <= _MOST:
            raise _not_a_cursor()
        if isinstance(item, str) and text_fault(item) is not None:
            raise _not_a_cursor()
    return found


def _not_a_cursor() -> Problem:
    return unprocessable("cursor is not one of this list; start without it.")


def page_reply(items: list[Any], following: list[Any] | None) -> Response:
    """Return one page; `following` is the place after its last item, None on the last page."""
    cursor = None
    if following is not None:
        cursor = base64.urlsafe_b64encode(json.dumps(following).encode()).decode()
    return JSONResponse({"items": items, "next_cursor": cursor})
