"""Who is signed in to the portal, and an index of what was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table and an index."""
    op.create_table(
        "portal_sessions",
        sa.Column("id_hash", sa.String(64), nullable=False, comment="SHA-256 of the cookie's value"),
        sa.Column("admin_key_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False, comment="to within five minutes"),
        sa.ForeignKeyConstraint(
            ["admin_key_id"], ["admin_keys.id"], name=op.f("fk_portal_sessions_admin_keys"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_portal_sessions")),
    )
    op.create_index(op.f("ix_portal_sessions_admin_key_id"), "portal_sessions", ["admin_key_id"])
    op.create_index("ix_portal_sessions_created_at", "portal_sessions", ["created_at"])
    refused = sa.text("status = 'refused'")
    op.create_index(
        "ix_entries_refused",
        "entries",
        ["property_id", "applied_at", "session_id", "seq"],
        sqlite_where=refused,
        postgresql_where=refused,
    )
