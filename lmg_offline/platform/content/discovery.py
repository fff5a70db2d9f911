"""When and for whom a collection is found by listing: by the clock of its place, and by where somebody asks from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lmg_offline.platform.content import geo
from lmg_offline.platform.redemption.rules import known_zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody asks from: a point, or the area that they look at, or neither."""

    point: geo.Point | None = None
    area: geo.Region | None = None

    def is_in(self, region: geo.Region) -> bool:
        """Whether the point lies in a region, or else the area meets it. Who asks from nowhere is in none."""
        if self.point is not None:
            return region.holds(self.point)
        return self.area is not None and geo.meet(self.area, region)


def is_open(timetable: Mapping[str, Any], now_ms: int, property_zone: str) -> bool:
    """
    Say whether a timetable holds at an instant.

    Hours are from `opens` until before `closes`; where `closes` is not later,
    they last into the next day, and belong to the day on which they began.

    Args:
        timetable: As `TimetableSchema` takes it, with names as the Admin API has them.

        now_ms: In milliseconds since 1970 UTC.

        property_zone: The IANA name of the time zone, where the timetable names none.
    """
    zone = known_zone(timetable.get("time_zone") or property_zone) or UTC
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    day, clock = local.date(), local.time().replace(tzinfo=None)
    opens, closes = (_time(timetable.get(name)) for name in ("opens", "closes"))
    opens = opens or time(0)
    if closes is None or closes > opens:
        return clock >= opens and (closes is None or clock < closes) and _has_day(timetable, day)
    if clock >= opens:
        return _has_day(timetable, day)
    return clock < closes and _has_day(timetable, day - timedelta(days=1))


def _has_day(timetable: Mapping[str, Any], day: date) -> bool:
    days, text = timetable.get("days"), day.isoformat()
    if days and DAYS[day.weekday()] not in days:
        return False
    starts, ends = timetable.get("starts_on"), timetable.get("ends_on")
    return (starts is None or starts <= text) and (ends is None or text <= ends)


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def suits_age(limits: Mapping[str, Any] | None, age: int | None) -> bool:
    """Say whether somebody of an age, in whole years, is within limits; an unknown age is within none."""
    least, most = (None, None) if limits is None else (limits.get("min"), limits.get("max"))
    if least is None and most is None:
        return True
    return age is not None and (least is None or age >= least) and (most is None or age <= most)
