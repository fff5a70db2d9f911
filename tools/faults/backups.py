"""
A platform that forgets, dies and loses its database for a while, and devices that go on.

A real platform in a process of its own. Its database is put back to an older
backup, many times, at random; it is killed with SIGKILL while it applies; its
folder is moved away and back. What was acknowledged and is missing in the
backup is gone with it, exactly that and nothing else; the rest arrives once,
in order, under its person.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lmg_offline import AudienceState
from lmg_offline.errors import OfflineError, PlatformError

from .people import Evidence, Findings, Visits, client_of, judge

DEVICES = 3
NUMBERS = 1_000_000  # for what one device writes
BURST = 150
SETTLE_WITHIN_S = 10.0
READ_WITHIN_S = 0.5
FAULTS = ("restore", "restore after a kill", "kill", "away")


@dataclass(frozen=True, slots=True)
class Counts:
    """
    What became of what was promised.

    Attributes:
        faults: How often each kind was made.

        promised: Writes whose calls returned.

        rolled_back: Acknowledged, and gone with a backup that lacked them.

        details: One line for each thing that does not hold.
    """

    faults: Counter[str]
    promised: int
    rolled_back: int
    details: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return not self.details


class Served:
    """
    The platform's process, and its database's folder.

    Attributes:
        facts: What it announced.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder / "database"
        self._away = folder / "away"
        self._backup = folder / "backup.db"
        self._errors = folder / "platform.log"
        self._home.mkdir()
        self._file = self._home / "platform.db"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None
        self.facts: dict[str, str] = {}

    def start(self) -> None:
        """Start the process; returns when it accepts requests."""
        words = ["platform", "serve", "--dev", "--port", str(self._port), "--database", f"sqlite:///{self._file}"]
        command = [sys.executable, "-m", "lmg_offline.cli.main", *words]
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError(f"the platform did not start: {self._errors.read_text()[-500:]}")
        self.facts = json.loads(line)

    def end(self, *, kill: bool) -> None:
        """Stop the process, by SIGTERM or SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            (process.kill if kill else process.terminate)()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def back_up(self) -> None:
        """Copy the database as it is now, while it runs; the copy before is gone."""
        with closing(sqlite3.connect(self._file)) as live, closing(sqlite3.connect(self._backup)) as copy:
            live.backup(copy)

    def restore(self) -> set[str]:
        """Put the copy in the place of the database of a platform that has ended; return the entries it lacks."""
        had, kept = _entries(self._file), _entries(self._backup)
        for name in ("platform.db-wal", "platform.db-shm"):
            (self._home / name).unlink(missing_ok=True)
        shutil.copyfile(self._backup, self._file)
        return had - kept

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let the database's folder be somewhere else for a while."""
        self._home.rename(self._away)
        try:
            yield
        finally:
            self._away.rename(self._home)

    def health(self) -> int:
        """Return the status with which the platform says how it is."""
        try:
            with urllib.request.urlopen(f"{self.facts['endpoint']}/healthz", timeout=30) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


def _entries(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as database:
        return {row[0] for row in database.execute("SELECT entry_id FROM entries")}


@dataclass(slots=True)
class Town:
    """
    The devices of one platform, and what was found so far.

    Attributes:
        gone: Ids of entries that were acknowledged, and rolled back by a backup.

        copies: How often a device took itself for a copy; none is one.
    """

    served: Served
    rng: random.Random
    devices: list[Visits] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    copies: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Some people write at every device; what they write is sent meanwhile."""
        for device in self.devices:
            for _ in range(self.rng.randrange(1, 4)):
                _visit(device, self.rng)
            if self.rng.random() < 0.3:  # so that a request takes its time
                for _ in range(BURST):
                    device.track()

    def stay(self) -> None:
        """Somebody comes to every device and is still there when the fault is over; most of it arrives before."""
        for device in self.devices:
            _come(device, self.rng)
            if self.rng.random() < 0.7:
                device.drain()

    def settle(self) -> None:
        """Wait until no answer of a platform that has ended can come any more."""
        for device in self.devices:
            assert device.client._runner is not None
            runner = device.client._runner()
            seen, deadline = runner.view().attempts, time.monotonic() + SETTLE_WITHIN_S
            while device.client.status().queued and runner.view().attempts == seen and time.monotonic() < deadline:
                runner.hurry()
                device.client._wake()
                runner.wait_for_attempt(seen, READ_WITHIN_S)

    def restore(self, *, kill: bool) -> None:
        """Put the platform back to its backup, and note what it has forgotten."""
        self.served.end(kill=kill)
        self.settle()
        lacking = self.served.restore()
        for device in self.devices:
            for promise in device.promises:
                if promise.entry_id in lacking and device.client.journal.receipt(promise.receipt) == "acknowledged":
                    self.gone.add(promise.entry_id)
        self.served.start()

    def miss(self) -> None:
        """Let the database be away: the platform must say so, and show nothing instead."""
        with self.served.away():
            self.write()
            if self.served.health() != 503:
                self.findings.wrong.append("the platform does not say that its database is away")
            for device in self.devices:
                try:
                    page = device.client.business.list(timeout=READ_WITHIN_S)
                except (OfflineError, PlatformError):
                    continue
                if not page.stale:
                    self.findings.wrong.append("a read was answered without a database")


def backups(count: int, seed: int) -> Counts:
    """
    Make so many faults while people write, then let everything arrive, and judge.

    Args:
        count: Faults.

        seed: Decides which, and what everybody does.
    """
    with tempfile.TemporaryDirectory(prefix="lmg-backups-") as folder:
        town = Town(Served(Path(folder)), random.Random(f"backups {seed}"))
        town.served.start()
        try:
            for number in range(DEVICES):
                name = f"device-{number}"
                client = client_of(town.served.facts, Path(folder) / name)
                client.on("forked", lambda details: town.copies.append(str(details)))
                key = town.served.facts["verification_key"]
                town.devices.append(Visits(client, name, key, number * NUMBERS))
            town.write()
            town.served.back_up()
            for _ in range(count):
                _suffer(town)
            return _judged(town)
        finally:
            for device in town.devices:
                device.client.close(30)
            town.served.end(kill=False)


def _suffer(town: Town) -> None:
    rng = town.rng
    if rng.random() < 0.5:
        rng.choice(town.devices).drain()
    town.write()
    if rng.random() < 0.4:
        town.served.back_up()
        town.write()
    if rng.random() < 0.5:
        town.stay()
    time.sleep(rng.random() * 0.15)  # chance, not waiting: somewhere in a request, or between two
    fault = rng.choice(FAULTS)
    town.faults[fault] += 1
    match fault:
        case "restore":
            town.restore(kill=False)
        case "restore after a kill":
            town.restore(kill=True)
        case "kill":
            town.served.end(kill=True)
            town.write()
            town.served.start()
        case "away":
            town.miss()
    for device in town.devices:
        device.update()
        if device.client.user.state is AudienceState.VERIFIED and rng.random() < 0.5:
            device.bookmark(rng.random() < 0.7)


def _come(device: Visits, rng: random.Random) -> None:
    """Somebody says who they are, with or without a token."""
    person = f"{device.name} {'v' if rng.random() < 0.6 else 'p'}{rng.randrange(1_000_000)}"
    device.say(person, device.token(person) if " v" in person else None)


def _visit(device: Visits, rng: random.Random) -> None:
    """One person's visit: some say who they are, with or without a token; some do not leave."""
    for _ in range(rng.randrange(3)):
        (device.update if rng.random() < 0.5 else device.track)()
    if rng.random() < 0.8:
        _come(device, rng)
        for _ in range(rng.randrange(4)):
            (device.update if rng.random() < 0.5 else device.track)()
        if " v" in device.people[-1] and rng.random() < 0.5:
            device.bookmark(rng.random() < 0.7)
    if rng.random() < 0.6:
        device.leave()


def _judged(town: Town) -> Counts:
    found = town.findings
    for device in town.devices:
        if not device.drain():
            found.lost.append(f"{device.client.status().queued} entries of {device.name} do not leave")
    people = sorted({person for device in town.devices for person in device.people})
    evidence = Evidence.take(town.served.facts, people)
    for device in town.devices:
        found += judge(device.promises, evidence, gone=frozenset(town.gone))
        audit = device.client.audit()
        if not audit.adds_up or audit.queued or audit.parked or audit.dead_letters:
            found.wrong.append(f"the account of {device.name}: {audit}")
    found.wrong += [f"a device took itself for a copy: {line}" for line in town.copies]
    promised = sum(len(device.promises) for device in town.devices)
    return Counts(town.faults, promised, len(town.gone), tuple(found.lines()))


def main() -> int:
    """Make as many faults as asked, with one seed after the other; 0 when everything holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, metavar="N", help="faults; default: 20")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="with so many seeds")
    asked = parser.parse_args()
    holds = True
    for seed in range(asked.seed, asked.seed + asked.times):
        counts = backups(asked.count, seed)
        holds = holds and counts.holds
        faults = ", ".join(f"{times} {name}" for name, times in sorted(counts.faults.items()))
        print(f"seed {seed}: {faults}; {counts.promised:,} writes, {counts.rolled_back:,} rolled back by the backup: "
              f"{'holds' if counts.holds else 'DOES NOT HOLD'}", flush=True)  # fmt: skip
        for line in counts.details[:20]:
            print(f"    {line}", file=sys.stderr)
    return int(not holds)


if __name__ == "__main__":
    raise SystemExit(main())
