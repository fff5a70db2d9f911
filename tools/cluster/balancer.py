"""A proxy in front of several servers: each connection goes to the next one that takes it."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_CONNECT_WITHIN_S = 2.0


@contextmanager
def balancing(ports: Sequence[int]) -> Iterator[str]:
    """Run one over ports of this machine for as long as the block lasts; yield its base URL."""
    turns = itertools.cycle(range(len(ports)))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # closed: the block is over
                threading.Thread(target=_carry, args=(client, ports, next(turns)), daemon=True).start()

        threading.Thread(target=accept, name="balancer", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _carry(client: socket.socket, ports: Sequence[int], first: int) -> None:
    with client:
        for place in range(len(ports)):
            try:
                server = socket.create_connection(
                    ("127.0.0.1", ports[(first + place) % len(ports)]), _CONNECT_WITHIN_S
                )
            except OSError:
                continue
            with server:
                server.settimeout(None)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()
            return


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes one way until one side is gone; then the other way ends too."""
    with suppress(OSError):
        while found := source.recv(65536):
            target.sendall(found)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
