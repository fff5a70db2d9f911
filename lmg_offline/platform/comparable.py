"""
What a profile value is compared by: columns that both databases index and order alike.

A text is its beginning behind a quote, so that it never equals the words for
true and false; a number is a float, which holds every number that a profile may
hold; the members of a list are rows of their own. A rule's text is shorter than
what is kept of a value's, so that comparing beginnings is comparing texts.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from lmg_offline.platform.store.tables import MEMBER_CHARS, WORD_CHARS

QUOTE = '"'
LONGEST_TEXT = min(WORD_CHARS - len(QUOTE), MEMBER_CHARS) - 1


class Compared(NamedTuple):
    """The columns `word` and `number` of a stored value; both are None for a list. The repr shows neither."""

    word: str | None
    number: float | None

    def __repr__(self) -> str:
        return "<Compared>"


def word_of(value: bool | str) -> str:
    """Return the word of true, false or a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return (QUOTE + value)[:WORD_CHARS]


def columns_of(text: str) -> Compared:
    """Return what a stored value is compared by."""
    if text.startswith(QUOTE) and "\\" not in text:  # a text as it stands there, as nearly always
        return Compared(text[:-1][:WORD_CHARS], None)
    value = json.loads(text)
    word = word_of(value) if isinstance(value, bool | str) else None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Compared(word, number)


def members_of(text: str) -> set[str]:
    """Return the members of a stored value as they are kept; none if it is not a list."""
    if not text.startswith("["):
        return set()
    return {member[:MEMBER_CHARS] for member in json.loads(text)}
