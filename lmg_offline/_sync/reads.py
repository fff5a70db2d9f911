"""
Reads: wait for identify, ask the platform, answer from the cache when it can't be reached.

A read never waits longer than its timeout, and never shows one person's answer
to the next: what comes back after a reset is thrown away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from .._core.reads import ReadAnswer, ReadQuery
from .._core.schedule import Retry
from .._journal.journal import Journal
from .._journal.outbox import Outbox
from .._journal.readcache import CachedAnswer, ReadCache
from .._journal.records import LaneRow
from .._support.clock import utc_from_ms
from .._transport.port import Answer, Refused, SessionExpired, Transport
from ..errors import IdentifyRejected, OfflineError, PlatformError
from ..protocol.canonical import encode
from .progress import REPLAY
from .runner import Runner
from .thread import SyncThread

POLL_S = 0.05
SESSION_TRIES = 2


class Reads:
    """Answers queries for the current session. Safe from any thread."""

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        cache: ReadCache,
        transport: Callable[[], Transport] | None,
        runner: Callable[[], Runner] | None,
        thread: SyncThread | None,
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._cache = cache
        self._transport = transport
        self._runner = runner
        self._thread = thread

    def fetch(self, query: ReadQuery, *, timeout_s: float) -> ReadAnswer:
        """
        Return the query's data.

        Raises:
            OfflineError: The platform could not be reached in time, and nothing is cached.

            IdentifyRejected: The identify this read waited for was refused.

            PlatformError: The platform understood and said no.
        """
        deadline = time.monotonic() + timeout_s
        key = ""
        for _ in range(SESSION_TRIES):
            lane = self._ready_lane(deadline)
            # Only now: who the platform is may have been found out during the wait.
            query = self._in_dialect(query)
            key = f"{query.name} {encode(query.variables)}"
            if lane is None:
                break
            answer = self._ask(lane, key, query, deadline)
            if answer is not None:
                return answer
        return self._from_cache(key)

    def cached_object(self, kind: str, object_id: str) -> dict[str, object] | None:
        """Return the newest kept copy of a `business` or `offer`, or None."""
        marker = "offers" if kind == "business" else "headline"
        for body in self._cache.bodies(self._journal.current().lane_id):
            found = _find(json.loads(body), object_id, marker)
            if found is not None:
                return found
        return None

    def _in_dialect(self, query: ReadQuery) -> ReadQuery:
        """Return the query as the platform understands it: offline, as it did when it was last heard."""
        if query.ours is None or self._runner is None or self._runner().view().dialect != REPLAY:
            return query
        return query.ours

    def _ready_lane(self, deadline: float) -> LaneRow | None:
        """Wait until the current session is identified and open; None when the platform is out of reach."""
        if self._runner is None or self._thread is None:
            return None
        runner = self._runner()
        seen = runner.view().attempts
        waited_for: LaneRow | None = None
        hurried = False
        while True:
            lane = self._journal.current()
            if waited_for is not None and waited_for.lane_id != lane.lane_id:
                self._raise_if_rejected(waited_for)
            if lane.session_token is not None and not lane.identify_pending:
                return lane
            waited_for = lane if lane.identify_pending else waited_for
            if not hurried:
                runner.hurry()
                self._thread.wake()
                hurried = True
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            view = runner.wait_for_attempt(seen, min(left, POLL_S))
            if view.suspended_code is not None:
                return None
            if view.attempts > seen:
                seen = view.attempts
                if not view.online or view.last_error is not None:
                    return None

    def _raise_if_rejected(self, lane: LaneRow) -> None:
        found = self._journal.store.read(
            "SELECT parked_code, parked_message FROM lanes WHERE lane_id = ?", (lane.lane_id,)
        )
        if found and found[0][0] is not None:
            raise IdentifyRejected(*found[0])

    def _ask(self, lane: LaneRow, key: str, query: ReadQuery, deadline: float) -> ReadAnswer | None:
        """Return the answer; None when it must come from the cache or a new session is needed first."""
        if self._transport is None:
            return None
        kept = self._cache.get(lane.lane_id, key)
        outcome = self._transport().query(
            encode({"query": query.document, "variables": query.variables}).encode(),
            session_token=lane.session_token,
            etag=kept.etag if kept else None,
            deadline_s=deadline - time.monotonic(),
        )
        match outcome:
            case Answer(data=None) if kept is not None:
                return self._keep(lane, key, query, kept.body, kept.etag)
            case Answer(data=data, etag=etag) if data is not None and query.is_answered_by(data):
                return self._keep(lane, key, query, encode(data), etag)
            case SessionExpired():
                self._outbox.drop_session_token(lane.lane_id)
                return None
            case Refused(status=status, message_id=message_id, message=message):
                raise PlatformError(status, message_id, message or "change the call")
            case Retry() | Answer():
                return self._from_cache(key)

    def _keep(self, lane: LaneRow, key: str, query: ReadQuery, body: str, etag: str | None) -> ReadAnswer | None:
        now_ms = self._journal.store.clock.wall_ms()
        whole_list = _is_whole_saved_list(query, body)
        kept = self._cache.put(
            lane.lane_id,
            key,
            CachedAnswer(body, etag, now_ms),
            settles_bookmarks_through=lane.acked_position if whole_list else None,
        )
        if not kept:
            return None  # the session was reset meanwhile: ask again as who is here now
        return ReadAnswer(json.loads(body), False, utc_from_ms(now_ms))

    def _from_cache(self, key: str) -> ReadAnswer:
        kept = self._cache.get(self._journal.current().lane_id, key)
        if kept is None:
            raise OfflineError("the platform can't be reached and this was not read before; try again online")
        return ReadAnswer(json.loads(kept.body), True, utc_from_ms(kept.as_of))


def _is_whole_saved_list(query: ReadQuery, body: str) -> bool:
    """Say whether a reply is every saved offer of the person: unfiltered, and all on one page."""
    wanted = query.variables
    if wanted.get("bookmarkedOffersOnly") is not True:
        return False
    if any(wanted.get(name) for name in ("cursor", "q", "tagNames", "contextGeoArea")):
        return False
    feed = json.loads(body).get("businessFeed")
    cursor = feed.get("cursor") if isinstance(feed, dict) else None
    return isinstance(cursor, dict) and cursor.get("next") is None


def _find(node: object, object_id: str, marker: str) -> dict[str, object] | None:
    """Search a reply depth first for the object with this id that has the field `marker`."""
    children: list[object] = []
    if isinstance(node, dict):
        if node.get("id") == object_id and marker in node:
            return node
        children = list(node.values())
    elif isinstance(node, list):
        children = node
    for child in children:
        found = _find(child, object_id, marker)
        if found is not None:
            return found
    return None
