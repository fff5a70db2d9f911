"""
Asking the platform in the LMG dialect, and settling what came of it.

Guarantee: an entry's outcome is recorded before the next operation of its lane
is sent, so that at most one operation of a lane is ever repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..._core import schedule
from ..._core.schedule import Done, Retry, Suspend
from ..._journal.records import EntryRow, LaneBatch, LaneResult, LmgSession, Refusal
from ..._transport.port import GraphData, GraphOutcome, Refused
from ...config import LmgSettings
from ...protocol.canonical import encode
from ..parts import Parts

DOUBTED_TIMES = 3


class Calls:
    """Used by the sync thread alone."""

    def __init__(self, parts: Parts, settings: LmgSettings) -> None:
        self.parts = parts
        self.settings = settings
        # How often in a row each lane's session was not taken, and a server failed at its next operation.
        self.lost: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        # How often in a row each lane's next operation was refused by something that names no error of the platform.
        self._doubts: dict[int, int] = {}
        self._known_boot: str | None = None

    def ask(
        self,
        path: str,
        document: str,
        variables: Mapping[str, object],
        session: LmgSession | None,
        entry: EntryRow | None = None,
    ) -> GraphOutcome:
        """
        Send one operation; variables that are None are left out, as the real SDKs do.

        Args:
            entry: The entry that this request completes, named for the platform's log.
        """
        named = None
        if entry is not None and self.settings.entry_header:
            named = f"{self.parts.outbox.device().device_id}/{entry.seq}/{entry.id}"
        given = {name: value for name, value in variables.items() if value is not None}
        outcome = self.parts.transport.graph(
            path,
            encode({"query": document, "variables": given}).encode(),
            session_token=None if session is None else session.token,
            entry=named,
        )
        if isinstance(outcome, GraphData) and outcome.at_ms is not None:
            self._learn(outcome.at_ms)
        return outcome

    def acknowledge(self, batch: LaneBatch, entry: EntryRow, claim: str) -> None:
        """The platform has taken an entry; for an identify, the session is `claim` now."""
        is_claim = entry.kind == "identify"
        result = _result(batch, entry, claim if is_claim else batch.lane.state)
        self.record(batch, result._replace(claim=claim if is_claim else None))

    def refuse(self, batch: LaneBatch, entry: EntryRow, code: str, message: str) -> None:
        """The platform has refused an entry for good: it becomes a dead letter, and the lane goes on."""
        refusal = Refusal(entry.seq, entry.id, code, message or "The platform refused it.")
        self.record(batch, _result(batch, entry, batch.lane.state)._replace(refused=(refusal,)))

    def record(self, batch: LaneBatch, result: LaneResult) -> None:
        """Record what became of a lane, and tell the app."""
        lane = batch.lane
        for counted in (self.lost, self._failures, self._doubts):
            counted.pop(lane.lane_id, None)
        recorded = self.parts.outbox.record([result], now_ms=self.parts.clock.wall_ms())
        self.done()
        self.parts.outcomes.tell({lane.lane_id: lane}, [result], recorded)

    def done(self) -> None:
        """The platform answered in its protocol."""
        self.parts.progress.ended(Done(), reached=True, synced=True)

    def failed(self, batch: LaneBatch, outcome: Retry | Suspend) -> None:
        """
        No usable answer.

        When a server did answer, the lane lets another one have the next try: an
        entry at which the platform fails each time must not hold up everybody.
        """
        is_reached = not isinstance(outcome, Retry) or outcome.reached
        self.parts.progress.ended(outcome, reached=is_reached)
        if isinstance(outcome, Retry) and is_reached and batch.entries:
            self._make_way(batch.lane.lane_id, outcome.reason)

    def stuck(self, batch: LaneBatch, reason: str) -> None:
        """The platform answered, and not in a way that helps this lane."""
        self.failed(batch, Retry(reason, reached=True))

    def is_believed(self, batch: LaneBatch, refused: Refused) -> bool:
        """
        Say whether a refusal counts; when it does not yet, the operation is tried again later.

        One that names an error of the platform counts at once. One that does not
        may be of a server in between: it counts when it has come three times in a row.
        """
        if refused.message_id is not None:
            return True
        lane_id = batch.lane.lane_id
        self._doubts[lane_id] = times = self._doubts.get(lane_id, 0) + 1
        if times >= DOUBTED_TIMES:
            return True
        self.stuck(batch, f"refused with HTTP {refused.status} and no error of the platform")
        return False

    def misfit(self, batch: LaneBatch) -> None:
        """The platform's data is not what its schema promises."""
        self.stuck(batch, "the platform's reply does not fit what was sent")

    def warn(self, operation: str, warnings: tuple[str, ...], entry_id: str | None = None) -> None:
        """Tell the app what the platform did not like. The words may be about a person: they are not logged."""
        if warnings:
            self.parts.events.emit("warning", operation=operation, warnings=list(warnings), entry_id=entry_id)

    def _make_way(self, lane_id: int, reason: str) -> None:
        progress = self.parts.progress
        self._failures[lane_id] = times = self._failures.get(lane_id, 0) + 1
        own_s = schedule.jittered(times, schedule.FIRST_WAIT_S, schedule.LONGEST_WAIT_S, progress.jitter)
        progress.skip(lane_id, max(2 * progress.wait_s(), own_s), reason)

    def _learn(self, at_ms: int) -> None:
        """Fix this boot on the platform's time line, once."""
        clock = self.parts.clock
        boot_id = clock.boot_id()
        if self._known_boot != boot_id:
            self.parts.outbox.learn_boot(boot_id, at_ms - clock.since_boot_ms())
            self._known_boot = boot_id


def _result(batch: LaneBatch, entry: EntryRow, state: str) -> LaneResult:
    return LaneResult(batch.lane.lane_id, entry.position, entry.id, state, None)
