"""HTTP/1.1 on a stream: whole requests and replies in, bytes out. h11 does the parsing."""

from __future__ import annotations

import asyncio
import http
import os
import socket
import struct
from dataclasses import dataclass, field

import h11

from .exchanges import Answer, Headers, Raw, Redirect, Reply

MAX_HEAD_BYTES = 256 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
_READ_BYTES = 64 * 1024

# What belongs to one hop, and what this module sets itself. RFC 9110, section 7.6.1.
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length", "upgrade", "te"})
_BODILESS = frozenset({204, 304})


class Overlong(Exception):
    """A message is larger than a proxy for tests need take."""


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request as it came.

    Attributes:
        keep_alive: The client would send another on this connection.

        leftover: Bytes that came after it.
    """

    method: str
    target: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool
    leftover: bytes = field(repr=False)


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, leftover: bytes = b""
) -> Request | None:
    """
    Return the next request, whole; None when the client is done.

    Raises:
        h11.RemoteProtocolError: It is not HTTP, or was cut off.
        Overlong: It is too large.
    """
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    if leftover:
        parser.receive_data(leftover)
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            if parser.they_are_waiting_for_100_continue:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            parser.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise Overlong
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Request(
                head.method.decode("ascii"),
                head.target.decode("latin-1"),
                _texts(head.headers.raw_items()),
                bytes(body),
                parser.their_state is h11.DONE,
                bytes(parser.trailing_data[0]),
            )
        elif isinstance(event, h11.ConnectionClosed):
            return None


def request_bytes(request: Request) -> tuple[bytes, bytes]:
    """Return (head, body) as they go to the platform, over a connection of their own."""
    sender = h11.Connection(h11.CLIENT)
    headers = [*_kept(request.headers), ("Connection", "close")]
    if request.body or request.method not in ("GET", "HEAD"):
        headers.append(("Content-Length", str(len(request.body))))
    head = sender.send(h11.Request(method=request.method, target=request.target, headers=_raw(headers)))
    return head or b"", request.body


async def read_reply(reader: asyncio.StreamReader, method: str) -> Reply:
    """
    Return the platform's reply to a request of this method, whole.

    Raises:
        h11.RemoteProtocolError: It is not HTTP, or was cut off.
        Overlong: It is too large.
    """
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    # The parser must know what was asked: a reply to HEAD has a length and no body.
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "upstream")]))
    parser.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise Overlong
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Reply(head.status_code, head.reason.decode("latin-1"), _texts(head.headers.raw_items()), bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            raise h11.RemoteProtocolError("closed without a reply")


def reply_bytes(reply: Reply, method: str) -> bytes:
    """Return a platform's reply as it goes to the client, which keeps the connection."""
    headers = _kept(reply.headers)
    if method == "HEAD" or reply.status in _BODILESS:
        length = next((value for name, value in reply.headers if name.lower() == "content-length"), None)
        headers += [] if length is None else [("Content-Length", length)]
        return _head(reply.status, reply.reason, headers)
    return _head(reply.status, reply.reason, [*headers, ("Content-Length", str(len(reply.body)))]) + reply.body


def answer_head(answer: Answer) -> bytes:
    """Return the head of an answer of our own. Headers that were given are sent as given, a length too."""
    headers = list(answer.headers)
    size = len(answer.body) if isinstance(answer.body, bytes) else answer.body.size_bytes
    if answer.framing == "close":
        headers.append(("Connection", "close"))
    elif answer.status not in _BODILESS:
        headers.append(("Content-Length", str(size)))
    return _head(answer.status, "", headers)


def redirect_answer(redirect: Redirect) -> Answer:
    """Return the answer that a redirect is."""
    return Answer(redirect.status, (("Location", redirect.location),))


def canned(fault: Answer | Raw | Redirect) -> Answer | Raw:
    """Return an answer of our own in one of its two forms."""
    return redirect_answer(fault) if isinstance(fault, Redirect) else fault


def reset(writer: asyncio.StreamWriter) -> None:
    """
    Close at once with a reset.

    Source: socket(7), SO_LINGER: closing with a linger of zero discards what is
    unsent and sends RST. The structure has shorts on Windows.
    """
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    writer.transport.abort()


def _head(status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
    if not reason:
        known = {each.value: each.phrase for each in http.HTTPStatus}
        reason = known.get(status, "")
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _kept(headers: Headers) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP]


def _texts(headers: list[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _raw(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
