"""
One step of the sync: look, decide, send, record.

Which dialect the endpoint speaks is asked once and remembered in the journal;
it is asked again when the endpoint is another one, or answers otherwise.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable

from .. import __version__
from .._core.lmg import MAX_EVENTS
from .._journal.journal import Journal
from .._journal.outbox import Outbox
from .._journal.records import LaneBatch
from .._transport.port import Transport
from ..config import LmgSettings
from ..device import Device
from ..protocol.replay import MAX_BYTES
from .events import Events
from .lmg.dialect import LmgDialect
from .outcomes import Outcomes
from .parts import Parts
from .progress import LMG, Progress, SyncView
from .replay import ReplayDialect
from .tokens import TokenProvider, Tokens

KEEP_ALIVE_LOOK_S = 60.0
NEVER_S = -math.inf


class Runner:
    """
    Does the sync's steps. `step` is called by one thread; the rest from any.

    Attributes:
        sent_all_at_s: When a request last went with everything there was to send, in `time.monotonic` seconds;
            before all time while there is more, and in the LMG dialect, where each write is a request.
    """

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
        device: Device,
        lmg: LmgSettings | None = None,
        app_id: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        clock = journal.store.clock
        digest = hashlib.sha256(write_key.encode()).hexdigest()[:16]
        self._clock = clock
        self._store = journal.store
        self._outbox = outbox
        self._progress = Progress(outbox, events, clock, endpoint=endpoint, key_digest=digest, jitter=jitter)
        tokens = Tokens(journal, self._progress, clock, token_provider)
        outcomes = Outcomes(journal, outbox, events, clock)
        self._outcomes = outcomes
        parts = Parts(outbox, transport, events, clock, self._progress, outcomes, tokens)
        self._replay = ReplayDialect(parts)
        self._lmg = LmgDialect(parts, lmg or LmgSettings(), device, app_id=app_id, version=__version__)
        self._looked_s = -KEEP_ALIVE_LOOK_S
        self._nothing_at: int | None = None  # the journal's version in which there was nothing to send
        self.sent_all_at_s = NEVER_S
        self.hurry = self._progress.hurry
        self.was_sent = self._progress.was_sent
        self.wait_for_attempt = self._progress.wait_for_attempt
        self.waiting = self._progress.waiting

    @property
    def backs_off(self) -> bool:
        """Whatever is written, nothing is sent yet: a pause between attempts is not over."""
        return self._progress.wait_s() > 0

    def view(self) -> SyncView:
        """Return what the sync shows of itself now."""
        return self._progress.view()

    def step(self) -> float | None:
        """
        Do one thing.

        Returns:
            How long to wait before the next step, in seconds: 0 to go on at
            once, None until something is written or somebody asks.
        """
        progress = self._progress
        is_hurried = progress.take_hurry()
        if is_hurried:
            self._lmg.hurry()
        wait_s = progress.wait_s()
        if wait_s > 0:
            return wait_s
        skipped = progress.skipped()
        is_lmg = progress.dialect == LMG
        version = self._store.version()
        if version == self._nothing_at and not (is_hurried or skipped or is_lmg):
            return None  # nobody has written since: an idle device looks every second
        if is_lmg:
            batches = self._outbox.next_batch(MAX_EVENTS, MAX_BYTES, skipped, max_lanes=1)
            batches = batches or self._to_keep_alive(skipped)
        else:
            batches = self._outbox.next_batch(progress.state.limit, MAX_BYTES, skipped)
        self._nothing_at = None if batches else version
        if not batches:
            self._outcomes.tidy()
            return min(skipped.values()) if skipped else None
        if progress.dialect is None:
            self._replay.ask(batches)
        elif not self._may_send(batches[:1] if is_lmg else batches, is_lmg):
            pass  # some of it was merged or forgotten since it was read: look again
        elif is_lmg:
            self._lmg.send(batches[0])
        else:
            is_all = self._replay.send(batches) and self._has_room(batches)
            self.sent_all_at_s = time.monotonic() if is_all else NEVER_S
        return 0.0

    def _has_room(self, batches: list[LaneBatch]) -> bool:
        """Say whether more would have gone with these, had there been more."""
        entries = [entry for batch in batches for entry in batch.entries]
        return len(entries) < self._progress.state.limit and sum(len(each.body) for each in entries) < MAX_BYTES // 2

    def _may_send(self, batches: list[LaneBatch], is_lmg: bool) -> bool:
        """
        Have it on disk that these entries are sent, before they are.

        The LMG dialect sends the first entry alone, or activity, which is never
        merged: what lies behind it is marked ahead, for the steps to come.
        """
        unmarked = [
            batch
            for batch in batches
            if batch.entries and batch.entries[0 if is_lmg else -1].position > batch.lane.sent_position
        ]
        if unmarked and not self._outbox.mark_sent(unmarked):
            return False
        self._store.make_durable()
        return True

    def _to_keep_alive(self, skipped: dict[int, float]) -> list[LaneBatch]:
        """Return the current lane when its session has to be extended; looked at once a minute."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s < KEEP_ALIVE_LOOK_S:
            return []
        self._looked_s = now_s
        batch = self._outbox.current_batch()
        return [batch] if batch.lane.lane_id not in skipped and self._lmg.wants(batch) else []
