"""The rows of the fault matrix in which processes are killed: one that writes, and many on one journal."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .nursery import Child, Nursery
from .oracle import Report
from .promises import finish, site_of
from .stage import PlatformFacts, Stage
from .visits import LONGEST_PAUSE_S

KILLS_A_JOURNAL = 60
# Of these, the first have not sent yet: a journal of the first version never said how many exchanges it had.
KILLS_BEFORE_SENDING = 12
LONGEST_LIFE_S = 0.25
ENDS_WITHIN_S = 60.0
CROWDS = (2, 10, 50)
WRITES_OF_ALL = 200
CALLS_A_CHILD = 10_000
_PARTS = ("", "_journal/commits", "_journal/store", "_journal/outbox", "_journal", "_sync", "_sync/replay", "client")
_V1 = Path(__file__).resolve().parents[2] / "tests" / "journal" / "snapshots" / "v1.sql"


@dataclass(slots=True)
class Ground:
    """
    Where children live: a platform, a nursery, and one journal of theirs.

    Attributes:
        logs: Their notebooks, in the order in which they were started.
    """

    stage: Stage
    platform: PlatformFacts
    nursery: Nursery
    home: Path
    logs: list[Path]

    @property
    def folder(self) -> Path:
        """The journal's folder."""
        return self.home / "journal"

    def start(self, task: str, endpoint: str | None = None, **words: object) -> Child:
        """Start a child with a notebook of its own."""
        log = self.home / f"notes-{len(self.logs)}"
        self.logs.append(log)
        site = site_of(self.platform, endpoint or self.platform.endpoint, self.folder)
        first = len(self.logs) * CALLS_A_CHILD
        return self.nursery.start(task, self.home / "output", {"site": site, "log": str(log), "first": first, **words})

    def verdict(self, row: str, tries: int) -> Report:
        """Hold what the children noted against what the platform has."""
        return replace(finish(row, self.stage, self.platform, self.folder, self.logs), tries=tries)

    def output(self) -> str:
        """Return the last line that a child printed; its errors go there."""
        try:
            lines = (self.home / "output").read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            lines = []
        return lines[-1] if lines else "nothing printed"


@contextmanager
def grounds(stage: Stage, nursery: Nursery, where: Path | None = None) -> Iterator[Ground]:
    """Set up a platform and an empty home, in a folder or where temporary files go."""
    with stage.make_platform() as platform, tempfile.TemporaryDirectory(prefix="lmg-faults-", dir=where) as home:
        yield Ground(stage, platform, nursery, Path(home), [])


def kill(stage: Stage, seed: int, count: int) -> Report:
    """
    Kill -9 a process that writes and sends, at any moment, and start it again.

    At a random time, at the Nth line of a part of the package, or at the Nth
    system call that changes the journal's folder; some begin with a journal that
    must be brought up from the first version.
    """
    report = Report("kill")
    rng = random.Random(f"kill {seed}")
    with Nursery() as nursery:
        while report.tries < count and report.holds:
            with grounds(stage, nursery) as ground:
                found = Report("kill")
                kills = min(KILLS_A_JOURNAL, count - report.tries)
                for number in range(kills):
                    found += _kill_one(ground, rng, number)
                report += found + ground.verdict("kill", kills)
    return report


def _kill_one(ground: Ground, rng: random.Random, number: int) -> Report:
    """One life and its end."""
    report = Report("kill")
    sends = number >= KILLS_BEFORE_SENDING
    if not sends and (ground.folder / "journal.db").exists() and rng.random() < 0.5:
        make_old(ground.folder / "journal.db")
        trap: dict[str, Any] | None = {"lines": 1 + rng.randrange(120), "under": "_journal/migrations"}
    else:
        trap = _trap(rng)
    child = ground.start(
        "tools.faults.visits:visit",
        seed=f"{rng.random()}",
        trap=trap,
        pause=LONGEST_PAUSE_S,
        sends=sends,
    )
    if not child.has_ended(LONGEST_LIFE_S * (rng.random() if trap is None else 1)):
        child.kill()
    code = child.wait(ENDS_WITHIN_S)
    if code is None:
        report = report.found("hung", f"child {number} could not be killed")
    elif code != -9:
        report = report.found("wrong_value", f"child {number} ended by itself with {code}: {ground.output()}")
    return report


def _trap(rng: random.Random) -> dict[str, Any] | None:
    choice = rng.random()
    if choice < 0.4:
        return None
    if choice < 0.7:
        return {"calls": int(1.5 ** (rng.random() * 16)), "after": rng.randrange(2)}
    return {"lines": int(1.5 ** (rng.random() * 22)), "under": rng.choice(_PARTS)}


def make_old(path: Path) -> None:
    """Turn a journal that nobody has open into one of the first version, with all that it can hold."""
    with sqlite3.connect(path) as current:
        current.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    current.close()
    old_path = path.with_name("old.db")
    old_path.unlink(missing_ok=True)
    old = sqlite3.connect(old_path, isolation_level=None)
    old.executescript(_V1.read_text("utf-8"))
    old.execute("ATTACH ? AS now", (str(path),))
    old.execute("BEGIN")
    names = [row[0] for row in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    for table in names:
        mine, theirs = (
            [row[1] for row in old.execute(f"PRAGMA {schema}.table_info({table})")] for schema in ("main", "now")
        )
        columns = ", ".join(column for column in mine if column in theirs)
        old.execute(f"DELETE FROM main.{table}")
        if columns:
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
    old.execute("COMMIT")
    old.close()
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    old_path.chmod(0o600)
    old_path.replace(path)


def processes(stage: Stage, seed: int, count: int) -> Report:
    """
    Two, ten and fifty processes write to one journal, while the one that sends is killed again and again.

    A try is a kill of the process that holds the lease, as the system's list of locks names it.
    """
    report = Report("processes")
    rng = random.Random(f"processes {seed}")
    with Nursery() as nursery:
        turn = 0
        while report.tries < count and report.holds:
            crowd = CROWDS[turn % len(CROWDS)]
            turn += 1
            with grounds(stage, nursery) as ground:
                report += _crowd(ground, rng, crowd, min(max(1, count // len(CROWDS)), count - report.tries))
    return report


def _crowd(ground: Ground, rng: random.Random, crowd: int, kills: int) -> Report:
    report, killed = Report("processes"), 0

    def one() -> Child:
        writes = max(4, WRITES_OF_ALL // crowd)
        return ground.start(
            "tools.faults.visits:take_turns", seed=f"{rng.random()}", writes=writes, pause=0.002 * crowd
        )

    children = [one() for _ in range(crowd)]
    deadline = time.monotonic() + ENDS_WITHIN_S
    while killed < kills and time.monotonic() < deadline:
        time.sleep(rng.random() * 0.1)
        senders = holders(ground.folder / "lease.db")
        if len(senders) > 1:
            report = report.found("mistaken", f"{len(senders)} processes hold the lease")
        children = [_replaced(child, one, ground) if child.has_ended(0) else child for child in children]
        victim = next((child for child in children if child.pid in senders), None)
        if victim is not None:
            victim.kill()
            killed += 1
    for child in children:
        code = child.wait(ENDS_WITHIN_S)
        if code is None:
            report = report.found("hung", f"one of {crowd} processes did not end")
        elif code not in (0, -9):
            report = report.found("wrong_value", f"a process ended with {code}: {ground.output()}")
    return report + ground.verdict("processes", killed)


def _replaced(child: Child, one: Any, ground: Ground) -> Child:
    code = child.wait(ENDS_WITHIN_S)
    if code not in (0, -9):
        raise RuntimeError(f"a process ended with {code}: {ground.output()}")
    started: Child = one()
    return started


def holders(path: Path) -> set[int]:
    """
    Return the processes that hold a lock for writing on a file.

    Source: /proc/locks, proc(5): the type, the kind, the process, and the file by device and inode.
    """
    try:
        inode = str(path.stat().st_ino)
    except FileNotFoundError:
        return set()
    found = set()
    for line in Path("/proc/locks").read_text("ascii").splitlines():
        words = line.split()
        if words[1] == "POSIX" and words[3] == "WRITE" and words[5].rpartition(":")[2] == inode:
            found.add(int(words[4]))
    return found
