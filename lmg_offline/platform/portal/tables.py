"""Who is signed in to the portal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from lmg_offline.platform.store.metadata import metadata

portal_sessions = Table(
    "portal_sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True, comment="SHA-256 of the cookie's value"),
    Column("admin_key_id", String(64), ForeignKey("admin_keys.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False, comment="to within five minutes"),
    Index("ix_portal_sessions_created_at", "created_at"),
)
