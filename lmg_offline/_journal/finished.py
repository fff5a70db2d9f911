"""
Sessions that are over: their lanes' rows go, and what they held is kept as sums.

A journal has a row for each lane, and a kiosk a lane for each visitor: kept for
ever, they would be most of the file. Of a lane whose every number was
acknowledged, or stands in the ledger as gone, nothing is asked any more that
the ledger and the sums can't answer. The newest stay: the journal's mark names
one of them, and whoever looks at a journal looks at those.
"""

from __future__ import annotations

from sqlalchemy import Connection

from .engine import rows, scalar
from .keys import SEQ_MASK

KEPT = 256
# How often it is looked for: at every so many sessions.
EVERY = 32
_ENDED = (
    "SELECT l.lane_id, l.last_position & ?2, l.acked_count FROM lanes l"
    " WHERE l.lane_id <= ?1 AND l.drained = 1 AND l.sealed_at IS NOT NULL AND l.user_id IS NULL"
    " AND l.successor_lane IS NULL AND l.acked_count + coalesce((SELECT sum(g.entries) FROM ledger g WHERE"
    " g.moved_to IS NULL AND g.first_position BETWEEN l.lane_id << 32 AND (l.lane_id << 32) + ?2), 0)"
    " = l.last_position & ?2 ORDER BY l.lane_id"
)


def let_go(connection: Connection, current_lane: int) -> None:
    """Within a transaction that opened `current_lane`: now and then let go of the lanes that ended long before."""
    if current_lane % EVERY == 0:
        let_go_now(connection, current_lane)


def let_go_now(connection: Connection, current_lane: int) -> None:
    """
    Within a transaction: let go of the lanes that have ended, but for the newest.

    Not of the last that had an entry: the mark beside the journal may name it.
    """
    newest = "SELECT coalesce(max(lane_id), 0) FROM lanes WHERE last_position > lane_id << 32"
    through = min(current_lane - KEPT, scalar(connection, newest) - 1)
    ended = rows(connection, _ENDED, (through, SEQ_MASK))
    if not ended:
        return
    connection.exec_driver_sql(
        "UPDATE device SET finished_through = max(finished_through, ?), finished_accepted = finished_accepted + ?,"
        " finished_acknowledged = finished_acknowledged + ?",
        (ended[-1][0], sum(row[1] for row in ended), sum(row[2] for row in ended)),
    )
    connection.exec_driver_sql("DELETE FROM lanes WHERE lane_id = ?", [(row[0],) for row in ended])
