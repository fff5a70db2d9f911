"""
The sync's side of the journal: what to send next, and what became of it.

A batch is read without a lock; recording its outcome is one transaction, and
what the outcome says of a lane is believed only for entries that lane still has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection

from .._core.identity import AudienceState, Event, transition
from .._core.profiles import after, changes_of
from .._support.ids import new_id
from ..errors import JournalCorrupt, JournalFull, LMGError
from . import moves
from .ahead import DAMAGED, Folded, Wanted, folded, prove
from .engine import driver_connection, rows, scalar
from .journal import LANE_COLUMNS, Journal, mark_drained, retried_in
from .keys import LANE_SHIFT, SEQ_MASK
from .moves import ENTRY_COLUMNS
from .parts import in_parts
from .records import EntryRow, LaneBatch, LaneResult, LaneRow, LmgSession, Recorded, row_digest

_LMG_COLUMNS = "lane_id, session_id, token, ingestion_url, claim, token_at"
MAX_LANES = 200


class DeviceIdentity(NamedTuple):
    """
    Who this device is to the platform.

    Attributes:
        exchange_seq: How many replays of this device had a reply that was recorded.

        exchange_id: What it called the last of them; None before the first.
    """

    device_id: str
    secret: str
    exchange_seq: int
    exchange_id: str | None

    def __repr__(self) -> str:
        return f"<DeviceIdentity {self.device_id}>"


class SavedSync(NamedTuple):
    """What the sync remembers over a restart; instants in wall milliseconds."""

    endpoint: str | None
    write_key_digest: str | None
    failures: int
    not_before_at: int | None
    floor_until_at: int | None
    suspended_code: str | None
    suspended_message: str | None
    last_synced_at: int | None
    last_error: str | None
    settings: str | None
    dialect: str | None


class Outbox:
    """Reads batches and records outcomes. One public method is one transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._store = journal.store
        # What the sync thread alone uses: how much it asked for last, whether there was more, what it sends next,
        # and what the request under way does to the current profile.
        self._wanted: Wanted | None = None
        self._is_full = False
        self._next: list[EntryRow] = []
        self._folded: Folded | None = None

    def device(self) -> DeviceIdentity:
        """Return the device's id and secret, and its last exchange."""
        return DeviceIdentity(*self._store.read("SELECT device_id, secret, exchange_seq, exchange_id FROM device")[0])

    def next_batch(
        self, max_entries: int, max_bytes: int, skip_lanes: Iterable[int], max_lanes: int = MAX_LANES
    ) -> list[LaneBatch]:
        """
        Return what to send next, oldest lanes first; empty when there is nothing.

        The current lane comes along without entries when it has no session
        token yet: that opens the session.

        Args:
            max_entries: At most so many entries, 1 or more.

            max_bytes: No further entry once the request would hold more than so many bytes, in UTF-8.

            skip_lanes: Lanes to leave out for now.

            max_lanes: At most so many lanes, 1 or more.
        """
        wanted = Wanted(max_entries, max_bytes, tuple(sorted(skip_lanes)), max_lanes)
        ready, self._next = self._next if wanted == self._wanted else [], []
        self._wanted, self._folded = wanted, None

        def gather(connection: Connection) -> list[LaneBatch]:
            driver = driver_connection(connection)
            if ready and wanted.are_next(driver, ready):
                entries, self._is_full = ready, True
            else:
                entries, self._is_full = wanted.read(driver)
                prove(entries)
            picked = _by_lane(entries)
            if not picked:
                current = scalar(connection, "SELECT current_lane FROM device")
                unopened = "SELECT 1 FROM lanes WHERE lane_id = ? AND session_token IS NULL AND parked_at IS NULL"
                if current not in wanted.skipped and scalar(connection, unopened, (current,)):
                    picked[current] = []
            return [self._lane_batch(connection, lane_id, found) for lane_id, found in picked.items()]

        return self._store.read_with(gather)

    def give_way(self) -> None:
        """Let a write of another thread go first; not within a transaction."""
        self._store.give_way()

    def get_ready(self, batches: Sequence[LaneBatch]) -> None:
        """
        Do what the answer to a request would have to wait for. Called while that is under way; never raises.

        Only behind a full request is the next one read: where one takes all there is, what is written meanwhile
        is sent together.
        """
        try:
            for batch in batches:
                if batch.entries and batch.lane.sealed_at is None:
                    self._folded = folded(batch, self.give_way)
            wanted, last = self._wanted, batches[-1].entries
            if wanted is None or not last or not self._is_full:
                return
            read = partial(wanted.read, start=last[-1].position + 1)
            entries, is_full = self._store.read_with(lambda connection: read(driver_connection(connection)))
            if is_full:
                prove(entries, self.give_way)
                self._next = entries
        except LMGError:
            pass  # it is met again by who needs it

    def current_batch(self) -> LaneBatch:
        """Return the current session's lane, without entries."""
        return LaneBatch(self._journal.current(), None, ())

    def _lane_batch(self, connection: Connection, lane_id: int, found: list[EntryRow]) -> LaneBatch:
        lane = LaneRow(*rows(connection, f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = ?", (lane_id,))[0])
        if not lane.is_intact():
            raise JournalCorrupt(DAMAGED)
        token = None
        may_be_asked = lane.is_claimed and lane.state == "verified"
        if lane.user_id is not None and (may_be_asked or any(entry.kind == "identify" for entry in found)):
            token = scalar(connection, "SELECT token FROM tokens WHERE user_id = ?", (lane.user_id,))
        if token is None and found and found[0].kind == "forget":
            token = json.loads(found[0].body).get("token")  # it is kept nowhere else any more
        retried = retried_in(connection, lane_id) if found else frozenset()
        return LaneBatch(lane, token, tuple(found), retried)

    def mark_sent(self, batches: Sequence[LaneBatch]) -> bool:
        """
        Remember that these entries may be put on the wire: from now on they are not merged. Atomic.

        Args:
            batches: Each with an entry or more.

        Returns:
            False when some of them have left the queue since they were read; then
            they must not be sent: read the batch again.
        """

        def mark(connection: Connection) -> bool:
            whole = True
            for batch in batches:
                first, last = batch.entries[0].position, batch.entries[-1].position
                there = scalar(connection, "SELECT count(*) FROM entries WHERE position BETWEEN ? AND ?", (first, last))
                whole = whole and there == len(batch.entries)
                _mark(connection, last)
            return whole

        return self._store.run(mark, vital=True)

    def holds(self, position: int, entry_id: str) -> bool:
        """Say whether the entry is queued under that key and id."""
        return bool(self._store.read("SELECT 1 FROM entries WHERE position = ? AND id = ?", (position, entry_id)))

    def record(self, results: list[LaneResult], *, now_ms: int, is_exchange: bool = False) -> Recorded:
        """
        Record what became of a replay.

        Atomic: for every lane, its acknowledged entries leave, its refused ones
        become dead letters, its state and token are kept, it is parked or
        released; the current session is renewed if its identify was refused.
        On a disk too full for that, what there is room for, an entry or a few at
        a time: what was not recorded will be sent again.

        Args:
            is_exchange: The platform keeps count of this device's exchanges.
        """

        def apply(connection: Connection) -> Recorded:
            total = Recorded(0)
            if is_exchange:
                connection.exec_driver_sql(
                    "UPDATE device SET exchange_seq = exchange_seq + 1, exchange_id = ?", (new_id(now_ms),)
                )
            for result in results:
                total = self._record_lane(connection, result, now_ms, total)
            for ahead in _by_lane(self._next).values():  # in the same commit; before they go they are looked for
                _mark(connection, ahead[-1].position)
            return total

        try:
            return self._store.run(apply, vital=True)
        except JournalFull:
            return self._record_in_parts(results, now_ms)

    def _record_in_parts(self, results: list[LaneResult], now_ms: int) -> Recorded:
        total = Recorded(0)
        is_begun = False
        for part in (part for result in results for part in in_parts(result, self._handled(result))):
            try:
                total = self._store.run(partial(self._record_lane, result=part, now=now_ms, total=total), vital=True)
            except JournalFull:
                if is_begun:
                    break
                raise
            is_begun = True
            self._store.checkpoint()  # the room it took in the log is the next one's
        return total

    def _handled(self, result: LaneResult) -> list[tuple[int, str, int]]:
        found = self._store.read(
            "SELECT position, id, length(body) FROM entries WHERE position > ? AND position <= ? ORDER BY position",
            (result.lane_id << LANE_SHIFT, result.through),
        )
        return [(row[0], row[1], row[2]) for row in found]

    def _record_lane(self, connection: Connection, result: LaneResult, now: int, total: Recorded) -> Recorded:
        lane = LaneRow(*rows(connection, f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = ?", (result.lane_id,))[0])
        low = lane.lane_id << LANE_SHIFT
        current = scalar(connection, "SELECT current_lane FROM device") == lane.lane_id
        refused = self._bury(connection, lane, result, now)
        self._claim(connection, lane, result)
        if current:
            self._fold_profile(connection, lane, result.through)
            if lane.identify_position in {low + refusal.seq for refusal in result.refused}:
                self._unclaim(connection, lane)
        removed = connection.exec_driver_sql(
            "DELETE FROM entries WHERE position > ? AND position <= ?", (low, result.through)
        ).rowcount
        through = max(result.through, lane.acked_position)
        connection.exec_driver_sql(
            "UPDATE lanes SET acked_position = ?, acked_id = ?, acked_count = acked_count + ?,"
            " last_position = max(last_position, ?), session_token = CASE WHEN sealed_at IS NULL"
            " THEN coalesce(?, session_token) END WHERE lane_id = ?",
            (
                through,
                result.through_id if result.through >= lane.acked_position else lane.acked_id,
                removed,
                through,
                result.session_token,
                lane.lane_id,
            ),
        )
        nobody: tuple[int, ...] = ()
        identified = verified = rejected = nobody
        released = 0
        settles = lane.identify_position is not None and lane.acked_position < lane.identify_position <= result.through
        if settles and result.state in ("identified", "verified"):
            event = Event.PROVED if result.state == "verified" else Event.ACCEPTED
            _, state = transition(AudienceState(lane.state), event)
            connection.exec_driver_sql("UPDATE lanes SET state = ? WHERE lane_id = ?", (state.value, lane.lane_id))
            if event is Event.PROVED:
                verified = (lane.lane_id,)
                released = self._release(connection, lane.user_id)
            else:
                identified = (lane.lane_id,)
        if result.parked_code is not None:
            rejected = (lane.lane_id,)
            self._park(connection, lane, result, now, current)
        else:
            self._drain(connection, lane.lane_id)
        return Recorded(
            total.acknowledged + removed,
            total.identified + identified,
            total.verified + verified,
            total.rejected + rejected,
            total.released + ((lane.lane_id,) if released else ()),
            total.refused + refused,
        )

    def _claim(self, connection: Connection, lane: LaneRow, result: LaneResult) -> None:
        """Remember which identify the platform has taken, and what its session is identified as."""
        if result.claim is not None:
            connection.exec_driver_sql(
                "UPDATE lmg_sessions SET claim = ? WHERE lane_id = ?", (result.claim, lane.lane_id)
            )
        if lane.user_id is None or result.state not in ("identified", "verified"):
            return
        connection.exec_driver_sql(
            "UPDATE lanes SET claimed_position = coalesce((SELECT max(position) FROM entries WHERE position > ?"
            " AND position <= ? AND kind = 'identify'), claimed_position) WHERE lane_id = ?",
            (lane.lane_id << LANE_SHIFT, result.through, lane.lane_id),
        )

    def _bury(self, connection: Connection, lane: LaneRow, result: LaneResult, now: int) -> tuple[str, ...]:
        """Move refused entries to the dead letters; return their ids."""
        ids: list[str] = []
        for refusal in result.refused:
            position = (lane.lane_id << LANE_SHIFT) + refusal.seq
            found = scalar(connection, "SELECT id FROM entries WHERE position = ?", (position,))
            if found is None:
                continue  # an answer to a question of long ago: it is buried already
            connection.exec_driver_sql(
                f"INSERT INTO dead_letters ({ENTRY_COLUMNS}, code, message, refused_at)"
                f" SELECT {ENTRY_COLUMNS}, ?, ?, ? FROM entries WHERE position = ?",
                (refusal.code, refusal.message, now, position),
            )
            connection.exec_driver_sql("DELETE FROM entries WHERE position = ?", (position,))
            connection.exec_driver_sql(
                "UPDATE lanes SET last_position = max(last_position, ?) WHERE lane_id = ?",
                (position, lane.lane_id),
            )
            ids.append(found)
        return tuple(ids)

    def _fold_profile(self, connection: Connection, lane: LaneRow, through: int) -> None:
        keys, ready = (lane.lane_id << LANE_SHIFT, through), self._folded
        between = "FROM entries WHERE position > ? AND position <= ?"
        if (
            ready is not None
            and ready.through == through
            and ready.entries == scalar(connection, f"SELECT count(*) {between}", keys)
        ):
            changes = ready.changes
        else:  # made by another process, or some of them are refused or forgotten
            changes = changes_of(rows(connection, f"SELECT kind, body {between} ORDER BY position", keys))
        if changes:
            known = json.dumps(after(lane.profile, changes), ensure_ascii=False)
            connection.exec_driver_sql("UPDATE lanes SET profile = ? WHERE lane_id = ?", (known, lane.lane_id))

    def _unclaim(self, connection: Connection, lane: LaneRow) -> None:
        """The identify itself was refused for good: the app goes on as nobody, in a session of its own."""
        self._journal.renew(connection, lane)

    def _park(self, connection: Connection, lane: LaneRow, result: LaneResult, now: int, current: bool) -> None:
        connection.exec_driver_sql(
            "UPDATE lanes SET parked_at = ?, parked_code = ?, parked_message = ? WHERE lane_id = ?",
            (now, result.parked_code, result.parked_message, lane.lane_id),
        )
        if lane.user_id is not None and result.sent_token is not None:
            connection.exec_driver_sql(
                "DELETE FROM tokens WHERE user_id = ? AND token = ?", (lane.user_id, result.sent_token)
            )
        if current:
            self._journal.renew(connection, lane)

    def _release(self, connection: Connection, user_id: str | None) -> int:
        """A token of the user was accepted: their parked lanes can go."""
        return connection.exec_driver_sql(
            "UPDATE lanes SET parked_at = NULL, parked_code = NULL, parked_message = NULL"
            " WHERE user_id = ? AND parked_at IS NOT NULL",
            (user_id,),
        ).rowcount

    def _drain(self, connection: Connection, lane_id: int) -> None:
        """See to a lane that was sealed, maybe just now, and has nothing left to send."""
        sealed = scalar(connection, "SELECT sealed_at FROM lanes WHERE lane_id = ?", (lane_id,))
        if sealed is not None and not self._has_entries(connection, lane_id << LANE_SHIFT):
            mark_drained(connection, lane_id)

    def _has_entries(self, connection: Connection, low: int) -> bool:
        return (
            scalar(
                connection,
                "SELECT 1 FROM entries WHERE position BETWEEN ? AND ? LIMIT 1",
                (low, low + SEQ_MASK),
            )
            is not None
        )

    def bury(self, position: int, code: str, message: str, *, now_ms: int) -> None:
        """Set one entry aside as a dead letter on our own account: the platform can't read it."""

        def apply(connection: Connection) -> None:
            connection.exec_driver_sql(
                f"INSERT INTO dead_letters ({ENTRY_COLUMNS}, code, message, refused_at)"
                f" SELECT {ENTRY_COLUMNS}, ?, ?, ? FROM entries WHERE position = ?",
                (code, message, now_ms, position),
            )
            connection.exec_driver_sql("DELETE FROM entries WHERE position = ?", (position,))
            lane_id = position >> LANE_SHIFT
            connection.exec_driver_sql(
                "UPDATE lanes SET last_position = max(last_position, ?) WHERE lane_id = ?", (position, lane_id)
            )
            lane = LaneRow(*rows(connection, f"SELECT {LANE_COLUMNS} FROM lanes WHERE lane_id = ?", (lane_id,))[0])
            if position == lane.identify_position and lane_id == scalar(connection, "SELECT current_lane FROM device"):
                self._unclaim(connection, lane)
            self._drain(connection, lane_id)

        self._store.run(apply, vital=True)

    def token(self, user_id: str) -> str | None:
        """Return the verification token that is kept for a user, or None."""
        found = self._store.read("SELECT token FROM tokens WHERE user_id = ?", (user_id,))
        return found[0][0] if found else None

    def lmg_session(self, lane_id: int) -> LmgSession | None:
        """Return the lane's session in the LMG dialect, or None."""
        found = self._store.read(f"SELECT {_LMG_COLUMNS}, digest FROM lmg_sessions WHERE lane_id = ?", (lane_id,))
        if not found or found[0][6] != row_digest(*found[0][:4]):
            return None  # a damaged row might be the session of another lane
        return LmgSession(*found[0][:6])

    def keep_lmg_session(self, session: LmgSession) -> None:
        """Keep a lane's session of the LMG dialect. Atomic: it, and the token that reads of an open lane use."""

        def keep(connection: Connection) -> None:
            connection.exec_driver_sql(
                f"INSERT INTO lmg_sessions ({_LMG_COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (lane_id) DO UPDATE"
                " SET session_id = excluded.session_id, token = excluded.token, claim = excluded.claim,"
                " ingestion_url = excluded.ingestion_url, token_at = excluded.token_at, digest = excluded.digest",
                (
                    session.lane_id,
                    session.session_id,
                    session.token,
                    session.ingestion_url,
                    session.claim,
                    session.token_at,
                    row_digest(session.lane_id, session.session_id, session.token, session.ingestion_url),
                ),
            )
            connection.exec_driver_sql(
                "UPDATE lanes SET session_token = ? WHERE lane_id = ? AND sealed_at IS NULL",
                (session.token, session.lane_id),
            )

        self._store.run(keep, vital=True)

    def drop_lmg_session(self, lane_id: int) -> None:
        """The platform has lost the lane's session: the next step opens another. Atomic."""

        def drop(connection: Connection) -> None:
            connection.exec_driver_sql("DELETE FROM lmg_sessions WHERE lane_id = ?", (lane_id,))
            connection.exec_driver_sql("UPDATE lanes SET session_token = NULL WHERE lane_id = ?", (lane_id,))

        self._store.run(drop, vital=True)

    def drop_lmg_sessions(self) -> None:
        """Forget every session of the LMG dialect: they are another endpoint's. Atomic."""

        def drop(connection: Connection) -> None:
            connection.exec_driver_sql("DELETE FROM lmg_sessions")
            connection.exec_driver_sql("UPDATE lanes SET session_token = NULL WHERE session_token IS NOT NULL")

        self._store.run(drop, vital=True)

    def note_try(self, position: int, standing: str) -> None:
        """Remember, before it is sent, that a redemption may reach the platform, and from where. Atomic, one row."""
        self._store.run(
            lambda connection: (
                connection.exec_driver_sql(
                    "UPDATE lanes SET tried_position = ?, tried_from = ? WHERE lane_id = ?",
                    (position, standing, position >> LANE_SHIFT),
                ).rowcount
            ),
            single=True,
        )

    def drop_session_token(self, lane_id: int) -> None:
        """The platform no longer takes the session's token: the next replay asks for a new one."""
        self._store.run(
            lambda connection: (
                connection.exec_driver_sql(
                    "UPDATE lanes SET session_token = NULL WHERE lane_id = ?", (lane_id,)
                ).rowcount
            ),
            vital=True,
        )

    def fork(self, lane_ids: list[int], *, now_ms: int) -> bool:
        """
        Go on with lanes that the platform says are another device's: this journal is, or was, a copy.

        Atomic: if need be a new device id and secret; for each lane a new one
        that begins with the identity of the old and goes on with its entries,
        their ids and times kept. The old numbers are named in the ledger as moved.

        Returns:
            Whether this is another device now.
        """
        return self._store.run(lambda connection: moves.go_on(self._journal, connection, lane_ids, now_ms))

    def move(self, lane_ids: list[int], *, now_ms: int) -> None:
        """As `fork`, and this device stays who it is: the platform took these lanes for nobody's."""

        def apply(connection: Connection) -> None:
            for lane_id in lane_ids:
                moves.move(self._journal, connection, lane_id, now_ms)

        self._store.run(apply, vital=True)

    def learn_boot(self, boot_id: str, booted_at: int) -> None:
        """Keep when this boot began on the platform's time line, unless that is known: one boot has one beginning."""
        self._store.run(
            lambda connection: (
                connection.exec_driver_sql(
                    "INSERT INTO boots (boot_id, booted_at, digest) VALUES (?, ?, ?) ON CONFLICT (boot_id) DO NOTHING",
                    (boot_id, booted_at, row_digest(boot_id, booted_at)),
                ).rowcount
            ),
            single=True,
            vital=True,
        )

    def drop_boots(self) -> None:
        """Forget when boots began: that was by the clock of another endpoint."""
        self._store.run(lambda connection: connection.exec_driver_sql("DELETE FROM boots").rowcount)

    def boots(self) -> dict[str, int]:
        """Return when each known boot began, in milliseconds since 1970 UTC, by boot id."""
        found = self._store.read("SELECT boot_id, booted_at, digest FROM boots")
        return {row[0]: row[1] for row in found if row[2] == row_digest(row[0], row[1])}

    def saved_sync(self) -> SavedSync:
        """Return what the sync remembered."""
        return SavedSync(
            *self._store.read(
                "SELECT endpoint, write_key_digest, failures, not_before_at, floor_until_at, suspended_code,"
                " suspended_message, last_synced_at, last_error, settings, dialect FROM sync_state"
            )[0]
        )

    def save_sync(self, saved: SavedSync) -> None:
        """Remember the sync's state. Atomic, one row."""
        self._store.run(
            lambda connection: (
                connection.exec_driver_sql(
                    "UPDATE sync_state SET endpoint = ?, write_key_digest = ?, failures = ?, not_before_at = ?,"
                    " floor_until_at = ?, suspended_code = ?, suspended_message = ?, last_synced_at = ?,"
                    " last_error = ?, settings = ?, dialect = ?",
                    (
                        saved.endpoint,
                        saved.write_key_digest,
                        saved.failures,
                        saved.not_before_at,
                        saved.floor_until_at,
                        saved.suspended_code,
                        saved.suspended_message,
                        saved.last_synced_at,
                        saved.last_error,
                        saved.settings,
                        saved.dialect,
                    ),
                ).rowcount
            ),
            single=True,
            vital=True,
        )


def _by_lane(entries: Sequence[EntryRow]) -> dict[int, list[EntryRow]]:
    if entries and entries[0].lane_id == entries[-1].lane_id:  # as in any backlog: they rise
        return {entries[0].lane_id: list(entries)}
    return {lane_id: list(lane) for lane_id, lane in groupby(entries, lambda entry: entry.lane_id)}


def _mark(connection: Connection, last: int) -> None:
    """Within a transaction: remember that a lane's entries up to this key may be on the wire."""
    connection.exec_driver_sql(
        "UPDATE lanes SET sent_position = max(sent_position, ?) WHERE lane_id = ?", (last, last >> LANE_SHIFT)
    )
