"""
Words: how text becomes what is compared, and which words are one slip of the finger apart. Pure.

Folding is done here for the index and for the question, never by a database:
each has its own idea of case and accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

MAX_WORD = 64
MAX_ASKED = 16
# Shorter words are too near to one another; from 8 letters on, two slips are forgiven.
SPELLED_FROM = 4
TWO_SLIPS_FROM = 8
# Slips are looked for by the beginning of a word; what comes after it is compared in full.
_STEM_CHARS = 10

_APOSTROPHES = re.compile("['\u2019\u02bc\u2018]")
_WORD = re.compile(r"[^\W_]+")
# Letters that no normalization takes apart, as people without that key type them.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


def fold(text: str) -> str:
    """Return text without case, accents and forms of Unicode; what looks the same is the same."""
    bare = _bare(_bare(text).casefold()).translate(_PLAIN)
    return unicodedata.normalize("NFC", bare)


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def asked(text: str) -> list[str]:
    """Return the different words of a question, in its order, at most `MAX_ASKED`: `Joe's café` asks for joes, cafe."""
    found = (word[:MAX_WORD] for word in _WORD.findall(_APOSTROPHES.sub("", fold(text))))
    return list(dict.fromkeys(found))[:MAX_ASKED]


def held(texts: Iterable[str | None]) -> list[str]:
    """
    Return the different words that texts can be found by, in their order.

    A word with an apostrophe is found as one and by its parts: `l'école` by lecole and by ecole.
    """
    return list(dict.fromkeys(word[:MAX_WORD] for text in texts if text for word in _held(fold(text))))


def _held(folded: str) -> Iterator[str]:
    yield from _WORD.findall(_APOSTROPHES.sub("", folded))
    if _APOSTROPHES.search(folded):
        yield from (word for word in _WORD.findall(folded) if len(word) > 1)


def slips(word: str) -> int:
    """Return how many slips are forgiven in a word: 0, 1 or 2. A number is meant as it is written."""
    if len(word) < SPELLED_FROM or any(char.isdecimal() for char in word):
        return 0
    return 1 if len(word) < TWO_SLIPS_FROM else 2


def stems(word: str) -> set[str]:
    """
    Return what is left of a word's beginning when up to `slips` letters are left out.

    Two words within that many slips of each other have a stem in common, so
    that slips are found by looking up equal texts, on any database.

    Source: the symmetric deletion of SymSpell (Wolf Garbe), with its prefix.
    """
    forgiven = slips(word)
    if not forgiven:
        return set()
    found = last = {word[:_STEM_CHARS]}
    for _ in range(forgiven):
        last = {stem[:place] + stem[place + 1 :] for stem in last for place in range(len(stem))}
        found = found | last
    return found


def distance(one: str, other: str, most: int) -> int | None:
    """
    Return how many slips are between two words, or None when more than `most`.

    A slip is a letter too many, one too few, a wrong one, or two neighbours in
    the wrong order. Source: optimal string alignment.
    """
    if abs(len(one) - len(other)) > most:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for down, mine in enumerate(one, 1):
        older, before, row = before, row, [down]
        for across, theirs in enumerate(other, 1):
            cost = min(before[across] + 1, row[-1] + 1, before[across - 1] + (mine != theirs))
            if down > 1 and across > 1 and mine == other[across - 2] and theirs == one[down - 2]:
                cost = min(cost, older[across - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None
