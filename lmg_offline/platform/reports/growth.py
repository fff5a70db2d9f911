"""How many people there are, by state, and how many were new on each day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Connection, Text, and_, column, func, select, values

from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.store.tables import users

MOST_DAYS = 366


def growth(connection: Connection, audience: Audience, zone: ZoneInfo, days: int, now_ms: int) -> dict[str, Any]:
    """
    Count people by state, and those who were first seen on each of the last days.

    Args:
        zone: Whose midnight a day begins at.

        days: 1 to 366, today included.

    Returns:
        `{"total", "identified", "verified", "days": [{"day", "new"}]}`, oldest day first.
    """
    states = audience.by_state(connection)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    starts = [_midnight_ms(day, zone) for day in [*dates, today + timedelta(days=1)]]
    named = (column("day", Text), column("start_at", BigInteger), column("end_at", BigInteger))
    rows = [(day.isoformat(), *span) for day, span in zip(dates, pairwise(starts), strict=True)]
    spans = values(*named, name="spans").data(rows).cte("spans")
    seen = users.c.first_seen_at
    query = (
        select(spans.c.day, func.count())
        .select_from(users.join(spans, and_(seen >= spans.c.start_at, seen < spans.c.end_at)))
        .where(audience.people(), seen >= starts[0])
        .group_by(spans.c.day)
    )
    new: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {
        "total": sum(states.values()),
        **states,
        "days": [{"day": day.isoformat(), "new": new.get(day.isoformat(), 0)} for day in dates],
    }


def _midnight_ms(day: Any, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
