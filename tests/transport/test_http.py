"""The transport against a real socket that misbehaves."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lmg_offline._core.schedule import Retry, Split, Suspend
from lmg_offline._transport import http
from lmg_offline._transport.deadline import DeadlineRunner
from lmg_offline._transport.http import HttpTransport
from lmg_offline._transport.port import (
    Answer,
    Collected,
    DeviceRefused,
    GraphData,
    NotSpoken,
    Refused,
    Replayed,
    SessionExpired,
)

REPLY = {"data": {"replay": {"protocol": 1, "time": 1, "settings": {"bookmarking": "enabled"}, "lanes": []}}}


@contextmanager
def server(answer: Callable[[socket.socket, bytes], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads one request a connection and lets `answer` do what it likes."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                request = read_request(sock)
                requests.append(request)
                try:
                    answer(sock, request)
                except OSError:
                    pass  # the client gave up, as it should

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: str, body: bytes, *headers: str, kind: str = "application/json") -> Callable[..., None]:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    head += ["Connection: close", *headers]

    def answer(sock: socket.socket, request: bytes) -> None:
        sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return answer


def error(status: int, message_id: str) -> bytes:
    return json.dumps(
        {"errors": [{"name": "n", "message": "why", "statusCode": status, "messageId": message_id}]}
    ).encode()


def raw(data: bytes) -> Callable[..., None]:
    return lambda sock, request: sock.sendall(data)


CASES = [
    pytest.param(reply("200 OK", json.dumps(REPLY).encode()), Replayed, id="done"),
    pytest.param(reply("200 OK", b"<html>welcome</html>", kind="text/html"), Retry, id="captive portal"),
    pytest.param(reply("200 OK", b"<html>", kind="application/json"), Retry, id="portal that lies about its type"),
    pytest.param(reply("200 OK", b'{"data": {"replay": {"protocol": 9}}}'), Retry, id="another protocol"),
    pytest.param(reply("200 OK", b"[" * 100_000), Retry, id="nested 100,000 deep"),
    pytest.param(reply("200 OK", gzip.compress(b"{}"), "Content-Encoding: gzip"), Retry, id="gzip"),
    pytest.param(reply("200 OK", b'{"a": "' + b"x" * (1 << 21)), Retry, id="two megabytes"),
    pytest.param(reply("302 Found", b"", "Location: http://127.0.0.1:9/"), Retry, id="redirect"),
    pytest.param(reply("401 Unauthorized", error(401, "lmg-write-key-refused")), Suspend, id="write key"),
    pytest.param(reply("403 Forbidden", b"no", kind="text/plain"), Suspend, id="forbidden"),
    pytest.param(reply("403 Forbidden", error(403, "lmg-device-refused")), DeviceRefused, id="device"),
    pytest.param(reply("413 Too Large", b""), Split, id="too large"),
    pytest.param(reply("400 Bad", error(400, "lmg-malformed")), Split, id="malformed"),
    pytest.param(reply("400 Bad", b"proxy says no", kind="text/html"), Retry, id="a proxy's 400"),
    pytest.param(reply("500 Oops", b""), Retry, id="500"),
    pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), Retry, id="cut in the body"),
    pytest.param(raw(b"HTTP/1.1 2"), Retry, id="cut in the status line"),
    pytest.param(raw(b"SSH-2.0-OpenSSH\r\n"), Retry, id="not HTTP"),
    pytest.param(raw(b""), Retry, id="closed at once"),
]


@pytest.mark.parametrize(("answer", "expected"), CASES)
def test_every_answer_is_one_outcome(answer: Callable[..., None], expected: type) -> None:
    """Nothing a network or a server does raises."""
    with server(answer) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=5)
        outcome = transport.replay(b"{}")
        transport.close()

    assert expected is type(outcome)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(["Retry-After: 120"], 120.0, id="seconds"),
        pytest.param(
            ["Retry-After: Tue, 24 Nov 2026 00:02:00 GMT", "Date: Tue, 24 Nov 2026 00:00:00 GMT"], 120.0, id="date"
        ),
        pytest.param(["Retry-After: Tue, 24 Nov 2020 00:02:00 GMT"], 0.0, id="in the past"),
        pytest.param(["Retry-After: soon"], None, id="junk"),
        pytest.param(["Retry-After: Fri, 31 Dec 99999999999999999999 23:59:59 GMT"], None, id="a year that is none"),
        pytest.param(["Retry-After: Tue, 24 Nov 2026 12:00:00 +99999999999999"], None, id="a zone that is none"),
        pytest.param([], None, id="none"),
    ],
)
def test_retry_after_in_both_forms(headers: list[str], expected: float | None) -> None:
    """A date is taken by the server's own clock."""
    with server(reply("503 Busy", b"", *headers)) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=5)
        outcome = transport.replay(b"{}")
        transport.close()

    assert isinstance(outcome, Retry)
    assert expected == outcome.retry_after_s


def drip(sock: socket.socket, request: bytes) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    stop = threading.Event()
    while not stop.wait(0.02):
        sock.sendall(b" ")


def silent(sock: socket.socket, request: bytes) -> None:
    sock.recv(1)


@pytest.mark.parametrize("answer", [drip, silent])
def test_a_deadline_bounds_the_whole_exchange(answer: Callable[..., None]) -> None:
    """A reply that drips for ever ends when the time is up."""
    with server(answer) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=0.3)
        outcome = transport.replay(b"{}")

        assert isinstance(outcome, Retry)
        transport.close()


def test_close_breaks_off_what_is_under_way() -> None:
    """Closing does not wait for a half-open connection."""
    with server(silent) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=60)
        outcomes: list[object] = []
        thread = threading.Thread(target=lambda: outcomes.append(transport.replay(b"{}")))
        thread.start()
        deadline = time.monotonic() + 5
        while not transport._replays.runner._sockets and time.monotonic() < deadline:
            thread.join(0.01)
        transport.close()
        thread.join(5)

    assert not thread.is_alive()
    assert [Retry] == [type(outcome) for outcome in outcomes]


def test_a_closed_port_is_a_retry_that_reached_nobody() -> None:
    """No connection, no budget used."""
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sock.close()
    transport = HttpTransport(f"http://127.0.0.1:{port}", "wk", deadline_s=5)
    outcome = transport.replay(b"{}")
    transport.close()

    assert isinstance(outcome, Retry)
    assert not outcome.reached


def test_a_large_body_is_compressed_and_the_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the protocol asks for is on the wire to another machine."""
    monkeypatch.setattr(http, "_is_here", lambda host: False)
    with server(reply("500 Oops", b"")) as (url, requests):
        transport = HttpTransport(url, "wk_secret", deadline_s=5)
        transport.replay(b'{"x": "' + b"y" * 100_000 + b'"}')
        transport.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")

    assert b"X-Integration-Write-Key: wk_secret" in head
    assert b"Accept-Encoding: identity" in head
    assert b'{"x": "' + b"y" * 100_000 + b'"}' == gzip.decompress(body)


def test_to_a_platform_on_the_same_machine_nothing_is_compressed() -> None:
    """Where no wire is spared it would only take the processor of both sides."""
    with server(reply("500 Oops", b"")) as (url, requests):
        transport = HttpTransport(url, "wk_secret", deadline_s=5)
        transport.replay(b'{"x": "' + b"y" * 100_000 + b'"}')
        transport.close()
    head, _, body = requests[0].partition(b"\r\n\r\n")

    assert b"Content-Encoding" not in head
    assert b'{"x": "' + b"y" * 100_000 + b'"}' == body


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("site.localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True),
     ("10.0.0.1", False), ("localhost.example.com", False), ("notlocalhost", False), ("", False)],
)  # fmt: skip
def test_which_hosts_are_this_machine(host: str, is_here: bool) -> None:
    assert is_here == http._is_here(host)


def test_what_is_to_be_done_meanwhile_is_done_while_the_platform_has_the_request() -> None:
    """By the thread that asked, once, and before the answer is waited for."""
    seen: list[tuple[int, str]] = []
    with server(reply("500 Oops", b"")) as (url, requests):
        transport = HttpTransport(url, "wk_secret", deadline_s=5)

        def meanwhile() -> None:
            while not requests:
                time.sleep(0.001)
            seen.append((len(requests), threading.current_thread().name))

        transport.replay(b"{}", meanwhile)
        transport.close()

    assert [(1, threading.current_thread().name)] == seen


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(reply("200 OK", b'{"data": {"a": 1}}', 'ETag: "v"'), Answer({"a": 1}, '"v"'), id="data"),
        pytest.param(reply("304 Not Modified", b"", 'ETag: "v"'), Answer(None, '"v"'), id="still holds"),
        pytest.param(reply("401 No", error(401, "09-65-002")), SessionExpired(), id="expired session"),
        pytest.param(reply("404 No", error(404, "not-found")), Refused(404, "not-found", "why"), id="refused"),
        pytest.param(
            reply("403 No", b"", kind="text/plain"),
            Retry("the platform answered HTTP 403", None, reached=True),
            id="a portal's 403: from the cache then",
        ),
    ],
)
def test_every_answer_to_a_query(answer: Callable[..., None], expected: object) -> None:
    """Reads have outcomes of their own."""
    with server(answer) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=5)
        outcome = transport.query(b"{}", session_token="st", etag='"v"', deadline_s=5)
        transport.close()

    assert expected == outcome


UNKNOWN_FIELD = b'{"errors": [{"message": "Cannot query field \\"replay\\" on type \\"Mutation\\"."}]}'
GRAPH_CASES = [
    pytest.param(reply("200 OK", b'{"data": {"a": 1}}'), GraphData({"a": 1}, None), id="data"),
    pytest.param(reply("201 Created", b'{"data": {"a": 1}}'), GraphData({"a": 1}, None), id="any 2xx"),
    pytest.param(
        reply("200 OK", b'{"data": {"a": 1}}', "Date: Tue, 24 Nov 2026 00:00:01 GMT"),
        GraphData({"a": 1}, 1_795_478_401_000),
        id="with the server's clock",
    ),
    pytest.param(reply("401 No", error(401, "09-65-002")), SessionExpired(), id="expired session"),
    pytest.param(reply("200 OK", error(401, "09-65-002")), SessionExpired(), id="expired session with 200"),
    pytest.param(
        reply("401 No", error(401, "lmg-write-key-refused")), Suspend("lmg-write-key-refused", "why"), id="write key"
    ),
    pytest.param(
        reply("403 No", b"", kind="text/html"), Suspend("http_403", "the write key was refused (HTTP 403)"), id="403"
    ),
    pytest.param(reply("403 No", error(403, "17-01-001")), Refused(403, "17-01-001", "why"), id="refused"),
    pytest.param(reply("200 OK", error(409, "17-01-002")), Refused(409, "17-01-002", "why"), id="refused with 200"),
    pytest.param(reply("413 Large", b""), Refused(413, None, "the request is too large"), id="too large"),
    pytest.param(reply("400 Bad", error(400, "lmg-query-invalid")), NotSpoken("why"), id="not in our schema"),
    pytest.param(
        reply("400 Bad", UNKNOWN_FIELD),
        NotSpoken('Cannot query field "replay" on type "Mutation".'),
        id="not in their schema",
    ),
    pytest.param(
        reply("500 Oops", error(500, "x")), Retry("the platform answered HTTP 500", None, reached=True), id="500"
    ),
    pytest.param(
        reply("200 OK", error(503, "x")), Retry("the platform answered HTTP 503", None, reached=True), id="503 with 200"
    ),
    pytest.param(
        reply("200 OK", b'{"errors": [{"message": "boom"}], "data": null}'),
        Retry("the platform answered with an error", None, reached=True),
        id="an error without a status",
    ),
    pytest.param(
        reply("429 Slow", error(429, "x"), "Retry-After: 7"),
        Retry("the platform answered HTTP 429", 7.0, reached=True),
        id="429",
    ),
    pytest.param(
        reply("200 OK", b"<html>", kind="text/html"),
        Retry("something between here and the platform answered in its place"),
        id="captive portal",
    ),
    pytest.param(
        reply("302 Found", b"", "Location: http://127.0.0.1:9/"),
        Retry("the platform's address redirects elsewhere, which is not followed", reached=True),
        id="redirect",
    ),
]


@pytest.mark.parametrize(("answer", "expected"), GRAPH_CASES)
def test_every_answer_to_an_operation_of_the_lmg_dialect(answer: Callable[..., None], expected: object) -> None:
    """Data, or why not; nothing raises."""
    with server(answer) as (url, requests):
        transport = HttpTransport(url, "wk", deadline_s=5)
        outcome = transport.graph("/graph/default", b"{}", session_token="st", entry="d/1/e")
        transport.close()
    head = requests[0].partition(b"\r\n\r\n")[0]

    assert expected == outcome
    assert head.startswith(b"POST /graph/default HTTP/1.1")
    assert b"X-Session-Token: st" in head
    assert b"X-Client-Entry: d/1/e" in head


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(reply("400 Bad", UNKNOWN_FIELD), NotSpoken, id="any GraphQL server"),
        pytest.param(reply("200 OK", UNKNOWN_FIELD), NotSpoken, id="with 200"),
        pytest.param(reply("400 Bad", error(400, "lmg-query-invalid")), NotSpoken, id="our platform"),
        pytest.param(reply("400 Bad", error(400, "lmg-malformed")), Split, id="malformed is something else"),
    ],
)
def test_an_endpoint_without_the_extension_says_so(answer: Callable[..., None], expected: type) -> None:
    """The SDK then speaks the platform's own dialect."""
    with server(answer) as (url, _):
        transport = HttpTransport(url, "wk", deadline_s=5)
        outcome = transport.replay(b"{}")
        transport.close()

    assert expected is type(outcome)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(reply("200 OK", b"ok", kind="text/plain"), Collected, id="ok"),
        pytest.param(reply("200 OK", b"<html>ok</html>", kind="text/html"), Retry, id="captive portal"),
        pytest.param(reply("200 OK", b""), Retry, id="an empty 200"),
        pytest.param(reply("404 No", error(404, "09-65-002")), SessionExpired, id="unknown session"),
        pytest.param(reply("413 Large", b""), Split, id="too large"),
        pytest.param(reply("400 Bad", error(400, "lmg-malformed")), Split, id="malformed"),
        pytest.param(reply("500 Oops", b""), Retry, id="500"),
        pytest.param(raw(b""), Retry, id="closed at once"),
    ],
)
def test_every_answer_of_a_collector(answer: Callable[..., None], expected: type) -> None:
    """Only the collector's own word counts, and it is told no key and no token."""
    with server(answer) as (url, requests):
        transport = HttpTransport(url, "wk_secret", deadline_s=5, client_headers=lambda: {"X-Device-GeoPoint": "[1,2]"})
        outcome = transport.collect(f"{url}/ingest/x/tp2", b"{}")
        transport.close()

    assert expected is type(outcome)
    assert [] == [name for name in (b"wk_secret", b"X-Integration", b"X-Session", b"GeoPoint") if name in requests[0]]


@pytest.mark.parametrize("url", ["http://collector.test/x", "ftp://collector.test/x", "collector.test"])
def test_activity_is_not_sent_in_the_clear_from_a_platform_reached_over_tls(url: str) -> None:
    """Wherever the platform points."""
    transport = HttpTransport("https://platform.test", "wk", deadline_s=5)
    outcome = transport.collect(url, b"{}")
    transport.close()

    assert Retry("the session's ingestion URL is not one that events may be sent to") == outcome


def test_a_forked_child_that_closes_leaves_its_parents_request_alone() -> None:
    """Both have the socket: the child may not shut it down under what the parent is doing."""
    body = json.dumps(REPLY).encode()
    asked, child_ended = threading.Event(), threading.Event()

    def answer(sock: socket.socket, request: bytes) -> None:
        asked.set()
        child_ended.wait(5)
        reply("200 OK", body)(sock, request)

    with server(answer) as (endpoint, _):
        transport = HttpTransport(endpoint, "key", deadline_s=10)
        outcomes: list[object] = []
        asking = threading.Thread(target=lambda: outcomes.append(transport.replay(b"{}")))
        asking.start()
        asked.wait(5)
        child = os.fork()
        if child == 0:
            try:
                transport.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        child_ended.set()
        asking.join(10)
        transport.close()

    assert isinstance(outcomes[0], Replayed)


def test_a_killed_thread_of_requests_is_replaced() -> None:
    """What it was doing has failed, without waiting for the deadline; the next request has a new thread."""
    runner = DeadlineRunner("test")

    def killed() -> None:
        raise SystemExit

    with pytest.raises(RuntimeError):
        runner.run(killed, 60)

    assert 7 == runner.run(lambda: 7, 60)
    runner.close()


def test_an_interrupt_in_a_request_does_not_hold_up_the_next_one() -> None:
    """What was under way is left behind."""
    runner, ends = DeadlineRunner("test"), threading.Event()
    wait = runner._wait

    def interrupted(job: object, deadline_s: float) -> bool:
        raise KeyboardInterrupt

    runner._wait = interrupted  # type: ignore[method-assign]  # as Ctrl-C in it
    with pytest.raises(KeyboardInterrupt):
        runner.run(lambda: ends.wait(5), 60)
    runner._wait = wait  # type: ignore[method-assign]

    assert 7 == runner.run(lambda: 7, 5)
    ends.set()
    runner.close()


def test_the_codec_of_host_names_is_there_before_the_first_request() -> None:
    """A fork while another thread imports it would leave the child without it for good."""
    code = (
        "import sys, lmg_offline._transport.http as http; before = set(sys.modules); 'a.b'.encode('idna');"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_an_error_that_nobody_expects_is_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and comes out of no call of the app."""
    transport = HttpTransport("http://127.0.0.1:9", "key", deadline_s=5)

    def post(*arguments: object) -> None:
        raise LookupError

    monkeypatch.setattr("lmg_offline._transport.http._Channel.post", post)
    outcome = transport.replay(b"{}")
    transport.close()

    assert Retry("the exchange with the platform failed (LookupError)") == outcome
