"""A server that plays the platform's part of a case: it answers with the replies as they are written there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.contract.cases import Message, Step, Values, faults, reply_of, request_of

# What HTTP itself adds to a request.
_OF_HTTP = {"host", "content-length"}


class Player:
    """
    Plays one case at a time.

    Attributes:
        due: The requests that the case names, filled, for each that has come.

        arrived: What has come.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._steps: list[Step] = []
        self._values: Values | None = None
        self.due: list[Message] = []
        self.arrived: list[Message] = []

    def play(self, steps: Sequence[Step], values: Values) -> None:
        """Answer the next requests with the replies of these steps, in order."""
        self._steps, self._values = list(steps), values
        self.due, self.arrived = [], []

    def answer(self, arrived: Message) -> Message:
        """Take a request and return the reply to it."""
        self.arrived.append(arrived)
        if not self._steps or self._values is None:
            return Message("", 404, {}, b"nothing is left to play")
        step = self._steps.pop(0)
        self.due.append(request_of(step, self._values))
        return reply_of(step, self._values)

    def differences(self) -> list[str]:
        """Return where the requests that came are not those of the steps, one sentence each."""
        found = [f"step {number} was not asked for" for number, _ in enumerate(self._steps, len(self.due) + 1)]
        found += [f"{beyond.path} was asked for beyond the last step" for beyond in self.arrived[len(self.due) :]]
        for number, (due, arrived) in enumerate(zip(self.due, self.arrived, strict=False), 1):
            for where in ("path", "headers", "body"):
                wanted, given = (_readable(getattr(message, where)) for message in (due, arrived))
                found += faults(wanted, given, Values(self.endpoint), f"step {number}: {where}")
            if due != arrived and not found:
                found.append(f"step {number}: the same JSON in other bytes: {due.body!r}, {arrived.body!r}")
        return found


@contextmanager
def playing() -> Iterator[Player]:
    """Run a player on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.player = Player(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.player
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _readable(value: Any) -> Any:
    """Return what a body says, if it is JSON."""
    if not isinstance(value, bytes):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    player: Player


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Play one step."""
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in _OF_HTTP}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        endpoint = self.server.player.endpoint
        reply = self.server.player.answer(Message(endpoint + self.path, 0, headers, body))
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
