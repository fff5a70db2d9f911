"""
Load shedding: when too many requests of devices wait already, the next one is told at once to come again later.

Without a bound a fleet that comes back together has its requests waiting for longer than devices wait for a
reply: each is worked on for nobody, and sent again. Those who are turned away cost next to nothing, and come back by
their own schedule, which spreads them. What devices ask has threads of its own, so that `/healthz`, the Admin
API and the portal are answered however many devices wait.

Source: sre.google/sre-book/handling-overload. uvicorn's own bound, `limit_concurrency`, counts connections that are
only kept open as well, and names no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from anyio import to_thread

from lmg_offline.platform.problems import AudienceError

P = ParamSpec("P")
T = TypeVar("T")

UNAVAILABLE = "lmg-unavailable"
RETRY_AFTER_S = 2
# As many as anyio's own pool has.
_THREADS = 40


class Shedder:
    """Runs what devices ask of one process. Used on its event loop alone."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: How many may wait or run at a time, >= 1.
        """
        self._most = most
        self._here = 0
        self._threads: anyio.CapacityLimiter | None = None  # made on the loop that it belongs to

    async def run(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """
        Run a blocking work in a thread, and return its result.

        Raises:
            AudienceError: Too many are waiting, 503 with `Retry-After`.
        """
        with self._admitted():
            if self._threads is None:
                self._threads = anyio.CapacityLimiter(_THREADS)
            return await to_thread.run_sync(partial(work, *args, **more), limiter=self._threads)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
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
