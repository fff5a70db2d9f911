"""
The platform over HTTP: the only urllib3 code.

Every reply is read up to 1 MiB, must be uncompressed JSON, and is never a
redirect. Foreign exceptions end here, in one table.
"""

from __future__ import annotations

import email.utils
import gzip
import os
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
    TimeoutError,
)

from .. import __version__
from .._core.schedule import Retry, Split, Suspend
from ..errors import ValidationError
from ..protocol import replay as wire
from ..protocol.canonical import decode
from .deadline import DeadlineExceeded, DeadlineRunner
from .port import Answer, DeviceRefused, QueryOutcome, Refused, Replayed, ReplayOutcome, SessionExpired

GZIP_FROM_BYTES = 16 * 1024
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 25.0
_CHUNK_BYTES = 64 * 1024

_REASONS: tuple[tuple[type[HTTPError], str], ...] = (
    (NameResolutionError, "the platform's name could not be resolved"),
    (NewConnectionError, "no connection to the platform"),
    (SSLError, "the platform's certificate was not accepted"),
    (TimeoutError, "the platform did not answer in time"),
    (ProtocolError, "the connection broke off"),
)


class HttpTransport:
    """Speaks to one endpoint with one write key. Safe from any thread; one exchange of a kind at a time."""

    def __init__(self, endpoint: str, write_key: str, *, deadline_s: float) -> None:
        self._endpoint = endpoint
        self._deadline_s = deadline_s
        self._headers = {
            wire.WRITE_KEY_HEADER: write_key,
            "X-Sdk-Name": wire.SDK_NAME,
            "X-Sdk-Version": __version__,
            "X-Api-Version": wire.API_VERSION,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"{wire.SDK_NAME}/{__version__}",
        }
        self._open_channels()

    def _open_channels(self) -> None:
        self._pid = os.getpid()
        self._replays = _Channel("lmg-offline.replay")
        self._queries = _Channel("lmg-offline.query")
        # _query_turn: one query at a time, so that a deadline shuts down nobody else's socket.
        self._query_turn = threading.Lock()

    def _after_fork(self) -> None:
        """In a forked child: leave the parent's connections and threads alone, and make our own."""
        if self._pid != os.getpid():
            self._open_channels()

    def replay(self, body: bytes) -> ReplayOutcome:
        """Send a replay. See `Transport.replay`."""
        self._after_fork()
        headers = dict(self._headers)
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        found = self._exchange(self._replays, "/graph/auth", headers, body, self._deadline_s)
        return found if isinstance(found, Retry) else _replay_outcome(*found)

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """Send a query. See `Transport.query`."""
        self._after_fork()
        headers = dict(self._headers)
        if session_token:
            headers[wire.SESSION_HEADER] = session_token
        if etag:
            headers["If-None-Match"] = etag
        if not self._query_turn.acquire(timeout=max(0.0, deadline_s)):
            return Retry("earlier reads are still waiting for the platform")
        try:
            found = self._exchange(self._queries, "/graph/default", headers, body, min(deadline_s, self._deadline_s))
        finally:
            self._query_turn.release()
        return found if isinstance(found, Retry) else _query_outcome(*found)

    def close(self) -> None:
        """Break off what is under way."""
        self._replays.close()
        self._queries.close()

    def _exchange(
        self, channel: _Channel, path: str, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> Retry | tuple[int, Mapping[str, str], bytes]:
        try:
            return channel.runner.run(
                lambda: channel.post(self._endpoint + path, headers, body), max(0.001, deadline_s)
            )
        except DeadlineExceeded:
            return Retry("the platform did not answer in time")
        except HTTPError as error:
            return Retry(_reason(error))
        except (OSError, ValueError) as error:
            return Retry(f"the exchange with the platform failed ({type(error).__name__})")


class _Channel:
    """One keep-alive connection, its thread, and the sockets the deadline may shut down."""

    def __init__(self, name: str) -> None:
        self.runner = runner = DeadlineRunner(name)

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                sock = super()._new_conn()
                runner.watch(sock)
                return sock

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                sock = super()._new_conn()
                runner.watch(sock)
                return sock

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        self._pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request and read its reply, at most 1 MiB and one byte."""
        response: Any = self._pools.request(
            "POST",
            url,
            body=body,
            headers=dict(headers),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
        )
        read = bytearray()
        try:
            while len(read) <= wire.MAX_REPLY_BYTES:
                chunk = response.read(_CHUNK_BYTES)
                if not chunk:
                    break
                read += chunk
            else:
                response.close()
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return response.status, response.headers, bytes(read)

    def close(self) -> None:
        self.runner.close()
        self._pools.clear()


def _reason(error: HTTPError) -> str:
    cause: BaseException | None = error
    if isinstance(error, MaxRetryError):
        cause = error.reason
    for kind, reason in _REASONS:
        if isinstance(cause, kind):
            return reason
    return f"the exchange with the platform failed ({type(cause).__name__})"


def _replay_outcome(status: int, headers: Mapping[str, str], body: bytes) -> ReplayOutcome:
    parsed = _parse(headers, body)
    message_id, message = _first_error(parsed)
    if status == 200 and isinstance(parsed, dict) and not parsed.get("errors"):
        data = parsed.get("data")
        if isinstance(data, dict) and "replay" in data:
            try:
                return Replayed(wire.load_reply(data["replay"]))
            except ValidationError:
                return Retry("the platform's reply is not the replay protocol", reached=True)
    if status in (401, 403) and message_id == wire.DEVICE_REFUSED:
        return DeviceRefused(message)
    if status in (401, 403):
        return Suspend(message_id or f"http_{status}", message or f"the write key was refused (HTTP {status})")
    if status == 413:
        return Split("the request was too large", malformed=False)
    if status == 400 and message_id == wire.MALFORMED:
        return Split(message or "the platform could not read the request", malformed=True)
    return _retry(status, headers)


def _query_outcome(status: int, headers: Mapping[str, str], body: bytes) -> QueryOutcome:
    if status == 304:
        return Answer(None, headers.get("ETag"))
    parsed = _parse(headers, body)
    message_id, message = _first_error(parsed)
    if message_id == wire.SESSION_EXPIRED:
        return SessionExpired()
    if status == 200 and isinstance(parsed, dict) and not parsed.get("errors"):
        data = parsed.get("data")
        if isinstance(data, dict):
            return Answer(data, headers.get("ETag"))
    if message_id is not None and 400 <= status < 500 and status not in (408, 425, 429):
        return Refused(status, message_id, message)
    if parsed is None and status in (401, 403):
        return Refused(status, None, "the write key was refused")
    return _retry(status, headers)


def _retry(status: int, headers: Mapping[str, str]) -> Retry:
    if status == 200:
        return Retry("something between here and the platform answered in its place")
    if 300 <= status < 400:
        return Retry("the platform's address redirects elsewhere, which is not followed", reached=True)
    floor = _retry_after_s(headers) if status in (429, 503) else None
    return Retry(f"the platform answered HTTP {status}", floor, reached=True)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """
    Return the seconds of a Retry-After in either form, or None.

    Source: RFC 9110 section 10.2.3. A date is taken relative to the reply's own
    Date, because the device's clock may be wrong.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until, now = _http_date(text), _http_date(headers.get("Date") or "")
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # a year or zone of twenty digits overflows
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parse(headers: Mapping[str, str], body: bytes) -> object:
    """Return the reply's JSON; None for anything that is not a whole, plain, small JSON document."""
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/graphql-response+json"):
        return None
    if len(body) > wire.MAX_REPLY_BYTES or (headers.get("Content-Encoding") or "identity") != "identity":
        return None
    try:
        return decode(body)
    except ValueError:
        return None


def _first_error(parsed: object) -> tuple[str | None, str]:
    """Return (messageId, message) of the real platform's error shape."""
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None, ""
    message_id, message = first.get("messageId"), first.get("message")
    return (
        message_id if isinstance(message_id, str) else None,
        message[:500] if isinstance(message, str) else "",
    )
