"""The people of the demo: real survey respondents, and the reports computed from their file alone."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date
from importlib import resources

BANDS = ((0, 12, "under 13"), (13, 17, "13-17"), (18, 24, "18-24"), (25, 34, "25-34"), (35, 44, "35-44"),
         (45, 54, "45-54"), (55, 64, "55-64"), (65, 200, "65+"))  # fmt: skip
BAND_NAMES = tuple(name for _, _, name in BANDS)
GENDERS = ("female", "male")
VERIFIED_EVERY = 3


@dataclass(frozen=True, slots=True)
class Person:
    """One respondent. The repr shows the number alone."""

    number: int
    sex: str
    age: int
    traits: dict[str, object]

    @property
    def user_id(self) -> str:
        """The id the demo gives them."""
        return f"slid-{self.number}"

    @property
    def is_verified(self) -> bool:
        """Every third identifies with a signed token."""
        return self.number % VERIFIED_EVERY == 0

    def profile(self, today: date) -> dict[str, object]:
        """Return the profile: the age becomes the birthday of somebody who turned it today."""
        return {"gender": self.sex.lower(), "birthday": birthday(self.age, today), "traits": dict(self.traits)}

    def __repr__(self) -> str:
        return f"Person(number={self.number})"


def birthday(age: int, today: date) -> date:
    """Return the birthday of a person who is `age` since today; 29 February becomes the 28th."""
    try:
        return today.replace(year=today.year - age)
    except ValueError:
        return today.replace(year=today.year - age, day=28)


def load(most: int | None = None) -> list[Person]:
    """Return the respondents in the order of the file. NA is a missing value: the key is left out."""
    text = resources.files("lmg_offline.cli").joinpath("data/slid.csv").read_text("utf-8")
    people = []
    for row in csv.DictReader(text.splitlines()):
        traits: dict[str, object] = {name: float(row[name]) for name in ("education", "wages") if row[name] != "NA"}
        if row["language"] != "NA":
            traits["language"] = row["language"]
        people.append(Person(int(row[""]), row["sex"], int(row["age"]), traits))
    return people[:most]


def by_gender(people: list[Person]) -> dict[str, int]:
    """Count by gender, from the file."""
    return dict(Counter(person.sex.lower() for person in people))


def by_age_band(people: list[Person]) -> dict[str, int]:
    """Count by age band, from the file."""
    return dict(Counter(band_of(person.age) for person in people))


def band_of(age: int) -> str:
    """Return the name of the band an age lies in."""
    return next(name for low, high, name in BANDS if low <= age <= high)
