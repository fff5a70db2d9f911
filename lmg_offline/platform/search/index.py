"""Keeping the words of each business that is shown, with those of its offers, and how they may be misspelt."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from lmg_offline.platform.content.tables import businesses, categories, offers
from lmg_offline.platform.search.engines import engine_of
from lmg_offline.platform.search.ranking import Wanted, word_points
from lmg_offline.platform.search.tables import search_documents, search_spelling
from lmg_offline.platform.search.words import held, stems
from lmg_offline.platform.store import tables

Document = dict[str, Any]
Fields = dict[str, str]

# A business with more different words is found by the first ones; PostgreSQL's vectors end at 1 MiB.
MAX_WORDS = 10_000
_CHUNK = 400  # of parameters: databases bound them


def refresh(connection: Connection, property_id: str, business_ids: Iterable[str] | None) -> None:
    """
    Bring the words of some businesses up to date, or of all (None), after content was written.

    Writers of one property's content wait for each other from here on: what is
    the last document with a word can't be told otherwise.
    """
    table = tables.properties
    connection.execute(select(table.c.id).where(table.c.id == property_id).with_for_update(key_share=True))
    ids = None if business_ids is None else sorted(set(business_ids))
    old = _kept(connection, property_id, ids)
    new = {row["business_id"]: row for row in _documents(connection, property_id, ids)}
    gone = [row for key, row in old.items() if new.get(key) != row]
    come = [row for key, row in new.items() if old.get(key) != row]
    engine = engine_of(connection)
    engine.remove(connection, [row["number"] for row in gone])
    for some in _chunks([row["business_id"] for row in gone]):
        which = (search_documents.c.property_id == property_id, search_documents.c.business_id.in_(some))
        connection.execute(delete(search_documents).where(*which))
    if come:
        connection.execute(insert(search_documents), come)
        engine.put(connection, come)
    before, after = _words(gone), _words(come)
    _unspell(connection, property_id, before - after)
    _spell(connection, property_id, after - before)


def remove_property(connection: Connection, property_id: str) -> None:
    """Leave out everything of a property that is about to go."""
    engine_of(connection).remove(connection, [row["number"] for row in _kept(connection, property_id, None).values()])


def fields_of(business: Document, own: Iterable[Document], named: dict[str, str]) -> Fields:
    """
    Return the folded words of a business and its offers, by field.

    Args:
        named: The name of each category, by its id and its slug.
    """
    shown = list(own)
    kinds = [*business.get("categories", []), *(offer["category"] for offer in shown if offer.get("category"))]
    texts: dict[str, list[str | None]] = {
        "name": [business["name"], business.get("short_name")],
        "about": [
            business.get("slogan"),
            *business.get("tags", []),
            *kinds,
            *(named[kind] for kind in kinds if kind in named),
        ],
        "offers": [text for offer in shown for text in offer_texts(offer)],
        "details": [business.get("desc"), *(offer.get("details") for offer in shown)],
    }
    return {name: " ".join(held(found)[:MAX_WORDS]) for name, found in texts.items()}


def offer_texts(offer: Document) -> list[str | None]:
    """Return what an offer is found by first."""
    return [offer["headline"], offer.get("subhead"), *offer.get("keywords", []), *offer.get("tags", [])]


def offer_points(question: Sequence[Wanted], offer: Document) -> int:
    """Return how well one offer of a found business is what was asked for, to put its offers in order."""
    headline, *others = offer_texts(offer)
    fields = {"name": held([headline]), "offers": held(others), "details": held([offer.get("details")])}
    joined = {name: " ".join(found) for name, found in fields.items()}
    return sum(word_points([wanted], joined) for wanted in question)


def number_of(property_id: str, business_id: str) -> int:
    """Return the number of a document: 8 bytes of the SHA-256 of its key, as a signed integer."""
    hashed = hashlib.sha256(f"{property_id}\x00{business_id}".encode()).digest()
    return int.from_bytes(hashed[:8], "big", signed=True)


def _kept(connection: Connection, property_id: str, ids: Collection[str] | None) -> dict[str, Document]:
    query = select(search_documents).where(search_documents.c.property_id == property_id)
    if ids is not None:
        query = query.where(search_documents.c.business_id.in_(ids))
    return {row["business_id"]: dict(row) for row in connection.execute(query).mappings()}


def _documents(connection: Connection, property_id: str, ids: Collection[str] | None) -> list[Document]:
    named: dict[str, str] = {}
    for row in connection.execute(select(categories).where(categories.c.property_id == property_id)):
        named[row.id] = named[row.slug] = row.name
    own: dict[str, list[Document]] = defaultdict(list)
    for row in connection.execute(_shown(offers, offers.c.business_id, property_id, ids).order_by(offers.c.id)):
        own[row.business_id].append(row.document)
    found = []
    for row in connection.execute(_shown(businesses, businesses.c.id, property_id, ids)):
        fields = fields_of(row.document, own[row.id], named)
        words = dict.fromkeys(" ".join(fields.values()).split())
        key = {"property_id": property_id, "business_id": row.id, "number": number_of(property_id, row.id)}
        found.append({**key, **fields, "words": " ".join(list(words)[:MAX_WORDS])})
    return found


def _shown(table: Any, column: Any, property_id: str, ids: Collection[str] | None) -> Any:
    query = select(table).where(table.c.property_id == property_id, table.c.enabled)
    return query if ids is None else query.where(column.in_(ids))


def _words(documents: Iterable[Document]) -> set[str]:
    return {word for document in documents for word in document["words"].split()}


def _spell(connection: Connection, property_id: str, words: set[str]) -> None:
    known: set[str] = set()
    for some in _chunks(sorted(words)):
        which = (search_spelling.c.property_id == property_id, search_spelling.c.word.in_(some))
        known.update(connection.execute(select(search_spelling.c.word).where(*which).distinct()).scalars())
    rows = [
        {"property_id": property_id, "stem": stem, "word": word}
        for word in sorted(words - known)
        for stem in sorted(stems(word))
    ]
    if rows:
        connection.execute(insert(search_spelling), rows)


def _unspell(connection: Connection, property_id: str, words: set[str]) -> None:
    """Forget words that no document holds any more."""
    engine = engine_of(connection)
    for some in _chunks(sorted(words), 50):
        holding = engine.holds(property_id, [[(word, False) for word in some]])
        kept = _words({"words": text} for text in connection.execute(
            select(search_documents.c.words).where(holding)
        ).scalars())
        lost = [word for word in some if word not in kept]
        which = (search_spelling.c.property_id == property_id, search_spelling.c.word.in_(lost))
        connection.execute(delete(search_spelling).where(*which))


def _chunks(items: list[str], size: int = _CHUNK) -> Iterable[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
