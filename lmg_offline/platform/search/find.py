"""Asking: from a line of text to the businesses that hold its words, with their points."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from lmg_offline.platform.search import words
from lmg_offline.platform.search.engines import engine_of
from lmg_offline.platform.search.ranking import Wanted, word_points
from lmg_offline.platform.search.tables import FIELDS, search_documents, search_spelling

# The nearest words that one of a question is taken for.
_MAX_SLIPS = 50


def question(connection: Connection, property_id: str, text: str) -> list[Wanted]:
    """
    Return the words of a text, each with those of the property's that it may have been meant for.

    A word that a document holds, or that begins one, is meant as it is written.
    """
    asked = words.asked(text)
    stems = {word: words.stems(word) for word in asked}
    spelt: dict[str, set[str]] = {}
    wanted = sorted(set().union(*stems.values()))
    if wanted:
        table = search_spelling
        query = select(table.c.stem, table.c.word).where(table.c.property_id == property_id, table.c.stem.in_(wanted))
        for row in connection.execute(query):
            spelt.setdefault(row.stem, set()).add(row.word)
    near = {word: _nearest(word, set().union(*(spelt.get(stem, set()) for stem in stems[word]))) for word in asked}
    known = _known(connection, property_id, [word for word in asked if near[word]])
    return [Wanted(word, {} if word in known else near[word]) for word in asked]


def _known(connection: Connection, property_id: str, asked: list[str]) -> set[str]:
    """Return which of some words a document holds, if only as a beginning."""
    if not asked:
        return set()
    engine = engine_of(connection)
    found = connection.execute(
        select(
            *(
                select(search_documents.c.number).where(engine.holds(property_id, [[(word, True)]])).exists()
                for word in asked
            )
        )
    ).one()
    return {word for word, holds in zip(asked, found, strict=True) if holds}


def _nearest(word: str, found: Iterable[str]) -> dict[str, int]:
    """Return the words that are within the slips forgiven in both."""
    near = []
    for other in found:
        slips = words.distance(word, other, min(words.slips(word), words.slips(other)))
        if slips:
            near.append((slips, other))
    return {other: slips for slips, other in sorted(near)[:_MAX_SLIPS]}


def points(connection: Connection, property_id: str, asked: list[Wanted]) -> dict[str, int]:
    """Return the points of each business that holds every word, by id. A question without words finds nothing."""
    if not asked:
        return {}
    holding = engine_of(connection).holds(
        property_id, [[(each.word, True), *((word, False) for word in each.slips)] for each in asked]
    )
    table = search_documents
    query = select(table.c.business_id, *(table.c[name] for name in FIELDS)).where(holding)
    found = {row["business_id"]: word_points(asked, dict(row)) for row in connection.execute(query).mappings()}
    return {business_id: scored for business_id, scored in found.items() if scored}
