"""
The reports and segments of the survey's file, counted from it alone.

Nothing of the platform or of the SDK is used here, so that agreement means something.
A report is a list of (value, count) in the platform's order, and how many have none.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = Mapping[str, str]
NONE = "NA"
VERIFIED_EVERY = 3
FEW = 20  # numbers, which are shown each by itself
MOST_BINS = 10
BANDS = ((13, "under 13"), (18, "13-17"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (65, "55-64"),
         (1000, "65+"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """A report: rows of (value, count), and how many have no value."""

    rows: list[tuple[Any, int]]
    missing: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's rule as the platform takes it, and as Python says it of a row of the file."""

    name: str
    rule: dict[str, Any]
    holds: Callable[[Row], bool]


def read(path: Path, most: int | None = None) -> list[Row]:
    """Return the first rows of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = [*csv.DictReader(file)]
    return rows[:most]


def user_id(row: Row) -> str:
    """Return the id under which they are sent."""
    return f"slid-{row['']}"


def is_verified(row: Row) -> bool:
    """Whether they are sent with a signed token."""
    return int(row[""]) % VERIFIED_EVERY == 0


def reports(rows: list[Row]) -> dict[str, Counted]:
    """Return each report by what it is by."""
    genders = Counter(row["sex"].lower() for row in rows)
    bands = Counter(next(name for below, name in BANDS if int(row["age"]) < below) for row in rows)
    return {
        "gender": Counted([(name, genders[name]) for name in ("male", "female") if genders[name]], 0),
        "age_band": Counted([(name, bands[name]) for _, name in BANDS if bands[name]], 0),
        "trait:language": _texts([row["language"] for row in rows]),
        "trait:education": _numbers([row["education"] for row in rows]),
        "trait:wages": _numbers([row["wages"] for row in rows]),
    }


def _texts(values: list[str]) -> Counted:
    found = Counter(value for value in values if value != NONE)
    return Counted(sorted(found.items()), values.count(NONE))


def _numbers(values: list[str]) -> Counted:
    """Few numbers each by itself; many in bins as wide as 1, 2 or 5 times a power of ten, at most a dozen."""
    numbers = [Decimal(value) for value in values if value != NONE]
    missing = values.count(NONE)
    if len(set(numbers)) <= FEW:
        return Counted([(float(number), count) for number, count in sorted(Counter(numbers).items())], missing)
    rough = (max(numbers) - min(numbers)) / MOST_BINS
    tens = Decimal(10) ** rough.adjusted()
    width = next(step * tens for step in (1, 2, 5, 10) if step * tens >= rough)
    found = Counter(number // width for number in numbers)
    return Counted(
        [(f"{_plain(place * width)}-{_plain((place + 1) * width)}", found[place]) for place in sorted(found)], missing
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _no_english(row: Row) -> bool:
    return row["language"] not in ("English", NONE)


SEGMENTS = (
    Segment(
        "Of 65 and older",
        {"attribute": "age", "op": ">=", "value": 65},
        lambda row: int(row["age"]) >= 65,
    ),
    Segment(
        "Women of another language, and unverified people without a wage",
        {
            "any": [
                {
                    "all": [
                        {"attribute": "gender", "op": "==", "value": "female"},
                        {"not": {"any": [{"trait": "language", "op": "==", "value": "English"},
                                         {"not": {"trait": "language", "op": "exists"}}]}},
                    ]
                },
                {"not": {"any": [{"state": "verified"}, {"trait": "wages", "op": "exists"}]}},
            ]
        },
        lambda row: (
            (row["sex"] == "Female" and _no_english(row)) or (not is_verified(row) and row["wages"] == NONE)
        ),
    ),
    Segment(
        "Verified, schooled, well paid, French or other",
        {
            "all": [
                {"state": "verified"},
                {"trait": "education", "op": "between", "value": [12, 18]},
                {"trait": "wages", "op": ">", "value": 15},
                {"trait": "language", "op": "in", "value": ["French", "Other"]},
            ]
        },
        lambda row: (
            is_verified(row)
            and row["education"] != NONE
            and 12 <= Decimal(row["education"]) <= 18
            and row["wages"] != NONE
            and Decimal(row["wages"]) > 15
            and row["language"] in ("French", "Other")
        ),
    ),
)  # fmt: skip
