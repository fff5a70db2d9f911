"""The processes of the platform: one, or several that share a socket."""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import uvicorn
from sqlalchemy import Engine

from lmg_offline.platform import properties
from lmg_offline.platform.app import create_app
from lmg_offline.platform.patience import PatientProtocol
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.store.engine import close_engine, make_engine, transact
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.platform.times import present_ms

Facts = dict[str, str | None]

_STOP_WITHIN_S = 5
_START_WITHIN_S = 30.0
_BACKLOG = 2048
# So many deaths of workers within this time are no accident: a supervisor shall see them.
_MOST_DEATHS = 5
_DEATHS_WITHIN_S = 60.0

log = logging.getLogger("lmg_offline.platform")


@dataclass(frozen=True, slots=True)
class Running:
    """
    A platform that answers. The repr shows no key.

    Attributes:
        endpoint: Its base URL.

        engine: Its database.
    """

    endpoint: str
    write_key: str = field(repr=False)
    verification_key: str = field(repr=False)
    admin_key: str = field(repr=False)
    engine: Engine = field(repr=False)


def serve(
    host: str,
    port: int,
    database_url: str,
    settings: Settings,
    workers: int,
    announce: Callable[[Facts], None],
) -> int:
    """
    Serve until SIGTERM or SIGINT.

    Args:
        host: Address to listen on.

        port: 0 takes a free one.

        database_url: See `make_engine`. Brought to the newest schema first.

        settings: With `dev` the keys of its property are announced, the same at each start.

        workers: Processes that answer, >= 1.

        announce: Called once, when requests are answered, with `endpoint`,
            `write_key`, `verification_key` and `admin_key`; the keys are None
            without `dev`.

    Returns:
        The exit code: 0 after a clean stop, 3 when workers die as fast as they are replaced.

    Raises:
        OSError: The address can't be listened on.
    """
    with _bound(host, port) as listener:
        engine = make_engine(database_url)
        try:
            facts = _facts(engine, _endpoint(listener, host), dev=settings.dev)
            if workers == 1:
                _Server(_config(engine, settings), lambda: announce(facts)).serve_until_stopped(listener)
                return 0
        finally:
            close_engine(engine)
        return _serve_in_processes(listener, database_url, settings, workers, lambda: announce(facts))


@contextmanager
def running(
    database_url: str | None = None, dev: bool = True, port: int = 0, settings: Settings | None = None
) -> Iterator[Running]:
    """
    Run a platform in a thread of this process, for tests.

    Args:
        database_url: Defaults to a SQLite file that is gone afterwards.

        dev: Without it the keys are empty: make a property with `properties.create`.

        port: 0 takes a free one; a number brings a stopped platform back where it was.

        settings: Defaults to those of `dev`, which they replace.
    """
    settings = settings or Settings(dev=dev)
    with ExitStack() as stack:
        if database_url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lmg-platform-"))
            database_url = f"sqlite:///{Path(folder) / 'platform.db'}"
        listener = stack.enter_context(_bound("127.0.0.1", port))
        engine = make_engine(database_url)
        stack.callback(close_engine, engine)
        facts = _facts(engine, _endpoint(listener, "127.0.0.1"), dev=settings.dev)
        ready = threading.Event()
        server = _Server(_config(engine, settings), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="lmg-platform", daemon=True)
        thread.start()
        try:
            if not ready.wait(_START_WITHIN_S):
                raise TimeoutError("the platform did not start in time")
            yield Running(
                endpoint=facts["endpoint"] or "",
                write_key=facts["write_key"] or "",
                verification_key=facts["verification_key"] or "",
                admin_key=facts["admin_key"] or "",
                engine=engine,
            )
        finally:
            server.should_exit = True
            thread.join(_STOP_WITHIN_S * 2)


class _Server(uvicorn.Server):
    """Says once that it accepts requests, and treats a signal as a wish to stop, not as a death."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def serve_until_stopped(self, listener: socket.socket) -> None:
        """Run in the main thread until a signal comes."""
        # uvicorn stops at a signal and then raises it again, to end the process: here it ends nothing.
        before = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.run(sockets=[listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _config(engine: Engine, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(engine, settings),
        http=partial(PatientProtocol, head_within_s=settings.head_within_s),  # type: ignore[arg-type]  # is only called
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Connections inherit it. asyncio sets it only where a socket names its protocol, and this one
    # does not: each reply, written as head and body, then waited 40 ms for the peer's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _endpoint(listener: socket.socket, host: str) -> str:
    """Return the URL under which this machine reaches the listener."""
    reachable = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    name = f"[{reachable}]" if ":" in reachable else reachable
    return f"http://{name}:{listener.getsockname()[1]}"


def _facts(engine: Engine, endpoint: str, *, dev: bool) -> Facts:
    upgrade(engine)
    if not dev:
        return {"endpoint": endpoint, "write_key": None, "verification_key": None, "admin_key": None}
    # Of two servers that make it at once one finds the name taken, and then the property of the other.
    keys = transact(engine, lambda connection: properties.dev_keys(connection, present_ms()))
    return {
        "endpoint": endpoint,
        "write_key": keys.write_key,
        "verification_key": keys.verification_key,
        "admin_key": keys.admin_key,
    }


def _serve_in_processes(
    listener: socket.socket,
    database_url: str,
    settings: Settings,
    workers: int,
    on_ready: Callable[[], None],
) -> int:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    spawn = multiprocessing.get_context("spawn")

    def start() -> BaseProcess:
        process = spawn.Process(target=_work, args=(listener, database_url, settings), name="lmg-platform")
        process.start()
        return process

    processes: list[BaseProcess] = []
    deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
    try:
        processes += [start() for _ in range(workers)]
        is_ready = False
        while not stopping.wait(0.05 if not is_ready else 0.5):
            for place, process in enumerate(processes):
                if process.exitcode is None:
                    continue
                deaths.append(time.monotonic())
                is_hopeless = len(deaths) == _MOST_DEATHS and deaths[-1] - deaths[0] < _DEATHS_WITHIN_S
                if is_hopeless or not is_ready:
                    return 3
                log.error("a worker died with exit code %s and is replaced", process.exitcode)
                processes[place] = start()
            if not is_ready and _answers(listener):
                is_ready = True
                on_ready()
        return 0
    finally:
        _stop(processes)
        for number, handler in before.items():
            signal.signal(number, handler)


def _work(listener: socket.socket, database_url: str, settings: Settings) -> None:
    """Be one of several processes."""
    engine = make_engine(database_url)
    try:
        _Server(_config(engine, settings), lambda: None).serve_until_stopped(listener)
    finally:
        close_engine(engine)


def _stop(processes: list[BaseProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        if process.pid is not None:
            process.join(_STOP_WITHIN_S * 2)
            if process.is_alive():
                process.kill()
                process.join()


def _answers(listener: socket.socket) -> bool:
    host, port = listener.getsockname()[:2]
    connection = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: uvicorn has stopped already."""
