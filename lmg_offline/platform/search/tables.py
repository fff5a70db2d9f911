"""The tables of search. The database's own full-text index over them is made in `engines.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from lmg_offline.platform.search.words import MAX_WORD
from lmg_offline.platform.store.metadata import metadata

FIELDS = ("name", "about", "offers", "details")

search_documents = Table(
    "search_documents",
    metadata,
    Column("property_id", String(64), ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("business_id", String(128), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True, comment="a hash of the key: its row in SQLite's index"),
    Column("name", Text, nullable=False),
    Column("about", Text, nullable=False, comment="of slogan, categories and tags"),
    Column("offers", Text, nullable=False, comment="of their headlines, subheads and keywords"),
    Column("details", Text, nullable=False, comment="of everything longer"),
    Column("words", Text, nullable=False, comment="all of them, each once"),
    comment="The folded words of each business that is shown, with a space between",
)

search_spelling = Table(
    "search_spelling",
    metadata,
    Column("property_id", String(64), ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("stem", String(16), primary_key=True),
    Column("word", String(MAX_WORD), primary_key=True),
    Index("ix_search_spelling_word", "property_id", "word"),
    comment="Each word of the documents under what is left of it without a letter or two",
)
