"""Fresh verification tokens: asked of the app when the platform no longer takes the one that was sent."""

from __future__ import annotations

from collections.abc import Callable

from .._journal.journal import Journal
from .._journal.records import LaneResult, LaneRow
from .._support.clock import Clock
from .._support.log import log
from .progress import Progress

TokenProvider = Callable[[str], str | None]

PROVIDER_RETRY_S = 60.0


class Tokens:
    """Calls the app's `token_provider` on the sync thread."""

    def __init__(self, journal: Journal, progress: Progress, clock: Clock, provider: TokenProvider | None) -> None:
        self._journal = journal
        self._progress = progress
        self._clock = clock
        self._provider = provider
        self._refreshed_s: dict[int, float] = {}

    def refreshed(self, lane: LaneRow, result: LaneResult) -> LaneResult:
        """
        Ask for a fresh token for a lane that would be parked for its old one.

        Returns:
            The result without the parking when the lane can be tried again: now
            with the fresh token, or later when the provider raised. The result
            as it is when there is nothing fresh.
        """
        if self._provider is None or lane.user_id is None:
            return result
        try:
            fresh = self._provider(lane.user_id)
        except BaseException as error:  # the app's own server may be down: try again later, park nobody
            log.warning("token provider raised", extra={"error": type(error).__name__})
            reason = "the app's token_provider raised an error"
            self._progress.skip(lane.lane_id, PROVIDER_RETRY_S, reason, may_be_hurried=False)
            return result._replace(parked_code=None, parked_message=None)
        now_s = self._clock.monotonic_s()
        just_refreshed = now_s - self._refreshed_s.get(lane.lane_id, -PROVIDER_RETRY_S) < PROVIDER_RETRY_S
        if fresh is None or fresh == result.sent_token or just_refreshed:
            return result  # a provider that hands out expired tokens must not make us ask for ever
        self._refreshed_s[lane.lane_id] = now_s
        self._journal.replace_token(lane.user_id, result.sent_token, fresh)
        return result._replace(parked_code=None, parked_message=None)
