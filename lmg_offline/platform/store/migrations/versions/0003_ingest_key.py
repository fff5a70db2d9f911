"""
An ingestion key for each session.

Null for the sessions of before: they get theirs with their next session token.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and the index by which a collector's request finds its session."""
    op.add_column(
        "sessions",
        sa.Column(
            "ingest_key",
            sa.String(length=64),
            nullable=True,
            comment="in the session's ingestionUrl: adds activity, reads nothing",
        ),
    )
    op.create_index("ix_sessions_ingest_key", "sessions", ["ingest_key"], unique=True)
