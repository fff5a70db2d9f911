"""
Search; tags as rows; the priority of a business; indexes for what belongs to a business and for places.

`migrate.upgrade` indexes the content of a database that was made before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, the column and the indexes."""
    op.create_table(
        "search_documents",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("business_id", sa.String(128), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="a hash of the key: its row in SQLite's index"
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False, comment="of slogan, categories and tags"),
        sa.Column("offers", sa.Text(), nullable=False, comment="of their headlines, subheads and keywords"),
        sa.Column("details", sa.Text(), nullable=False, comment="of everything longer"),
        sa.Column("words", sa.Text(), nullable=False, comment="all of them, each once"),
        *_keys("search_documents", "property_id", "business_id"),
        sa.UniqueConstraint("number", name=op.f("uq_search_documents_number")),
        comment="The folded words of each business that is shown, with a space between",
    )
    op.create_table(
        "search_spelling",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("stem", sa.String(16), nullable=False),
        sa.Column("word", sa.String(64), nullable=False),
        *_keys("search_spelling", "property_id", "stem", "word"),
        comment="Each word of the documents under what is left of it without a letter or two",
    )
    op.create_index("ix_search_spelling_word", "search_spelling", ["property_id", "word"])
    op.create_table(
        "content_tags",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="businesses or collections"),
        sa.Column("content_id", sa.String(128), nullable=False),
        sa.Column("tag", sa.String(128), nullable=False),
        *_keys("content_tags", "property_id", "kind", "content_id", "tag"),
        comment="The tags of each business and collection",
    )
    op.create_index("ix_content_tags_tag", "content_tags", ["property_id", "kind", "tag", "content_id"])
    op.create_index(
        "ix_content_categories_category", "content_categories", ["property_id", "kind", "category", "content_id"]
    )
    op.create_index("ix_offers_business", "offers", ["property_id", "business_id"])
    op.create_index("ix_locations_business", "locations", ["property_id", "business_id"])
    op.create_index("ix_locations_place", "locations", ["property_id", "latitude", "longitude"])
    op.add_column("businesses", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE search_index USING fts5"
            "(property, words, tokenize = 'ascii', detail = 'column', prefix = '2 3')"
        )
    else:
        op.execute(
            "CREATE INDEX search_index ON search_documents"
            " USING gin ((array_to_tsvector(string_to_array(words, ' '))))"
        )


def _keys(table: str, *columns: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f(f"fk_{table}_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}")),
    )
