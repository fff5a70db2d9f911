"""What is queued at one moment, lane by lane, and what is left of it later."""

from __future__ import annotations

from sqlalchemy import Connection

from .engine import rows, scalar
from .keys import LANE_SHIFT
from .store import Store

_IN_LANE = "e.position BETWEEN l.lane_id << 32 AND (l.lane_id << 32) + 4294967295"
# For each lane that matters its last queued entry; for one lane its first, and why it is parked.
_LAST = (
    f"SELECT l.lane_id, (SELECT e.position FROM entries e WHERE {_IN_LANE} ORDER BY e.position DESC LIMIT 1)"
    " FROM lanes l WHERE l.drained = 0 ORDER BY l.lane_id"
)
_FIRST = (
    f"SELECT (SELECT e.position FROM entries e WHERE {_IN_LANE} ORDER BY e.position LIMIT 1), l.parked_code"
    " FROM lanes l WHERE l.lane_id = ?"
)
_MOVED = (
    "SELECT ledger_id, first_position, last_position, moved_to FROM ledger WHERE ledger_id > ?"
    " AND moved_to >> 32 <> first_position >> 32 ORDER BY ledger_id"
)


class Marks:
    """The end of each lane's queue when this was made. Used by one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = 0
        self._ends: dict[int, int] = {}
        store.read_with(self._set)

    def left(self) -> list[str | None]:
        """
        Return for lanes that still hold some of it, why each is parked; None for one that can move.

        It ends at the first one that can move: with thousands of lanes, a look at
        all of them at each write would cost more than the sending.
        """
        return self._store.read_with(self._left)

    def _set(self, connection: Connection) -> None:
        self._seen = int(scalar(connection, "SELECT coalesce(max(ledger_id), 0) FROM ledger"))
        self._ends = {row[0]: row[1] for row in rows(connection, _LAST) if row[1] is not None}

    def _left(self, connection: Connection) -> list[str | None]:
        for ledger_id, first, last, moved_to in rows(connection, _MOVED, (self._seen,)):
            self._seen = ledger_id
            end = self._ends.get(first >> LANE_SHIFT, 0)
            if first <= end:  # the mark goes along with the last of the entries before it
                place = min(end, last) + moved_to - first
                lane_id = place >> LANE_SHIFT
                self._ends[lane_id] = max(place, self._ends.get(lane_id, 0))
        found: list[str | None] = []
        for lane_id in sorted(self._ends):
            lane = rows(connection, _FIRST, (lane_id,))
            if not lane or lane[0][0] is None or lane[0][0] > self._ends[lane_id]:
                del self._ends[lane_id]  # delivered, or lost with a damaged journal
                continue
            found.append(lane[0][1])
            if lane[0][1] is None:
                break
        return found
