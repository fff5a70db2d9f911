"""
A proxy between a client and a platform that spoils exchanges as a script says.

    with FaultProxy(platform.endpoint, script) as proxy:
        client = Client(key, endpoint=proxy.endpoint)

It lives in a daemon thread with an event loop of its own. Requests are read
whole before the script is asked, and are forwarded whole, each over a new
connection; so a script can look at what is asked, and a cut falls exactly where
it was meant to.

Source: our own, because no well-kept fault proxy can be installed from PyPI
(the clients of toxiproxy can, its server can't).
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from urllib.parse import urlsplit

import h11

from . import wire
from .exchanges import (
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
    Script,
    passing,
)
from .wire import Request

UPSTREAM_TIMEOUT_S = 30.0
CLOSE_WITHIN_S = 10.0
_DRIP_EVERY_S = 0.02
_SEND_BUFFER_BYTES = 64 * 1024
_TURNS_TO_CONNECT = 4  # of the loop, from the accepting of a connection to its being given to us


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What became of one exchange.

    Attributes:
        forwarded: How often the platform was given it while it lasted.

        delivered_bytes: How much of a reply was handed to the client's connection.

        unreachable: The platform could not be reached, so the client got a reset.
    """

    number: int
    method: str
    target: str
    operation: str | None
    fault: Fault
    forwarded: int = 0
    delivered_bytes: int = 0
    unreachable: bool = False


class ProxyFailed(Exception):
    """The script raised, or the proxy itself has a bug: the cause is chained."""


class FaultProxy:
    """
    Listens on loopback, in a thread, for as long as the `with` block lasts.

    Attributes:
        script: Asked once an exchange, in the proxy's thread; may be replaced at any time.
    """

    def __init__(self, upstream: str, script: Script = passing) -> None:
        """
        Args:
            upstream: The platform, as `host:port` or as a URL.

            script: Says what becomes of each exchange.
        """
        parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"name the platform as host:port, not as {upstream!r}")
        self.script = script
        self._upstream = (parts.hostname, parts.port)
        self._port = 0
        self._ready = threading.Event()
        # _changed guards _seen and _error, and wakes those who wait for exchanges.
        self._changed = threading.Condition()
        self._seen: list[Seen] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        # All below belong to the loop's thread.
        self._server: asyncio.Server | None = None
        self._bound: socket.socket | None = None  # while refusing: keeps the port
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._late: list[tuple[Request, int]] = []
        self._count = 0

    @property
    def endpoint(self) -> str:
        """The base URL of the platform, as seen through the proxy."""
        return f"http://127.0.0.1:{self._port}"

    def seen(self) -> list[Seen]:
        """Return the exchanges that have ended, in that order."""
        with self._changed:
            return list(self._seen)

    def wait_for(self, exchanges: int, timeout_s: float) -> bool:
        """Wait until so many exchanges have ended; say whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._seen) >= exchanges, timeout_s)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones, until `listen`. The port stays ours."""
        self._on_loop(self._refuse)

    def listen(self) -> None:
        """Accept connections again, at the same endpoint."""
        self._on_loop(self._listen)

    def _on_loop(self, what: Callable[[], Coroutine[None, None, None]]) -> None:
        if self._loop is None:
            raise AssertionError("unreachable: called before start")
        asyncio.run_coroutine_threadsafe(what(), self._loop).result(CLOSE_WITHIN_S)

    def start(self) -> None:
        """
        Begin to listen.

        Raises:
            ProxyFailed: It could not.
        """
        self._thread.start()
        self._ready.wait()
        self._raise_if_failed()

    def close(self) -> None:
        """
        Reset every connection and end the thread. Late copies that nobody waited for are dropped.

        Raises:
            ProxyFailed: The script raised meanwhile, or the thread did not end.
        """
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_WITHIN_S)
        if self._thread.is_alive():
            raise ProxyFailed("the proxy's thread did not end in time")
        self._raise_if_failed()

    def __enter__(self) -> FaultProxy:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except ProxyFailed:
            if error is None:  # else what is under way says more
                raise

    def _raise_if_failed(self) -> None:
        with self._changed:
            error = self._error
        if error is not None:
            raise ProxyFailed(f"the fault proxy failed: {type(error).__name__}") from error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed to the thread that closes
            self._failed(error)
        finally:
            self._ready.set()

    def _failed(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._bind()
        await self._listen()
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            await self._hang_up()
            if self._bound is not None:
                self._bound.close()

    def _bind(self) -> None:
        """Take our port without listening: who connects is refused."""
        self._bound = socket.socket()
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bound.bind(("127.0.0.1", self._port))
        self._port = self._bound.getsockname()[1]

    async def _listen(self) -> None:
        bound, self._bound = self._bound, None
        if bound is not None:
            self._server = await asyncio.start_server(self._connected, sock=bound, backlog=256)

    async def _refuse(self) -> None:
        await self._hang_up()
        if self._bound is None:
            self._bind()

    async def _hang_up(self) -> None:
        """Stop listening, and reset every connection."""
        if self._server is not None:
            # Who was accepted just now comes to be ours first: a server that is closed in between forgets them.
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening)
            for _ in range(_TURNS_TO_CONNECT):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        while self._connections:
            connections = dict(self._connections)
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            for task, writer in connections.items():
                wire.reset(writer)  # a task that never began has not done it
                self._connections.pop(task, None)
        await asyncio.sleep(0)  # one turn of the loop, in which aborted transports close their sockets

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve_one(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(lambda ended: self._connections.pop(ended, None))

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.transport.set_write_buffer_limits(high=_SEND_BUFFER_BYTES)
            await self._talk(reader, writer)
        except asyncio.CancelledError:
            wire.reset(writer)
        except (OSError, h11.ProtocolError, wire.Overlong):
            wire.reset(writer)  # the client left, or does not speak HTTP
        except BaseException as error:  # a script that raises must fail its test, and not a client
            self._failed(error)
            wire.reset(writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()  # until then it is ours to reset

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the exchanges of one connection, one after the other."""
        leftover = b""
        while (request := await wire.read_request(reader, writer, leftover)) is not None:
            leftover = request.leftover
            self._count += 1
            exchange = Exchange(self._count, request.method, request.target, request.headers, request.body)
            play = _Play(self, request, reader, writer, self.script(exchange), exchange)
            try:
                goes_on = await play.run()
            finally:
                self._note(play.seen)
            if not goes_on or not request.keep_alive:
                return

    def _note(self, seen: Seen) -> None:
        with self._changed:
            self._seen.append(seen)
            self._changed.notify_all()

    async def forward(self, request: Request, *, cut_at: int | None = None) -> Reply | None:
        """
        Give the platform one request and return its reply; None when it could not be reached.

        With `cut_at` the connection is reset after so many bytes of the body.
        Copies that are due late follow, before this returns.
        """
        reply = await self._forward_once(request, cut_at)
        if reply is not None:
            due = [late for late, left in self._late if left <= 1]
            self._late = [(late, left - 1) for late, left in self._late if left > 1]
            for late in due:
                await self._forward_once(late, None)
        return reply

    def keep(self, request: Request, after: int) -> None:
        """Remember a request, to be forwarded again after so many others."""
        self._late.append((request, after))

    async def _forward_once(self, request: Request, cut_at: int | None) -> Reply | None:
        try:
            async with asyncio.timeout(UPSTREAM_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(*self._upstream)
                try:
                    head, body = wire.request_bytes(request)
                    writer.write(head + body[:cut_at])
                    await writer.drain()
                    if cut_at is not None:
                        wire.reset(writer)
                        return None
                    return await wire.read_reply(reader, request.method)
                finally:
                    writer.transport.abort()
        except (OSError, h11.ProtocolError):
            return None


class _Play:
    """One exchange and what is done to it."""

    def __init__(
        self,
        proxy: FaultProxy,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault,
        exchange: Exchange,
    ) -> None:
        self._proxy = proxy
        self._request = request
        self._reader = reader
        self._writer = writer
        self._fault = fault
        self.seen = Seen(exchange.number, exchange.method, exchange.target, exchange.operation, fault)

    async def run(self) -> bool:
        """Do it; return whether the connection can go on."""
        match self._fault:
            case Pass() | Delay() | DeliverLate() | DeliverTwice():
                return await self._deliver(await self._replied(self._fault))
            case Answer() | Raw() | Redirect() as answer:
                return await self._answer(wire.canned(answer))
            case AnswerAfterForward(answer=other):
                reply = await self._forward()
                if reply is None:
                    return self._reset()
                return await self._answer(other(reply) if callable(other) else other)
            case Drip(bytes_per_s=rate):
                reply = await self._forward()
                return self._reset() if reply is None else await self._drip(reply, rate)
            case CutBeforeForward() | CutInForward() | CutAfterForward() | CutInReply() as cut:
                return await self._cut(cut)
            case HalfOpen(forward=forward):
                if forward:
                    await self._forward()
                while await self._reader.read(65536):
                    pass  # until the client gives up
                return self._reset()

    async def _replied(self, fault: Pass | Delay | DeliverLate | DeliverTwice) -> Reply | None:
        """Return the reply of a request that reaches the platform, once or twice."""
        match fault:
            case Delay(seconds=seconds):
                await asyncio.sleep(seconds)
            case DeliverTwice(reply=wanted, together=together):
                both: list[Coroutine[None, None, Reply | None]] = [self._forward(), self._forward()]
                found = await asyncio.gather(*both) if together else [await each for each in both]
                return found[0] if wanted == "first" else found[1]
            case _:
                pass
        reply = await self._forward()
        if isinstance(fault, DeliverLate):
            self._proxy.keep(self._request, fault.after)
        return reply

    async def _cut(self, cut: CutBeforeForward | CutInForward | CutAfterForward | CutInReply) -> bool:
        match cut:
            case CutBeforeForward():
                pass
            case CutInForward(at_byte=at_byte):
                await self._proxy.forward(self._request, cut_at=max(0, at_byte))
            case CutAfterForward():
                await self._forward()
            case CutInReply(at_byte=at_byte, is_reset=is_reset):
                reply = await self._forward()
                if reply is not None:
                    await self._send(wire.reply_bytes(reply, self._request.method)[:at_byte])
                    if not is_reset:
                        return False
        return self._reset()

    async def _forward(self) -> Reply | None:
        reply = await self._proxy.forward(self._request)
        if reply is None:
            self.seen = replace(self.seen, unreachable=True)
        else:
            self.seen = replace(self.seen, forwarded=self.seen.forwarded + 1)
        return reply

    async def _deliver(self, reply: Reply | None) -> bool:
        if reply is None:
            return self._reset()
        await self._send(wire.reply_bytes(reply, self._request.method))
        return True

    async def _answer(self, answer: Answer | Raw) -> bool:
        if isinstance(answer, Raw):
            await self._send(answer.data)
            return False
        await self._send(wire.answer_head(answer))
        left = answer.cut_at
        for piece in answer.body.chunks() if isinstance(answer.body, Flood) else (answer.body,):
            await self._send(piece[:left])
            left = None if left is None else max(0, left - len(piece))
        return answer.framing == "length" and answer.cut_at is None

    async def _drip(self, reply: Reply, bytes_per_s: float) -> bool:
        data = wire.reply_bytes(reply, self._request.method)
        started, sent = time.monotonic(), 0
        while sent < len(data):
            due = max(sent + 1, int((time.monotonic() - started) * bytes_per_s))
            await self._send(data[sent:due])
            sent = due
            await asyncio.sleep(max(_DRIP_EVERY_S, 1 / bytes_per_s))
        return True

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        self.seen = replace(self.seen, delivered_bytes=self.seen.delivered_bytes + len(data))

    def _reset(self) -> bool:
        wire.reset(self._writer)
        return False
