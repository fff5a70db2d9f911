"""
The journal's tables.

An entry's `position` is `lane_id * 2**32 + seq`: the integer key is the order
of replay, a lane is one range of it, and its next number is found by one seek,
with no index beside the key. Numbers are not used twice because a lane's
`last_position` never falls; lane ids come from AUTOINCREMENT.

`schema.py` is made of this: `python3 tools/dev.py docs`.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from ..config import MAX_BYTES, MAX_ENTRIES

metadata = MetaData()

# `exchange_seq` counts the replays whose reply was recorded, and `exchange_id` is what this
# journal called the last of them: a copy that goes on by itself calls its next one otherwise.
device = Table(
    "device",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("device_id", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("previous_device_id", Text),
    Column("current_lane", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    # The bounds of the client that opened the journal last, to be shown; NULL is without bound.
    Column("max_entries", Integer, server_default=text(str(MAX_ENTRIES))),
    Column("max_bytes", Integer, server_default=text(str(MAX_BYTES))),
    Column("exchange_seq", Integer, nullable=False, server_default=text("0")),
    Column("exchange_id", Text),
    # Of lanes without a row: every one up to here that has none had ended, with so many entries all together.
    Column("finished_through", Integer, nullable=False, server_default=text("0")),
    Column("finished_accepted", Integer, nullable=False, server_default=text("0")),
    Column("finished_acknowledged", Integer, nullable=False, server_default=text("0")),
)

lanes = Table(
    "lanes",
    metadata,
    Column("lane_id", Integer, primary_key=True),
    Column("session_id", Text, nullable=False, unique=True),
    Column("user_id", Text),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('anonymous', 'identified', 'verified')"),
        nullable=False,
    ),
    Column("opened_at", Integer, nullable=False),
    Column("sealed_at", Integer),
    Column("last_position", Integer, nullable=False),
    Column("acked_position", Integer, nullable=False),
    Column("acked_id", Text),
    Column("acked_count", Integer, CheckConstraint("acked_count >= 0"), nullable=False),
    Column("identify_position", Integer),
    Column("session_token", Text),
    Column("parked_at", Integer),
    Column("parked_code", Text),
    Column("parked_message", Text),
    Column("drained", Integer, CheckConstraint("drained IN (0, 1)"), nullable=False),
    Column("profile", Text),
    Column("successor_lane", Integer),
    Column("claimed_position", Integer),
    Column("tried_position", Integer),
    Column("tried_from", Text),
    # Entries up to here may have been on the wire, under this number or an older one: they are never merged.
    Column("sent_position", Integer, nullable=False, server_default=text("0")),
    # Of whose session it is, so that a flipped bit gives nobody's entries to another.
    Column("digest", LargeBinary),
    CheckConstraint("acked_position <= last_position OR last_position = lane_id << 32", name="acked_in_lane"),
    CheckConstraint("(parked_at IS NULL) = (parked_code IS NULL)", name="parked_has_a_code"),
    sqlite_autoincrement=True,
)
Index("lanes_not_drained", lanes.c.lane_id, sqlite_where=text("drained = 0"))
Index("lanes_by_user", lanes.c.user_id, sqlite_where=text("user_id IS NOT NULL"))


# A lane's session on a platform that speaks the LMG dialect. `claim` is what that session
# was identified as; it is less than the lane's own state when a session was lost and opened anew.
lmg_sessions = Table(
    "lmg_sessions",
    metadata,
    Column("lane_id", Integer, primary_key=True, autoincrement=False),
    Column("session_id", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("ingestion_url", Text, nullable=False),
    Column("claim", Text, CheckConstraint("claim IN ('anonymous', 'identified', 'verified')"), nullable=False),
    Column("token_at", Integer, nullable=False),
    Column("digest", LargeBinary),
)


def _entry_columns() -> list[Column[object]]:
    return [
        Column("position", Integer, primary_key=True),
        Column("id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("body", Text, CheckConstraint("typeof(body) = 'text'"), nullable=False),
        Column("made_at", Integer, nullable=False),
        Column("boot_id", Text, nullable=False),
        Column("since_boot_ms", Integer, nullable=False),
        Column("digest", LargeBinary, nullable=False),
    ]


entries = Table("entries", metadata, *_entry_columns())

dead_letters = Table(
    "dead_letters",
    metadata,
    *_entry_columns(),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("refused_at", Integer, nullable=False),
)
Index("dead_letters_by_id", dead_letters.c.id)

# `moved_to`: for entries that are retried or moved, the new key of the first; the others follow it.
ledger = Table(
    "ledger",
    metadata,
    Column("ledger_id", Integer, primary_key=True),
    Column("first_position", Integer, nullable=False),
    Column("last_position", Integer, nullable=False),
    Column("entries", Integer, CheckConstraint("entries > 0"), nullable=False),
    Column(
        "reason",
        Text,
        CheckConstraint("reason IN ('superseded', 'discarded', 'forgotten', 'retried', 'moved', 'lost')"),
        nullable=False,
    ),
    Column("at", Integer, nullable=False),
    Column("moved_to", Integer),
    CheckConstraint("first_position <= last_position", name="range_is_not_empty"),
    sqlite_autoincrement=True,
)
Index("ledger_by_position", ledger.c.first_position)
Index("ledger_retried", ledger.c.moved_to, sqlite_where=text("reason = 'retried'"))

tokens = Table(
    "tokens",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("stored_at", Integer, nullable=False),
)

boots = Table(
    "boots",
    metadata,
    Column("boot_id", Text, primary_key=True),
    Column("booted_at", Integer, nullable=False),
    Column("digest", LargeBinary),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("endpoint", Text),
    Column("write_key_digest", Text),
    Column("dialect", Text),
    Column("failures", Integer, nullable=False),
    Column("not_before_at", Integer),
    Column("floor_until_at", Integer),
    Column("suspended_code", Text),
    Column("suspended_message", Text),
    Column("last_synced_at", Integer),
    Column("last_error", Text),
    Column("settings", Text),
)

cache = Table(
    "cache",
    metadata,
    Column("lane_id", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", Text),
    Column("as_of", Integer, nullable=False),
    PrimaryKeyConstraint("lane_id", "key"),
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("lane_id", Integer, nullable=False),
    Column("offer_id", Text, nullable=False),
    Column("business_id", Text),
    Column("location_ids", Text, nullable=False),
    Column("saved", Integer, CheckConstraint("saved IN (0, 1)"), nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("lane_id", "offer_id"),
)

# What was made of damaged journals: this one is what was recovered from the last of them.
recoveries = Table(
    "recoveries",
    metadata,
    Column("recovery_id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("recovered", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("folder", Text, nullable=False),
    Column("told", Integer, CheckConstraint("told IN (0, 1)"), nullable=False),
    sqlite_autoincrement=True,
)

search_terms = Table(
    "search_terms",
    metadata,
    Column("term", Text, primary_key=True),
    Column("position", Integer, nullable=False),
)
