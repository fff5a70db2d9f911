"""
The sync's side of a journal that lies in memory: one lane, whose entries are all there when the outage begins.

As far as the sync of a device in good health asks. What it does not ask (merging,
dead letters, copies of a journal, the LMG dialect) is not here, and fails loudly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lmg_offline._journal.ahead import ENTRY_BYTES, LANE_BYTES
from lmg_offline._journal.keys import LANE_SHIFT
from lmg_offline._journal.outbox import MAX_LANES, DeviceIdentity, Outbox, SavedSync
from lmg_offline._journal.records import EntryRow, LaneBatch, LaneResult, LaneRow, Recorded
from lmg_offline._support.clock import Clock
from lmg_offline._support.ids import new_id, new_secret

LANE = 1
_START = LANE << LANE_SHIFT


class MemoryOutbox(Outbox):
    """The queue of one device."""

    def __init__(self, clock: Clock) -> None:
        now_ms = clock.wall_ms()
        self._lane = LaneRow(
            lane_id=LANE,
            session_id=new_id(now_ms),
            user_id=None,
            state="anonymous",
            sealed_at=None,
            last_position=_START,
            acked_position=_START,
            acked_id=None,
            identify_position=None,
            session_token=None,
            parked_code=None,
            parked_message=None,
            drained=0,
            profile=None,
            claimed_position=None,
            tried_position=None,
            tried_from=None,
            sent_position=0,
            digest=b"",
        )
        self._device = DeviceIdentity(new_id(now_ms), new_secret(), 0, None)
        self._saved = SavedSync(None, None, 0, None, None, None, None, None, None, None, None)
        self._boots: dict[str, int] = {}
        self._token: str | None = None
        self.queue: tuple[EntryRow, ...] = ()

    @property
    def session_id(self) -> str:
        """Of the one lane."""
        return self._lane.session_id

    def fill(self, user_id: str, token: str, entries: tuple[EntryRow, ...]) -> None:
        """Have these entries written, of which the first says who it is."""
        self._token, self.queue = token, entries
        self._lane = self._lane._replace(
            user_id=user_id,
            state="identified",
            last_position=entries[-1].position,
            identify_position=entries[0].position,
        )

    def device(self) -> DeviceIdentity:
        """See `Outbox.device`."""
        return self._device

    def give_way(self) -> None:
        """No other thread writes."""

    def get_ready(self, batches: Sequence[LaneBatch]) -> None:
        """All of it is in memory."""

    def next_batch(
        self, max_entries: int, max_bytes: int, skip_lanes: Iterable[int], max_lanes: int = MAX_LANES
    ) -> list[LaneBatch]:
        """See `Outbox.next_batch`."""
        if self._lane.parked_code is not None or LANE in skip_lanes:
            return []
        if not self.queue:
            return [] if self._lane.session_token is not None else [LaneBatch(self._lane, None, ())]
        size, most = LANE_BYTES, 0
        for entry in self.queue[:max_entries]:
            size += len(entry.body.encode()) + ENTRY_BYTES
            if most and size > max_bytes:
                break
            most += 1
        return [LaneBatch(self._lane, self._token, self.queue[:most])]

    def mark_sent(self, batches: Sequence[LaneBatch]) -> bool:
        """See `Outbox.mark_sent`: nothing is merged here."""
        for batch in batches:
            self._lane = self._lane._replace(sent_position=batch.entries[-1].position)
        return True

    def holds(self, position: int, entry_id: str) -> bool:
        """See `Outbox.holds`."""
        return any((entry.position, entry.id) == (position, entry_id) for entry in self.queue)

    def record(self, results: list[LaneResult], *, now_ms: int, is_exchange: bool = False) -> Recorded:
        """See `Outbox.record`. What was refused leaves, too: the platform's log says so, and the verdict reads it."""
        if is_exchange:
            seq = self._device.exchange_seq + 1
            self._device = self._device._replace(exchange_seq=seq, exchange_id=new_id(now_ms))
        handled = 0
        for result in results:
            gone = [entry for entry in self.queue if entry.position <= result.through]
            handled += len(gone)
            self.queue = self.queue[len(gone) :]
            is_taken = result.state != "anonymous" and any(entry.kind == "identify" for entry in gone)
            self._lane = self._lane._replace(
                acked_position=result.through,
                acked_id=result.through_id,
                session_token=result.session_token or self._lane.session_token,
                parked_code=result.parked_code,
                parked_message=result.parked_message,
                state=result.state if is_taken else self._lane.state,
                claimed_position=self._lane.identify_position if is_taken else self._lane.claimed_position,
            )
        return Recorded(handled)

    def learn_boot(self, boot_id: str, booted_at: int) -> None:
        """See `Outbox.learn_boot`."""
        self._boots.setdefault(boot_id, booted_at)

    def boots(self) -> dict[str, int]:
        """See `Outbox.boots`."""
        return self._boots

    def saved_sync(self) -> SavedSync:
        """See `Outbox.saved_sync`."""
        return self._saved

    def save_sync(self, saved: SavedSync) -> None:
        """See `Outbox.save_sync`."""
        self._saved = saved


class MemoryJournal:
    """What the sync asks of the journal itself; its store is it, too."""

    def __init__(self, clock: Clock, outbox: MemoryOutbox) -> None:
        self.clock = clock
        self.store = self
        self._versions = 0
        self._outbox = outbox

    def read(self, _statement: str) -> list[tuple[int]]:
        """Answer the one question there is: whether any entry is left."""
        return [(1,)] if self._outbox.queue else []

    def version(self) -> int:
        """Another one each time: what is queued here is looked at each time."""
        self._versions += 1
        return self._versions

    def make_durable(self) -> None:
        """Memory has no disk to wait for."""

    def checkpoint(self) -> None:
        """Nor a log."""
