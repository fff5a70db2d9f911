"""What both dialects do with an outcome once it is recorded: tell the app, set entries aside, tidy up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._journal.journal import Journal
from .._journal.outbox import Outbox
from .._journal.records import EntryRow, LaneResult, LaneRow, Recorded
from .._support.clock import Clock
from .._support.log import log
from .events import Events


class Outcomes:
    """Events, log lines and the checkpoint after a drain. Used by the sync thread alone."""

    def __init__(self, journal: Journal, outbox: Outbox, events: Events, clock: Clock) -> None:
        self._journal = journal
        self._outbox = outbox
        self._events = events
        self._clock = clock
        self._is_untidy = False

    def set_aside(self, entry: EntryRow, code: str, message: str) -> None:
        """Make a dead letter of one entry on our own account."""
        self._outbox.bury(entry.position, code, message, now_ms=self._clock.wall_ms())
        self._is_untidy = True
        log.warning("entry set aside", extra={"entry_id": entry.id, "code": code})
        self._events.emit("dead_letter", entry_id=entry.id, code=code, message=message)

    def fork(self, lane_ids: list[int], reason: str) -> None:
        """Go on with lanes that are another device's: as a new one, unless they were a former one's of ours."""
        self._is_untidy = True
        if self._outbox.fork(lane_ids, now_ms=self._clock.wall_ms()):
            log.warning("journal is a copy; going on as a new device", extra={"lanes": len(lane_ids)})
            self._events.emit("forked", reason=reason)
        else:
            log.info("lanes of a former device go on in new sessions", extra={"lanes": len(lane_ids)})

    def tell(self, lanes: Mapping[int, LaneRow], results: Iterable[LaneResult], recorded: Recorded) -> None:
        """Emit what was recorded."""
        self._is_untidy = True
        for name, lane_ids in (
            ("identified", recorded.identified),
            ("verified", recorded.verified),
            ("released", recorded.released),
        ):
            for lane_id in lane_ids:
                self._events.emit(name, session_id=lanes[lane_id].session_id)
        by_lane = {result.lane_id: result for result in results}
        for lane_id in recorded.rejected:
            result = by_lane[lane_id]
            details = {
                "session_id": lanes[lane_id].session_id,
                "code": result.parked_code,
                "message": result.parked_message,
            }
            log.warning("lane parked", extra={"lane": lane_id, "code": result.parked_code})
            self._events.emit("identify_rejected", **details)
            self._events.emit("parked", **details)
        buried = set(recorded.refused)
        for result in by_lane.values():
            for refusal in result.refused:
                if refusal.entry_id in buried:
                    self._events.emit(
                        "dead_letter", entry_id=refusal.entry_id, code=refusal.code, message=refusal.message
                    )
        if recorded.acknowledged and not self._journal.store.read("SELECT 1 FROM entries LIMIT 1"):
            self._events.emit("synced", acknowledged=recorded.acknowledged)

    def tidy(self) -> None:
        """
        Empty the WAL, once after anything was recorded. Called when nothing can be sent.

        Not only when the queue is empty: what was delivered for people who left
        must be gone from the disk, however long somebody else's lane is parked.
        """
        if self._is_untidy:
            self._journal.store.checkpoint()
            self._is_untidy = False
