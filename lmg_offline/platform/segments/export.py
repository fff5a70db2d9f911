"""The members of a segment as the lines of a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from lmg_offline.platform.times import iso

_COLUMNS = ("user_id", "state", "first_seen_at", "last_seen_at")


def member(row: dict[str, Any]) -> dict[str, Any]:
    """Return one member as the Admin API shows it."""
    return {
        "user_id": row["user_id"],
        "state": row["state"].upper(),
        "first_seen_at": iso(row["first_seen_at"]),
        "last_seen_at": iso(row["last_seen_at"]),
    }


def as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """
    Yield the lines of a CSV file.

    A text that a spreadsheet would take for a formula is quoted with an apostrophe: it is somebody else's.
    """
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(_COLUMNS)
    for row in rows:
        item = member(row)
        if item["user_id"][:1] in ("=", "+", "-", "@", "\t", "\r"):
            item["user_id"] = "'" + item["user_id"]
        writer.writerow([item[name] for name in _COLUMNS])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def as_ndjson(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file with one JSON object a line."""
    for row in rows:
        yield json.dumps(member(row), ensure_ascii=False) + "\n"
