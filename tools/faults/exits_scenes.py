"""
Scenes of an interpreter that ends with a full queue, each by another way out.

Each is a function of a `Life`; how its process must have ended is said beside it.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import lmg_offline.client
from lmg_offline import Client
from lmg_offline.errors import ClientClosed

from .exits_lives import Life
from .visits import track

BURST = 40
AGAIN_S = 5.0


class Boom(BaseException):
    """What nobody catches."""


def _fill(life: Life) -> Client:
    client = life.open()
    life.write(client, 0, BURST)
    return client


def returns(life: Life) -> None:
    """The program ends, and nobody closed."""
    _fill(life)


def closes_at_exit(life: Life) -> None:
    """The app closes in an exit handler, before ours is called."""
    client = _fill(life)
    atexit.register(client.close)


def closes_after_us(life: Life) -> None:
    """The app's exit handlers come after ours: one writes, and is told that the client is closed; one closes."""
    client = _fill(life)
    notebook = life.notebook(1)

    def write() -> None:
        try:
            track(client, notebook)
        except ClientClosed:
            pass  # nothing was promised

    atexit.unregister(lmg_offline.client._close_all)
    atexit.register(client.close)
    atexit.register(write)
    atexit.register(lmg_offline.client._close_all)


def writes_at_exit(life: Life) -> None:
    """An exit handler writes, before ours is called."""
    client = _fill(life)
    atexit.register(life.write, client, 1, 5)


def opens_at_exit(life: Life) -> None:
    """An exit handler opens a client, and writes."""

    def late() -> None:
        life.write(life.open(), 1, 5)

    _fill(life)
    atexit.register(late)


def daemons_write(life: Life) -> None:
    """Daemon threads are in the middle of their writes."""
    client = _fill(life)
    life.begin_writing(client, 3)


def threads_write(life: Life) -> None:
    """Threads that are no daemons go on after the main thread has ended."""
    client = _fill(life)
    life.begin_writing(client, 2, daemon=False)
    threading.Timer(life.rng.random() * 0.2, life.stop_writing).start()


def thread_exits(life: Life) -> None:
    """A thread calls `sys.exit`, and the main thread ends while another waits for a delivery."""
    client = _fill(life)
    threading.Thread(target=client.flush, daemon=True).start()
    threading.Thread(target=sys.exit, args=(7,)).start()


def thread_leaves(life: Life) -> None:
    """A thread ends the process at once, while the others write."""
    client = _fill(life)
    life.begin_writing(client, 2)
    leaving = threading.Timer(life.rng.random() * 0.05, os._exit, (0,))
    leaving.start()
    leaving.join()


def sys_exit(life: Life) -> None:
    """`sys.exit`, within the block of the client."""
    with _fill(life):
        sys.exit(3)


def unhandled(life: Life) -> None:
    """An exception that nobody catches."""
    _fill(life)
    raise Boom


def terminated(life: Life) -> None:
    """SIGTERM, at some moment while threads write."""
    _signalled(life, signal.SIGTERM)


def terminated_in_order(life: Life) -> None:
    """SIGTERM, and the app's handler calls `sys.exit`, wherever the main thread is."""

    def handler(number: int, frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, handler)
    _signalled(life, signal.SIGTERM)


def interrupted(life: Life) -> None:
    """Ctrl-C while the main thread and others write: KeyboardInterrupt, and nobody catches it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _signalled(life, signal.SIGINT)


def _signalled(life: Life, number: int) -> None:
    client = _fill(life)
    if client._runner is not None:
        client._runner()  # loaded: an exec of text in any thread makes CPython forget that it ends by Ctrl-C
    life.begin_writing(client, 2)
    first_s = life.rng.random() * 0.05

    def send() -> None:
        time.sleep(first_s)
        while True:  # what it raises in a finalizer is lost: then a person presses the keys again
            os.kill(os.getpid(), number)
            time.sleep(AGAIN_S)

    threading.Thread(target=send, daemon=True).start()
    turn = 10
    while True:
        life.write(client, turn, 200)
        turn += 1


def leaves(life: Life) -> None:
    """`os._exit`, while threads write."""
    client = _fill(life)
    life.begin_writing(client, 2)
    time.sleep(life.rng.random() * 0.05)
    os._exit(0)


def becomes_another(life: Life) -> None:
    """The process becomes another program."""
    client = _fill(life)
    life.begin_writing(client, 1)
    os.execv("/bin/true", ["true"])


def aborts(life: Life) -> None:
    """The process aborts, as at a crash in a library."""
    client = _fill(life)
    life.begin_writing(client, 2)
    time.sleep(life.rng.random() * 0.02)
    os.abort()


SCENES: dict[str, tuple[Callable[[Life], None], int]] = {
    scene.__name__: (scene, code)
    for scene, code in (
        (returns, 0),
        (closes_at_exit, 0),
        (closes_after_us, 0),
        (writes_at_exit, 0),
        (opens_at_exit, 0),
        (daemons_write, 0),
        (threads_write, 0),
        (thread_exits, 0),
        (thread_leaves, 0),
        (sys_exit, 3),
        (unhandled, 1),
        (terminated, -signal.SIGTERM),
        (terminated_in_order, 0),
        (interrupted, -signal.SIGINT),
        (leaves, 0),
        (becomes_another, 0),
        (aborts, -signal.SIGABRT),
    )
}
