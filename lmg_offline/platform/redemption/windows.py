"""The windows of limits: hours, days, weeks and months by a place's own clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from lmg_offline.platform.redemption.rules import Granularity

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Window:
    """
    A span of time.

    Attributes:
        start_ms: Its first instant, in milliseconds since 1970 UTC.

        end_ms: The first instant after it.
    """

    start_ms: int
    end_ms: int

    def holds(self, at_ms: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_ms <= at_ms < self.end_ms


def window_at(at_ms: int, granularity: Granularity, zone: tzinfo) -> Window:
    """
    Return the window that holds an instant.

    A day lasts from midnight to midnight by the place's clock, 23 or 25 hours
    when the clock is changed. A week begins on Monday (ISO 8601). An hour is
    always 3,600 seconds: the hour that a clock shows twice is two windows.

    Args:
        at_ms: The instant, in milliseconds since 1970 UTC.

        granularity: How long the window is.

        zone: The place's time zone.
    """
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone)
    if granularity is Granularity.HOUR:
        into_s = local.minute * 60 + local.second
        start_ms = (at_ms // 1000 - into_s) * 1000
        return Window(start_ms, start_ms + _HOUR_S * 1000)
    day = local.date()
    match granularity:
        case Granularity.DAY:
            first, after = day, day + timedelta(days=1)
        case Granularity.WEEK:
            first = day - timedelta(days=day.weekday())
            after = first + timedelta(days=7)
        case Granularity.MONTH:
            first = day.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
    return Window(_midnight_ms(first, zone), _midnight_ms(after, zone))


def _midnight_ms(day: date, zone: tzinfo) -> int:
    """Return the first instant of a day. Where the clock skips midnight, that is when it is changed."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
