"""What is queued at one moment, lane by lane, and what is left of it later."""

from __future__ import annotations

from sqlalchemy import Connection

from .engine import rows, scalar
from .store import Store
from .tables import LANE_SHIFT

# For each lane that matters: its first (ASC) or last (DESC) queued entry, and why it is parked.
_ENDS = (
    "SELECT l.lane_id, (SELECT e.position FROM entries e WHERE e.position BETWEEN l.lane_id << 32"
    " AND (l.lane_id << 32) + 4294967295 ORDER BY e.position {} LIMIT 1), l.parked_code"
    " FROM lanes l WHERE l.drained = 0"
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
        """Return for each lane that still holds some of it, why the lane is parked; None for one that can move."""
        return self._store.read_with(self._left)

    def _set(self, connection: Connection) -> None:
        self._seen = int(scalar(connection, "SELECT coalesce(max(ledger_id), 0) FROM ledger"))
        self._ends = {row[0]: row[1] for row in rows(connection, _ENDS.format("DESC")) if row[1] is not None}

    def _left(self, connection: Connection) -> list[str | None]:
        for ledger_id, first, last, moved_to in rows(connection, _MOVED, (self._seen,)):
            self._seen = ledger_id
            end = self._ends.get(first >> LANE_SHIFT, 0)
            if first <= end:  # the mark goes along with the last of the entries before it
                place = min(end, last) + moved_to - first
                lane_id = place >> LANE_SHIFT
                self._ends[lane_id] = max(place, self._ends.get(lane_id, 0))
        found = rows(connection, _ENDS.format("ASC"))
        return [parked for lane_id, head, parked in found if head is not None and head <= self._ends.get(lane_id, 0)]
