"""The fault proxy itself: each fault is what it says, and nothing is left behind."""

from __future__ import annotations

import gc
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tools.faults.exchanges import (
    Answer,
    AnswerAfterForward,
    CutAfterForward,
    CutBeforeForward,
    CutInForward,
    CutInReply,
    Delay,
    DeliverLate,
    DeliverTwice,
    Drip,
    Exchange,
    Fault,
    Flood,
    HalfOpen,
    Pass,
    Raw,
    Redirect,
    Reply,
)
from tools.faults.proxy import FaultProxy, ProxyFailed

WAIT_S = 10.0


class Origin:
    """A server that answers each POST with the number of those it has handled, and keeps their bodies."""

    def __init__(self) -> None:
        origin = self
        self.bodies: list[bytes] = []
        self.hosts: list[str | None] = []
        self.cut = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                try:
                    body = self.rfile.read(size)
                except ConnectionError:
                    body = b""
                if len(body) < size:
                    self.close_connection = True
                    origin.cut.set()
                    return
                origin.bodies.append(body)
                origin.hosts.append(self.headers["Host"])
                reply = json.dumps({"handled": len(origin.bodies)}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_S)


@pytest.fixture
def origin() -> Iterator[Origin]:
    found = Origin()
    yield found
    found.close()


class Browser:
    """A client of one connection."""

    def __init__(self, proxy: FaultProxy, timeout_s: float = WAIT_S) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=timeout_s)

    def post(self, body: bytes = b"x", path: str = "/graph/auth") -> tuple[int, bytes]:
        self._connection.request("POST", path, body)
        with self._connection.getresponse() as reply:
            return reply.status, reply.read()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *what: object) -> None:
        self._connection.close()


def scripted(*faults: Fault) -> Callable[[Exchange], Fault]:
    """Return a script that plays these, and lets pass what follows."""
    left = list(faults)
    return lambda exchange: left.pop(0) if left else Pass()


def test_exchanges_pass_on_one_connection_and_the_script_sees_them(origin: Origin) -> None:
    """Number, path, headers, body and the GraphQL operation; the host named is the proxy's."""
    seen: list[Exchange] = []

    def script(exchange: Exchange) -> Fault:
        seen.append(exchange)
        return Pass()

    query = json.dumps({"query": "mutation Replay($device: JSON!) { replay }"}).encode()
    with FaultProxy(origin.address, script) as proxy, Browser(proxy) as browser:
        replies = [browser.post(query), browser.post(b"y" * 300_000, "/other?x=1")]
        host = urlsplit(proxy.endpoint).netloc

    assert [(200, b'{"handled": 1}'), (200, b'{"handled": 2}')] == replies
    assert [(1, "/graph/auth", "Replay"), (2, "/other", None)] == [(e.number, e.path, e.operation) for e in seen]
    assert [query, b"y" * 300_000] == origin.bodies
    assert [host, host] == origin.hosts


@pytest.mark.parametrize(
    ("fault", "handled"),
    [
        pytest.param(CutBeforeForward(), 0, id="before the platform sees it"),
        pytest.param(CutAfterForward(), 1, id="after the platform has acted"),
        pytest.param(CutInReply(25), 1, id="in the reply's head"),
    ],
)
def test_a_cut_is_a_reset(origin: Origin, fault: Fault, handled: int) -> None:
    """The client gets no answer, and the platform has acted or not, as the fault says."""
    with FaultProxy(origin.address, scripted(fault)) as proxy:
        with Browser(proxy) as browser, pytest.raises(ConnectionResetError):
            browser.post()
        assert handled == len(origin.bodies)
        with Browser(proxy) as browser:
            assert (200, json.dumps({"handled": handled + 1}).encode()) == browser.post()


def test_a_cut_in_the_body_delivers_what_came_before_it(origin: Origin) -> None:
    """Closed in order, the client sees a short body."""
    with FaultProxy(origin.address) as proxy, Browser(proxy) as browser:
        browser.post()
        assert proxy.wait_for(1, WAIT_S)
        whole = proxy.seen()[0].delivered_bytes
        proxy.script = scripted(CutInReply(whole - 3, is_reset=False))
        with pytest.raises(http.client.IncompleteRead) as raised:
            browser.post()

    assert b'{"handled": 2}'[:-3] == raised.value.partial


def test_a_request_cut_on_its_way_is_not_acted_on(origin: Origin) -> None:
    """The platform gets half a body and a reset."""
    with FaultProxy(origin.address, scripted(CutInForward(100))) as proxy, Browser(proxy) as browser:
        with pytest.raises(ConnectionResetError):
            browser.post(b"z" * 10_000)
        assert origin.cut.wait(WAIT_S)

    assert [] == origin.bodies


@pytest.mark.parametrize(
    ("forward", "handled"), [pytest.param(False, 0, id="nobody acts"), pytest.param(True, 1, id="the platform acts")]
)
def test_a_half_open_connection_never_answers(origin: Origin, forward: bool, handled: int) -> None:
    """Until the client gives up; then the exchange has ended."""
    with FaultProxy(origin.address, scripted(HalfOpen(forward))) as proxy:
        with Browser(proxy, timeout_s=0.2) as browser, pytest.raises(TimeoutError):
            browser.post()
        assert proxy.wait_for(1, WAIT_S)

    assert handled == len(origin.bodies)


def test_a_drip_and_a_delay_deliver_all_of_it(origin: Origin) -> None:
    """Slow is not wrong."""
    with FaultProxy(origin.address, scripted(Drip(5_000), Delay(0.01))) as proxy, Browser(proxy) as browser:
        assert [(200, b'{"handled": 1}'), (200, b'{"handled": 2}')] == [browser.post(), browser.post()]


def test_an_answer_of_the_proxy_never_reaches_the_platform(origin: Origin) -> None:
    """Status, headers and body as given; the connection goes on."""
    answer = Answer(503, (("Retry-After", "7"), ("Content-Type", "text/html")), b"<html>")
    with FaultProxy(origin.address, scripted(answer, Redirect("http://127.0.0.1:9/"))) as proxy:
        with Browser(proxy) as browser:
            assert (503, b"<html>") == browser.post()
            assert (302, b"") == browser.post()
            assert [] == origin.bodies
            assert (200, b'{"handled": 1}') == browser.post()


def test_another_answer_after_the_platform_has_acted(origin: Origin) -> None:
    """A fixed one, or one made of the platform's."""
    made = AnswerAfterForward(lambda reply: Answer(reply.status, (), reply.body.upper()))
    with FaultProxy(origin.address, scripted(AnswerAfterForward(Answer(500)), made)) as proxy:
        with Browser(proxy) as browser:
            assert [(500, b""), (200, b'{"HANDLED": 2}')] == [browser.post(), browser.post()]


@pytest.mark.parametrize("reply", ["first", "second"])
@pytest.mark.parametrize("together", [False, True])
def test_a_request_is_delivered_twice(origin: Origin, reply: str, together: bool) -> None:
    """The platform sees two, the client one answer."""
    with FaultProxy(origin.address, scripted(DeliverTwice(reply, together))) as proxy, Browser(proxy) as browser:  # type: ignore[arg-type]
        status, body = browser.post(b"twice")
        assert proxy.wait_for(1, WAIT_S)
        forwarded = proxy.seen()[0].forwarded

    assert [b"twice", b"twice"] == origin.bodies
    assert (200, 2) == (status, forwarded)
    assert together or {"handled": 1 if reply == "first" else 2} == json.loads(body)


def test_a_late_copy_comes_after_the_exchanges_that_follow(origin: Origin) -> None:
    """Before the client has the answer to the last of them."""
    with FaultProxy(origin.address, scripted(DeliverLate(), DeliverLate(2))) as proxy, Browser(proxy) as browser:
        for body in (b"1", b"2", b"3", b"4"):
            browser.post(body)
            assert body in origin.bodies

    assert [b"1", b"2", b"1", b"3", b"4", b"2"] == origin.bodies


def test_a_flood_is_sent_only_as_far_as_it_is_read(origin: Origin) -> None:
    """Fifty megabytes are made while they are sent, and no more than asked for."""
    flood = Answer(200, (), Flood(50_000_000, b"{"))
    with FaultProxy(origin.address, scripted(flood)) as proxy:
        address = urlsplit(proxy.endpoint)
        with socket.create_connection((address.hostname, address.port), WAIT_S) as sock, sock.makefile("rb") as read:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            assert [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 50000000\r\n", b"\r\n"] == [
                read.readline() for _ in range(3)
            ]
            assert b"{  " == read.read(3)
        assert proxy.wait_for(1, WAIT_S)
        assert 50_000_000 > proxy.seen()[0].delivered_bytes


def test_bodies_without_a_length_and_bytes_that_are_no_http(origin: Origin) -> None:
    """They end with the connection, whole or cut."""
    answers = [
        Answer(200, (), b"whole", framing="close"),
        Answer(200, (), b"whole", framing="close", cut_at=3),
        Raw(b"HTTP/1.0 200 Fine\r\n\r\nraw"),
    ]
    bodies = []
    with FaultProxy(origin.address, scripted(*answers)) as proxy:
        for _ in answers:
            with Browser(proxy) as browser:
                bodies.append(browser.post()[1])

    assert [b"whole", b"who", b"raw"] == bodies


def test_a_platform_that_is_away_resets_the_client() -> None:
    """As a host that refuses connections does, and it is noted."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    with FaultProxy(address) as proxy:
        with Browser(proxy) as browser, pytest.raises(ConnectionResetError):
            browser.post()
        assert proxy.wait_for(1, WAIT_S)
        assert [True] == [seen.unreachable for seen in proxy.seen()]


def test_a_script_that_raises_fails_its_test(origin: Origin) -> None:
    """The client gets a reset; the block ends with the script's own error."""

    def script(exchange: Exchange) -> Fault:
        raise KeyError("a mistake in a script")

    with pytest.raises(ProxyFailed) as raised:
        with FaultProxy(origin.address, script) as proxy, Browser(proxy) as browser:
            with pytest.raises(ConnectionResetError):
                browser.post()

    assert isinstance(raised.value.__cause__, KeyError)


def test_nothing_is_left_behind(origin: Origin) -> None:
    """No thread and no socket, though connections are half-open, dripping and idle."""
    threads = set(threading.enumerate())
    faults = scripted(HalfOpen(), Drip(1), Pass())
    with FaultProxy(origin.address, faults) as proxy:
        browsers = [Browser(proxy, timeout_s=0.1) for _ in range(3)]
        for browser in browsers[:2]:
            with pytest.raises(TimeoutError):
                browser.post()
        browsers[2].post()
        address = urlsplit(proxy.endpoint)
    for browser in browsers:
        browser.__exit__()
    gc.collect()

    assert [] == [thread.name for thread in set(threading.enumerate()) - threads if thread.name == "fault-proxy"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname or "", address.port or 0), WAIT_S)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors through /proc")
def test_what_a_proxy_opened_is_closed_when_its_block_ends() -> None:
    """
    Twenty proxies later no descriptor more is open.

    The origin's own threads may still be at it when their server was closed: they get time to end.
    """

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    def round_() -> None:
        origin = Origin()
        with FaultProxy(origin.address, scripted(CutAfterForward(), Pass())) as proxy:
            with Browser(proxy) as browser, pytest.raises(ConnectionResetError):
                browser.post()
            with Browser(proxy) as browser:
                browser.post()
        origin.close()
        deadline = time.monotonic() + WAIT_S
        while any("process_request_thread" in thread.name for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    round_()
    before = count()

    for _ in range(20):
        round_()

    assert before == count()


@pytest.mark.parametrize("upstream", ["", "127.0.0.1", "http://127.0.0.1"])
def test_an_upstream_without_a_port_is_refused(upstream: str) -> None:
    """Named at once, and not at the first exchange."""
    with pytest.raises(ValueError, match="host:port"):
        FaultProxy(upstream)


def test_a_reply_knows_its_parts() -> None:
    """The repr of what went over the wire shows no body and no header."""
    shown = repr(Reply(200, "OK", (("X-Session-Token", "SECRET"),), b"SECRET"))
    shown += repr(Exchange(1, "POST", "/graph/auth", (("X-Session-Token", "SECRET"),), b"SECRET"))
    shown += repr(Answer(200, (), b"SECRET")) + repr(Raw(b"SECRET"))

    assert "SECRET" not in shown


def test_who_connects_just_when_it_closes_is_closed_too(origin: Origin) -> None:
    """A socket that nobody closes is an error of whatever test comes next."""
    for _ in range(30):
        with FaultProxy(origin.address) as proxy:
            address = urlsplit(proxy.endpoint)
            late = [socket.create_connection((str(address.hostname), int(address.port or 0))) for _ in range(3)]
        for each in late:
            each.close()

    gc.collect()  # says which were left open: pytest makes it fail
