"""
The tables of the platform's audience side.

Instants (`*_at`) are integers: milliseconds since 1970 UTC. A user is keyed by
(`property_id`, `user_hash`): the hash is `identity.user_hash`, the first 8
bytes of the id's SHA-256 as a signed integer, so that ids of any length index
alike. An identify whose hash already stands for another id is refused, so a
collision mixes nobody up. Attribute values and activity properties are JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from lmg_offline.platform.store.metadata import metadata

ID = String(64)
# Compared by code point on every database, as Python compares text.
WORD_CHARS = 130
MEMBER_CHARS = 129


def _by_code_point(chars: int) -> String:
    return String(chars).with_variant(String(chars, collation="C"), "postgresql")


properties = Table(
    "properties",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("bookmarking", String(16), nullable=False, server_default="verified_only"),
    Column("token_max_age_s", Integer, nullable=False, server_default="86400"),
    Column("tombstone_secret", String(64), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("redemption_audience", String(16), nullable=False, server_default="identified"),
    CheckConstraint("bookmarking IN ('enabled', 'verified_only', 'disabled')", name="bookmarking"),
    CheckConstraint("redemption_audience IN ('none', 'identified', 'verified')", name="redemption_audience"),
)

dev_keys = Table(
    "dev_keys",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("write_key", Text, nullable=False),
    Column("verification_key", Text, nullable=False),
    Column("admin_key", Text, nullable=False),
    comment="Plaintext keys of the property made by --dev, announced again at each start",
)

integrations = Table(
    "integrations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("platform", String(16), nullable=False, server_default="python"),
    Column("write_key_hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("previous_key_hash", String(64), comment="of the write key before the last rotation"),
    Column("previous_key_until", BigInteger, comment="until when it is good as well"),
    Index("ix_integrations_previous_key", "previous_key_hash"),
)

verification_keys = Table(
    "verification_keys",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", String(256), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", BigInteger, nullable=False),
    Column("retires_at", BigInteger, comment="not accepted from then on; None: for as long as it is active"),
)

admin_keys = Table(
    "admin_keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    CheckConstraint("role IN ('owner', 'admin', 'dev', 'marketing', 'support')", name="role"),
)

devices = Table(
    "devices",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", ID, primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("clock_offset_s", Float, nullable=False),
    Column("sdk", Text),
    Column("exchange_seq", BigInteger, comment="how many exchanges the device must know of; a copy knows fewer"),
    Column("exchange_id", ID, comment="the id it gave the exchange before that"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("session_id", ID, primary_key=True),
    Column("integration_id", ID, nullable=False),
    Column("device_id", ID, comment="None for a session opened by createSession"),
    Column("user_hash", BigInteger),
    Column("user_id", Text),
    Column("state", String(16), nullable=False, server_default="anonymous"),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("identified_at", BigInteger),
    Column("verified_at", BigInteger),
    Column("kept_seq", BigInteger, nullable=False, server_default="0"),
    Column("kept_id", ID),
    Column("last_entry_at", BigInteger),
    Column("token_hash", String(64)),
    Column("token_expires_at", BigInteger),
    Column("previous_token_hash", String(64), comment="still good until the next one is issued"),
    Column("forgotten_key", String(64), comment="keyed hash of the user this session belonged to"),
    Column("forgotten_at", BigInteger, comment="entries made earlier are refused as forgotten"),
    Column("ingest_key", String(64), comment="in the session's ingestionUrl: adds activity, reads nothing"),
    ForeignKeyConstraint(["property_id", "device_id"], ["devices.property_id", "devices.device_id"]),
    CheckConstraint("state IN ('anonymous', 'identified', 'verified')", name="state"),
    CheckConstraint("(state = 'anonymous') = (user_id IS NULL)", name="user"),
    Index("ix_sessions_user", "property_id", "user_hash"),
    Index("ix_sessions_device", "property_id", "device_id"),
    Index("ix_sessions_token", "token_hash"),
    Index("ix_sessions_previous_token", "previous_token_hash"),
    Index("ix_sessions_ingest_key", "ingest_key", unique=True),
)

users = Table(
    "users",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("user_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('identified', 'verified')", name="state"),
)

session_values = Table(
    "session_values",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("session_id", ID, primary_key=True),
    Column("attribute", String(256), primary_key=True),
    Column("value", Text, comment="JSON; None when cleared"),
    Column("occurred_at", BigInteger, nullable=False),
    Column("uncertain", Boolean, nullable=False, server_default=false()),
    Column("device_id", ID, nullable=False),
    Column("entry_id", ID, nullable=False),
    ForeignKeyConstraint(
        ["property_id", "session_id"], ["sessions.property_id", "sessions.session_id"], ondelete="CASCADE"
    ),
    comment="What sessions that are not verified wrote, apart from the verified values",
)

user_values = Table(
    "user_values",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("user_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("attribute", String(256), primary_key=True),
    Column("value", Text, comment="JSON; None when cleared"),
    Column("occurred_at", BigInteger, nullable=False),
    Column("uncertain", Boolean, nullable=False, server_default=false()),
    Column("device_id", ID, nullable=False),
    Column("session_id", ID, nullable=False),
    Column("entry_id", ID, nullable=False),
    comment="What verified sessions wrote, the latest per attribute",
)

profile_values = Table(
    "profile_values",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("user_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("attribute", String(256), primary_key=True),
    Column("value", Text, nullable=False, comment="JSON"),
    Column("word", _by_code_point(WORD_CHARS), comment="a quote and the beginning of a text; true or false"),
    Column("number", Float(53)),
    Column("verified", Boolean, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("device_id", ID, nullable=False),
    Column("session_id", ID, nullable=False),
    Column("entry_id", ID, nullable=False),
    Index("ix_profile_values_word", "property_id", "attribute", "word", "number", "user_hash"),
    comment="The effective value of each user and attribute; no row when cleared or never written",
)

profile_members = Table(
    "profile_members",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("attribute", String(256), primary_key=True),
    Column("member", _by_code_point(MEMBER_CHARS), primary_key=True, comment="the beginning of the text"),
    Column("user_hash", BigInteger, primary_key=True, autoincrement=False),
    Index("ix_profile_members_user", "property_id", "user_hash"),
    comment="The members of the effective values that are lists",
)

entries = Table(
    "entries",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("entry_id", ID, primary_key=True),
    Column("device_id", ID, nullable=False),
    Column("session_id", ID, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("user_hash", BigInteger),
    Column("user_id", Text),
    Column("status", String(8), nullable=False),
    Column("code", String(64)),
    Column("message", Text),
    Column("occurred_at", BigInteger, nullable=False),
    Column("uncertain", Boolean, nullable=False, server_default=false()),
    Column("applied_at", BigInteger, nullable=False),
    CheckConstraint("status IN ('applied', 'refused')", name="status"),
    UniqueConstraint("property_id", "session_id", "seq"),
    Index("ix_entries_order", "property_id", "applied_at", "session_id", "seq"),
    Index("ix_entries_user", "property_id", "user_hash"),
    Index(
        "ix_entries_refused",
        "property_id",
        "applied_at",
        "session_id",
        "seq",
        sqlite_where=text("status = 'refused'"),
        postgresql_where=text("status = 'refused'"),
    ),
    comment="One row per handled entry; order of application: applied_at, session_id, seq",
)

entry_repeats = Table(
    "entry_repeats",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("session_id", ID, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", ID, nullable=False),
    Index("ix_entry_repeats_entry", "property_id", "entry_id"),
    comment="Other numbers under which an entry of the log was sent (a fork, a retried dead letter)",
)

activity = Table(
    "activity",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("entry_id", ID, primary_key=True),
    Column("session_id", ID, nullable=False),
    Column("device_id", ID, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("user_hash", BigInteger),
    Column("user_id", Text),
    Column("name", Text, nullable=False),
    Column("properties", Text, nullable=False, comment="JSON object"),
    Column("offer_id", String(128), comment="the offer that the properties name"),
    Column("business_id", String(128), comment="the business that the properties name"),
    Column("occurred_at", BigInteger, nullable=False),
    Index("ix_activity_user", "property_id", "user_hash", "occurred_at"),
    Index("ix_activity_session", "property_id", "session_id"),
    Index("ix_activity_name", "property_id", "name", "occurred_at", "user_hash"),
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("user_hash", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("offer_id", String(256), primary_key=True),
    Column("business_id", String(256)),
    Column("location_ids", Text, nullable=False, comment="JSON list of text"),
    Column("saved", Boolean, nullable=False, comment="false: removed, kept so that a late older save loses"),
    Column("occurred_at", BigInteger, nullable=False),
    Column("device_id", ID, nullable=False),
    Column("session_id", ID, nullable=False),
    Column("entry_id", ID, nullable=False),
    Index("ix_bookmarks_offer", "property_id", "offer_id"),
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("property_id", ID, primary_key=True),
    Column("offer_id", String(256), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="order of arrival, from 1"),
    Column("entry_id", ID, comment="None once erased"),
    Column("session_id", ID, comment="None once erased"),
    Column("user_hash", BigInteger),
    Column("user_id", Text),
    Column("location_id", String(256), nullable=False),
    Column("business_id", String(256), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    UniqueConstraint("property_id", "entry_id"),
    Index("ix_redemptions_use", "property_id", "offer_id", "to_state", "occurred_at"),
    Index("ix_redemptions_user", "property_id", "user_hash", "offer_id"),
    Index("ix_redemptions_session", "property_id", "session_id", "offer_id"),
    comment="Each step that took effect. Erased ones lose the person and the minute; the shop's count stays",
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("user_key_hash", String(64), primary_key=True, comment="HMAC of the user id, property's secret"),
    Column("forgotten_at", BigInteger, nullable=False),
)

platform_log = Table(
    "platform_log",
    metadata,
    Column("id", ID, primary_key=True),
    Column("property_id", ID, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("event", String(64), nullable=False),
    Column("device_id", ID),
    Column("session_id", ID),
    Column("details", JSON, nullable=False),
    Index("ix_platform_log_order", "property_id", "at"),
    comment="What an operator should know: restored lanes, forks, erasures. Never a user id",
)

privacy_log = Table(
    "privacy_log",
    metadata,
    Column("property_id", ID, ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("id", ID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("event", String(32), nullable=False),
    Column("subject", String(64), comment="HMAC of the user id, property's secret; None for a segment"),
    Column("segment_id", ID),
    Column("admin_key_id", ID, comment="None: the person asked, from a device of theirs"),
    Column("role", String(16), comment="of the admin key, at that time"),
    CheckConstraint("event IN ('export', 'erasure', 'segment_export')", name="event"),
    Index("ix_privacy_log_order", "property_id", "at", "id"),
    Index("ix_privacy_log_subject", "property_id", "subject", "at"),
    comment="Who asked for whose data. Never a user id",
)
