"""
Scenes of a fork with a live client: its threads write, its sync sends, and the process forks.

Each is a function of a `Life`. What it forks has ended, and what was written by
all of them is delivered, before it returns.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from lmg_offline import Client
from lmg_offline.errors import OfflineError, PlatformError

from .exits_lives import ENDS_WITHIN_S, HUNG, Life, fail, fork, reap
from .visits import open_client

CHILD = 10  # number of the first notebook that a forked child may use
CALLS = 6


def _begin(life: Life) -> Client:
    client = life.open()
    life.begin_writing(client, 2)
    time.sleep(life.rng.random() * 0.05)  # anywhere in what they do
    return client


def leaves_at_once(life: Life) -> None:
    """The child does nothing and leaves by `os._exit`."""
    client = _begin(life)
    for _ in range(3):
        reap(fork(lambda: None))
    life.settle(client)


def uses_it(life: Life) -> None:
    """The child writes, waits for its own delivery or does not, and leaves by `os._exit`."""
    client = _begin(life)
    waits = life.rng.random() < 0.5

    def child() -> None:
        life.write(client, CHILD, CALLS, "child")
        if waits and not client.flush(ENDS_WITHIN_S / 2):
            fail(HUNG + "a forked child's flush")

    reap(fork(child))
    life.settle(client)


def closes_it(life: Life) -> None:
    """The child closes the client at once; its parent's goes on."""
    client = _begin(life)
    reap(fork(lambda: client.close(ENDS_WITHIN_S) or fail(HUNG + "close in a forked child")))
    life.write(client, 0, CALLS)
    life.settle(client)


def ends_as_a_program(life: Life) -> None:
    """The child writes and ends with finalizers and exit handlers, never having closed anything."""
    client = _begin(life)
    pid = os.fork()
    if pid == 0:
        life.write(client, CHILD, CALLS, "child")
        raise SystemExit(0)
    reap(pid)
    life.settle(client)


def grandchildren(life: Life) -> None:
    """The child forks too, and all three write at once."""
    client = _begin(life)

    def grandchild() -> None:
        life.write(client, CHILD + 1, CALLS, "grandchild")

    def child() -> None:
        life.write(client, CHILD, CALLS, "child")
        pid = fork(grandchild)
        life.write(client, CHILD + 2, CALLS, "again")
        reap(pid)

    reap(fork(child))
    life.settle(client)


def from_a_callback(life: Life) -> None:
    """An event's callback forks, on the sync thread; the child writes there."""
    client = life.open()
    forked: list[int] = []
    done = threading.Event()

    def callback(details: object) -> None:
        if not done.is_set():
            forked.append(fork(lambda: life.write(client, CHILD, CALLS, "child")))
            done.set()

    client.on("synced", callback)
    client.on("online", callback)
    life.begin_writing(client, 2)
    if not done.wait(ENDS_WITHIN_S):
        fail(HUNG + "no event came")
    reap(forked[0])
    life.settle(client)


def two_threads_fork(life: Life) -> None:
    """Two threads fork at the same time, again and again."""
    client = _begin(life)
    together = threading.Barrier(2)

    def forks() -> None:
        for _ in range(3):
            together.wait(ENDS_WITHIN_S)
            reap(fork(lambda: None))

    threads = [threading.Thread(target=forks, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * ENDS_WITHIN_S)
        if thread.is_alive():
            fail(HUNG + "two threads that fork")
    life.settle(client)


def threads_of_the_child(life: Life) -> None:
    """Two threads of the child make its first calls at once."""
    client = _begin(life)

    def child() -> None:
        together = threading.Barrier(2)

        def one(number: int) -> None:
            together.wait(ENDS_WITHIN_S)
            life.write(client, number, CALLS, f"child {number}")

        threads = [threading.Thread(target=one, args=(CHILD + n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(ENDS_WITHIN_S)
        senders = [each for each in threading.enumerate() if each.name == "lmg-offline.sync"]
        if len(senders) != 1:
            fail(f"a forked child has {len(senders)} sync threads")
        if not client.flush(ENDS_WITHIN_S / 2):
            fail(HUNG + "a forked child's flush")

    reap(fork(child))
    life.settle(client)


def while_it_reads(life: Life) -> None:
    """A read is under way, and the child reads too."""
    client = _begin(life)
    stop = threading.Event()

    def read() -> None:
        try:
            client.business.list(timeout=2)
        except (OfflineError, PlatformError):
            pass  # both are answers

    def reads() -> None:
        while not stop.is_set():
            read()

    reader = threading.Thread(target=reads, daemon=True)
    reader.start()
    for _ in range(3):
        time.sleep(life.rng.random() * 0.01)
        reap(fork(read))
    stop.set()
    reader.join(ENDS_WITHIN_S)
    life.settle(client)


def preloaded_workers(life: Life) -> None:
    """As gunicorn --preload: a master that opened the client and never writes, and workers that fork again."""
    client = life.open()

    def worker(number: int) -> Callable[[], None]:
        def work() -> None:
            life.write(client, CHILD + 3 * number, CALLS, f"worker {number}")
            pid = fork(lambda: life.write(client, CHILD + 3 * number + 1, 2, f"task {number}"))
            life.write(client, CHILD + 3 * number + 2, CALLS, f"worker again {number}")
            reap(pid)
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        return work

    workers = [fork(worker(number)) for number in range(3)]
    for number, pid in enumerate(workers):
        reap(pid, -signal.SIGTERM if number == 2 else 0)
    life.settle(client)


def multiprocessing_fork(life: Life) -> None:
    """A worker of multiprocessing, forked: it uses the client that it got by that."""
    client = _begin(life)
    process = multiprocessing.get_context("fork").Process(
        target=life.write, args=(client, CHILD, CALLS, "worker")
    )
    process.start()
    process.join(ENDS_WITHIN_S)
    if process.exitcode != 0:
        fail(f"a multiprocessing worker ended with {process.exitcode}")
    life.settle(client)


def multiprocessing_apart(life: Life) -> None:
    """Workers of multiprocessing that inherit nothing, by a fork server or by a new program, on the same journal."""
    client = _begin(life)
    forkserver, spawn = multiprocessing.get_context("forkserver"), multiprocessing.get_context("spawn")
    kind = forkserver.Process if life.rng.random() < 0.5 else spawn.Process
    process = kind(target=worker_of_its_own, args=(life.site, life.log, life.first))
    process.start()
    process.join(2 * ENDS_WITHIN_S)
    if process.exitcode != 0:
        fail(f"a multiprocessing worker ended with {process.exitcode}")
    life.settle(client)


def worker_of_its_own(site: dict[str, Any], log: str, first: int) -> None:
    """A process that opens the journal anew."""
    life = Life(site, log, first, "worker")
    with open_client(site) as client:
        life.write(client, CHILD, CALLS)


def runs_a_program(life: Life) -> None:
    """A program is run with something to do before it, which is a fork and an exec."""
    client = _begin(life)
    for _ in range(3):
        subprocess.run(["true"], check=True, preexec_fn=_nothing, timeout=ENDS_WITHIN_S)
    life.settle(client)


def _nothing() -> None:
    """What makes subprocess fork by the slow way, hooks and all."""


SCENES: dict[str, Callable[[Life], None]] = {
    scene.__name__: scene
    for scene in (
        leaves_at_once,
        uses_it,
        closes_it,
        ends_as_a_program,
        grandchildren,
        from_a_callback,
        two_threads_fork,
        threads_of_the_child,
        while_it_reads,
        preloaded_workers,
        multiprocessing_fork,
        runs_a_program,
    )
}
# An import each, and so a second: now and then.
RARE: dict[str, Callable[[Life], None]] = {"multiprocessing_apart": multiprocessing_apart}
