"""
The replay dialect: many entries of many lanes in one request, settled lane by lane.

Races, and who wins them:
1. A reset while a replay is in flight: results name the lane they were for, and
   are recorded there. The new session is not touched.
2. A new token while the old one is being refused: the token is thrown away only
   if it is still the one that was sent.
3. A crash between the reply and its recording: the same entries are sent again,
   and the platform recognises them by lane, number and id.
"""

from __future__ import annotations

from functools import partial

from .._core.ages import Now
from .._core.schedule import Done, Retry, Split, Suspend
from .._journal.keys import LANE_SHIFT
from .._journal.records import LaneBatch, LaneResult, Refusal
from .._transport.port import DeviceRefused, NotSpoken, Replayed
from ..protocol.replay import LaneReply, Reply
from .body import replay_body
from .parts import Parts
from .progress import LMG, REPLAY


class ReplayDialect:
    """Sends batches by the `replay` mutation."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._forks = 0
        self._doubts = 0

    def ask(self, batches: list[LaneBatch]) -> None:
        """
        Ask the endpoint which dialect it speaks: a replay of the same lanes, as nobody's and without entries.

        It opens the sessions on a platform that has the extension; one that has
        not says that it does not know the field, and has been told nothing of anybody.
        """
        nobodys = [
            batch._replace(lane=batch.lane._replace(claimed_position=None), token=None, entries=()) for batch in batches
        ]
        self._exchange(nobodys, self._parts.now(), if_not_spoken=LMG)

    def send(self, batches: list[LaneBatch]) -> bool:
        """
        Send one replay and settle what comes back; an endpoint that suddenly does not know it is asked anew.

        The first one of a boot is without entries: its reply puts the boot on the platform's
        time line, by which entries of earlier boots are dated better than by any wall clock.

        Returns:
            Whether the entries were in it.
        """
        now = self._parts.now()
        is_first = now.server_ms is None
        if is_first:
            batches = [batch._replace(entries=()) for batch in batches]
        self._exchange(batches, now, if_not_spoken=None)
        return not is_first

    def _exchange(self, batches: list[LaneBatch], now: Now, if_not_spoken: str | None) -> None:
        parts = self._parts
        for batch in batches:
            if batch.entries:
                parts.progress.sending(batch.entries[-1].position)
        body = self._body(batches, now)
        outcome = parts.transport.replay(body, meanwhile=partial(parts.outbox.get_ready, batches))
        match outcome:
            case Replayed(reply=reply):
                self._accept(batches, now, reply)
            case NotSpoken():
                parts.progress.choose(if_not_spoken)
                parts.progress.ended(Done(), reached=True)
            case DeviceRefused(reason=reason):
                if not self._asks_again():
                    self._fork([batch.lane.lane_id for batch in batches], reason)
            case Split(malformed=malformed) if sum(len(batch.entries) for batch in batches) <= 1:
                self._alone_at_fault(batches, outcome, malformed)
            case Retry() | Split() | Suspend():
                parts.progress.ended(outcome, reached=not isinstance(outcome, Retry) or outcome.reached)

    def _body(self, batches: list[LaneBatch], now: Now) -> bytes:
        outbox = self._parts.outbox
        return replay_body(outbox.device(), batches, now, outbox.give_way)

    def _accept(self, batches: list[LaneBatch], now: Now, reply: Reply) -> None:
        parts = self._parts
        results = self._believe(batches, reply)
        if results is None:
            parts.failed("the platform's reply does not fit what was sent")
            return
        parts.progress.choose(REPLAY)
        forked = [
            batch.lane.lane_id
            for batch, lane in zip(batches, reply.lanes, strict=True)
            if lane.status == "forked" or self._is_ahead(batch, lane)
        ]
        if forked and self._asks_again():
            return
        lanes = {batch.lane.lane_id: batch.lane for batch in batches}
        results = [
            parts.tokens.refreshed(lanes[result.lane_id], result) if result.parked_code == "token_expired" else result
            for result in results
            if result.lane_id not in forked
        ]
        recorded = parts.outbox.record(results, now_ms=parts.clock.wall_ms(), is_exchange=True)
        self._reclaim(batches, reply)
        if now.server_ms is None:
            self._learn(reply)
        if forked:
            self._fork(forked, "this journal is a copy of one that is in use")
        else:
            self._forks = self._doubts = 0
            parts.progress.ended(Done(), reached=True, synced=True, settings=reply.settings)
        self._tell_of_values(reply)
        parts.outcomes.tell(lanes, results, recorded)

    def _asks_again(self) -> bool:
        """Whoever says once that this journal is a copy is asked once more: a fork can't be undone."""
        self._doubts += 1
        return self._doubts % 2 == 1

    def _reclaim(self, batches: list[LaneBatch], reply: Reply) -> None:
        """A server that does not take our word for whose a lane is must be told by an entry of a new one."""
        lane_ids = [
            batch.lane.lane_id
            for batch, lane in zip(batches, reply.lanes, strict=True)
            if lane.restored and lane.status == "ok" and lane.state == "anonymous" and batch.lane.is_claimed
        ]
        if lane_ids:
            self._parts.outbox.move(lane_ids, now_ms=self._parts.clock.wall_ms())

    def _fork(self, lane_ids: list[int], reason: str) -> None:
        """Go on as a new device; at once the first time, and with growing waits if that is refused too."""
        self._parts.outcomes.fork(lane_ids, reason)
        self._forks += 1
        if self._forks > 1:
            self._parts.failed(reason)
        else:
            self._parts.progress.ended(Done(), reached=True)

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
            if lane.refused:
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
                    tuple(Refusal(r.seq, r.id, r.code, r.message) for r in lane.refused),
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
        for entry in reversed(batch.entries):  # nearly always it is the last one
            if (entry.seq, entry.id) == (named.seq, named.id):
                return entry.position, entry.id
        if named.id is not None and named.seq > row.acked_seq and self._parts.outbox.holds(base + named.seq, named.id):
            # What was refused beyond the batch is not named here: believe the batch, and ask for the rest.
            last = batch.entries[-1] if batch.entries else None
            return (row.acked_position, row.acked_id) if last is None else (last.position, last.id)
        return None

    def _is_ahead(self, batch: LaneBatch, lane: LaneReply) -> bool:
        """The platform has handled, in this lane, an entry that this journal never held."""
        return lane.applied_through.seq > batch.lane.acked_seq and self._through(batch, lane) is None

    def _alone_at_fault(self, batches: list[LaneBatch], outcome: Split, malformed: bool) -> None:
        """One entry is left of a split: set it aside if none is accepted, and it is refused once more."""
        parts = self._parts
        entry = next((e for batch in batches for e in batch.entries), None)
        if entry is None:
            parts.failed(outcome.reason)
            return
        empty = [batch._replace(entries=()) for batch in batches]
        probe = parts.transport.replay(self._body(empty, parts.now()))
        # Once more, because a server in between that says so now and then must not cost an entry.
        again = isinstance(probe, Replayed) and parts.transport.replay(self._body(batches, parts.now()))
        if not isinstance(again, Split):
            parts.failed(outcome.reason)
            return
        parts.outcomes.set_aside(entry, "malformed" if malformed else "too_large", outcome.reason)
        parts.progress.ended(Done(), reached=True)

    def _tell_of_values(self, reply: Reply) -> None:
        for lane in reply.lanes:
            for conflict in lane.conflicts:
                self._parts.events.emit(
                    "conflict", session_id=lane.session_id, seq=conflict.seq, attributes=list(conflict.attributes)
                )
            if lane.restored:
                self._parts.events.emit("restored", session_id=lane.session_id)

    def _learn(self, reply: Reply) -> None:
        """Fix this boot on the platform's time line, once, so that everything of it is dated alike."""
        clock = self._parts.clock
        self._parts.outbox.learn_boot(clock.boot_id(), reply.time - clock.since_boot_ms())
