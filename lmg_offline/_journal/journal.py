"""
Sessions, identities and what is written under them: the app's side of the journal.

Nobody is turned away who comes or goes: identify, reset and forget know no
bounds, and on a full disk the ballast is there for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from sqlalchemy import Connection

from .._core.identity import AudienceState, Step, identify_event, transition
from .._core.profiles import fold
from .._support.clock import Clock
from .._support.ids import new_id
from ..config import Bounds
from ..errors import JournalCorrupt, JournalFull
from ..protocol.canonical import encode
from ..protocol.limits import MAX_ENTRIES
from .engine import rows, scalar
from .entries import Entries, Written
from .finished import let_go
from .keys import LANE_SHIFT, SEQ_MASK
from .records import LaneRow, lane_digest
from .store import LOCK_TIMEOUT_S, Store

LANE_COLUMNS = (
    "lane_id, session_id, user_id, state, sealed_at, last_position, acked_position, acked_id,"
    " identify_position, session_token, parked_code, parked_message, drained, profile, claimed_position,"
    " tried_position, tried_from, sent_position, digest"
)
_CURRENT = f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = (SELECT current_lane FROM device)"


class Identified(NamedTuple):
    """What an identify wrote, and whether it opened a new session."""

    written: Written
    session_id: str
    renewed: bool


class Journal:
    """The app's side of the journal. One public method is one transaction."""

    def __init__(self, store: Store, bounds: Bounds | None) -> None:
        self.store = store
        self._clock: Clock = store.clock
        self.bounds = self._keep_bounds(bounds)
        self._entries = Entries(store, self.bounds)
        self.fitting = self._entries.fitting
        self.put = self._entries.put

    @classmethod
    def open(cls, folder: Path, clock: Clock, *, durable: bool, bounds: Bounds | None = None) -> Journal:
        """
        Open the journal in `folder`.

        Args:
            bounds: How much it may hold; None: as the last who opened it said.

        Raises:
            JournalError: The folder or file can't be used.
        """
        store = Store.open(folder, clock, durable=durable)
        try:
            return cls(store, bounds)
        except BaseException:
            store.close()
            raise

    def current(self) -> LaneRow:
        """Return the lane of the current session, as every process sees it."""
        found = self.store.read(_CURRENT)
        lane = LaneRow(*found[0]) if found else None
        return lane if _is_sound(lane) else self.store.read_with(_current)

    def append(self, kind: str, body: str) -> Written:
        """
        Write one entry to the current lane. Atomic: that entry, in one statement.

        Args:
            body: The payload's JSON, sent as it is.

        Raises:
            JournalFull: It does not fit, also after what can be merged was merged.
        """
        return self._entries.append(kind, body)

    def identify(self, user_id: str, token: str | None, profile: Mapping[str, object] | None) -> Identified:
        """
        Claim the session for `user_id`.

        Atomic: the seal of another person's session and the opening of a new one
        where that is needed, the claim, the token, the identify entry.
        """

        def claim(connection: Connection) -> Identified:
            lane = _current(connection)
            event = identify_event(lane.user_id, user_id)
            step, state = transition(AudienceState(lane.state), event)
            if step is Step.RENEW:
                lane = self.renew(connection, lane)
            if token is not None:
                connection.exec_driver_sql(
                    "INSERT INTO tokens (user_id, token, stored_at) VALUES (?, ?, ?) ON CONFLICT (user_id)"
                    " DO UPDATE SET token = excluded.token, stored_at = excluded.stored_at",
                    (user_id, token, self._clock.wall_ms()),
                )
            known = token is not None or _has_token(connection, user_id)
            payload: dict[str, Any] = {"user_id": user_id, "verify": known}
            if profile:
                payload["profile"] = dict(profile)
            written = self.put(connection, lane.lane_id, "identify", encode(payload))
            connection.exec_driver_sql(
                "UPDATE lanes SET user_id = ?, state = ?, identify_position = ? WHERE lane_id = ?",
                (user_id, state.value, written.position, lane.lane_id),
            )
            seal_identity(connection, lane.lane_id)
            self.store.reaches(written.position)
            return Identified(written, lane.session_id, step is Step.RENEW)

        identified = self.store.run(claim, vital=True)
        if identified.renewed:
            self.store.checkpoint()  # as at a reset: of who left, nothing but their queue stays on the disk
            self.store.drop_damaged()
        return identified

    def bookmark(self, offer_id: str, business_id: str | None, location_ids: list[str], saved: bool) -> Written:
        """Save or drop an offer. Atomic: the entry and this device's own view of it."""
        payload = {"offer_id": offer_id, "business_id": business_id, "location_ids": location_ids}

        def write(connection: Connection) -> Written:
            lane = _current(connection)
            kind = "bookmark" if saved else "unbookmark"
            written = self.put(connection, lane.lane_id, kind, encode(payload), fitting=True)
            connection.exec_driver_sql(
                "INSERT INTO bookmarks (lane_id, offer_id, business_id, location_ids, saved, position)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (lane_id, offer_id) DO UPDATE SET"
                " business_id = coalesce(excluded.business_id, business_id), saved = excluded.saved,"
                " location_ids = excluded.location_ids, position = excluded.position",
                (lane.lane_id, offer_id, business_id, encode(location_ids), int(saved), written.position),
            )
            self.store.reaches(written.position)
            return written

        return self.fitting(write)

    def reset(self) -> str:
        """
        End the session and open an anonymous one; return its id.

        Atomic. What the person wrote stays queued under their identity; cached
        reads, search terms and the profile are gone, also from the WAL.
        """

        def end(connection: Connection) -> str:
            lane = self.renew(connection, _current(connection))
            self.store.reaches(lane.last_position)
            return lane.session_id

        session_id = self.store.run(end, vital=True)
        self.store.checkpoint()
        self.store.drop_damaged()
        return session_id

    def forget(self) -> tuple[Written, str]:
        """
        Ask for the erasure of the current person, and drop what this device holds of them.

        Atomic: removal of their queued entries in every lane (each named in the
        ledger), tokens and dead letters; the erasure; a new session. The erasure
        names the entries that may have been sent: without them a platform whose
        answer was lost could not tell this lane from a clone's.

        Returns:
            Where the erasure was written, and the new session's id.
        """

        def erase(connection: Connection) -> tuple[Written, str]:
            lane = _current(connection)
            token = None
            lane_ids = [lane.lane_id]
            if lane.user_id is not None:
                token = scalar(connection, "SELECT token FROM tokens WHERE user_id = ?", (lane.user_id,))
                found = rows(connection, "SELECT lane_id FROM lanes WHERE user_id = ?", (lane.user_id,))
                lane_ids = [row[0] for row in found]
            void = _sendable_ids(connection, lane.lane_id)
            for lane_id in lane_ids:
                self._forget_lane(connection, lane_id)
            body = encode({"user_id": lane.user_id, "token": token, "void": void})
            written = self.put(connection, lane.lane_id, "forget", body)
            if lane.user_id is not None:
                connection.exec_driver_sql("DELETE FROM tokens WHERE user_id = ?", (lane.user_id,))
            opened = self.renew(connection, lane)
            self.store.reaches(opened.last_position)
            return written, opened.session_id

        written, session_id = self.store.run(erase, vital=True)
        self.store.checkpoint()
        self.store.drop_damaged()
        return written, session_id

    def profile(self) -> dict[str, object]:
        """Return the flat profile as this device last knew it, unsent writes included."""

        def gather(connection: Connection) -> dict[str, object]:
            lane = _current(connection)
            found = rows(
                connection,
                "SELECT kind, body FROM entries WHERE position BETWEEN ? AND ?"
                " AND kind IN ('identify', 'update') ORDER BY position",
                (lane.lane_id << LANE_SHIFT, (lane.lane_id << LANE_SHIFT) + SEQ_MASK),
            )
            return fold(lane.profile, found)

        return self.store.read_with(gather)

    def has_token(self, user_id: str) -> bool:
        """Say whether a verification token is kept for the user."""
        return bool(self.store.read("SELECT 1 FROM tokens WHERE user_id = ?", (user_id,)))

    def replace_token(self, user_id: str, old: str | None, new: str | None) -> bool:
        """
        Put a fresh token in the place of the one that was sent; None throws it away.

        Returns:
            False, with nothing changed, when a newer one had already come.
        """

        def replace(connection: Connection) -> bool:
            kept = scalar(connection, "SELECT token FROM tokens WHERE user_id = ?", (user_id,))
            if kept is not None and kept != old:
                return False
            connection.exec_driver_sql("DELETE FROM tokens WHERE user_id = ?", (user_id,))
            if new is not None:
                connection.exec_driver_sql(
                    "INSERT INTO tokens (user_id, token, stored_at) VALUES (?, ?, ?)",
                    (user_id, new, self._clock.wall_ms()),
                )
            return True

        return self.store.run(replace, vital=True)

    def close(self, timeout_s: float = LOCK_TIMEOUT_S) -> None:
        """Give the journal up. Safe to call twice."""
        self.store.close(timeout_s)

    def renew(self, connection: Connection, lane: LaneRow) -> LaneRow:
        """Within a transaction: seal `lane` and open a new current one."""
        now = self._clock.wall_ms()
        newest = scalar(
            connection,
            "SELECT position FROM entries WHERE position < ? ORDER BY position DESC LIMIT 1",
            ((lane.lane_id + 1) << LANE_SHIFT,),
        )
        empty = newest is None or newest >> LANE_SHIFT != lane.lane_id
        # Its last number is in its row from here on: whatever happens to its entries, none is used twice.
        connection.exec_driver_sql(
            "UPDATE lanes SET sealed_at = ?, profile = NULL, session_token = NULL,"
            " last_position = max(last_position, ?) WHERE lane_id = ?",
            (now, 0 if empty else newest, lane.lane_id),
        )
        for table in ("cache", "bookmarks"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE lane_id = ?", (lane.lane_id,))
        connection.exec_driver_sql("DELETE FROM search_terms")
        if empty:
            mark_drained(connection, lane.lane_id)
        inserted = connection.exec_driver_sql(
            "INSERT INTO lanes (session_id, state, opened_at, last_position, acked_position, acked_count, drained)"
            " VALUES (?, 'anonymous', ?, 0, 0, 0, 0)",
            (new_id(now), now),
        ).lastrowid
        base = inserted << LANE_SHIFT
        connection.exec_driver_sql(
            "UPDATE lanes SET last_position = ?, acked_position = ? WHERE lane_id = ?", (base, base, inserted)
        )
        seal_identity(connection, inserted)
        connection.exec_driver_sql("UPDATE device SET current_lane = ?", (inserted,))
        let_go(connection, inserted)
        return _current(connection)

    def _forget_lane(self, connection: Connection, lane_id: int) -> None:
        low, high = lane_id << LANE_SHIFT, (lane_id << LANE_SHIFT) + SEQ_MASK
        now = self._clock.wall_ms()
        for table in ("entries", "dead_letters"):
            found = rows(connection, f"SELECT position FROM {table} WHERE position BETWEEN ? AND ?", (low, high))
            note_removed(connection, [row[0] for row in found], "forgotten", now)
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE position BETWEEN ? AND ?", (low, high))
            if found:
                connection.exec_driver_sql(
                    "UPDATE lanes SET last_position = max(last_position, ?) WHERE lane_id = ?",
                    (max(row[0] for row in found), lane_id),
                )
        connection.exec_driver_sql(
            "UPDATE lanes SET parked_at = NULL, parked_code = NULL, parked_message = NULL, profile = NULL"
            " WHERE lane_id = ?",
            (lane_id,),
        )
        if scalar(connection, "SELECT sealed_at FROM lanes WHERE lane_id = ?", (lane_id,)) is not None:
            mark_drained(connection, lane_id)

    def _keep_bounds(self, bounds: Bounds | None) -> Bounds:
        """Note the bounds in the journal, for those who look at it from elsewhere; return those that hold."""
        kept = Bounds(*self.store.read("SELECT max_entries, max_bytes FROM device")[0])
        if bounds is None or bounds == kept:
            return kept
        both = (bounds.max_entries, bounds.max_bytes)
        try:
            self.store.run(
                lambda connection: connection.exec_driver_sql(
                    "UPDATE device SET max_entries = ?, max_bytes = ?", both
                ).rowcount,
                single=True,
            )
        except JournalFull:
            pass  # a full disk must not keep the journal from being opened: they hold here all the same
        return bounds


def _current(connection: Connection) -> LaneRow:
    found = rows(connection, _CURRENT)
    lane = LaneRow(*found[0]) if found else None
    if not _is_sound(lane):
        raise JournalCorrupt("the journal names no current session; open it again to have it recovered")
    return lane


def _is_sound(lane: LaneRow | None) -> TypeGuard[LaneRow]:
    """Whether a lane can be the current one: it is what was written, and nobody has ended it."""
    return lane is not None and lane.sealed_at is None and lane.is_intact()


def seal_identity(connection: Connection, lane_id: int) -> None:
    """Within a transaction: bind the lane to the session and user that were just written to its row."""
    found = rows(connection, "SELECT lane_id, session_id, user_id FROM lanes WHERE lane_id = ?", (lane_id,))
    connection.exec_driver_sql("UPDATE lanes SET digest = ? WHERE lane_id = ?", (lane_digest(*found[0]), lane_id))


def _has_token(connection: Connection, user_id: str) -> bool:
    return scalar(connection, "SELECT 1 FROM tokens WHERE user_id = ?", (user_id,)) is not None


def _sendable_ids(connection: Connection, lane_id: int) -> list[str]:
    """Return the ids of the entries that one request could hold: those the platform may have, its answer lost."""
    low = lane_id << LANE_SHIFT
    found = rows(
        connection,
        "SELECT id FROM entries WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?",
        (low, low + SEQ_MASK, MAX_ENTRIES),
    )
    return [row[0] for row in found]


def note_removed(connection: Connection, positions: list[int], reason: str, at: int) -> None:
    """Name removed entries in the ledger, neighbours in one row."""
    _note(connection, [(position, None) for position in sorted(positions)], reason, at)


def note_moved(connection: Connection, moved: Mapping[int, int], reason: str, at: int) -> None:
    """Name entries that have another key now, new by old, so that their receipts find them."""
    _note(connection, sorted(moved.items()), reason, at)


def _note(connection: Connection, places: Sequence[tuple[int, int | None]], reason: str, at: int) -> None:
    """Write runs of neighbours, whose new keys, if they have any, are neighbours too."""
    runs: list[list[Any]] = []
    for old, new in places:
        if runs and old == runs[-1][1] + 1 and (new is None or new == runs[-1][2] + old - runs[-1][0]):
            runs[-1][1] = old
        else:
            runs.append([old, old, new])
    for first, last, moved_to in runs:
        connection.exec_driver_sql(
            "INSERT INTO ledger (first_position, last_position, entries, reason, at, moved_to)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (first, last, last - first + 1, reason, at, moved_to),
        )


def follow(connection: Connection, position: int) -> int:
    """Return the key that an entry has now, however often it was moved or retried."""
    while True:
        found = rows(
            connection,
            "SELECT moved_to + ? - first_position FROM (SELECT * FROM ledger WHERE first_position <= ?"
            " ORDER BY first_position DESC LIMIT 1) WHERE last_position >= ? AND moved_to IS NOT NULL",
            (position, position, position),
        )
        if not found:
            return position
        position = int(found[0][0])


def retried_in(connection: Connection, lane_id: int) -> frozenset[int]:
    """Return the keys in a lane that were given to retried dead letters."""
    low = lane_id << LANE_SHIFT
    retried = "SELECT moved_to FROM ledger WHERE reason = 'retried' AND moved_to BETWEEN ? AND ?"
    return frozenset(row[0] for row in rows(connection, retried, (low, low + SEQ_MASK)))


def mark_drained(connection: Connection, lane_id: int) -> None:
    """
    A sealed lane with nothing left: nothing of its person stays in it, nor a token nobody needs.

    While it has dead letters the person's id stays beside them: one that is
    retried must go out under the same person.
    """
    user_id = scalar(connection, "SELECT user_id FROM lanes WHERE lane_id = ?", (lane_id,))
    connection.exec_driver_sql(
        "UPDATE lanes SET drained = 1, session_token = NULL, profile = NULL WHERE lane_id = ?", (lane_id,)
    )
    low = lane_id << LANE_SHIFT
    if not rows(
        connection, "SELECT 1 FROM dead_letters WHERE position BETWEEN ? AND ? LIMIT 1", (low, low + SEQ_MASK)
    ):
        connection.exec_driver_sql("UPDATE lanes SET user_id = NULL WHERE lane_id = ?", (lane_id,))
        seal_identity(connection, lane_id)
        connection.exec_driver_sql("DELETE FROM lmg_sessions WHERE lane_id = ?", (lane_id,))
    if user_id is not None:
        connection.exec_driver_sql(
            "DELETE FROM tokens WHERE user_id = ?1"
            " AND NOT EXISTS (SELECT 1 FROM lanes WHERE user_id = ?1 AND drained = 0)",
            (user_id,),
        )
