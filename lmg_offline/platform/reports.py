"""Demographic reports: counts and shares over the effective profiles, counted in SQL."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, Integer, and_, case, cast, func, select
from sqlalchemy.sql import ColumnElement

from lmg_offline.platform.store.tables import profile_values, users

Row = dict[str, object]

AGE_BANDS = ((0, 12, "under 13"), (13, 17, "13-17"), (18, 24, "18-24"), (25, 34, "25-34"), (35, 44, "35-44"),
             (45, 54, "45-54"), (55, 64, "55-64"), (65, 200, "65+"))  # fmt: skip
GENDERS = ("male", "female", "other", "pnts")
MOST_VALUES = 20
BINS = 10


def demographics(connection: Connection, property_id: str, by: str, now_ms: int) -> Row:
    """
    Count all users of the property by `gender`, `age_band` or `trait:NAME`.

    Returns:
        `{"total", "rows": [{"value", "count", "share"}], "missing"}`; users
        without the value are `missing`; shares are of `total`.

    Raises:
        ValueError: `by` is none of the three.
    """
    total = connection.execute(
        select(func.count()).select_from(users).where(users.c.property_id == property_id)
    ).scalar_one()
    rows: list[tuple[object, int]]
    if by == "gender":
        counted = _counts(connection, property_id, "gender")
        named = {json.loads(value): count for value, count in counted}
        rows = [(name, named[name]) for name in GENDERS if name in named]
        have = sum(named.values())
    elif by == "age_band":
        named = _age_bands(connection, property_id, now_ms)
        rows = [(name, named[name]) for _, _, name in AGE_BANDS if name in named]
        have = sum(named.values())
    elif by.startswith("trait:") and len(by) > len("trait:"):
        rows, have = _trait(connection, property_id, by.removeprefix("trait:"))
    else:
        raise ValueError("by is gender, age_band or trait:NAME")
    return {
        "total": total,
        "rows": [{"value": value, "count": count, "share": round(count / total, 6)} for value, count in rows],
        "missing": total - have,
    }


def _counts(connection: Connection, property_id: str, attribute: str) -> list[tuple[str, int]]:
    query = (
        select(profile_values.c.value, func.count())
        .where(profile_values.c.property_id == property_id, profile_values.c.attribute == attribute)
        .group_by(profile_values.c.value)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def _age_bands(connection: Connection, property_id: str, now_ms: int) -> dict[str, int]:
    """Count by band. Age is in whole years on the day of the question, in UTC; 29 February ages on 1 March."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    # The value is JSON text, "yyyy-mm-dd" in quotes.
    year = cast(func.substr(profile_values.c.value, 2, 4), Integer)
    month_day = func.substr(profile_values.c.value, 7, 5)
    age = today.year - year - case((month_day > today.strftime("%m-%d"), 1), else_=0)
    band: ColumnElement[str] = case(
        *[(and_(age >= low, age <= high), name) for low, high, name in AGE_BANDS], else_="under 13"
    )
    query = (
        select(band.label("band"), func.count())
        .where(profile_values.c.property_id == property_id, profile_values.c.attribute == "birthday")
        .group_by("band")
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _trait(connection: Connection, property_id: str, name: str) -> tuple[list[tuple[object, int]], int]:
    """Count a custom trait: lists per member, many numbers in bins of equal width."""
    counted = [(json.loads(value), count) for value, count in _counts(connection, property_id, name)]
    have = sum(count for _, count in counted)
    # True and 1 are one key to Python and two values to people: the key says which.
    found: dict[tuple[bool, object], int] = {}
    for value, count in counted:
        for member in set(value) if isinstance(value, list) else [value]:
            key = (isinstance(member, bool), member)
            found[key] = found.get(key, 0) + count
    values = [(key[1], count) for key, count in found.items()]
    if len(values) > MOST_VALUES and all(_is_number(value) for value, _ in values):
        return _binned(values), have
    return sorted(values, key=lambda row: (str(type(row[0])), row[0])), have


def _binned(values: Iterable[tuple[object, int]]) -> list[tuple[object, int]]:
    """Return (label, count) over at most eleven bins whose width is 1, 2 or 5 times a power of ten."""
    numbers = [(float(value), count) for value, count in values]  # type: ignore[arg-type]  # checked by the caller
    low, high = min(numbers)[0], max(numbers)[0]
    rough = (high - low) / BINS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    bins: dict[int, int] = {}
    for number, count in numbers:
        place = math.floor(number / width)
        bins[place] = bins.get(place, 0) + count
    return [(f"{_short(place * width)}-{_short((place + 1) * width)}", bins[place]) for place in sorted(bins)]


def _short(number: float) -> str:
    return f"{number:.10g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
