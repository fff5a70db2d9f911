"""
How long a connection may take to say what it wants, and how much it may say.

uvicorn bounds neither the time nor, with httptools, the size of a request's
head: a peer that sends a byte now and then keeps its connection for ever, one
that never ends its headers grows in memory. The body has bounds of its own, in
`bodies`, because only there is known what was asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# As h11 bounds it by itself; the longest head of an SDK has about 1 KiB.
MOST_HEAD_BYTES = 64 * 1024


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]  # which of two it is depends on what is installed
    """uvicorn's own, which gives a connection up that does not come to the end of its headers."""

    def __init__(self, *args: Any, head_within_s: float, **kwargs: Any) -> None:
        """
        Args:
            head_within_s: How long a head may take, from the connection or from its first byte, in seconds.
        """
        super().__init__(*args, **kwargs)
        self._head_within_s = head_within_s
        self._head_bytes = 0
        self._head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take what came; count it as long as the head is not whole."""
        cycle = self.cycle
        if self._head_due is None and (cycle is None or cycle.response_complete):
            self._await_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self.cycle is not cycle:
            self._forget_head()
        elif self._head_due is not None and self._head_bytes > MOST_HEAD_BYTES:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._forget_head()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_due = self.loop.call_later(self._head_within_s, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
        self._head_due = None
