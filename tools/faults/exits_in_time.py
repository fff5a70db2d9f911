"""The row of calls that must return while the network neither answers nor fails."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import lmg_offline.client
from lmg_offline import Client
from lmg_offline.client import EXIT_TIMEOUT_S
from lmg_offline.errors import OfflineError
from lmg_offline.protocol.replay import DEFAULT_PATH

from .exchanges import Drip, Exchange, Fault, HalfOpen, Pass
from .exits import died, verdict
from .exits_lives import HUNG, Life, fail
from .kills import Ground, grounds
from .nursery import Nursery
from .oracle import Report
from .proxy import FaultProxy
from .stage import Stage
from .threads import thread_of, wait_until

ROW = "exits-in-time"
CALLS_A_JOURNAL = 40
TIMEOUT_S = 0.3
# A loaded machine, a slow disk and the exit of an interpreter all fit in it; a wait for the network does not.
ALLOWANCE_S = 6.0
READY_WITHIN_S = 20.0
GONE_WITHIN_S = 40.0  # the teardown of an interpreter, which is not ours
UNKNOWN = "http://nowhere.invalid:9"
_FAULTS: dict[str, Callable[[Exchange], Fault]] = {
    "half-open": lambda exchange: HalfOpen(),
    "half-open, applied": lambda exchange: HalfOpen(forward=True),
    "drip": lambda exchange: Drip(20),
    "half-open to reads": lambda exchange: HalfOpen() if exchange.path == DEFAULT_PATH else Pass(),
}
NETWORKS = (*_FAULTS, "full backlog", "silent resolver")


def exits_in_time(stage: Stage, seed: int, count: int) -> Report:
    """
    Each call that may wait, in each network that gives no answer: it returns in time, and so does the exit after it.

    A try is one call in a process of its own: with a timeout, without one and
    then Ctrl-C, or the end of the interpreter. What was not sent is there at the
    next start.
    """
    report, rng = Report(ROW), random.Random(f"in time {seed}")
    plan = [(network, call) for network in NETWORKS for call in CALLS]
    rng.shuffle(plan)
    plan = [plan[number % len(plan)] for number in range(count)]
    with Nursery() as nursery, full_backlog() as nobody:
        while plan and report.holds:
            calls, plan = plan[:CALLS_A_JOURNAL], plan[CALLS_A_JOURNAL:]
            with grounds(stage, nursery) as ground, FaultProxy(ground.platform.endpoint) as proxy:
                found = Report(ROW)
                for network, call in calls:
                    proxy.script = _FAULTS.get(network, proxy.script)
                    endpoint = {"full backlog": nobody, "silent resolver": UNKNOWN}.get(network, proxy.endpoint)
                    found += _try(ground, rng, endpoint, network, call)
                report += found + verdict(ground, ROW, len(calls))
    return report


def _try(ground: Ground, rng: random.Random, endpoint: str, network: str, call: str) -> Report:
    """One process that makes one call; from the moment it says that it waits or leaves, the row holds the watch."""
    where = f"{call}, {network}"
    task, seed = "tools.faults.exits_in_time:live", f"{rng.random()}"
    child = ground.start(task, endpoint, network=network, call=call, seed=seed)
    log = Path(f"{ground.logs[-1]}.0")
    deadline = time.monotonic() + READY_WITHIN_S
    while not (said := _said(log)) and time.monotonic() < deadline and not child.has_ended(0.005):
        pass
    if said == "waits":
        child.has_ended(0.05 + rng.random() * 0.1)
        child.kill(signal.SIGINT)
    return died(ground, child, GONE_WITHIN_S if said else 0, ROW, where, 0)


def _said(log: Path) -> str | None:
    """Return what the child has noted of itself: `waits`, for a Ctrl-C, or `leaves`."""
    lines = log.read_bytes().splitlines() if log.exists() else []
    return next((line["is"] for line in map(json.loads, lines) if "is" in line), None)


def live(site: dict[str, Any], log: str, first: int, network: str, call: str, seed: str) -> None:
    """Be the process: write, let the sync run into the silence, and make the call. Called in a child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if network == "silent resolver":
        socket.getaddrinfo = _silent
    life = Life({**site, "fast": False}, log, first, seed)
    client = life.open()
    life.write(client, 0, 5)
    wait_until(lambda: thread_of("lmg-offline.replay") is not None, "nothing is sent")
    if network == "half-open to reads":
        wait_until(lambda: client._journal.current().session_token is not None, "no session is opened")
    time.sleep(life.rng.random() * 0.05)
    CALLS[call](life, client)


def _silent(*arguments: object, **named: object) -> NoReturn:
    """A resolver that never answers."""
    while True:
        signal.pause() if threading.current_thread() is threading.main_thread() else threading.Event().wait()


def _leave(life: Life) -> None:
    """Hold the watch from here until our exit handler has returned; what the interpreter does then is not ours."""
    started = time.monotonic()
    ours = lmg_offline.client._close_all
    atexit.unregister(ours)
    atexit.register(lambda: _within("the exit", started, EXIT_TIMEOUT_S))
    atexit.register(ours)
    life.notebook(0).note({"is": "leaves"})


def _within(what: str, started: float, timeout_s: float) -> None:
    took_s = time.monotonic() - started
    if took_s > timeout_s + ALLOWANCE_S:
        fail(HUNG + f"{what} took {took_s:.1f} s, with a timeout of {timeout_s:g} s")


def flush(life: Life, client: Client) -> None:
    """`flush(timeout)`."""
    started = time.monotonic()
    client.flush(TIMEOUT_S)
    _within("flush", started, TIMEOUT_S)
    _leave(life)


def close(life: Life, client: Client) -> None:
    """`close(timeout)`."""
    started = time.monotonic()
    client.close(TIMEOUT_S)
    _within("close", started, TIMEOUT_S)
    _leave(life)


def close_by_another(life: Life, client: Client) -> None:
    """`close(timeout)` while other threads wait in a flush, a receipt and a read: they end too."""

    def ends(call: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                call()
            except Exception:
                pass  # that the client was closed, that the platform is out of reach

        thread = threading.Thread(target=run)  # no daemon: the process can't end before it
        thread.start()
        return thread

    notebook = life.notebook(1)
    n, value = notebook.begin("track")
    receipt = client.activity.track("seen", value)
    notebook.did(n, receipt.id)
    waiting = [ends(client.flush), ends(receipt.wait), ends(lambda: client.business.list(timeout=60))]
    time.sleep(0.05)
    close(life, client)
    for thread in waiting:
        thread.join(ALLOWANCE_S)
        if thread.is_alive():
            fail(HUNG + "a call goes on after close")


def leave(life: Life, client: Client) -> None:
    """The interpreter ends, and nobody closed."""
    _leave(life)


def leave_in_a_read(life: Life, client: Client) -> None:
    """The interpreter ends while a daemon thread reads, and another waits for a delivery."""
    for call in (lambda: client.business.list(timeout=60), client.flush):
        threading.Thread(target=call, daemon=True).start()
    time.sleep(0.02)
    _leave(life)


def read(life: Life, client: Client) -> None:
    """A read with a timeout."""
    started = time.monotonic()
    try:
        client.business.list(timeout=TIMEOUT_S)
    except OfflineError:
        pass  # nothing was read before
    _within("a read", started, TIMEOUT_S)
    _leave(life)


def _interrupted(life: Life, call: Callable[[], object]) -> None:
    life.notebook(0).note({"is": "waits"})
    try:
        call()
        time.sleep(READY_WITHIN_S)
    except KeyboardInterrupt:
        _leave(life)
        return
    fail("an interrupt did not arrive")


def interrupted_flush(life: Life, client: Client) -> None:
    """Ctrl-C in a flush without a timeout."""
    _interrupted(life, client.flush)


def interrupted_receipt(life: Life, client: Client) -> None:
    """Ctrl-C in a wait for a receipt, without a timeout."""
    notebook = life.notebook(1)
    n, value = notebook.begin("track")
    receipt = client.activity.track("seen", value)
    notebook.did(n, receipt.id)
    _interrupted(life, receipt.wait)


def interrupted_read(life: Life, client: Client) -> None:
    """Ctrl-C in a read; the next one is not held up by it."""
    _interrupted(life, lambda: _until_offline(lambda: client.business.list(timeout=60)))
    started = time.monotonic()
    try:
        client.business.list(timeout=TIMEOUT_S)
    except OfflineError:
        pass  # nothing was read before
    _within("a read after an interrupted one", started, TIMEOUT_S)


def _until_offline(call: Callable[[], object]) -> None:
    try:
        call()
    except OfflineError:
        pass  # some silences are noticed


def interrupted_write(life: Life, client: Client) -> None:
    """Ctrl-C in a write that waits for its commit, which another process holds up."""
    _interrupted_write(life, client, others=0)


def interrupted_among_others(life: Life, client: Client) -> None:
    """The same, where another thread commits for both."""
    _interrupted_write(life, client, others=1)


def _interrupted_write(life: Life, client: Client, others: int) -> None:
    lock = os.open(Path(life.site["folder"]) / "journal.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    life.begin_writing(client, others)
    time.sleep(0.02)
    _interrupted(life, lambda: life.write(client, 10, 1))


CALLS: dict[str, Callable[[Life, Client], None]] = {
    call.__name__: call
    for call in (
        flush,
        close,
        close_by_another,
        leave,
        leave_in_a_read,
        read,
        interrupted_flush,
        interrupted_receipt,
        interrupted_read,
        interrupted_write,
        interrupted_among_others,
    )
}


@contextmanager
def full_backlog() -> Iterator[str]:
    """
    Listen, and accept nobody, with no place left to wait: who connects gets no answer.

    Yields:
        The endpoint.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in waiting:
                each.close()
