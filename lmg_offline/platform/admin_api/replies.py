"""Replies of the Admin API: JSON, pages with cursors, and problems (RFC 9457)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.protocol.canonical import text_fault

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Problem(Exception):
    """A request that can't be answered as asked."""

    def __init__(self, status: int, title: str, detail: str, **extra: object) -> None:
        super().__init__(status, title, detail)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}


def problem_reply(problem: Problem) -> Response:
    """Return a problem as a reply."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return JSONResponse(problem.body, problem.status, headers, media_type="application/problem+json")


def limit_of(request: Request) -> int:
    """Return the page size asked for, 1 to 1,000."""
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise Problem(422, "Unprocessable", f"limit is a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def cursor_of(request: Request, start: list[Any]) -> list[Any]:
    """Return the place a cursor names; `start` without one."""
    text = request.query_params.get("cursor")
    if not text:
        return start
    try:
        found = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or [type(item) for item in found] != [type(item) for item in start]
        or not all(_is_storable(item) for item in found)
    ):
        raise Problem(422, "Unprocessable", "cursor is not one of this list; start without it.")
    return found


def _is_storable(item: object) -> bool:
    """Whether both databases can be asked for it."""
    if isinstance(item, str):
        return text_fault(item) is None
    return isinstance(item, int) and -(2**63) <= item < 2**63


def page_reply(items: list[Any], following: list[Any] | None) -> Response:
    """Return one page; `following` is the place after its last item, None on the last page."""
    cursor = None
    if following is not None:
        cursor = base64.urlsafe_b64encode(json.dumps(following).encode()).decode()
    return JSONResponse({"items": items, "next_cursor": cursor})
