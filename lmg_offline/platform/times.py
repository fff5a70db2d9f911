"""Instants: the present one, and how the Admin API writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def present_ms() -> int:
    """Return the present in milliseconds since 1970 UTC, by this machine's clock."""
    return time.time_ns() // 1_000_000


def iso(milliseconds: int | None) -> str | None:
    """Return milliseconds since 1970 UTC as ISO 8601 with a Z; None stays None."""
    if milliseconds is None:
        return None
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
