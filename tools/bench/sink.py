"""
The other end, on loopback: a server in a process of its own that says yes.

It answers 200 to every peer with what that one looks for, and acknowledges
replays as docs/protocol.md says, all of a lane. What it was sent is counted only
when somebody asks, so that it costs the sender as little as can be.
"""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import parse_qs

from lmg_offline.protocol.replay import AUTH_PATH

TAKEN_PATH = "/taken"
# For all peers at once: mixpanel looks at `status`, amplitude at `code`.
YES = json.dumps({"status": 1, "code": 200, "success": True, "msg": "ok", "error": ""}).encode()
ENDS_WITHIN_S = 10.0


@contextmanager
def running() -> Iterator[str]:
    """Run a sink as long as the block lasts; gives its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "tools.bench.sink"], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise RuntimeError("the sink did not start; its own error is above")
        yield f"http://127.0.0.1:{int(line)}"
    finally:
        process.terminate()
        process.wait(ENDS_WITHIN_S)
        if process.stdout is not None:
            process.stdout.close()


def taken(endpoint: str) -> int:
    """Return how many writes the sink was sent since the last question."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{endpoint}{TAKEN_PATH}", timeout=60) as answer:
        return int(answer.read())


class Sink:
    """What all connections share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _bodies
        self._bodies: list[tuple[bytes, bool]] = []

    def answer(self, path: str, body: bytes, is_gzip: bool) -> bytes:
        """Return the body of the reply to a request."""
        if path == TAKEN_PATH:
            with self._lock:
                bodies, self._bodies = self._bodies, []
            return str(sum(writes_in(*each) for each in bodies)).encode()
        with self._lock:
            self._bodies.append((body, is_gzip))
        return acknowledgement(_plain(body, is_gzip)) if path == AUTH_PATH else YES

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until the other side ends it."""
        with connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := _request(stream)) is not None:
                path, headers, body = request
                answer = self.answer(path, body, headers.get("content-encoding") == "gzip")
                ends = headers.get("connection", "").lower() == "close"
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n"
                connection.sendall((head + "Connection: close\r\n" * ends + "\r\n").encode() + answer)
                if ends:
                    return


def acknowledgement(body: bytes) -> bytes:
    """Return the reply to a replay that says: all of it is applied."""
    lanes = []
    for lane in json.loads(body)["variables"]["lanes"]:
        last = lane["entries"][-1] if lane["entries"] else lane["after"]
        known = lane.get("identity")
        state = "anonymous" if known is None else "verified" if known["verified"] else "identified"
        lanes.append(
            {
                "session_id": lane["session_id"],
                "status": "ok",
                "applied_through": {"seq": last["seq"], "id": last["id"]},
                "state": state,
                "session_token": "token",
            }
        )
    now_ms = time.time_ns() // 1_000_000
    return json.dumps({"data": {"replay": {"protocol": 1, "time": now_ms, "settings": {}, "lanes": lanes}}}).encode()


def writes_in(body: bytes, is_gzip: bool) -> int:
    """Count the writes in a request of whichever sender."""
    plain = _plain(body, is_gzip)
    if not plain:
        return 0
    found: Any = json.loads(parse_qs(plain.decode())["data"][0] if plain.startswith(b"data=") else plain)
    if isinstance(found, list):
        return len(found)
    if "variables" in found:
        return sum(len(lane["entries"]) for lane in found["variables"]["lanes"])
    return next((len(found[name]) for name in ("batch", "events", "data") if name in found), 1)


def _plain(body: bytes, is_gzip: bool) -> bytes:
    return gzip.decompress(body) if is_gzip else body


def _request(stream: IO[bytes]) -> tuple[str, dict[str, str], bytes] | None:
    """Read one request; None when there is no more."""
    words = stream.readline().split()
    if len(words) < 2:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return words[1].decode(), headers, stream.read(int(headers.get("content-length", "0")))


def main() -> None:
    """Say on which port, and serve until the process is ended."""
    sink = Sink()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=sink.serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
