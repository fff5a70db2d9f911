"""
The order of what was found: words first, then distance and interests. Pure, in whole numbers, and the same everywhere.

A word counts in the field where it counts most: 8 in the name, 5 in the offers,
4 in what the business is about, 2 in longer texts; tenfold when it is there
as asked, six times as a beginning, four times with one slip, twice with two.
All words together give 0 to 1,000; a name that is the question and nothing else,
100 more; being near, up to 200 (half of it at 5 km); the person's interest in
its categories, up to 200. Of equals, the nearer is first, and then the lesser id.

Source: our choice; the real platform's ranking is not described in public.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIELD_WEIGHTS = {"name": 8, "offers": 5, "about": 4, "details": 2}
EXACT, BEGINNING = 10, 6
BY_SLIPS = {1: 4, 2: 2}
WORDS = 1_000
WHOLE_NAME = 100
NEAR = 200
HALF_NEAR_M = 5_000
INTEREST = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    One word of a question.

    Attributes:
        slips: The words it may have been meant for, and how many slips away each is; none where it is a known one.
    """

    word: str
    slips: Mapping[str, int]

    def quality(self, found: str) -> int:
        """Return how well a word of a document is the one that was asked for; 0: not at all."""
        if found == self.word:
            return EXACT
        if found.startswith(self.word):
            return BEGINNING
        return BY_SLIPS.get(self.slips.get(found, 0), 0)


def word_points(question: Sequence[Wanted], fields: Mapping[str, str]) -> int:
    """
    Return 0 to 1,100 points for the words alone; 0 when one of them is missing.

    Args:
        fields: The folded words of each field, with a space between.
    """
    held = {name: fields[name].split() for name in FIELD_WEIGHTS if fields.get(name)}
    total = 0
    for wanted in question:
        best = max(
            (FIELD_WEIGHTS[name] * max(map(wanted.quality, found), default=0) for name, found in held.items()),
            default=0,
        )
        if not best:
            return 0
        total += best
    most = EXACT * FIELD_WEIGHTS["name"] * len(question)
    whole = {wanted.word for wanted in question} == set(held.get("name", ()))
    return WORDS * total // most + (WHOLE_NAME if whole else 0)


def near_points(distance_m: float | None) -> int:
    """Return 0 to 200 points for being near; None: nobody asked from anywhere, or it has no place."""
    return 0 if distance_m is None else int(NEAR * HALF_NEAR_M / (HALF_NEAR_M + distance_m))


def interest_points(part: int, whole: int) -> int:
    """Return 0 to 200 points for a person's interest, as a part of all their interests."""
    return 0 if whole <= 0 else INTEREST * min(part, whole) // whole
