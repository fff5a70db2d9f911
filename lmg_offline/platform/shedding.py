"""
Load shedding: when too many requests wait already, the next one is told at once to come again later.

Without a bound a fleet that comes back together has its requests waiting for longer than devices wait for a
reply: each is worked on for nobody, and sent again. Those who are turned away cost next to nothing, and come back by
their own schedule, which spreads them.

Source: sre.google/sre-book/handling-overload. uvicorn's own bound, `limit_concurrency`, counts connections that are
only kept open as well, and names no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lmg_offline.platform.problems import AudienceError

UNAVAILABLE = "lmg-unavailable"
RETRY_AFTER_S = 2


class Shedder:
    """Counts the requests that one process has begun. Used on its event loop alone."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: How many may wait or run at a time, >= 1.
        """
        self._most = most
        self._here = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """
        Hold a place for one request.

        Raises:
            AudienceError: There is none, 503 with `Retry-After`.
        """
        if self._here >= self._most:
            raise AudienceError(
                "UnavailableError",
                "The platform has more to do than it can do in time. Try again later.",
                503,
                UNAVAILABLE,
                retry_after_s=RETRY_AFTER_S,
            )
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1
