"""
The platform over HTTP: the only urllib3 code.

Every reply is read up to 1 MiB and is never a redirect that is followed.
Foreign exceptions end here, in one table; what an answer means is for `answers`.
"""

from __future__ import annotations

import codecs
import gzip
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

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
from .._core.schedule import Retry
from .._support.forks import renew_in_child
from .._support.log import log
from ..protocol import replay as wire
from . import answers
from .deadline import DeadlineExceeded, DeadlineRunner
from .port import CollectOutcome, GraphOutcome, QueryOutcome, ReplayOutcome, nothing

GZIP_FROM_BYTES = 16 * 1024
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 25.0
_CHUNK_BYTES = 64 * 1024

# Looked up now and not at the first request: a fork in the middle of the import of a codec leaves the child
# without it for good (LookupError). urllib3 encodes the host's name with this one, and latin-1 is built in.
codecs.lookup("idna")

_REASONS: tuple[tuple[type[HTTPError], str], ...] = (
    (NameResolutionError, "the platform's name could not be resolved"),
    (NewConnectionError, "no connection to the platform"),
    (SSLError, "the platform's certificate was not accepted"),
    (TimeoutError, "the platform did not answer in time"),
    (ProtocolError, "the connection broke off"),
)


class HttpTransport:
    """Speaks to one endpoint with one write key. Safe from any thread; one exchange of a kind at a time."""

    def __init__(
        self,
        endpoint: str,
        write_key: str,
        *,
        deadline_s: float,
        client_headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """
        Args:
            endpoint: Base URL, without a trailing slash.

            write_key: Sent to the endpoint, and nowhere else.

            deadline_s: Longest one exchange may take.

            client_headers: What to say of this device at each request to the endpoint.
        """
        self._endpoint = endpoint
        self._deadline_s = deadline_s
        self._client_headers = client_headers
        # To a platform on the same machine no wire is spared by it.
        self._packs = not _is_here(urlsplit(endpoint).hostname or "")
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
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """
        Open the channels; in a forked child too.

        There the parent's connections and threads are left alone: to shut down a socket
        that both have would break off what the parent is doing.
        """
        self._replays = _Channel("lmg-offline.replay")
        self._queries = _Channel("lmg-offline.query")
        self._events = _Channel("lmg-offline.collect")
        # _query_turn: one query at a time, so that a deadline shuts down nobody else's socket.
        self._query_turn = threading.Lock()

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """Send a replay. See `Transport.replay`."""
        headers = self._graph_headers(None)
        if self._packs and len(body) >= GZIP_FROM_BYTES:
            headers["Content-Encoding"] = "gzip"
        url = self._endpoint + wire.AUTH_PATH
        found = self._exchange(self._replays, url, headers, body, self._deadline_s, meanwhile)
        return found if isinstance(found, Retry) else answers.replay_outcome(*found)

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """Send a query. See `Transport.query`."""
        headers = self._graph_headers(session_token)
        if etag:
            headers["If-None-Match"] = etag
        url = self._endpoint + wire.DEFAULT_PATH
        turn, is_ours = self._query_turn, False
        try:
            is_ours = turn.acquire(timeout=max(0.0, deadline_s))
            if not is_ours:
                return Retry("earlier reads are still waiting for the platform")
            found = self._exchange(self._queries, url, headers, body, min(deadline_s, self._deadline_s))
        finally:
            if is_ours:
                turn.release()
        return found if isinstance(found, Retry) else answers.query_outcome(*found)

    def graph(self, path: str, body: bytes, *, session_token: str | None, entry: str | None) -> GraphOutcome:
        """Send one operation of the LMG dialect. See `Transport.graph`."""
        headers = self._graph_headers(session_token)
        if entry:
            headers[wire.ENTRY_HEADER] = entry
        found = self._exchange(self._replays, self._endpoint + path, headers, body, self._deadline_s)
        return found if isinstance(found, Retry) else answers.graph_outcome(*found)

    def collect(self, url: str, body: bytes) -> CollectOutcome:
        """Send events to a collector. See `Transport.collect`."""
        if not self._may_reach(url):
            return Retry("the session's ingestion URL is not one that events may be sent to")
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept-Encoding": "identity"}
        headers["User-Agent"] = self._headers["User-Agent"]
        found = self._exchange(self._events, url, headers, body, self._deadline_s)
        return found if isinstance(found, Retry) else answers.collect_outcome(*found)

    def close(self) -> None:
        """Break off what is under way."""
        self._replays.close()
        self._queries.close()
        self._events.close()

    def _graph_headers(self, session_token: str | None) -> dict[str, str]:
        headers = {**self._headers, **self._client_headers()}
        if session_token:
            headers[wire.SESSION_HEADER] = session_token
        return headers

    def _may_reach(self, url: str) -> bool:
        """A platform reached over TLS must not send people's activity out in the clear."""
        scheme = urlsplit(url).scheme.lower()
        return scheme == "https" or (scheme == "http" and self._endpoint.startswith("http:"))

    def _exchange(
        self,
        channel: _Channel,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline_s: float,
        meanwhile: Callable[[], None] = nothing,
    ) -> Retry | tuple[int, Mapping[str, str], bytes]:
        try:
            return channel.runner.run(lambda: channel.post(url, headers, body), max(0.001, deadline_s), meanwhile)
        except DeadlineExceeded:
            return Retry("the platform did not answer in time")
        except HTTPError as error:
            return Retry(_reason(error))
        except (OSError, ValueError, MemoryError, RuntimeError) as error:
            return _broken(error)
        except Exception as error:  # none that we know of: named, and no reason for a call of the app to raise it
            log.error("request failed", extra={"error": type(error).__name__})
            return _broken(error)


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
        """
        Send one request and read its reply, at most 1 MiB and one byte.

        Args:
            body: As it is; where the headers call it gzip it is packed here, beside what its caller does meanwhile.
        """
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.compress(body, compresslevel=1, mtime=0)
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


def _is_here(host: str) -> bool:
    """Say whether a host's name is one of the loopback's. Source: RFC 6761 section 6.3, RFC 5735, RFC 4291."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _broken(error: Exception) -> Retry:
    return Retry(f"the exchange with the platform failed ({type(error).__name__})")


def _reason(error: HTTPError) -> str:
    cause: BaseException | None = error
    if isinstance(error, MaxRetryError):
        cause = error.reason
    for kind, reason in _REASONS:
        if isinstance(cause, kind):
            return reason
    return f"the exchange with the platform failed ({type(cause).__name__})"
