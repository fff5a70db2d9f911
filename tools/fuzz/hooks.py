"""
What schemathesis is told beside the description: ids of something, which key not to touch.

It is loaded by schemathesis itself, which has no other way to be told.
"""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis

KNOWN: dict[str, list[str]] = json.loads(os.environ["LMG_FUZZ_KNOWN"])
OWN: list[str] = json.loads(os.environ["LMG_FUZZ_OWN"])

_statuses: Counter[int] = Counter()
_drawn = 0


def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """
    Every other time let an id be of something.

    No key of the run itself is rotated or revoked, and its property is not deleted: what came after would be refused.
    """
    global _drawn
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        _drawn += 1
        if value in OWN:
            parameters[name] = KNOWN["key_id"][0]
        elif name in KNOWN and _drawn % 2:
            parameters[name] = KNOWN[name][_drawn // 2 % len(KNOWN[name])]
    if case.method == "DELETE" and case.path == "/admin/v1/property" and "name" in (case.query or {}):
        # Its own name would delete it, and may have been drawn: a property can be renamed to anything.
        case.query["name"] = f"not {case.query['name']}"


def after_call(context: Any, case: Any, response: Any) -> None:
    """Count the answers."""
    _statuses[response.status_code] += 1


def _tell() -> None:
    Path(os.environ["LMG_FUZZ_TOLD"]).write_text(json.dumps(_statuses), "utf-8")


schemathesis.hook(before_call)
schemathesis.hook(after_call)
atexit.register(_tell)
