"""How many people there are, by state, and how many were new on each day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, literal, select

from lmg_offline.platform.interests import DAY_MS
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.store.tables import users

MOST_DAYS = 366
# No column is called so.
_DAY = "shown_day"


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
    seen = users.c.first_seen_at
    query = (
        select(_day_number(seen, starts).label(_DAY), func.count())
        .where(audience.people(), seen >= starts[0], seen < starts[-1])
        .group_by(_DAY)
    )
    new: dict[int, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {
        "total": sum(states.values()),
        **states,
        "days": [{"day": day.isoformat(), "new": new.get(number, 0)} for number, day in enumerate(dates)],
    }


def _day_number(at: ColumnElement[int], starts: Sequence[int]) -> ColumnElement[int]:
    """
    Return which of the days an instant lies in, from 0: by division, in runs of days of 24 hours.

    A day on which the clocks change is a run of its own.
    """
    runs: list[tuple[int, int, bool]] = []
    for number, (start, end) in enumerate(pairwise(starts)):
        is_whole = end - start == DAY_MS
        if not (runs and is_whole and runs[-1][2]):
            runs.append((number, start, is_whole))
    numbers = [
        (at >= start, literal(number, BigInteger) + (at - start) // literal(DAY_MS, BigInteger) * int(is_whole))
        for number, start, is_whole in reversed(runs)
    ]
    return case(*numbers)


def _midnight_ms(day: Any, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
