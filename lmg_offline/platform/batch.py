"""
The part of the database that one request of writes touches, in memory.

Loaded with a handful of statements, changed by `effects` and `ingest`, written
back with a handful of statements: no statement per entry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, MappingResult, Result, Select, Table, Text, bindparam, select, union

from lmg_offline.platform.identity import tombstone_key, user_hash
from lmg_offline.platform.profiles import Value, Values
from lmg_offline.platform.redemption.book import Book
from lmg_offline.platform.store import sets, tables
from lmg_offline.protocol.replay import START, Position


@dataclass(slots=True)
class LaneState:
    """A session while its entries are applied: the row of `sessions`, and what is to be written of it."""

    session_id: str
    integration_id: str
    device_id: str | None
    opened_at: int
    updated_at: int
    user_hash: int | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    state: str = "anonymous"
    identified_at: int | None = None
    verified_at: int | None = None
    kept: Position = START
    last_entry_at: int | None = None
    token_hash: str | None = field(default=None, repr=False)
    token_expires_at: int | None = None
    previous_token_hash: str | None = field(default=None, repr=False)
    forgotten_key: str | None = field(default=None, repr=False)
    forgotten_at: int | None = None
    ingest_key: str | None = field(default=None, repr=False)

    @property
    def device(self) -> str:
        """The device id for comparing values; empty when no device replays the session."""
        return self.device_id or ""

    def row(self, property_id: str) -> dict[str, Any]:
        """Return the row of `sessions`."""
        row = {name: getattr(self, name) for name in _LANE_COLUMNS}
        return row | {"property_id": property_id, "kept_seq": self.kept.seq, "kept_id": self.kept.id}


@dataclass(slots=True)
class UserState:
    """The row of `users`."""

    user_id: str = field(repr=False)
    state: str
    first_seen_at: int
    last_seen_at: int

    def seen(self, at_ms: int) -> None:
        """Widen the span in which the user was seen."""
        self.first_seen_at = min(self.first_seen_at, at_ms)
        self.last_seen_at = max(self.last_seen_at, at_ms)


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log says of an entry, whichever number it was sent under last."""

    session_id: str
    seq: int
    status: str
    code: str | None
    message: str | None
    occurred_at: int
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The row of `bookmarks` beside its key."""

    business_id: str | None
    location_ids: str
    saved: bool
    occurred_at: int
    device_id: str
    session_id: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Touched:
    """
    The ids that a request names; what has them is loaded.

    Attributes:
        session_ids: The sessions of its lanes.

        entry_ids: Its entries.

        user_ids: The users that entries name.

        offer_ids: The offers that entries save or drop.

        redeemed: The offers that entries redeem, by id or slug; held until the end.
    """

    session_ids: Collection[str]
    entry_ids: Collection[str] = ()
    user_ids: Collection[str] = field(default=(), repr=False)
    offer_ids: Collection[str] = ()
    redeemed: Collection[str] = ()


class Batch:
    """
    Everything a request may read or change. Loaded once; see `writer.flush` for the way back.

    Attributes:
        lanes: The sessions that are named, by id.

        users: The users that are named or own one of the sessions, by hash.

        owners: The sessions of each of those users that may hold unverified
            values, by hash.

        unverified: Values of sessions, by session id.

        verified: Values of users, by hash.

        log: Logged entries, by entry id.

        repeats: (session id, seq, entry id) of other numbers of logged entries.

        bookmarks: By (user hash, offer id).

        tombstones: When a user was forgotten, by keyed hash.

        loaded: The state of the database, to tell what changed.

        changed_lanes: Sessions whose row is to be written.

        seen_users: Users whose row is to be written.

        reprofiled: Users whose effective profile is to be computed anew.

        claimed: The user whom a session's activity and redemptions pass to, by session id.

        redemptions: The offers that are redeemed, with the steps taken on them.

        new_log: Rows of `entries`, by entry id.

        new_activity: Rows of `activity`.

        new_repeats: To be added to `repeats`.

        events: Rows of `platform_log`.
    """

    def __init__(self, connection: Connection, property_id: str, secret: str, touched: Touched) -> None:
        self.connection = connection
        self.property_id = property_id
        self.touched = touched
        self._secret = secret
        self.statements = _statements(connection.dialect.name)
        self.lanes = self._load_lanes(touched.session_ids)
        hashes = {lane.user_hash for lane in self.lanes.values() if lane.user_hash is not None}
        hashes |= {user_hash(user_id) for user_id in touched.user_ids}
        self.users = self._load_users(hashes)
        self.owners, self.unverified = self._load_unverified(touched.session_ids, hashes)
        self.verified = self._load_verified(hashes)
        self.log, self.repeats = self._load_log(touched.entry_ids)
        self.bookmarks = self._load_bookmarks(hashes, touched.offer_ids)
        self.tombstones = self._load_tombstones(touched.user_ids)
        self.claimed: dict[str, int] = {}
        self.redemptions = Book(
            connection,
            property_id,
            touched.redeemed,
            session_ids=touched.session_ids,
            user_hashes=hashes,
            claimed=self.claimed,
        )
        self.loaded = Loaded.of(self)
        self.changed_lanes: set[str] = set()
        self.seen_users: set[int] = set()
        self.reprofiled: set[int] = set()
        self.new_log: dict[str, dict[str, Any]] = {}
        self.new_activity: list[dict[str, Any]] = []
        self.new_repeats: set[tuple[str, int, str]] = set()
        self.events: list[dict[str, Any]] = []

    def tombstone_key(self, user_id: str) -> str:
        """Return the keyed hash of a user id of this property."""
        return tombstone_key(self._secret, user_id)

    def forgotten_at(self, user_id: str) -> int | None:
        """Return when the user was forgotten last, or None."""
        return self.tombstones.get(self.tombstone_key(user_id))

    def _rows(self, statement: Select[Any], **sets_of: Collection[Any]) -> Result[Any]:
        dialect = self.connection.dialect.name
        named = {name: sets.given(dialect, values) for name, values in sets_of.items()}
        return self.connection.execute(statement, {"property": self.property_id, **named})

    def _load_lanes(self, session_ids: Collection[str]) -> dict[str, LaneState]:
        rows = self._rows(self.statements.lanes, session_ids=session_ids).mappings()
        return {row["session_id"]: _lane(row) for row in rows}

    def _load_users(self, hashes: set[int]) -> dict[int, UserState]:
        rows = self._rows(self.statements.users, hashes=sorted(hashes))
        return {row.user_hash: UserState(row.user_id, row.state, row.first_seen_at, row.last_seen_at) for row in rows}

    def _load_unverified(
        self, session_ids: Collection[str], hashes: set[int]
    ) -> tuple[dict[int, set[str]], dict[str, Values]]:
        owners: dict[int, set[str]] = defaultdict(set)
        unverified: dict[str, Values] = defaultdict(dict)
        rows = self._rows(self.statements.unverified, session_ids=session_ids, hashes=sorted(hashes)).mappings()
        for row in rows:
            unverified[row["session_id"]][row["attribute"]] = _value(row)
            if row["user_hash"] is not None:
                owners[row["user_hash"]].add(row["session_id"])
        for lane in self.lanes.values():
            if lane.user_hash is not None:
                owners[lane.user_hash].add(lane.session_id)
        return owners, unverified

    def _load_verified(self, hashes: set[int]) -> dict[int, Values]:
        verified: dict[int, Values] = defaultdict(dict)
        for row in self._rows(self.statements.verified, hashes=sorted(hashes)).mappings():
            verified[row["user_hash"]][row["attribute"]] = _value(row)
        return verified

    def _load_log(self, entry_ids: Collection[str]) -> tuple[dict[str, Logged], set[tuple[str, int, str]]]:
        if not entry_ids:
            return {}, set()
        rows: Iterable[Any] = self._rows(self.statements.log, entry_ids=entry_ids)
        log = {entry_id: Logged(*logged) for entry_id, *logged in rows}
        others = self._rows(self.statements.repeats, entry_ids=entry_ids)
        return log, {(row.session_id, row.seq, row.entry_id) for row in others}

    def _load_bookmarks(self, hashes: set[int], offer_ids: Collection[str]) -> dict[tuple[int, str], Bookmark]:
        if not offer_ids:
            return {}
        rows: Iterable[Any] = self._rows(self.statements.bookmarks, hashes=sorted(hashes), offer_ids=offer_ids)
        return {(hashed, offer_id): Bookmark(*kept) for hashed, offer_id, *kept in rows}

    def _load_tombstones(self, user_ids: Collection[str]) -> dict[str, int]:
        if not user_ids:
            return {}
        rows = self._rows(self.statements.tombstones, keys=[self.tombstone_key(user_id) for user_id in user_ids])
        return {row.user_key_hash: row.forgotten_at for row in rows}

    def stored_profiles(self) -> MappingResult:
        """Return the rows of `profile_values` of the users in `reprofiled`, as they are in the database."""
        return self._rows(self.statements.profiles, hashes=sorted(self.reprofiled)).mappings()


class Statements(NamedTuple):
    """What a batch is loaded by. Made once, because to put one together takes several times as long as to run it."""

    lanes: Select[Any]
    users: Select[Any]
    unverified: Select[Any]
    verified: Select[Any]
    log: Select[Any]
    repeats: Select[Any]
    bookmarks: Select[Any]
    tombstones: Select[Any]
    profiles: Select[Any]


@cache
def _statements(dialect: str) -> Statements:
    property_id = bindparam("property", type_=Text())

    def of(table: Table, *columns: Any, **sets_of: str) -> Select[Any]:
        """Select from the property's rows of which each named column has one of the values of a parameter."""
        asked = (sets.among(dialect, table.c[column], name) for column, name in sets_of.items())
        return select(*(columns or (table,))).where(table.c.property_id == property_id, *asked)

    sessions, values, users = tables.sessions, tables.session_values, tables.users
    entries, repeats, bookmarks = tables.entries, tables.entry_repeats, tables.bookmarks
    # Two ways to find the sessions, each by an index: OR over both goes through all values of the property.
    ends = (sessions.c.session_id, sessions.c.user_hash)
    theirs = union(
        of(sessions, *ends, session_id="session_ids"), of(sessions, *ends, user_hash="hashes")
    ).subquery()
    return Statements(
        lanes=of(sessions, session_id="session_ids").order_by(sessions.c.session_id).with_for_update(),
        users=of(users, user_hash="hashes").order_by(users.c.user_hash).with_for_update(),
        unverified=select(values, theirs.c.user_hash)
        .join(theirs, theirs.c.session_id == values.c.session_id)
        .where(values.c.property_id == property_id),
        verified=of(tables.user_values, user_hash="hashes"),
        log=of(
            entries, *(entries.c[name] for name in ("entry_id", *(each.name for each in fields(Logged)))),
            entry_id="entry_ids",
        ),
        repeats=of(repeats, repeats.c.session_id, repeats.c.seq, repeats.c.entry_id, entry_id="entry_ids"),
        bookmarks=of(
            bookmarks, bookmarks.c.user_hash, bookmarks.c.offer_id,
            *(bookmarks.c[each.name] for each in fields(Bookmark)),
            user_hash="hashes", offer_id="offer_ids",
        ),
        tombstones=of(
            tables.tombstones, tables.tombstones.c.user_key_hash, tables.tombstones.c.forgotten_at,
            user_key_hash="keys",
        ),
        profiles=of(tables.profile_values, user_hash="hashes"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the database held when the batch was loaded. The repr shows no attribute of anybody."""

    session_ids: frozenset[str]
    users: frozenset[int]
    unverified: Mapping[str, Values] = field(repr=False)
    verified: Mapping[int, Values] = field(repr=False)
    bookmarks: Mapping[tuple[int, str], Bookmark] = field(repr=False)
    entry_ids: frozenset[str]

    @classmethod
    def of(cls, batch: Batch) -> Loaded:
        """Copy what `batch` was loaded with."""
        return cls(
            frozenset(batch.lanes),
            frozenset(batch.users),
            {session_id: dict(values) for session_id, values in batch.unverified.items()},
            {hashed: dict(values) for hashed, values in batch.verified.items()},
            dict(batch.bookmarks),
            frozenset(batch.log),
        )


_LANE_COLUMNS = tuple(each.name for each in fields(LaneState) if each.name != "kept")


def _lane(row: Mapping[Any, Any]) -> LaneState:
    return LaneState(**{name: row[name] for name in _LANE_COLUMNS}, kept=Position(row["kept_seq"], row["kept_id"]))


def _value(row: Mapping[Any, Any]) -> Value:
    return Value(
        row["value"],
        row["occurred_at"],
        row["uncertain"],
        row["device_id"],
        row["session_id"],
        row["entry_id"],
    )
