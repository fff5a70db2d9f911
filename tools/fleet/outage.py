"""The platform's address while the platform is away: a closed port, then a page that says when it will be back."""

from __future__ import annotations

import asyncio
import math
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import h11

from tools.cluster.servers import NoServer
from tools.faults import wire
from tools.faults.exchanges import Answer

_BACKLOG = 2048
_STARTS_WITHIN_S = 10.0
_LISTENS_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.02


def settled_port(rng: random.Random) -> int:
    """
    Return a free port below those that a system gives to outgoing connections.

    It stays free while nobody listens. Of the others, one that a fleet tries in
    vain would be given to one of its own connections in the end, which then
    reaches itself.

    Source: RFC 6335 section 6, and Linux' ip_local_port_range, which begins at 32768.
    """
    while True:
        port = rng.randrange(15_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def listened(port: int) -> None:
    """
    Wait until somebody listens on a port.

    Raises:
        NoServer: Nobody does.
    """
    deadline = time.monotonic() + _LISTENS_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise NoServer("a server does not listen again on its port") from error
            time.sleep(_LOOK_EVERY_S)
        else:
            return


@contextmanager
def page(port: int, over_s: float) -> Iterator[None]:
    """
    Answer 503 on a port for as long as the block lasts.

    Args:
        over_s: When it will be over, in monotonic seconds: `Retry-After` names
            that instant to everybody, so that the devices' own jitter is all that parts them.
    """
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stopping = asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _answer(r, w, over_s), "127.0.0.1", port, backlog=_BACKLOG)
        ready.set()
        await stopping.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="fleet-page", daemon=True)
    thread.start()
    try:
        if not ready.wait(_STARTS_WITHIN_S):
            raise OSError(f"the page of the outage could not be put on port {port}")
        yield
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stopping.set)
        thread.join(_STARTS_WITHIN_S)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, over_s: float) -> None:
    try:
        if await wire.read_request(reader, writer) is not None:
            left_s = max(1, math.ceil(over_s - time.monotonic()))
            answer = Answer(503, (("Retry-After", str(left_s)),), framing="close")
            writer.write(wire.answer_head(answer))
            await writer.drain()
    except (OSError, h11.ProtocolError, wire.Overlong):
        pass  # a device that went away, which tries again
    except asyncio.CancelledError:
        wire.reset(writer)  # the page is taken away; nobody waits for this task but to see it end
    finally:
        writer.close()
