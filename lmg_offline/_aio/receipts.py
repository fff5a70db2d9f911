"""Receipts and identifications that are awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, ParamSpec, TypeVar

from .._core.identity import AudienceState
from ..receipts import FINAL_STATES, Identification, Receipt
from .run import Later, Run

P = ParamSpec("P")
T = TypeVar("T")

SLICE_S = 1.0  # after so long a wait whose await was cancelled lets its thread go


class AsyncReceipt:
    """
    As `Receipt`: says what became of one write.

    Attributes:
        id: Text that can be stored; `client.journal.receipt(id)` answers for it.
    """

    def __init__(self, receipt: Receipt | Identification, run: Run) -> None:
        self._receipt = receipt
        self._run = run
        self.id = receipt.id

    @property
    def state(self) -> Later[str]:
        """As `Receipt.state`; await it."""
        return self._run.quickly(lambda: self._receipt.state)

    async def wait(self, timeout: float | None = None) -> str:
        """As `Receipt.wait`."""
        for slice_s in _slices(timeout):
            state = await self._run.slowly(self._receipt.wait, slice_s)
            if state in FINAL_STATES:
                break
        return state

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class AsyncIdentification(AsyncReceipt):
    """As `Identification`: the receipt of an identify. Await it for the accepted state, or `IdentifyRejected`."""

    def __init__(self, receipt: Identification, run: Run) -> None:
        super().__init__(receipt, run)
        self._future = receipt

    def done(self) -> Later[bool]:
        """As `Identification.done`."""
        return self._run.quickly(self._future.done)

    async def result(self, timeout: float | None = None) -> AudienceState:
        """As `Identification.result`."""
        return await self._settled(self._future.result, timeout)

    async def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `Identification.exception`."""
        return await self._settled(self._future.exception, timeout)

    def add_done_callback(self, callback: Callable[[AsyncIdentification], object]) -> None:
        """Call `callback` with this, on the loop, once there is an answer."""
        hop = self._run.hop(callback)
        self._future.add_done_callback(lambda _: hop(self))

    async def _settled(self, ask: Callable[[float], T], timeout: float | None) -> T:
        for slice_s in _slices(timeout):
            try:
                return await self._run.slowly(ask, slice_s)
            except FutureTimeoutError:
                pass  # for this slice
        raise FutureTimeoutError

    def __await__(self) -> Generator[Any, None, AudienceState]:
        return self.result().__await__()


def receipt(run: Run, method: Callable[P, Receipt]) -> Callable[P, Later[AsyncReceipt]]:
    """Return a method that writes as one that is awaited."""
    return run.mapped(method, run.quickly, lambda found: AsyncReceipt(found, run))


def identification(run: Run, method: Callable[P, Identification]) -> Callable[P, Later[AsyncIdentification]]:
    """Return a method that identifies as one that is awaited."""
    return run.mapped(method, run.quickly, lambda found: AsyncIdentification(found, run))


def _slices(timeout: float | None) -> Generator[float, None, None]:
    """Yield how long to wait, again and again until the time is up; once at least."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left_s = SLICE_S if deadline is None else deadline - time.monotonic()
        yield max(0.0, min(left_s, SLICE_S))
        if deadline is not None and time.monotonic() >= deadline:
            return
