"""One exchange as a script sees it, and the faults it may answer with. Values only."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Headers = tuple[tuple[str, str], ...]

_OPERATION = re.compile(r"^\s*(?:query|mutation)\s+(\w+)")


def header(headers: Headers, name: str) -> str | None:
    """Return the first header of this name, whatever its case."""
    return next((value for known, value in headers if known.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """
    One request, whole, before anything was done with it.

    Attributes:
        number: Counts the exchanges of a proxy, from 1.

        target: Path and query, as sent.

        body: As sent; see `plain` for what it says.
    """

    number: int
    method: str
    target: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def plain(self) -> bytes:
        """Return the body with gzip undone; as sent when it is not gzip after all."""
        if (header(self.headers, "Content-Encoding") or "").lower() != "gzip":
            return self.body
        try:
            return gzip.decompress(self.body)
        except (OSError, EOFError, zlib.error):
            return self.body

    def document(self) -> dict[str, object]:
        """Return the body's JSON object; empty when it is none."""
        try:
            found = json.loads(self.plain())
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def operation(self) -> str | None:
        """The name of the GraphQL operation, or None when the body is no GraphQL."""
        query = self.document().get("query")
        found = _OPERATION.match(query) if isinstance(query, str) else None
        return found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the platform answered, whole."""

    status: int
    reason: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Flood:
    """
    A body that is made while it is sent, so that a huge one needs no memory.

    Attributes:
        size_bytes: How much there is of it.

        first: How it begins; spaces follow.
    """

    size_bytes: int
    first: bytes = b""

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        left = self.size_bytes - len(self.first)
        yield self.first
        piece = b" " * 65536
        while left > 0:
            yield piece[:left]
            left -= len(piece)


@dataclass(frozen=True, slots=True)
class Pass:
    """Forward the request, deliver the reply."""


@dataclass(frozen=True, slots=True)
class Delay:
    """As `Pass`, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CutBeforeForward:
    """Reset the connection; the platform never sees the request."""


@dataclass(frozen=True, slots=True)
class CutInForward:
    """Send the platform the head and so many bytes of the body, then reset both connections."""

    at_byte: int


@dataclass(frozen=True, slots=True)
class CutAfterForward:
    """The platform has acted and answered; the client gets a reset: a lost acknowledgement."""


@dataclass(frozen=True, slots=True)
class CutInReply:
    """
    Deliver so many bytes of the reply, its head counted, and no more.

    Attributes:
        is_reset: End with a reset; else the connection is closed in order.
    """

    at_byte: int
    is_reset: bool = True


@dataclass(frozen=True, slots=True)
class Drip:
    """Forward, then deliver the reply at this rate."""

    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Never answer, and keep the socket until the client gives up. With `forward` the platform has acted."""

    forward: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An answer of the proxy's own.

    Attributes:
        framing: `length` names the body's length and keeps the connection;
            `close` ends the body with the connection, naming no length.

        cut_at: Close in order after so many bytes of the body, whatever was named.
    """

    status: int
    headers: Headers = ()
    body: bytes | Flood = field(default=b"", repr=False)
    framing: Literal["length", "close"] = "length"
    cut_at: int | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that need not be HTTP; the connection is closed after them."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnswerAfterForward:
    """The platform has acted, another answer is delivered: a fixed one, or one made of the platform's."""

    answer: Answer | Raw | Callable[[Reply], Answer | Raw]


@dataclass(frozen=True, slots=True)
class DeliverTwice:
    """
    Give the platform the same request twice.

    Attributes:
        reply: Which of the two answers the client gets.

        together: Both at once; else one after the other.
    """

    reply: Literal["first", "second"] = "second"
    together: bool = False


@dataclass(frozen=True, slots=True)
class DeliverLate:
    """As `Pass`; a copy comes to the platform again, right after it has answered this many further requests."""

    after: int = 1


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client elsewhere."""

    location: str
    status: int = 302


Fault = (
    Pass
    | Delay
    | CutBeforeForward
    | CutInForward
    | CutAfterForward
    | CutInReply
    | Drip
    | HalfOpen
    | Answer
    | Raw
    | AnswerAfterForward
    | DeliverTwice
    | DeliverLate
    | Redirect
)
Script = Callable[[Exchange], Fault]


def passing(exchange: Exchange) -> Fault:
    """Let every exchange pass: the script of a healthy network."""
    return Pass()
