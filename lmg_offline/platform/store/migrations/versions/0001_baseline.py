"""
The first schema.

Frozen once released: a change of the tables is a new revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "activity",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("properties", sa.Text(), nullable=False, comment="JSON object"),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "entry_id", name=op.f("pk_activity")),
    )
    op.create_index("ix_activity_name", "activity", ["property_id", "name", "occurred_at"], unique=False)
    op.create_index("ix_activity_session", "activity", ["property_id", "session_id"], unique=False)
    op.create_index("ix_activity_user", "activity", ["property_id", "user_hash", "occurred_at"], unique=False)
    op.create_table(
        "bookmarks",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.String(length=256), nullable=False),
        sa.Column("business_id", sa.String(length=256), nullable=True),
        sa.Column("location_ids", sa.Text(), nullable=False, comment="JSON list of text"),
        sa.Column(
            "saved", sa.Boolean(), nullable=False, comment="false: removed, kept so that a late older save loses"
        ),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "user_hash", "offer_id", name=op.f("pk_bookmarks")),
    )
    op.create_index("ix_bookmarks_offer", "bookmarks", ["property_id", "offer_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('applied', 'refused')", name=op.f("ck_entries_status")),
        sa.PrimaryKeyConstraint("property_id", "entry_id", name=op.f("pk_entries")),
        sa.UniqueConstraint("property_id", "session_id", "seq", name=op.f("uq_entries_property_id_session_id_seq")),
        comment="One row per handled entry; order of application: applied_at, session_id, seq",
    )
    op.create_index("ix_entries_order", "entries", ["property_id", "applied_at", "session_id", "seq"], unique=False)
    op.create_index("ix_entries_user", "entries", ["property_id", "user_hash"], unique=False)
    op.create_table(
        "entry_repeats",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "session_id", "seq", name=op.f("pk_entry_repeats")),
        comment="Other numbers under which an entry of the log was sent (a fork, a retried dead letter)",
    )
    op.create_index("ix_entry_repeats_entry", "entry_repeats", ["property_id", "entry_id"], unique=False)
    op.create_table(
        "platform_log",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_log")),
        comment="What an operator should know: restored lanes, forks, erasures. Never a user id",
    )
    op.create_index("ix_platform_log_order", "platform_log", ["property_id", "at"], unique=False)
    op.create_table(
        "profile_values",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("attribute", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "user_hash", "attribute", name=op.f("pk_profile_values")),
        comment="The effective value of each user and attribute; no row when cleared or never written",
    )
    op.create_index("ix_profile_values_attribute", "profile_values", ["property_id", "attribute"], unique=False)
    op.create_table(
        "properties",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("bookmarking", sa.String(length=16), server_default="verified_only", nullable=False),
        sa.Column("token_max_age_s", sa.Integer(), server_default="86400", nullable=False),
        sa.Column("tombstone_secret", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "bookmarking IN ('enabled', 'verified_only', 'disabled')", name=op.f("ck_properties_bookmarking")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_properties")),
    )
    op.create_table(
        "user_values",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("attribute", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON; None when cleared"),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("property_id", "user_hash", "attribute", name=op.f("pk_user_values")),
        comment="What verified sessions wrote, the latest per attribute",
    )
    op.create_table(
        "admin_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "role IN ('owner', 'admin', 'dev', 'marketing', 'support')", name=op.f("ck_admin_keys_role")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_admin_keys_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_admin_keys_key_hash")),
    )
    op.create_index(op.f("ix_admin_keys_property_id"), "admin_keys", ["property_id"], unique=False)
    op.create_table(
        "businesses",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_businesses_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_businesses")),
    )
    op.create_index("ix_businesses_slug", "businesses", ["property_id", "slug"], unique=False)
    op.create_table(
        "categories",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_categories_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_categories")),
    )
    op.create_index("ix_categories_slug", "categories", ["property_id", "slug"], unique=False)
    op.create_table(
        "collections",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_collections_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_collections")),
    )
    op.create_index("ix_collections_slug", "collections", ["property_id", "slug"], unique=False)
    op.create_table(
        "dev_keys",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("write_key", sa.Text(), nullable=False),
        sa.Column("verification_key", sa.Text(), nullable=False),
        sa.Column("admin_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_dev_keys_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", name=op.f("pk_dev_keys")),
        comment="Plaintext keys of the property made by --dev, announced again at each start",
    )
    op.create_table(
        "devices",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_offset_s", sa.Float(), nullable=False),
        sa.Column("sdk", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_devices_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "device_id", name=op.f("pk_devices")),
    )
    op.create_table(
        "integrations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.String(length=16), server_default="python", nullable=False),
        sa.Column("write_key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_integrations_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
        sa.UniqueConstraint("write_key_hash", name=op.f("uq_integrations_write_key_hash")),
    )
    op.create_index(op.f("ix_integrations_property_id"), "integrations", ["property_id"], unique=False)
    op.create_table(
        "locations",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_locations_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_locations")),
    )
    op.create_index("ix_locations_slug", "locations", ["property_id", "slug"], unique=False)
    op.create_table(
        "offers",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("business_id", sa.String(length=128), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_offers_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "id", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_slug", "offers", ["property_id", "slug"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column(
            "user_key_hash", sa.String(length=64), nullable=False, comment="HMAC of the user id, property's secret"
        ),
        sa.Column("forgotten_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_tombstones_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "user_key_hash", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "users",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("user_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('identified', 'verified')", name=op.f("ck_users_state")),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_users_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "user_hash", name=op.f("pk_users")),
    )
    op.create_table(
        "verification_keys",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=256), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_verification_keys_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "key_id", name=op.f("pk_verification_keys")),
    )
    op.create_table(
        "sessions",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("integration_id", sa.String(length=64), nullable=False),
        sa.Column(
            "device_id", sa.String(length=64), nullable=True, comment="None for a session opened by createSession"
        ),
        sa.Column("user_hash", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="anonymous", nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("identified_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("kept_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept_id", sa.String(length=64), nullable=True),
        sa.Column("last_entry_at", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("token_expires_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "previous_token_hash",
            sa.String(length=64),
            nullable=True,
            comment="still good until the next one is issued",
        ),
        sa.Column(
            "forgotten_key",
            sa.String(length=64),
            nullable=True,
            comment="keyed hash of the user this session belonged to",
        ),
        sa.Column(
            "forgotten_at", sa.BigInteger(), nullable=True, comment="entries made earlier are refused as forgotten"
        ),
        sa.CheckConstraint("(state = 'anonymous') = (user_id IS NULL)", name=op.f("ck_sessions_user")),
        sa.CheckConstraint("state IN ('anonymous', 'identified', 'verified')", name=op.f("ck_sessions_state")),
        sa.ForeignKeyConstraint(
            ["property_id", "device_id"], ["devices.property_id", "devices.device_id"], name=op.f("fk_sessions_devices")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_sessions_properties"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "session_id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_device", "sessions", ["property_id", "device_id"], unique=False)
    op.create_index("ix_sessions_previous_token", "sessions", ["previous_token_hash"], unique=False)
    op.create_index("ix_sessions_token", "sessions", ["token_hash"], unique=False)
    op.create_index("ix_sessions_user", "sessions", ["property_id", "user_hash"], unique=False)
    op.create_table(
        "session_values",
        sa.Column("property_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("attribute", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=True, comment="JSON; None when cleared"),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id", "session_id"],
            ["sessions.property_id", "sessions.session_id"],
            name=op.f("fk_session_values_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("property_id", "session_id", "attribute", name=op.f("pk_session_values")),
        comment="What sessions that are not verified wrote, apart from the verified values",
    )
    # ### end Alembic commands ###
