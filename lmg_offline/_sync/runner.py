"""
One step of the sync: look, decide, send, record.

Races, and who wins them:
1. A reset while a replay is in flight: results name the lane they were for, and
   are recorded there. The new session is not touched.
2. A new token while the old one is being refused: the token is thrown away only
   if it is still the one that was sent.
3. A crash between the reply and its recording: the same entries are sent again,
   and the platform recognises them by lane, number and id.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .._core import schedule
from .._core.ages import Now
from .._core.schedule import Done, Retry, ScheduleState, Split, Suspend
from .._journal.journal import Journal
from .._journal.outbox import Outbox, SavedSync
from .._journal.records import EntryRow, LaneBatch, LaneResult, LaneRow, Recorded, Refusal
from .._journal.tables import LANE_SHIFT
from .._support.log import log
from .._transport.port import DeviceRefused, Replayed, Transport
from ..protocol.replay import MAX_BYTES, LaneReply, Reply
from .body import replay_body
from .events import Events

TokenProvider = Callable[[str], str | None]

PROVIDER_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class SyncView:
    """
    What the sync shows of itself.

    Attributes:
        attempts: How many requests have ended since this client opened.

        online: Whether the last one got an answer; None before the first.

        next_attempt_s: Seconds until the next attempt; None when nothing waits for one.
    """

    attempts: int = 0
    online: bool | None = None
    last_error: str | None = None
    suspended_code: str | None = None
    suspended_message: str | None = None
    last_synced_at: int | None = None
    next_attempt_s: float | None = None
    bookmarking: str = "verified_only"


@dataclass(slots=True)
class _Memory:
    """What the runner remembers between steps, all of it this thread's own."""

    state: ScheduleState = field(default_factory=ScheduleState)
    skip_until: dict[int, float] = field(default_factory=dict)
    known_boot: str | None = None
    has_just_forked: bool = False
    refreshed_s: dict[int, float] = field(default_factory=dict)


class Runner:
    """Does the sync's steps. `step` is called by one thread; the rest from any."""

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        transport: Transport,
        events: Events,
        *,
        endpoint: str,
        write_key: str,
        token_provider: TokenProvider | None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._transport = transport
        self._events = events
        self._clock = journal.store.clock
        self._endpoint = endpoint
        self._key_digest = hashlib.sha256(write_key.encode()).hexdigest()[:16]
        self._token_provider = token_provider
        self._jitter = jitter
        self._memory = _Memory()
        # _changed guards _view, _hurry and in_flight, and wakes those who wait for an attempt.
        self._changed = threading.Condition()
        self._view = SyncView()
        self._hurry = False
        self._in_flight: dict[int, int] = {}
        self._load()

    def after_fork(self) -> None:
        """In a forked child: the parent's thread may have held the lock at that instant."""
        self._changed = threading.Condition()

    def view(self) -> SyncView:
        """Return what the sync shows of itself now."""
        with self._changed:
            state = self._memory.state
            wait_s = max(0.0, state.not_before_s - self._clock.monotonic_s())
            return replace(self._view, next_attempt_s=wait_s)

    def hurry(self) -> None:
        """Ask for an attempt now; the platform's own floor is still honoured."""
        with self._changed:
            self._hurry = True

    def was_sent(self, position: int) -> bool:
        """Say whether this process has put the entry on the wire."""
        with self._changed:
            return position <= self._in_flight.get(position >> LANE_SHIFT, -1)

    def wait_for_attempt(self, seen: int, timeout_s: float) -> SyncView:
        """Wait until more than `seen` attempts have ended, or the time is up."""
        with self._changed:
            if self._view.attempts <= seen:
                self._changed.wait(timeout_s)
            return self._view

    def step(self) -> float | None:
        """
        Do one thing.

        Returns:
            How long to wait before the next step, in seconds: 0 to go on at
            once, None until something is written or somebody asks.
        """
        now_s = self._clock.monotonic_s()
        memory = self._memory
        with self._changed:
            hurry, self._hurry = self._hurry, False
        if hurry and memory.state.suspended is None:
            memory.state = schedule.hurried(memory.state, now_s)
        if now_s < memory.state.not_before_s:
            return memory.state.not_before_s - now_s
        memory.skip_until = {lane: until for lane, until in memory.skip_until.items() if until > now_s}
        batches = self._outbox.next_batch(memory.state.limit, MAX_BYTES, memory.skip_until)
        if not batches:
            return min(memory.skip_until.values()) - now_s if memory.skip_until else None
        damaged = next((e for batch in batches for e in batch.entries if not e.is_intact()), None)
        if damaged is not None:
            self._set_aside(damaged, "damaged", "the entry's bytes in the journal are not what was written")
            return 0.0
        return self._send(batches)

    def _send(self, batches: list[LaneBatch]) -> float:
        device = self._outbox.device()
        now = self._now()
        with self._changed:
            for batch in batches:
                if batch.entries:
                    self._in_flight[batch.lane.lane_id] = batch.entries[-1].position
        outcome = self._transport.replay(replay_body(device, batches, now))
        match outcome:
            case Replayed(reply=reply):
                return self._accept(batches, reply)
            case DeviceRefused(reason=reason):
                self._fork([batch.lane.lane_id for batch in batches], reason)
                self._end_fork()
                return 0.0
            case Split(malformed=malformed) if sum(len(batch.entries) for batch in batches) <= 1:
                return self._alone_at_fault(batches, outcome, malformed)
            case Retry() | Split() | Suspend():
                self._ended(outcome, reached=not isinstance(outcome, Retry) or outcome.reached)
                return 0.0

    def _accept(self, batches: list[LaneBatch], reply: Reply) -> float:
        results = self._believe(batches, reply)
        if results is None:
            self._ended(Retry("the platform's reply does not fit what was sent", reached=True), reached=True)
            return 0.0
        forked = [
            batch.lane.lane_id
            for batch, lane in zip(batches, reply.lanes, strict=True)
            if lane.status == "forked" or self._is_ahead(batch, lane)
        ]
        results = [result for result in results if result.lane_id not in forked]
        results = self._refresh_tokens(batches, results)
        recorded = self._outbox.record(results, now_ms=self._clock.wall_ms())
        self._learn(reply)
        if forked:
            self._fork(forked, "this journal is a copy of one that is in use")
            self._end_fork(reply)
        else:
            self._memory.has_just_forked = False
            self._ended(Done(), reached=True, reply=reply)
        self._tell(batches, reply, results, recorded)
        return 0.0

    def _believe(self, batches: list[LaneBatch], reply: Reply) -> list[LaneResult] | None:
        """Return what the reply says of each lane; None when it does not answer what was asked."""
        if len(reply.lanes) != len(batches):
            return None
        results: list[LaneResult] = []
        moved = False  # an answer that moves nothing would be asked for again at once, for ever
        for batch, lane in zip(batches, reply.lanes, strict=True):
            if lane.session_id != batch.lane.session_id:
                return None
            if lane.status == "forked":
                moved = True
                continue
            through = self._through(batch, lane)
            if through is None:
                if self._is_ahead(batch, lane):
                    moved = True
                    continue
                return None
            sent = {(entry.seq, entry.id) for entry in batch.entries if entry.position <= through[0]}
            if any((refusal.seq, refusal.id) not in sent for refusal in lane.refused):
                return None
            opened = not batch.entries and lane.session_token is not None
            moved = moved or opened or lane.status == "parked" or through[0] > batch.lane.acked_position
            results.append(
                LaneResult(
                    batch.lane.lane_id,
                    through[0],
                    through[1],
                    lane.state,
                    lane.session_token,
                    tuple(Refusal(r.seq, r.code, r.message) for r in lane.refused),
                    lane.code if lane.status == "parked" else None,
                    lane.message if lane.status == "parked" else None,
                    batch.token,
                )
            )
        return results if moved else None

    def _through(self, batch: LaneBatch, lane: LaneReply) -> tuple[int, str | None] | None:
        """Return (key, id) of the last handled entry if this device knows it, else None."""
        named, row = lane.applied_through, batch.lane
        base = row.lane_id << LANE_SHIFT
        if (named.seq, named.id) == (row.acked_seq, row.acked_id):
            return row.acked_position, row.acked_id
        for entry in batch.entries:
            if (entry.seq, entry.id) == (named.seq, named.id):
                return entry.position, entry.id
        if named.id is not None and named.seq > row.acked_seq and self._outbox.holds(base + named.seq, named.id):
            # What was refused beyond the batch is not named here: believe the batch, and ask for the rest.
            last = batch.entries[-1] if batch.entries else None
            return (row.acked_position, row.acked_id) if last is None else (last.position, last.id)
        return None

    def _is_ahead(self, batch: LaneBatch, lane: LaneReply) -> bool:
        """The platform has handled, in this lane, an entry that this journal never held."""
        return lane.applied_through.seq > batch.lane.acked_seq and self._through(batch, lane) is None

    def _refresh_tokens(self, batches: list[LaneBatch], results: list[LaneResult]) -> list[LaneResult]:
        """Ask the app for a fresh token where one has expired; such a lane is not parked yet."""
        if self._token_provider is None:
            return results
        lanes = {batch.lane.lane_id: batch.lane for batch in batches}
        return [
            self._refreshed(lanes[result.lane_id], result) if result.parked_code == "token_expired" else result
            for result in results
        ]

    def _refreshed(self, lane: LaneRow, result: LaneResult) -> LaneResult:
        if self._token_provider is None or lane.user_id is None:
            return result
        try:
            fresh = self._token_provider(lane.user_id)
        except Exception as error:  # the app's own server may be down: try again later, park nobody
            log.warning("token provider raised", extra={"error": type(error).__name__})
            self._memory.skip_until[lane.lane_id] = self._clock.monotonic_s() + PROVIDER_RETRY_S
            return replace(result, parked_code=None, parked_message=None)
        now_s = self._clock.monotonic_s()
        just_refreshed = now_s - self._memory.refreshed_s.get(lane.lane_id, -PROVIDER_RETRY_S) < PROVIDER_RETRY_S
        if fresh is None or fresh == result.sent_token or just_refreshed:
            return result  # a provider that hands out expired tokens must not make us ask for ever
        self._memory.refreshed_s[lane.lane_id] = now_s
        self._journal.replace_token(lane.user_id, result.sent_token, fresh)
        return replace(result, parked_code=None, parked_message=None)

    def _alone_at_fault(self, batches: list[LaneBatch], outcome: Split, malformed: bool) -> float:
        """One entry is left of a split: set it aside if none is accepted, and it is refused once more."""
        entry = next((e for batch in batches for e in batch.entries), None)
        if entry is None:
            self._ended(Retry(outcome.reason, reached=True), reached=True)
            return 0.0
        empty = [replace(batch, entries=()) for batch in batches]
        probe = self._transport.replay(replay_body(self._outbox.device(), empty, self._now()))
        # Once more, because a server in between that says so now and then must not cost an entry.
        again = isinstance(probe, Replayed) and self._transport.replay(
            replay_body(self._outbox.device(), batches, self._now())
        )
        if not isinstance(again, Split):
            self._ended(Retry(outcome.reason, reached=True), reached=True)
            return 0.0
        self._set_aside(entry, "malformed" if malformed else "too_large", outcome.reason)
        self._ended(Done(), reached=True)
        return 0.0

    def _set_aside(self, entry: EntryRow, code: str, message: str) -> None:
        self._outbox.bury(entry.position, code, message, now_ms=self._clock.wall_ms())
        log.warning("entry set aside", extra={"entry_id": entry.id, "code": code})
        self._events.emit("dead_letter", entry_id=entry.id, code=code, message=message)

    def _fork(self, lane_ids: list[int], reason: str) -> None:
        self._outbox.fork(lane_ids, now_ms=self._clock.wall_ms())
        log.warning("journal is a copy; going on as a new device", extra={"lanes": len(lane_ids)})
        self._events.emit("forked", reason=reason)

    def _end_fork(self, reply: Reply | None = None) -> None:
        """A first fork goes on at once; one right after it waits, lest a server that forks all be stormed."""
        stormed, self._memory.has_just_forked = self._memory.has_just_forked, True
        outcome = Retry("the platform takes this device for a copy again and again", reached=True)
        self._ended(outcome if stormed else Done(), reached=True, reply=reply)

    def _tell(self, batches: list[LaneBatch], reply: Reply, results: list[LaneResult], recorded: Recorded) -> None:
        lanes = {batch.lane.lane_id: batch.lane for batch in batches}
        for lane_id in recorded.identified:
            self._events.emit("identified", session_id=lanes[lane_id].session_id)
        for lane_id in recorded.verified:
            self._events.emit("verified", session_id=lanes[lane_id].session_id)
        for lane_id in recorded.released:
            self._events.emit("released", session_id=lanes[lane_id].session_id)
        parked = {result.lane_id: result for result in results if result.parked_code}
        for lane_id in recorded.rejected:
            details = {
                "session_id": lanes[lane_id].session_id,
                "code": parked[lane_id].parked_code,
                "message": parked[lane_id].parked_message,
            }
            log.warning("lane parked", extra={"lane": lane_id, "code": parked[lane_id].parked_code})
            self._events.emit("identify_rejected", **details)
            self._events.emit("parked", **details)
        buried = set(recorded.refused)
        for lane in reply.lanes:
            for refusal in lane.refused:
                if refusal.id in buried:
                    self._events.emit("dead_letter", entry_id=refusal.id, code=refusal.code, message=refusal.message)
            for conflict in lane.conflicts:
                self._events.emit(
                    "conflict", session_id=lane.session_id, seq=conflict.seq, attributes=list(conflict.attributes)
                )
            if lane.restored:
                self._events.emit("restored", session_id=lane.session_id)
        if recorded.acknowledged and not self._journal.store.read("SELECT 1 FROM entries LIMIT 1"):
            self._journal.store.checkpoint()
            self._events.emit("synced", acknowledged=recorded.acknowledged)

    def _ended(self, outcome: schedule.Outcome, *, reached: bool, reply: Reply | None = None) -> None:
        """Count the attempt, set the next one's time, remember both over a restart, tell who waits."""
        before = self._memory.state
        self._memory.state = state = schedule.after(before, outcome, self._clock.monotonic_s(), self._jitter)
        message = outcome.reason if isinstance(outcome, Retry | Suspend | Split) else None
        with self._changed:
            was = self._view
            self._view = SyncView(
                was.attempts + 1,
                reached,
                message or (None if isinstance(outcome, Done) else was.last_error),
                state.suspended,
                message if isinstance(outcome, Suspend) else None,
                self._clock.wall_ms() if reply is not None else was.last_synced_at,
                None,
                reply.settings.get("bookmarking", was.bookmarking) if reply else was.bookmarking,  # type: ignore[arg-type]  # checked by the reply's schema
            )
            now = self._view
            self._changed.notify_all()
        if before != state or not isinstance(outcome, Done) or was.last_synced_at is None:
            self._save()
        if was.online is not reached:
            self._events.emit("online" if reached else "offline")
        if state.suspended and not before.suspended:
            log.warning("sync suspended", extra={"code": state.suspended})
            self._events.emit("suspended", code=state.suspended, message=now.suspended_message)
        if before.suspended and not state.suspended:
            self._events.emit("resumed")

    def _learn(self, reply: Reply) -> None:
        """Fix this boot on the platform's time line, once."""
        boot_id = self._clock.boot_id()
        if self._memory.known_boot != boot_id:
            self._outbox.learn_boot(boot_id, reply.time - self._clock.since_boot_ms())
            self._memory.known_boot = boot_id

    def _now(self) -> Now:
        return Now(self._clock.wall_ms(), self._clock.boot_id(), self._clock.since_boot_ms(), self._outbox.boots())

    def _load(self) -> None:
        """Take up where the last process stopped, unless the endpoint or key is another now."""
        saved = self._outbox.saved_sync()
        settings = json.loads(saved.settings) if saved.settings else {}
        self._view = replace(
            self._view,
            last_synced_at=saved.last_synced_at,
            bookmarking=settings.get("bookmarking", self._view.bookmarking),
        )
        if (saved.endpoint, saved.write_key_digest) != (self._endpoint, self._key_digest):
            return
        now_ms, now_s = self._clock.wall_ms(), self._clock.monotonic_s()

        def instant(at: int | None, longest_s: float) -> float:
            return 0.0 if at is None else now_s + min(max(0.0, (at - now_ms) / 1000), longest_s)

        floor_s = instant(saved.floor_until_at, schedule.LONGEST_FLOOR_S)
        # An app that was just started tries once at once: only the platform's own floor outlives a restart.
        self._memory.state = ScheduleState(saved.failures, floor_s, floor_s, saved.suspended_code)
        self._view = replace(
            self._view,
            suspended_code=saved.suspended_code,
            suspended_message=saved.suspended_message,
            last_error=saved.last_error,
        )

    def _save(self) -> None:
        state, view = self._memory.state, self._view
        now_ms, now_s = self._clock.wall_ms(), self._clock.monotonic_s()

        def wall(instant_s: float) -> int | None:
            return now_ms + int((instant_s - now_s) * 1000) if instant_s > now_s else None

        self._outbox.save_sync(
            SavedSync(
                self._endpoint,
                self._key_digest,
                state.failures,
                wall(state.not_before_s),
                wall(state.floor_s),
                state.suspended,
                view.suspended_message,
                view.last_synced_at,
                view.last_error,
                json.dumps({"bookmarking": view.bookmarking}),
            )
        )
