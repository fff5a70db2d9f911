"""
What the rows of forks, exits and thread deaths share: a life, which is a child with a client and threads that write.

Each thread and each process of a life notes its calls in a file of its own. A
life that finds something wrong ends with a sentence instead of an exit code 0.
"""

from __future__ import annotations

import faulthandler
import os
import random
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from lmg_offline import Client
from lmg_offline.errors import ClientClosed

from .visits import Notebook, open_client, step

CALLS_A_NOTEBOOK = 250
SETTLES_WITHIN_S = 30.0
ENDS_WITHIN_S = 20.0
HUNG = "hung: "


class Life:
    """
    One child: its client, its notebooks, and threads that write.

    Attributes:
        rng: The only source of chance.

        log, first: What the notebooks' files and numbers begin with.

        facts: What the scene was told besides.
    """

    def __init__(self, site: dict[str, Any], log: str, first: int, seed: str, **facts: Any) -> None:
        self.site = site
        self.rng = random.Random(seed)
        self.facts = facts
        self.log = log
        self.first = first
        self._stop = threading.Event()
        self._writers: list[threading.Thread] = []
        faulthandler.register(signal.SIGUSR1, all_threads=True)

    def open(self, **settings: Any) -> Client:
        """Open the client."""
        return open_client({**self.site, **settings})

    def notebook(self, number: int) -> Notebook:
        """Return a notebook; one number for each thread of each process of this life."""
        return Notebook(f"{self.log}.{number}", self.first + number * CALLS_A_NOTEBOOK)

    def write(self, client: Client, number: int, calls: int, seed: str | None = None) -> None:
        """Make so many calls on this thread."""
        notebook, rng = self.notebook(number), random.Random(seed or f"{self.rng.random()}")
        for _ in range(calls):
            step(client, notebook, self.site["verification_key"], rng)

    def begin_writing(self, client: Client, threads: int, *, daemon: bool = True) -> None:
        """Have threads write until `stop_writing`, or until they have made their calls."""
        for number in range(threads):
            seed = f"{self.rng.random()}"
            writer = threading.Thread(target=self._go_on, args=(client, 1 + number, seed), daemon=daemon)
            self._writers.append(writer)
            writer.start()

    def _go_on(self, client: Client, number: int, seed: str) -> None:
        notebook, rng = self.notebook(number), random.Random(seed)
        for _ in range(CALLS_A_NOTEBOOK - 1):
            if self._stop.wait(rng.random() * 0.004):
                break
            try:
                step(client, notebook, self.site["verification_key"], rng)
            except ClientClosed:
                break

    def stop_writing(self) -> None:
        """End the threads that write."""
        self._stop.set()
        for writer in self._writers:
            writer.join(ENDS_WITHIN_S)
            if writer.is_alive():
                fail(HUNG + "a write did not return")

    def settle(self, client: Client) -> None:
        """End the threads, deliver everything, and close: the client is as good as before."""
        self.stop_writing()
        if not client.flush(SETTLES_WITHIN_S):
            fail(HUNG + f"not delivered: {client.status()}")
        if not client.close(ENDS_WITHIN_S):
            fail(HUNG + "close did not end in time")


def fail(sentence: str) -> NoReturn:
    """End this process at once with a sentence, whatever its threads do."""
    if sentence.startswith(HUNG):
        faulthandler.dump_traceback(all_threads=True)
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)


def fork(do: Callable[[], object]) -> int:
    """Fork a child that does it and leaves by `os._exit`; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        do()
        code = 0
    except BaseException:  # it ends here, and must not go on as its parent would
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def reap(pid: int, expected: int = 0) -> None:
    """Wait until a forked child ends, and see that it ends well."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(ENDS_WITHIN_S * 1000):
            os.kill(pid, signal.SIGUSR1)  # says where
            poll.poll(500)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            fail(HUNG + "a forked child did not end")
    finally:
        os.close(pidfd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != expected:
        fail(f"a forked child ended with {code}")
