"""
The log of who asked for whose data; keys that are good for a while after their rotation.

Erasures that were asked for before are in the platform's log alone, and stay there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column(
        "integrations",
        sa.Column(
            "previous_key_hash", sa.String(64), nullable=True, comment="of the write key before the last rotation"
        ),
    )
    op.add_column(
        "integrations",
        sa.Column("previous_key_until", sa.BigInteger(), nullable=True, comment="until when it is good as well"),
    )
    op.create_index("ix_integrations_previous_key", "integrations", ["previous_key_hash"])
    op.add_column(
        "verification_keys",
        sa.Column(
            "retires_at",
            sa.BigInteger(),
            nullable=True,
            comment="not accepted from then on; None: for as long as it is active",
        ),
    )
    op.create_table(
        "privacy_log",
        sa.Column("property_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column(
            "subject",
            sa.String(64),
            nullable=True,
            comment="HMAC of the user id, property's secret; None for a segment",
        ),
        sa.Column("segment_id", sa.String(64), nullable=True),
        sa.Column(
            "admin_key_id",
            sa.String(64),
            nullable=True,
            comment="None: the person asked, from a device of theirs",
        ),
        sa.Column("role", sa.String(16), nullable=True, comment="of the admin key, at that time"),
        sa.CheckConstraint(
            "event IN ('export', 'erasure', 'segment_export')", name=op.f("ck_privacy_log_event")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"],
            ["properties.id"],
            name=op.f("fk_privacy_log_properties"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_privacy_log")),
        comment="Who asked for whose data. Never a user id",
    )
    op.create_index("ix_privacy_log_order", "privacy_log", ["property_id", "at", "id"])
    op.create_index("ix_privacy_log_subject", "privacy_log", ["property_id", "subject", "at"])
