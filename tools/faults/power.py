"""
The row of the fault matrix in which the power goes: at every sync of a recorded run, and in all the ways there are.

A child uses the SDK against a real platform while `shim.c` notes what is done to
its folder. Then each disk that a cut could leave (`power_cuts.py`) is opened: is
every call there that had returned, and at most the one in flight beside them? Some
of them are drained into the platform as it was at the moment of the cut, and judged.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lmg_offline import Client
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings

from .exchanges import Exchange, Fault, Pass
from .kills import make_old
from .lacking import Lacking
from .nursery import Nursery, has_shim, in_memory
from .oracle import Report
from .power_cuts import Deed, Disk, Files, read_record
from .power_story import Cut, Story, examine, read_story
from .promises import Noted, finish, site_of, write_notes
from .proxy import FaultProxy
from .stage import Stage

ENDS_WITHIN_S = 600.0
FEWEST_CALLS = 45
EVERY_FROM = 200  # calls
CHANCES = 3  # states at random a cut, beside the two or three that are always tried
DRAIN_EVERY = 50
STOP_AFTER = 10
FIRST_NUMBER = 100_000
NUMBER_AFTER = 900_000
# A commit of durability "normal" reaches the disk within this time of the write.
NORMAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Recording:
    """
    A run that was recorded.

    Attributes:
        files: What the folder held before.

        platforms: The platform's database after each request, and when the next
            one came (or the run was over), by the monotonic clock.
    """

    durability: str
    site: dict[str, Any] = field(repr=False)
    files: Files = field(repr=False)
    deeds: list[Deed] = field(repr=False)
    story: Story
    platforms: list[tuple[int, Path]] = field(repr=False)

    def platform_at(self, at_ns: int) -> Path:
        """Return the database as it was, with all that had reached the platform by then."""
        return next((path for until, path in self.platforms if until > at_ns), self.platforms[-1][1])


def power(stage: Stage, seed: int, count: int) -> Report:
    """
    Cut the power at every sync of a run of so many calls, and of two shorter ones.

    The long one begins with nothing, the second with a journal of the first
    version, both with durability "full"; the third has durability "normal". A try
    is a state of the disk.

    Args:
        count: From 200 on every sync is a cut; below, the same share of them at random.
    """
    if not has_shim():
        raise Lacking("a C compiler (cc) on Linux, to record what is written")
    report = Report("power")
    with Nursery() as nursery:
        for durability, calls, is_old in (
            ("full", max(FEWEST_CALLS, count), False),
            ("full", max(FEWEST_CALLS, count) // 3, True),
            ("normal", max(FEWEST_CALLS, count) // 3, False),
        ):
            with _home() as home:
                rng = random.Random(f"power {seed} {durability} {is_old}")
                recording = _recorded(stage, nursery, home, rng, durability, calls, is_old=is_old)
                report += _cut_everywhere(stage, home, rng, recording, count / EVERY_FROM)
    return report


@contextmanager
def _home() -> Iterator[Path]:
    """A folder in memory, if there is one: thousands of disks are made in it."""
    with tempfile.TemporaryDirectory(prefix="lmg-power-", dir=in_memory()) as home:
        yield Path(home)


def _platform(stage: Stage, file: Path) -> Any:
    return running(f"sqlite:///{file}", settings=Settings(dev=True, lmg_only=stage.dialect == "lmg"))


def _recorded(
    stage: Stage, nursery: Nursery, home: Path, rng: random.Random, durability: str, calls: int, *, is_old: bool
) -> Recording:
    folder, log, record = home / "journal", home / "notes", home / "record"
    folder.mkdir(mode=0o700)
    with _platform(stage, home / "platform.db") as platform:
        platforms: list[tuple[int, Path]] = []

        def keep() -> None:
            platforms.append((time.monotonic_ns(), _copy(platform, home / f"platform-{len(platforms)}.db")))

        def script(exchange: Exchange) -> Fault:
            keep()
            return Pass()

        with FaultProxy(platform.endpoint, script) as proxy:
            site = {**site_of(platform, proxy.endpoint, folder), "durability": durability}
            words: dict[str, Any] = {"site": site, "log": str(log), "seed": f"{rng.random()}"}
            if is_old:
                _ended(nursery, home, "take_turns", **words, first=0, writes=calls, pause=0.0, sends=False)
                make_old(folder / "journal.db")
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            pause = 0.02 if durability == "normal" else 0.002
            more = {"first": FIRST_NUMBER, "record": str(record), "calls": calls, "pause": pause}
            _ended(nursery, home, "be_recorded", **words, **more)
            keep()
    return Recording(durability, site, files, read_record(record, folder), read_story(log, FIRST_NUMBER), platforms)


def _ended(nursery: Nursery, home: Path, task: str, **words: object) -> None:
    """Have a child do something to its end."""
    code = nursery.start(f"tools.faults.visits:{task}", home / "output", words).wait(ENDS_WITHIN_S)
    if code != 0:
        printed = (home / "output").read_text("utf-8", "replace").splitlines()
        raise RuntimeError(f"the run that is recorded ended with {code}: {printed[-1] if printed else 'nothing'}")


def _copy(platform: Running, target: Path) -> Path:
    """Copy a database through a connection of its own engine: others of this process would end its locks."""
    with platform.engine.connect() as connection, closing(sqlite3.connect(target)) as copy:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.backup(copy)
    return target


def _cut_everywhere(stage: Stage, home: Path, rng: random.Random, recording: Recording, share: float) -> Report:
    """Go through the record; at every sync, or a share of them, look at what a cut right before its end may leave."""
    report, disk, number, cuts = Report("power"), Disk(recording.files), 0, 0
    returned_ns: list[int] = []
    for deed in (*recording.deeds, Deed("S", "", 0, b"", time.monotonic_ns())):  # and once at the end of it all
        if deed.kind == "M":
            returned_ns.append(deed.at_ns)
            continue
        if deed.kind == "S":
            number += 1
            if rng.random() < share:
                cuts += 1
                cut = _cut(recording, returned_ns, number, deed.at_ns)
                report = _look(stage, home, rng, recording, disk, cut, report)
        disk.do(deed)
        if len(report.details) >= STOP_AFTER:
            break
    print(
        f"[power] durability {recording.durability}: {len(recording.story.steps):,} calls, cut at {cuts:,} of"
        f" {number:,} syncs, {report.tries:,} disks",
        file=sys.stderr,
    )
    return report


def _cut(recording: Recording, returned_ns: list[int], number: int, at_ns: int) -> Cut:
    """Say what must be there: of a run with durability "normal" not what returned a moment ago."""
    returned = sure = len(returned_ns)
    if recording.durability == "normal":
        since_ns = at_ns - int((NORMAL_S + recording.story.longest_stall_s) * 1e9)
        sure = sum(each <= since_ns for each in returned_ns)
    return Cut(number, returned, sure, at_ns)


def _look(
    stage: Stage, home: Path, rng: random.Random, recording: Recording, disk: Disk, cut: Cut, report: Report
) -> Report:
    """Open every disk that this cut may leave; drain one of so many."""
    for files in disk.states(rng, CHANCES):
        folder = home / "found"
        _lay_out(folder, files, rng)
        report += Report("power", tries=1)
        try:
            with Client(
                recording.site["write_key"],
                endpoint=recording.site["endpoint"],
                data_dir=folder,
                durability=recording.durability,
                sync=False,
            ) as client:
                found = examine(client, recording.story, cut)
                receipt = client.activity.track("seen", {"n": NUMBER_AFTER}).id
        except Exception as error:  # whatever it is, this disk could not be used
            report = report.found("lost", f"cut {cut.number}: {type(error).__name__} at the opening")
        else:
            report += found.report
            if report.tries % DRAIN_EVERY == 1 and found.report.holds:
                after = Noted(NUMBER_AFTER, "track", {"n": NUMBER_AFTER}, None, False, receipt)
                report += _drained(stage, home, recording, cut, [*found.calls, after])
        shutil.rmtree(folder)
    return report


def _lay_out(folder: Path, files: Files, rng: random.Random) -> None:
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    if rng.random() < 0.3:  # what SQLite's processes share is in no way kept: anything may be there
        (folder / "journal.db-shm").write_bytes(rng.randbytes(32768))


def _drained(stage: Stage, home: Path, recording: Recording, cut: Cut, calls: list[Noted]) -> Report:
    """Let everything arrive at the platform as it was at the cut, and judge."""
    log = home / "found-notes"
    write_notes(log, calls)
    database = home / "platform-found.db"
    shutil.copyfile(recording.platform_at(cut.at_ns), database)
    with _platform(stage, database) as platform:
        found = finish("power", stage, platform, home / "found", [log])
    log.unlink()
    for path in home.glob(f"{database.name}*"):
        path.unlink()
    where = f"{recording.durability}, cut {cut.number}, drained"
    return replace(found, details=tuple(f"{where}: {line}" for line in found.details))
