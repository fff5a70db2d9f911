"""What this device keeps of the current person's reads: answers, bookmarks, search terms. All go at reset."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Connection

from ..errors import JournalFull
from .engine import rows, scalar
from .store import Store

MAX_ANSWERS = 500
MAX_TERMS = 20


class CachedAnswer(NamedTuple):
    """One kept reply: the data as JSON, its validator, and when the platform said so (wall ms)."""

    body: str
    etag: str | None
    as_of: int

    def __repr__(self) -> str:
        return f"<CachedAnswer as of {self.as_of}>"


class BookmarkRow(NamedTuple):
    """This device's own view of one offer, newer than the platform's last list."""

    offer_id: str
    business_id: str | None
    location_ids: tuple[str, ...]
    saved: bool


class ReadCache:
    """Kept answers of one session. One public method is one transaction."""

    def __init__(self, store: Store, max_bytes: int | None = None) -> None:
        """
        Args:
            max_bytes: The journal's bound: answers are kept while there is plenty of room below it.
        """
        self._store = store
        self._max_bytes = max_bytes

    def get(self, lane_id: int, key: str) -> CachedAnswer | None:
        """Return the kept answer, or None."""
        found = self._store.read("SELECT body, etag, as_of FROM cache WHERE lane_id = ? AND key = ?", (lane_id, key))
        return CachedAnswer(*found[0]) if found else None

    def put(self, lane_id: int, key: str, answer: CachedAnswer, *, settles_bookmarks_through: int | None) -> bool:
        """
        Keep an answer, if the session is still the current one.

        Args:
            settles_bookmarks_through: For a whole list of saved offers, the key up
                to which entries were acknowledged when it was asked for: own
                bookmarks up to there are in it. None for other answers.

        Returns:
            False, with nothing written, when the session was reset in between.
        """

        def write(connection: Connection) -> bool:
            if scalar(connection, "SELECT current_lane FROM device") != lane_id:
                return False
            if self._max_bytes is not None and self._used_bytes(connection) > self._max_bytes // 2:
                return True
            connection.exec_driver_sql(
                "INSERT INTO cache (lane_id, key, body, etag, as_of) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (lane_id, key) DO UPDATE SET body = excluded.body, etag = excluded.etag,"
                " as_of = excluded.as_of",
                (lane_id, key, answer.body, answer.etag, answer.as_of),
            )
            connection.exec_driver_sql(
                "DELETE FROM cache WHERE lane_id = ? AND key IN (SELECT key FROM cache WHERE lane_id = ?"
                " ORDER BY as_of DESC LIMIT -1 OFFSET ?)",
                (lane_id, lane_id, MAX_ANSWERS),
            )
            if settles_bookmarks_through is not None:
                # Older answers still show these offers as they were: better not known than wrong.
                connection.exec_driver_sql(
                    "DELETE FROM cache WHERE lane_id = ? AND key <> ? AND EXISTS (SELECT 1 FROM bookmarks b"
                    " WHERE b.lane_id = cache.lane_id AND b.position <= ?"
                    " AND instr(cache.body, '\"' || b.offer_id || '\"'))",
                    (lane_id, key, settles_bookmarks_through),
                )
                connection.exec_driver_sql(
                    "DELETE FROM bookmarks WHERE lane_id = ? AND position <= ?",
                    (lane_id, settles_bookmarks_through),
                )
            return True

        try:
            return self._store.run(write)
        except JournalFull:  # an answer that can't be kept is an answer all the same
            return bool(self._store.read("SELECT current_lane = ? FROM device", (lane_id,))[0][0])

    def _used_bytes(self, connection: Connection) -> int:
        return int(scalar(connection, "PRAGMA page_count")) * self._store.page_bytes

    def bodies(self, lane_id: int) -> list[str]:
        """Return every kept body of the session, newest first."""
        found = self._store.read("SELECT body FROM cache WHERE lane_id = ? ORDER BY as_of DESC", (lane_id,))
        return [row[0] for row in found]

    def bookmarks(self) -> list[BookmarkRow]:
        """Return the current person's bookmarks that no list of the platform has confirmed, oldest first."""
        found = self._store.read(
            "SELECT offer_id, business_id, location_ids, saved FROM bookmarks"
            " WHERE lane_id = (SELECT current_lane FROM device) ORDER BY position"
        )
        return [BookmarkRow(row[0], row[1], tuple(json.loads(row[2])), bool(row[3])) for row in found]

    def recent_terms(self) -> list[str]:
        """Return the current person's search terms, newest first."""
        return [row[0] for row in self._store.read("SELECT term FROM search_terms ORDER BY position DESC")]

    def save_term(self, term: str) -> None:
        """Put a term first among the recent ones. Atomic."""

        def write(connection: Connection) -> None:
            newest = scalar(connection, "SELECT coalesce(max(position), 0) FROM search_terms")
            connection.exec_driver_sql(
                "INSERT INTO search_terms (term, position) VALUES (?, ?)"
                " ON CONFLICT (term) DO UPDATE SET position = excluded.position",
                (term, newest + 1),
            )
            rows_to_drop = rows(
                connection, "SELECT term FROM search_terms ORDER BY position DESC LIMIT -1 OFFSET ?", (MAX_TERMS,)
            )
            for (old,) in rows_to_drop:
                connection.exec_driver_sql("DELETE FROM search_terms WHERE term = ?", (old,))

        self._store.run(write)
