"""What the sync asks of a transport, and the answers it can get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from .._core.schedule import Retry, Split, Suspend
from ..protocol.replay import Reply


@dataclass(frozen=True, slots=True)
class Replayed:
    """The platform answered a replay in the protocol."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class DeviceRefused:
    """The device's secret is not the one the platform knows: this journal is a copy."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSpoken:
    """The endpoint's schema does not hold what was asked: it speaks another dialect."""

    reason: str


@dataclass(frozen=True, slots=True)
class GraphData:
    """
    The data of one operation of the LMG dialect.

    Attributes:
        at_ms: The server's clock, in milliseconds since 1970 UTC, to the second; None when it said nothing.
    """

    data: dict[str, object] = field(repr=False)
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Collected:
    """The collector has taken the events."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A query's data.

    Attributes:
        data: The `data` member of the reply; None when the cached copy still holds (304).

        etag: The reply's validator, or None.
    """

    data: dict[str, object] | None = field(repr=False)
    etag: str | None


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """The session token is no longer taken."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform understood and said no."""

    status: int
    message_id: str | None
    message: str


ReplayOutcome = Replayed | Retry | Split | Suspend | DeviceRefused | NotSpoken
GraphOutcome = GraphData | SessionExpired | Refused | NotSpoken | Retry | Suspend
CollectOutcome = Collected | SessionExpired | Split | Retry
QueryOutcome = Answer | Retry | SessionExpired | Refused


def nothing() -> None:
    """There is nothing to do meanwhile."""


class Transport(Protocol):
    """Reaches one platform endpoint. Never raises for what a network or a server may do."""

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """
        Send a replay request's JSON body and return what came of it.

        Args:
            meanwhile: Called once while the request is under way, by the thread that calls this. Never raises.
        """
        ...

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """Send a query's JSON body to the content endpoint."""
        ...

    def graph(self, path: str, body: bytes, *, session_token: str | None, entry: str | None) -> GraphOutcome:
        """
        Send one operation of the LMG dialect.

        Args:
            path: Of the endpoint: `/graph/auth` or `/graph/default`.

            body: `{"query", "variables"}` as JSON.

            entry: Names the journal entry in the platform's log; never needed by it.
        """
        ...

    def collect(self, url: str, body: bytes) -> CollectOutcome:
        """Send events to a collector at `url`; no key and no token goes with them."""
        ...

    def close(self) -> None:
        """Break off what is under way; later calls answer Retry."""
        ...
