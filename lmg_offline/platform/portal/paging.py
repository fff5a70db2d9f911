"""Places in a list, as the addresses of pages hold them."""

from __future__ import annotations

import base64
import json
from typing import Any

from lmg_offline.platform.admin_api.replies import Problem, cursor_of
from lmg_offline.platform.portal.access import Visit
from lmg_offline.protocol.canonical import text_fault

SIZE = 50


def place_of(visit: Visit, start: list[Any]) -> list[Any]:
    """
    Return the place that the address names; `start` without one.

    Raises:
        Problem: It is none (422).
    """
    found = cursor_of(visit.request, start)
    if any(text_fault(item) if isinstance(item, str) else not -(2**63) <= item < 2**63 for item in found):
        raise Problem(422, "Unprocessable", "cursor is not one of this list; start without it.")
    return found


def cursor(rows: list[dict[str, Any]], *columns: str) -> str:
    """Return the place after a full page, of rows of which one more was asked for; empty on the last page."""
    if len(rows) <= SIZE:
        return ""
    last = rows[SIZE - 1]
    return base64.urlsafe_b64encode(json.dumps([last[name] for name in columns]).encode()).decode()
