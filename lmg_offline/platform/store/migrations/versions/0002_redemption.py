"""
Redemption: who may redeem, and the steps that took effect.

Frozen once released: a change of the tables is a new revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the setting and the table."""
    # Written out, because SQLite can add a checked column in place in no other
    # way: made anew, the table would take every row that refers to it along.
    op.execute(
        "ALTER TABLE properties ADD COLUMN redemption_audience VARCHAR(16) DEFAULT 'identified' NOT NULL"
        " CONSTRAINT ck_properties_redemption_audience"
        " CHECK (redemption_audience IN ('none', 'identified', 'verified'))"
    )
    op.create_table(
        "redemptions",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("offer_id", sa.String(length=256), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, comment="order of arrival, from 1"),
        sa.Column("entry_id", sa.String(length=64), nullable=True, comment="None once erased"),
        sa.Column("session_id", sa.String(length=64), nullable=True, comment="None once erased"),
        sa.Column("user_hash", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("location_id", sa.String(length=256), nullable=False),
        sa.Column("business_id", sa.String(length=256), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=False),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "offer_id", "number", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("property_id", "entry_id", name=op.f("uq_redemptions_property_id_entry_id")),
        comment="Each step that took effect. Erased ones lose the person and the minute; the shop's count stays",
    )
    for name, columns in (
        ("use", ["property_id", "offer_id", "to_state", "occurred_at"]),
        ("user", ["property_id", "user_hash", "offer_id"]),
        ("session", ["property_id", "session_id", "offer_id"]),
    ):
        op.create_index(f"ix_redemptions_{name}", "redemptions", columns, unique=False)
