"""Redemptions in the queue: at most one of an offer for a person at a time."""

from __future__ import annotations

from sqlalchemy import Connection

from ..errors import RedemptionPending
from .engine import rows, scalar
from .entries import Written
from .journal import Journal

# Of the current lane or another of the same person that still moves. A parked lane does not count: what was
# made under a refused claim may be anybody's, and must not keep the person from redeeming. The plus keeps SQLite
# to the lanes' own ranges: it would rather make an index of every entry.
_QUEUED = (
    "SELECT e.position, e.id FROM device d JOIN lanes c ON c.lane_id = d.current_lane"
    " JOIN lanes l ON l.lane_id = c.lane_id OR l.user_id = c.user_id"
    " CROSS JOIN entries e ON e.position BETWEEN l.lane_id << 32 AND (l.lane_id << 32) + 4294967295"
    " WHERE l.drained = 0 AND l.parked_at IS NULL AND +e.kind = 'redeem'"
    " AND CASE WHEN json_valid(e.body) THEN json_extract(e.body, '$.offer_id') = ? END"
    " ORDER BY e.position LIMIT 1"
)


class Redemptions:
    """Writes and finds redemptions. One public method is one transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def write(self, session_id: str, user_id: str | None, offer_id: str, body: str) -> Written | None:
        """
        Write one redemption to the current lane.

        Atomic: the look at whose session it is and at what is queued, and the entry.

        Returns:
            None, with nothing written, when the session is not this one, or not
            this user's, any more.

        Raises:
            RedemptionPending: One of this offer is queued for this person.

            JournalFull: It does not fit.
        """

        def write(connection: Connection) -> Written | None:
            lane_id = scalar(
                connection,
                "SELECT l.lane_id FROM device d JOIN lanes l ON l.lane_id = d.current_lane"
                " WHERE l.session_id = ? AND l.user_id IS ?",
                (session_id, user_id),
            )
            if lane_id is None:
                return None
            queued = _queued(connection, offer_id)
            if queued is not None:
                raise RedemptionPending(queued.text)
            written = self._journal.put(connection, lane_id, "redeem", body, fitting=True)
            self._journal.store.reaches(written.position)
            return written

        return self._journal.fitting(write)

    def queued(self, offer_id: str) -> Written | None:
        """Return the current person's queued redemption of the offer, or None."""
        return self._journal.store.read_with(lambda connection: _queued(connection, offer_id))


def _queued(connection: Connection, offer_id: str) -> Written | None:
    found = rows(connection, _QUEUED, (offer_id,))
    return Written(*found[0]) if found else None
