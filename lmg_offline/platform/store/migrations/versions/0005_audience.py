"""
What profile values are compared by, what activity and content are about, and segments.

What is there already is brought along: each profile value, the members of each
list, the offer and business of each activity, the categories of the content.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CHUNK = 10_000


def _by_code_point(chars: int) -> sa.types.TypeEngine[str]:
    return sa.String(chars).with_variant(sa.String(chars, collation="C"), "postgresql")


def upgrade() -> None:
    """Add columns and tables, and fill them."""
    op.add_column(
        "profile_values",
        sa.Column(
            "word", _by_code_point(130), nullable=True, comment="a quote and the beginning of a text; true or false"
        ),
    )
    op.add_column("profile_values", sa.Column("number", sa.Float(53), nullable=True))
    op.create_table(
        "profile_members",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("attribute", sa.String(256), nullable=False),
        sa.Column("member", _by_code_point(129), nullable=False, comment="the beginning of the text"),
        sa.Column("user_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "property_id", "attribute", "member", "user_hash", name=op.f("pk_profile_members")
        ),
        comment="The members of the effective values that are lists",
    )
    op.create_index("ix_profile_members_user", "profile_members", ["property_id", "user_hash"])
    op.add_column(
        "activity",
        sa.Column("offer_id", sa.String(128), nullable=True, comment="the offer that the properties name"),
    )
    op.add_column(
        "activity",
        sa.Column("business_id", sa.String(128), nullable=True, comment="the business that the properties name"),
    )
    op.create_table(
        "content_categories",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="businesses or offers"),
        sa.Column("content_id", sa.String(128), nullable=False),
        sa.Column(
            "category",
            sa.String(128),
            nullable=False,
            comment="the category's slug; as it was written where there is none",
        ),
        sa.ForeignKeyConstraint(
            ["property_id"],
            ["properties.id"],
            name=op.f("fk_content_categories_properties"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "property_id", "kind", "content_id", "category", name=op.f("pk_content_categories")
        ),
        comment="What each business and offer is about; an offer is about what its business is about too",
    )
    op.create_table(
        "segments",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_segments_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_segments")),
    )
    _fill_profiles()
    _fill_activity()
    _fill_categories()
    op.create_index(
        "ix_profile_values_word", "profile_values", ["property_id", "attribute", "word", "number", "user_hash"]
    )
    op.drop_index("ix_profile_values_attribute", "profile_values")
    op.drop_index("ix_activity_name", "activity")
    op.create_index("ix_activity_name", "activity", ["property_id", "name", "occurred_at", "user_hash"])


def _chunks(table: str, keys: tuple[str, ...], columns: tuple[str, ...]) -> Iterator[list[Any]]:
    """Read a table in the order of its key, a part at a time; each row is its key and the columns."""
    named = ", ".join((*keys, *columns))
    after = ", ".join(f":{key}" for key in keys)
    order = ", ".join(keys)
    last: Any = None
    while True:
        where = "" if last is None else f"WHERE ({order}) > ({after})"
        query = sa.text(f"SELECT {named} FROM {table} {where} ORDER BY {order} LIMIT {_CHUNK}")
        rows = op.get_bind().execute(query, {} if last is None else dict(zip(keys, last, strict=False))).all()
        if not rows:
            return
        yield list(rows)
        last = rows[-1]


def _fill_profiles() -> None:
    change = sa.text(
        "UPDATE profile_values SET word = :word, number = :number"
        " WHERE property_id = :property_id AND user_hash = :user_hash AND attribute = :attribute"
    )
    add = sa.text(
        "INSERT INTO profile_members (property_id, attribute, member, user_hash)"
        " VALUES (:property_id, :attribute, :member, :user_hash)"
    )
    for rows in _chunks("profile_values", ("property_id", "user_hash", "attribute"), ("value",)):
        changes, members = [], []
        for property_id, user_hash, attribute, text in rows:
            key = {"property_id": property_id, "user_hash": user_hash, "attribute": attribute}
            value = json.loads(text)
            if isinstance(value, list):
                members += [{**key, "member": member} for member in {member[:129] for member in value}]
            elif isinstance(value, bool):
                changes.append({**key, "word": "true" if value else "false", "number": None})
            elif isinstance(value, str):
                changes.append({**key, "word": ('"' + value)[:130], "number": None})
            else:
                changes.append({**key, "word": None, "number": float(value)})
        for statement, parameters in ((change, changes), (add, members)):
            if parameters:
                op.get_bind().execute(statement, parameters)


def _fill_activity() -> None:
    change = sa.text(
        "UPDATE activity SET offer_id = :offer_id, business_id = :business_id"
        " WHERE property_id = :property_id AND entry_id = :entry_id"
    )
    for rows in _chunks("activity", ("property_id", "entry_id"), ("properties",)):
        changes = []
        for property_id, entry_id, text in rows:
            properties = json.loads(text)
            named = {name: properties.get(name) for name in ("offer_id", "business_id")}
            named = {name: id_ if isinstance(id_, str) and len(id_) <= 128 else None for name, id_ in named.items()}
            if any(named.values()):
                changes.append({"property_id": property_id, "entry_id": entry_id, **named})
        if changes:
            op.get_bind().execute(change, changes)


def _fill_categories() -> None:
    bind = op.get_bind()
    slugs: dict[tuple[str, str], str] = {}
    for property_id, id_, slug in bind.execute(sa.text("SELECT property_id, id, slug FROM categories")).all():
        slugs[property_id, id_] = slugs[property_id, slug] = slug
    about: dict[tuple[str, str, str], set[str]] = {}
    for kind in ("businesses", "offers"):
        table = sa.table(kind, sa.column("property_id"), sa.column("id"), sa.column("document", sa.JSON))
        for property_id, id_, document in bind.execute(sa.select(table)).all():
            named = document.get("categories") or [name for name in (document.get("category"),) if name]
            found = {slugs.get((property_id, name), name) for name in named}
            found |= about.get((property_id, "businesses", document.get("business_id", "")), set())
            about[property_id, kind, id_] = found
    rows = [
        {"property_id": property_id, "kind": kind, "content_id": id_, "category": category}
        for (property_id, kind, id_), named in about.items()
        for category in sorted(named)
    ]
    if rows:
        bind.execute(
            sa.text(
                "INSERT INTO content_categories (property_id, kind, content_id, category)"
                " VALUES (:property_id, :kind, :content_id, :category)"
            ),
            rows,
        )
