"""How many people have which value: gender, age band, or any trait."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, distinct, func, select

from lmg_offline.platform.comparable import QUOTE
from lmg_offline.platform.reports.audience import GROUPED, Audience, counted
from lmg_offline.platform.store.tables import MEMBER_CHARS, WORD_CHARS, profile_members, profile_values
from lmg_offline.protocol.canonical import MAX_INTEGER
from lmg_offline.protocol.profile import Gender

Report = dict[str, Any]
# A value as people see it, and what kind of value it is: true is not 1.
_Value = tuple[str, Any]

AGE_BANDS = ((0, 12, "under 13"), (13, 17, "13-17"), (18, 24, "18-24"), (25, 34, "25-34"), (35, 44, "35-44"),
             (45, 54, "45-54"), (55, 64, "55-64"), (65, 200, "65+"))  # fmt: skip
GENDERS = tuple(gender.value for gender in Gender)
MOST_NUMBERS = 20
BINS = 10
MOST_ROWS = 200
BY = "gender, age_band or trait:NAME"


@dataclass(frozen=True, slots=True)
class _Counted:
    """
    Counts by (value, state).

    Attributes:
        rows: In the order in which they are shown.

        have: How many have a value at all, by state. Of a list every member is counted, so this is no sum.
    """

    rows: Sequence[tuple[Any, Counter[str]]]
    have: Counter[str]


def demographics(connection: Connection, audience: Audience, by: str, now_ms: int) -> Report:
    """
    Count people by a value of theirs.

    Args:
        by: `gender`, `age_band` or `trait:NAME`, of a custom trait.

    Returns:
        `{"by", "total", "rows", "missing", "other"}`. A row is `{"value", "count",
        "share", "percent", "identified", "verified"}`: the share is of the total,
        the percentages of a single value's rows, with `missing_percent` and
        `other_percent`, are rounded so that they add up to 100. Who has no such
        value is missing. Beyond 200 rows, the rarest are counted as `other`.

    Raises:
        ValueError: `by` is none of these.
    """
    total = Counter(audience.by_state(connection))
    match by.partition(":"):
        case ("gender", "", ""):
            found = _genders(connection, audience)
        case ("age_band", "", ""):
            found = _age_bands(connection, audience, now_ms)
        case ("trait", ":", name) if name:
            found = _trait(connection, audience, name)
        case _:
            raise ValueError(f"by is {BY}")
    return _report(by, found, total)


def _report(by: str, found: _Counted, total: Counter[str]) -> Report:
    people = total.total()
    shown, rest = _cut(found.rows)
    missing = people - found.have.total()
    counts = [row.total() for _, row in shown]
    percents = percentages([*counts, missing, rest], people)
    rows = [
        {
            "value": value,
            "count": count.total(),
            "share": round(count.total() / people, 6),
            "percent": percent,
            "identified": count["identified"],
            "verified": count["verified"],
        }
        for (value, count), percent in zip(shown, percents, strict=False)
    ]
    return {
        "by": by,
        "total": people,
        "rows": rows,
        "missing": missing,
        "missing_percent": percents[-2],
        "other": rest,
        "other_percent": percents[-1],
    }


def percentages(counts: Sequence[int], total: int) -> list[float]:
    """
    Return percentages to one decimal that add up to 100 where the counts add up to the total.

    Source: the largest remainder method; counts of equal remainder in their order.
    """
    if total == 0:
        return [0.0 for _ in counts]
    tenths = [count * 1000 // total for count in counts]
    if sum(counts) == total:
        left = 1000 - sum(tenths)
        order = sorted(range(len(counts)), key=lambda place: -(counts[place] * 1000 % total))
        for place in order[:left]:
            tenths[place] += 1
    return [tenth / 10 for tenth in tenths]


def _cut(rows: Sequence[tuple[Any, Counter[str]]]) -> tuple[Sequence[tuple[Any, Counter[str]]], int]:
    """Return the rows to show, in their order, and how many the others count."""
    if len(rows) <= MOST_ROWS:
        return rows, 0
    order = sorted(range(len(rows)), key=lambda place: (-rows[place][1].total(), place))
    kept = sorted(order[:MOST_ROWS])
    return [rows[place] for place in kept], sum(rows[place][1].total() for place in order[MOST_ROWS:])


def _genders(connection: Connection, audience: Audience) -> _Counted:
    named = _grouped(connection, audience, "gender", profile_values.c.word)
    rows = [(name, named[QUOTE + name]) for name in GENDERS if QUOTE + name in named]
    return _Counted(rows, sum((count for _, count in rows), Counter()))


def _age_bands(connection: Connection, audience: Audience, now_ms: int) -> _Counted:
    """By age in whole years on the day of the question, in UTC; 29 February ages on 1 March."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    word = profile_values.c.word
    band: ColumnElement[str] = case(
        *((word <= QUOTE + _day(today, low), name) for low, _, name in reversed(AGE_BANDS[1:])), else_=AGE_BANDS[0][2]
    )
    named = _grouped(connection, audience, "birthday", band)
    return _Counted([(name, named[name]) for _, _, name in AGE_BANDS if name in named], sum(named.values(), Counter()))


def _day(today: date, years_ago: int) -> str:
    """Return the day so many years ago as text; it need not be a day of the calendar."""
    return f"{today.year - years_ago:04d}-{today.month:02d}-{today.day:02d}"


def _grouped(
    connection: Connection, audience: Audience, attribute: str, column: ColumnElement[Any], *which: ColumnElement[bool]
) -> dict[Any, Counter[str]]:
    joined, mine = audience.joined(profile_values)
    query = (
        select(*counted(column))
        .select_from(joined)
        .where(mine, profile_values.c.attribute == attribute, *which)
        .group_by(*GROUPED)
    )
    return _by_value(connection.execute(query))


def _by_value(rows: Iterable[Any]) -> dict[Any, Counter[str]]:
    found: dict[Any, Counter[str]] = {}
    for row in rows:
        found.setdefault(row[0], Counter())[row[1]] += row[2]
    return found


def _trait(connection: Connection, audience: Audience, name: str) -> _Counted:
    """Count a custom trait: lists by member, many numbers in bins."""
    words = _grouped(connection, audience, name, profile_values.c.word)
    have = sum(words.values(), Counter())
    found: dict[_Value, Counter[str]] = {}
    numbers: list[tuple[Any, Counter[str]]] = []
    if words.pop(None, None) is not None:  # neither text nor true nor false: numbers and lists
        numbers = _numbers(connection, audience, name)
        for member, count in _members(connection, audience, name).items():
            found["text", _shortened(member, MEMBER_CHARS)] = count
    for word, count in words.items():
        found[_read(word)] = found.get(_read(word), Counter()) + count
    texts = [(value, found[kind, value]) for kind, value in sorted(found)]
    return _Counted([*numbers, *texts], have)


def _read(word: str) -> _Value:
    if word.startswith(QUOTE):
        return "text", _shortened(word, WORD_CHARS)[1:]
    return "bool", word == "true"


def _shortened(text: str, kept_chars: int) -> str:
    """Show by three dots that only the beginning of a text is known."""
    return text if len(text) < kept_chars else f"{text}..."


def _members(connection: Connection, audience: Audience, name: str) -> Mapping[str, Counter[str]]:
    joined, mine = audience.joined(profile_members)
    query = (
        select(*counted(profile_members.c.member))
        .select_from(joined)
        .where(mine, profile_members.c.attribute == name)
        .group_by(*GROUPED)
    )
    return _by_value(connection.execute(query))


def _numbers(connection: Connection, audience: Audience, name: str) -> list[tuple[Any, Counter[str]]]:
    """Count numbers: each by itself while they are few, else in bins of equal width."""
    table = profile_values
    joined, mine = audience.joined(table)
    which = (mine, table.c.attribute == name, table.c.number.is_not(None))
    span = select(func.count(distinct(table.c.number)), func.min(table.c.number), func.max(table.c.number))
    row = connection.execute(span.select_from(joined).where(*which)).one()
    many, low, high = row[0], row[1], row[2]
    is_number = table.c.number.is_not(None)
    if many <= MOST_NUMBERS:
        found = _grouped(connection, audience, name, table.c.number, is_number)
        return [(_plain(number), found[number]) for number in sorted(found)]
    edges = bin_edges(low, high)
    place: ColumnElement[int] = case(
        *((table.c.number >= edge, number) for number, edge in reversed(list(enumerate(edges[:-1])))), else_=0
    )
    found = _grouped(connection, audience, name, place, and_(is_number))
    return [(f"{edges[number]:.10g}-{edges[number + 1]:.10g}", found[number]) for number in sorted(found)]


def bin_edges(low: float, high: float) -> list[float]:
    """
    Return the edges of at most twelve bins from `low` to `high`.

    Each is as wide as 1, 2 or 5 times a power of ten; a bin holds its lower edge and not its upper one.
    """
    rough = (high - low) / BINS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    first = math.floor(low / width)
    edges = [first * width]
    while edges[-1] <= high:
        edges.append((first + len(edges)) * width)
    return edges


def _plain(number: float) -> int | float:
    """Return a number as people write it: 5 and not 5.0."""
    return int(number) if abs(number) <= MAX_INTEGER and number == int(number) else number
