"""One fleet: it meets the platform, loses it, writes, comes back to it; then everything is counted."""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from lmg_offline.cli.admin import Admin
from tools.cluster.databases import SQLITE, database
from tools.cluster.servers import Facts, announced, serving

from . import real, simulated
from .outage import listened, page, settled_port
from .records import DeviceRecord, Job
from .verdict import Finding, findings, taken, tracked

PROCESSES = 2
# Of the outage; in the rest of it nobody listens.
PAGE_SHARE = 1 / 3
DRAINED_WITHIN_S = 1800.0
SAY_EVERY_S = 15.0
_OF_ONE_PROCESS = 50  # devices at least, before there is a second
_BEGINS_IN_S = 1.0
_WRITTEN_A_SECOND = 2000  # queues that are filled before the outage begins, by one process
_ENDS_WITHIN_S = 30.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """
    What is asked for.

    Attributes:
        real: Devices that are Clients.

        simulated: Devices that are the sync of a Client alone.

        backlog: Entries of each.

        outage_s: From the instant at which all write until the platform is started again.

        workers: Processes of the platform.
    """

    real: int
    simulated: int
    backlog: int = 8
    outage_s: float = 60.0
    workers: int = 2
    seed: int = 1
    database: str = SQLITE

    @property
    def devices(self) -> int:
        """All of them."""
        return self.real + self.simulated


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of it. Instants are monotonic seconds.

    Attributes:
        begin_s: When all devices wrote, and the platform was gone.

        page_s: When 503 was answered first.

        over_s: When the page was taken away, and the platform started.

        back_s: When the platform listened again: who comes from then on is answered.

        answers_s: When it answered.
    """

    setting: Setting
    begin_s: float
    page_s: float
    over_s: float
    back_s: float
    answers_s: float
    records: tuple[DeviceRecord, ...]
    findings: tuple[Finding, ...]


class NoDevices(Exception):
    """A process of devices ended before its time. Its own error is above."""


def come_back(setting: Setting, tell: Tell) -> Outcome:
    """
    Do all of it.

    Args:
        tell: Is told each step.

    Raises:
        NoPostgres, NoServer, NoDevices: They can't be had.
    """
    port = settled_port(random.Random())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lmg-fleet-")))
        url = stack.enter_context(database(setting.database, folder))
        with serving(port, url, folder, setting.workers) as server:
            facts = announced(server)
            pipes = stack.enter_context(_devices(setting, facts, folder))
            _heard(pipes)
            tell(f"{setting.devices:,} devices have met the platform")
        begin_s = time.monotonic() + _BEGINS_IN_S + setting.devices / PROCESSES / _WRITTEN_A_SECOND
        for pipe in pipes:
            pipe.send(begin_s)
        over_s = begin_s + setting.outage_s
        _sleep_until(over_s - setting.outage_s * PAGE_SHARE)
        tell("nobody listened so far; 503 from now on")
        page_s = time.monotonic()
        with page(port, over_s):
            _sleep_until(over_s)
        over_s = time.monotonic()
        with serving(port, url, folder, setting.workers) as server:
            listened(port)
            back_s = time.monotonic()
            tell(f"the platform listens again, {back_s - begin_s:.1f} s after everybody wrote")
            announced(server)
            answers_s = time.monotonic()
            tell(f"and answers, {answers_s - back_s:.1f} s later")

            def say_how_far() -> None:
                tell(f"{taken(url):,} of {setting.devices * setting.backlog:,} entries are there")

            records = tuple(record for part in _heard(pipes, say_how_far) for record in part)
            tell("all devices have ended; counting")
            log = Admin(facts.endpoint, facts.admin_key).all("entries")
            return Outcome(
                setting,
                begin_s,
                page_s,
                over_s,
                back_s,
                answers_s,
                records,
                findings(records, log, tracked(url), setting.seed),
            )


@contextmanager
def _devices(setting: Setting, facts: Facts, folder: Path) -> Iterator[list[Connection]]:
    """Start the processes; yield how to speak to each."""
    spawn = multiprocessing.get_context("spawn")
    kinds = ((real.live, range(setting.real)), (simulated.live, range(setting.real, setting.devices)))
    pipes: list[Connection] = []
    processes = []
    try:
        for live, numbers in kinds:
            for part in _parts(numbers):
                ours, theirs = spawn.Pipe()
                within_s = setting.outage_s + DRAINED_WITHIN_S
                job = Job(part, facts, setting.backlog, setting.seed, folder, within_s)
                process = spawn.Process(target=live, args=(job, theirs), daemon=True)
                process.start()
                theirs.close()  # so that its end is the end of the pipe
                pipes.append(ours)
                processes.append(process)
        yield pipes
        for process in processes:
            process.join(_ENDS_WITHIN_S)
    finally:
        for process in processes:
            process.kill()
            process.join()
        for pipe in pipes:
            pipe.close()


def _parts(numbers: range) -> list[range]:
    """Share devices out among the processes; a few are not worth a second one."""
    size = max(_OF_ONE_PROCESS, -(-len(numbers) // PROCESSES))
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _heard(pipes: Sequence[Connection], meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """Wait for one message of each, and do something now and then as long as nothing comes."""
    found: dict[Connection, Any] = {}
    while len(found) < len(pipes):
        speaking = wait([pipe for pipe in pipes if pipe not in found], SAY_EVERY_S)
        if not speaking:
            meanwhile()
        for pipe in speaking:
            if not isinstance(pipe, Connection):
                raise AssertionError("unreachable: only these were waited for")
            try:
                found[pipe] = pipe.recv()
            except EOFError as error:
                raise NoDevices("a process of devices ended before its time; its own error is above") from error
    return [found[pipe] for pipe in pipes]


def _sleep_until(instant_s: float) -> None:
    time.sleep(max(0.0, instant_s - time.monotonic()))
