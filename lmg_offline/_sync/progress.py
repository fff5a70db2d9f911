"""
How the sync gets on: when it may try next, what it shows of itself, what it remembers over a restart.

Both dialects report here, so that waiting, suspending and telling the app are written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .._core import schedule
from .._core.schedule import Done, Retry, ScheduleState, Split, Suspend
from .._journal.keys import LANE_SHIFT
from .._journal.outbox import Outbox, SavedSync
from .._support.bell import Bell
from .._support.clock import Clock
from .._support.forks import renew_in_child
from .._support.log import log
from .events import Events

REPLAY = "replay"
LMG = "lmg"


@dataclass(frozen=True, slots=True)
class SyncView:
    """
    What the sync shows of itself.

    Attributes:
        attempts: How many requests have ended since this client opened.

        online: Whether the last one got an answer; None before the first.

        next_attempt_s: Seconds until the next attempt; None when nothing waits for one.

        bookmarking: The property's policy, as it last said.

        dialect: `replay`, `lmg`, or None while the endpoint has not been asked.
    """

    attempts: int = 0
    online: bool | None = None
    last_error: str | None = None
    suspended_code: str | None = None
    suspended_message: str | None = None
    last_synced_at: int | None = None
    next_attempt_s: float | None = None
    bookmarking: str = "verified_only"
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class _Skip:
    """Why a lane is left out, and until when in monotonic seconds."""

    until_s: float
    reason: str
    may_be_hurried: bool


class Progress:
    """The schedule and what is shown of it. The sync thread writes, any thread reads."""

    def __init__(
        self,
        outbox: Outbox,
        events: Events,
        clock: Clock,
        *,
        endpoint: str,
        key_digest: str,
        jitter: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._events = events
        self._clock = clock
        self._endpoint = endpoint
        self._key_digest = key_digest
        self.jitter = jitter
        self.state = ScheduleState()
        # Lanes that are left out for a while, by id. Replaced, never changed: other threads read it.
        self._skipped: Mapping[int, _Skip] = {}
        # Its lock guards _view, _hurry and _in_flight; it wakes those who wait for an attempt.
        self._changed = Bell()
        renew_in_child(self)
        self._view = SyncView()
        self._hurry = False
        self._in_flight: dict[int, int] = {}
        if self._load():
            # Sessions and the clock of the endpoint before mean nothing to this one.
            outbox.drop_lmg_sessions()
            outbox.drop_boots()
            self._save()

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._changed = Bell()

    @property
    def dialect(self) -> str | None:
        """How this endpoint is spoken to; None while it has not been asked."""
        return self._view.dialect

    def view(self) -> SyncView:
        """Return what the sync shows of itself now."""
        with self._changed.lock:
            wait_s = max(0.0, self.state.not_before_s - self._clock.monotonic_s())
            return replace(self._view, next_attempt_s=wait_s)

    def hurry(self) -> None:
        """Ask for an attempt now; the platform's own floor is still honoured."""
        with self._changed.lock:
            self._hurry = True

    def take_hurry(self) -> bool:
        """Cut the waits short if somebody asked for that; say whether."""
        with self._changed.lock:
            hurry, self._hurry = self._hurry, False
        if hurry and self.state.suspended is None:
            self.state = schedule.hurried(self.state, self._clock.monotonic_s())
            self._skipped = {lane: skip for lane, skip in self._skipped.items() if not skip.may_be_hurried}
        return hurry

    def wait_s(self) -> float:
        """Return how long to wait before the next attempt, in seconds; 0 to go on."""
        return max(0.0, self.state.not_before_s - self._clock.monotonic_s())

    def sending(self, position: int) -> None:
        """Note that entries of a lane up to this key are put on the wire."""
        with self._changed.lock:
            self._in_flight[position >> LANE_SHIFT] = position

    def was_sent(self, position: int) -> bool:
        """Say whether this process has put the entry on the wire."""
        with self._changed.lock:
            return position <= self._in_flight.get(position >> LANE_SHIFT, -1)

    def wait_for_attempt(self, seen: int, timeout_s: float) -> SyncView:
        """Wait until more than `seen` attempts have ended, or the time is up."""
        bell, gate = self._changed, None
        with bell.lock:
            if self._view.attempts <= seen:
                gate = bell.gate()
        if gate is not None:
            bell.wait(gate, timeout_s)
        return self._view

    def skip(self, lane_id: int, for_s: float, reason: str, *, may_be_hurried: bool = True) -> None:
        """Leave a lane out for so many seconds; the others go on."""
        skip = _Skip(self._clock.monotonic_s() + for_s, reason, may_be_hurried)
        self._skipped = {**self._skipped, lane_id: skip}

    def skipped(self) -> dict[int, float]:
        """Return the lanes to leave out now, and for how many more seconds."""
        now_s = self._clock.monotonic_s()
        self._skipped = {lane: skip for lane, skip in self._skipped.items() if skip.until_s > now_s}
        return {lane: skip.until_s - now_s for lane, skip in self._skipped.items()}

    def waiting(self) -> dict[int, tuple[float, str]]:
        """Return for each lane that is left out, for how many seconds more, and why."""
        now_s = self._clock.monotonic_s()
        return {lane: (max(0.0, skip.until_s - now_s), skip.reason) for lane, skip in self._skipped.items()}

    def choose(self, dialect: str | None) -> None:
        """Remember how the endpoint is spoken to, in the journal too."""
        with self._changed.lock:
            if self._view.dialect == dialect:
                return
            self._view = replace(self._view, dialect=dialect)
        log.info("dialect chosen", extra={"dialect": dialect})
        self._save()

    def ended(
        self,
        outcome: schedule.Outcome,
        *,
        reached: bool,
        synced: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """
        Count the attempt, set the next one's time, remember both over a restart, tell who waits.

        Args:
            reached: A server answered.

            synced: The platform answered in its protocol.

            settings: What it said of the property.
        """
        before = self.state
        self.state = state = schedule.after(before, outcome, self._clock.monotonic_s(), self.jitter)
        message = outcome.reason if isinstance(outcome, Retry | Suspend | Split) else None
        with self._changed.lock:
            was = self._view
            policy = (settings or {}).get("bookmarking", was.bookmarking)
            now = self._view = replace(
                was,
                attempts=was.attempts + 1,
                online=reached,
                last_error=message or (None if isinstance(outcome, Done) else was.last_error),
                suspended_code=state.suspended,
                suspended_message=message if isinstance(outcome, Suspend) else None,
                last_synced_at=self._clock.wall_ms() if synced else was.last_synced_at,
                bookmarking=policy if isinstance(policy, str) else was.bookmarking,
            )
            self._changed.ring()
        if before != state or not isinstance(outcome, Done) or was.last_synced_at is None:
            self._save()
        if was.online is not reached:
            self._events.emit("online" if reached else "offline")
        if state.suspended and not before.suspended:
            log.warning("sync suspended", extra={"code": state.suspended})
            self._events.emit("suspended", code=state.suspended, message=now.suspended_message)
        if before.suspended and not state.suspended:
            self._events.emit("resumed")

    def noted(self, reason: str) -> None:
        """Another server than the platform did not answer: show it, and count the attempt."""
        with self._changed.lock:
            self._view = replace(self._view, attempts=self._view.attempts + 1, last_error=reason)
            self._changed.ring()

    def _load(self) -> bool:
        """Take up where the last process stopped; say whether the journal knew another endpoint before."""
        saved = self._outbox.saved_sync()
        settings = json.loads(saved.settings) if saved.settings else {}
        self._view = replace(
            self._view,
            last_synced_at=saved.last_synced_at,
            bookmarking=settings.get("bookmarking", self._view.bookmarking),
        )
        if saved.endpoint == self._endpoint:
            self._view = replace(self._view, dialect=saved.dialect)
        if (saved.endpoint, saved.write_key_digest) != (self._endpoint, self._key_digest):
            return saved.endpoint not in (None, self._endpoint)
        now_ms, now_s = self._clock.wall_ms(), self._clock.monotonic_s()

        def instant(at: int | None, longest_s: float) -> float:
            return 0.0 if at is None else now_s + min(max(0.0, (at - now_ms) / 1000), longest_s)

        floor_s = instant(saved.floor_until_at, schedule.LONGEST_FLOOR_S)
        # An app that was just started tries once at once: only the platform's own floor outlives a restart.
        self.state = ScheduleState(saved.failures, floor_s, floor_s, saved.suspended_code)
        self._view = replace(
            self._view,
            suspended_code=saved.suspended_code,
            suspended_message=saved.suspended_message,
            last_error=saved.last_error,
        )
        return False

    def _save(self) -> None:
        state, view = self.state, self._view
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
                view.dialect,
            )
        )
