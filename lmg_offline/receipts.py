"""What every write returns: an id that can be stored, the write's state, and a way to wait for it."""

from __future__ import annotations

import time
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Protocol

from ._core.identity import AudienceState
from .errors import IdentifyRejected

POLL_S = 0.1
FINAL_STATES = frozenset({"acknowledged", "refused", "superseded", "discarded", "forgotten", "lost"})


class ReceiptSource(Protocol):
    """Where receipts learn their state."""

    def receipt_state(self, receipt_id: str) -> str:
        """Return the state of one write."""
        ...

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something was recorded here, or the time is up; False when no wait can help."""
        ...

    def identify_answer(self, receipt_id: str) -> AudienceState | IdentifyRejected | None:
        """Return what became of an identify; None while it has no answer."""
        ...


class Receipt:
    """
    Says what became of one write.

    Attributes:
        id: Text that can be stored; `client.journal.receipt(id)` answers for it
            in any later process.
    """

    def __init__(self, source: ReceiptSource, receipt_id: str) -> None:
        self._source = source
        self.id = receipt_id

    @property
    def state(self) -> str:
        """`journaled`, `sent`, `acknowledged`, `refused`, `superseded`, `discarded`, `forgotten` or `lost`."""
        return self._source.receipt_state(self.id)

    def wait(self, timeout: float | None = None) -> str:
        """
        Wait until the write has reached a final state, and return its state then.

        Args:
            timeout: At most so many seconds; None waits for ever. When the time
                is up the state so far is returned; at once in a callback of
                `client.on`, which runs on the thread that would have to send.
        """
        return _wait(self._source, self.id, timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Identification(Future[AudienceState]):
    """
    The receipt of an identify, and a future of its answer.

    `result(timeout)` gives the `AudienceState` the platform accepted, or raises
    `IdentifyRejected`. Usable with `asyncio.wrap_future`.
    """

    def __init__(self, source: ReceiptSource, receipt_id: str) -> None:
        super().__init__()
        self._source = source
        self.id = receipt_id
        self.set_running_or_notify_cancel()

    @property
    def state(self) -> str:
        """As `Receipt.state`."""
        return self._source.receipt_state(self.id)

    def wait(self, timeout: float | None = None) -> str:
        """As `Receipt.wait`."""
        return _wait(self._source, self.id, timeout)

    def done(self) -> bool:
        """Say whether the answer is there."""
        self.settle()
        return super().done()

    def result(self, timeout: float | None = None) -> AudienceState:
        """
        Return the accepted state.

        Raises:
            IdentifyRejected: The platform did not accept it, or it was given up.

            TimeoutError: No answer within `timeout` seconds; at once in a
                callback of `client.on`, which runs on the thread that would have to ask.
        """
        self._wait_until_settled(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error `result` would raise, or None."""
        self._wait_until_settled(timeout)
        return super().exception(0)

    def settle(self) -> bool:
        """Take over the journal's answer if there is one; say whether the future is done."""
        if super().done():
            return True
        answer = self._source.identify_answer(self.id)
        if answer is None:
            return False
        try:
            if isinstance(answer, IdentifyRejected):
                self.set_exception(answer)
            else:
                self.set_result(answer)
        except InvalidStateError:
            pass  # another thread was faster, with the same answer
        return True

    def _wait_until_settled(self, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.settle():
            left = POLL_S if deadline is None else deadline - time.monotonic()
            if left <= 0 or not self._source.wait_for_change(min(left, POLL_S)):
                raise FutureTimeoutError

    def __repr__(self) -> str:
        return f"<Identification {self.id}>"


def _wait(source: ReceiptSource, receipt_id: str, timeout: float | None) -> str:
    deadline = None if timeout is None else time.monotonic() + timeout
    while (state := source.receipt_state(receipt_id)) not in FINAL_STATES:
        left = POLL_S if deadline is None else deadline - time.monotonic()
        if left <= 0 or not source.wait_for_change(min(left, POLL_S)):
            break
    return state


__all__ = ["FINAL_STATES", "Identification", "Receipt", "ReceiptSource"]
