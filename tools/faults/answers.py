"""
A corpus of bad answers: what servers, proxies, portals and liars say instead of what was asked.

`corpus` is the list; each names what the contract makes of it. Lies in the
replay protocol itself are in `lies.py`.

Source: docs/protocol.md, sections 3 and 4, says what a device does with each.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from typing import Literal

from .exchanges import Answer, AnswerAfterForward, Exchange, Fault, Flood, Raw, Redirect, Reply
from .wire import redirect_answer

Made = Answer | Raw
Moment = Literal["before", "after"]

JSON = ("Content-Type", "application/json")
HTML = ("Content-Type", "text/html; charset=utf-8")
PORTAL = b"<!DOCTYPE html><title>Welcome</title><p>Accept the terms to go on."

_BOTH: tuple[Moment, ...] = ("before", "after")
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Effect(Enum):
    """What the contract makes of an answer."""

    RETRY = "the same is sent again"
    SPLIT = "the batch is halved until one entry is left; good entries are kept"
    SUSPEND = "nothing is sent for a while, and nothing is dropped"
    FORK = "the device goes on as another, with the same entries under a new session"


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """
    One answer that is not the platform's.

    Attributes:
        make: Makes it of the request, and of the platform's own reply when that was asked for.

        effect: What the contract makes of it when a write was asked.

        moments: Whether it can be given without asking the platform first, after, or both.

        operation: The GraphQL operation it is an answer to; None: to anything.

        is_refusal: The LMG dialect takes it as the platform's own word that an
            entry is refused for good: there it can't be told from the truth.

        in_a_row: How often it may come before it has to be believed.
    """

    name: str
    make: Callable[[Exchange, Reply | None], Made]
    effect: Effect = Effect.RETRY
    moments: tuple[Moment, ...] = _BOTH
    operation: str | None = None
    is_refusal: bool = False
    in_a_row: int = 3

    def fits(self, exchange: Exchange) -> bool:
        """Say whether it is an answer to this exchange at all."""
        return self.operation is None or self.operation == exchange.operation

    def fault(self, exchange: Exchange, moment: Moment) -> Fault:
        """Return it as a fault of the proxy, before the platform has acted or after."""
        if moment == "before":
            return self.make(exchange, None)
        return AnswerAfterForward(lambda reply: self.make(exchange, reply))


def corpus(elsewhere: str) -> tuple[BadAnswer, ...]:
    """
    Return every bad answer there is, names unique.

    Args:
        elsewhere: Where redirects lead; nobody may ever ask there.
    """
    from .lies import LIES

    return (
        *_statuses(),
        *_waits(),
        *_refusals(),
        *(_fixed(f"{status} to another host", redirect_answer(Redirect(elsewhere, status))) for status in _REDIRECTS),
        *_documents(),
        *_bodies(),
        *_no_http(),
        *LIES,
    )


def error(status: int, message_id: str) -> Answer:
    """Return an error in the shape of the platform."""
    return Answer(status, (JSON,), _error_body(status, message_id))


def _error_body(status: int, message_id: str) -> bytes:
    fault = {"name": "Error", "message": "No.", "statusCode": status, "messageId": message_id}
    return json.dumps({"errors": [fault]}).encode()


def _fixed(
    name: str, made: Made, effect: Effect = Effect.RETRY, *, is_refusal: bool = False, in_a_row: int = 3
) -> BadAnswer:
    return BadAnswer(name, lambda exchange, reply: made, effect, is_refusal=is_refusal, in_a_row=in_a_row)


def _page(status: int, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (HTML, *headers), b"<html><h1>" + str(status).encode() + b"</h1></html>")


_REDIRECTS = (301, 302, 303, 307, 308)
_FAILURES = (500, 502, 503, 504)
_ODD = (201, 202, 204, 206, 304, 402, 404, 405, 406, 408, 409, 410, 415, 418, 422, 425, 426, 451, 501, 505, 507, 511)


def _statuses() -> list[BadAnswer]:
    ours = [_fixed(f"{status} in our shape", error(status, "lmg-internal")) for status in _FAILURES]
    pages = [_fixed(f"{status} as HTML", _page(status)) for status in (*_FAILURES, *_ODD)]
    return [*ours, *pages, _fixed("404 in our shape", error(404, "lmg-http-404"), is_refusal=True)]


def _waits() -> list[BadAnswer]:
    """Retry-After in both forms, and absurd ones."""

    def date(moment: datetime) -> str:
        return format_datetime(moment, usegmt=True)

    now = ("Date", date(_NOON))
    forms: dict[str, tuple[tuple[str, str], ...]] = {
        "of two seconds": (("Retry-After", "2"),),
        "of a date": (("Retry-After", date(_NOON + timedelta(minutes=2))), now),
        "of a date without a Date": (("Retry-After", date(_NOON)),),
        "of a past date": (("Retry-After", date(_NOON - timedelta(days=900))), now),
        "of ten years": (("Retry-After", "315360000"),),
        "of a date in ten years": (("Retry-After", date(_NOON + timedelta(days=3653))), now),
        "of the year 9999": (("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"), now),
        "of a year that is none": (("Retry-After", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"), now),
        "of a zone that is none": (("Retry-After", "Tue, 24 Nov 2026 12:00:00 +99999999999999"), now),
        "negative": (("Retry-After", "-5"),),
        "of 5,000 digits": (("Retry-After", "9" * 5000),),
        "in words": (("Retry-After", "soon"),),
        "of a fraction": (("Retry-After", "1e9"),),
        "empty": (("Retry-After", ""),),
    }
    return [
        _fixed(f"{status}, Retry-After {name}", _page(status, *headers))
        for status in (429, 503)
        for name, headers in forms.items()
    ]


def _refusals() -> list[BadAnswer]:
    """Answers that mean something to the device, with our ids and without."""
    return [
        _fixed("400 malformed, in our shape", error(400, "lmg-malformed"), Effect.SPLIT, is_refusal=True),
        # Said twice it is believed: the endpoint is spoken to in the other dialect from then on.
        _fixed("400 of a server without replay", error(400, "lmg-query-invalid"), is_refusal=True, in_a_row=1),
        _fixed("400 with an id of nobody", error(400, "nobody-knows"), is_refusal=True),
        _fixed("400 as HTML", _page(400)),
        _fixed("400 as JSON of another", Answer(400, (JSON,), b'{"detail": "Bad Request"}')),
        _fixed("413 in our shape", error(413, "lmg-too-large"), Effect.SPLIT, is_refusal=True),
        _fixed("413 as HTML", _page(413), Effect.SPLIT, is_refusal=True),
        _fixed("401 in our shape", error(401, "lmg-write-key-refused"), Effect.SUSPEND),
        _fixed("401 of a portal", _page(401, ("WWW-Authenticate", "Basic")), Effect.SUSPEND),
        _fixed("403 in our shape", error(403, "lmg-write-key-refused"), Effect.SUSPEND),
        _fixed("403 as HTML", _page(403), Effect.SUSPEND),
        _fixed("403 of a device", error(403, "lmg-device-refused"), Effect.FORK, is_refusal=True),
    ]


def _documents() -> list[BadAnswer]:
    """200, and JSON or said to be, but not what was asked."""
    texts: dict[str, tuple[tuple[str, str], bytes]] = {
        "a portal's page": (HTML, PORTAL),
        "a portal's page said to be JSON": (JSON, PORTAL),
        "nothing": (JSON, b""),
        "nothing said to be text": (("Content-Type", "text/plain"), b""),
        "JSON that is no protocol": (JSON, b'{"status": "ok"}'),
        "null": (JSON, b"null"),
        "a list": (JSON, b"[]"),
        "a text": (JSON, b'"ok"'),
        "data of null": (JSON, b'{"data": null}'),
        "data of nothing": (JSON, b'{"data": {}}'),
        "data of a list": (JSON, b'{"data": []}'),
        "a replay of null": (JSON, b'{"data": {"replay": null}}'),
        "a replay of a text": (JSON, b'{"data": {"replay": "ok"}}'),
        "another protocol": (JSON, b'{"data": {"replay": {"protocol": 2, "time": 1, "lanes": []}}}'),
        "errors": (JSON, _error_body(200, "lmg-internal")),
        "errors of null": (JSON, b'{"errors": null}'),
        "not UTF-8": (JSON, b'{"data": "\xff\xfe"}'),
        "nested 100,000 deep": (JSON, b"[" * 100_000),
        "nested 100,000 deep and closed": (JSON, b'{"data":' * 100_000 + b"1" + b"}" * 100_000),
        "a number of 100,000 digits": (JSON, b'{"data": {"replay": ' + b"9" * 100_000 + b"}}"),
        "NaN": (JSON, b'{"data": {"replay": {"protocol": 1, "time": NaN, "lanes": []}}}'),
        "duplicate keys": (JSON, b'{"data": {"a": 1}, "data": {"replay": {"lanes": [], "lanes": []}}}'),
    }
    return [_fixed(f"200, {name}", Answer(200, (kind,), body)) for name, (kind, body) in texts.items()]


@functools.cache
def _bomb() -> bytes:
    """Return 100 kB of gzip that become 100 MB."""
    return gzip.compress(bytes(100_000_000), compresslevel=9, mtime=0)


def _bodies() -> list[BadAnswer]:
    """200, and something wrong with the bytes."""
    zipped = ("Content-Encoding", "gzip")
    packed = gzip.compress(b'{"data": {}}', mtime=0)
    whole = b'{"data": {"replay": {"protocol": 1, "time": 1, "lanes": []}}}'
    answers: dict[str, Answer] = {
        "gzip that nobody asked for": Answer(200, (JSON, zipped), packed),
        "gzip cut short": Answer(200, (JSON, zipped), packed[:-6]),
        "gzip that is none": Answer(200, (JSON, zipped), b'{"data": {}}'),
        "a gzip bomb": Answer(200, (JSON, zipped), _bomb()),
        "50 MB of spaces": Answer(200, (JSON,), Flood(50_000_000)),
        "50 MB of one text": Answer(200, (JSON,), Flood(50_000_000, b'{"data": "')),
        "50 MB without a length": Answer(200, (JSON,), Flood(50_000_000), framing="close"),
        "no length, and cut": Answer(200, (JSON,), whole, framing="close", cut_at=30),
        "a body shorter than its length": Answer(200, (JSON,), whole, cut_at=30),
        "a body of which nothing comes": Answer(200, (JSON,), whole, cut_at=0),
    }
    return [_fixed(f"200, {name}", answer) for name, answer in answers.items()]


def _no_http() -> list[BadAnswer]:
    """Bytes that are no HTTP, or only just."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    texts = {
        "nothing at all": b"",
        "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
        "a status line cut short": b"HTTP/1.1 2",
        "a status that is no number": b"HTTP/1.1 OK 200\r\n\r\n",
        "a status of 999999": b"HTTP/1.1 999999 Odd\r\n\r\n",
        "HTTP/0.9": b"<html>hello</html>",
        "a thousand headers": ok + b"".join(b"X-%d: y\r\n" % number for number in range(1000)) + b"\r\n",
        "a header of 100 KiB": ok + b"X-Long: " + b"y" * 102_400 + b"\r\n\r\n",
        "a header that is none": ok + b"no colon here\r\nContent-Length: 2\r\n\r\n{}",
        "a length that is no number": ok + b"Content-Length: many\r\n\r\n{}",
        "a negative length": ok + b"Content-Length: -2\r\n\r\n{}",
        "two lengths": ok + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "a chunk that is none": ok + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "chunks cut short": ok + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{}",
        "interim answers only": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    }
    return [_fixed(f"no HTTP: {name}", Raw(data)) for name, data in texts.items()]

