"""The row of recoveries that break off: killed at one line after the other, and each time the next opening ends it."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lmg_offline._journal.desk import Desk
from lmg_offline._journal.journal import Journal
from lmg_offline._support.clock import SystemClock

from .damage import behead, pages_of, spoil_page
from .nursery import Nursery
from .oracle import Report
from .stage import Stage
from .visits import set_trap

ENDS_WITHIN_S = 60.0
# What recovery is made of. Some of it goes through rows: the same lines again and again.
PARTS = tuple(
    f"_journal/{name}"
    for name in (
        "recovery", "aside", "opening", "migrations", "store", "rebuild", "accounts", "moves", "salvage", "probing",
    )
)  # fmt: skip
_EVERY_LINE_UP_TO = 150
_WRITES = 60

# What an opening leaves: keys and ids of what is queued, what the ledger names lost, recoveries, folders.
Account = tuple[list[tuple[int, str]], list[tuple[int, int]], int, list[str]]


def kill_in_recovery(stage: Stage, seed: int, count: int) -> Report:
    """
    Kill a process that recovers a damaged journal, at so many lines; the next must find what an undisturbed one does.

    A try is a kill. The first lines of each part are tried one by one, later ones with growing steps.
    """
    rng = random.Random(f"kill-in-recovery {seed}")
    report = Report("kill-in-recovery")
    with tempfile.TemporaryDirectory(prefix="lmg-faults-") as name, Nursery() as nursery:
        home = Path(name)
        make_damaged(home / "damaged", rng)
        shutil.copytree(home / "damaged", home / "undisturbed")
        expected = account(home / "undisturbed")
        order = _places(rng)
        over: set[str] = set()
        tries = 0
        while tries < count and len(over) < len(PARTS):
            part, line = next(order)
            if part in over:
                continue
            folder = home / "tried"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(home / "damaged", folder)
            words = {"folder": str(folder), "part": part, "line": line}
            code = nursery.start("tools.faults.unfinished:open_journal", home / "output", words).wait(ENDS_WITHIN_S)
            if code == 0:
                over.add(part)  # it has fewer lines than that
                continue
            tries += 1
            if code != -9:
                report = report.found("hung", f"{part}, line {line}: the opening ended with {code}")
            elif (found := account(folder)) != expected:
                report = report.found("lost", f"{part}, line {line}: {_differences(found, expected)}")
    return replace(report, tries=tries)


def _places(rng: random.Random) -> Iterator[tuple[str, int]]:
    """Yield parts and lines, every part in turn."""
    line = 1.0
    while True:
        for part in PARTS:
            yield part, int(line)
        line = line + 1 if line < _EVERY_LINE_UP_TO else line * (1 + 0.2 * rng.random())


def open_journal(folder: str, part: str, line: int) -> None:
    """Open a journal, and die at a line of a part of the package."""
    set_trap(folder, {"lines": line, "under": part})
    Journal.open(Path(folder), SystemClock(), durable=True).close()


def make_damaged(folder: Path, rng: random.Random) -> None:
    """Make a journal with several people, of which a page of entries and the header are gone."""
    journal = Journal.open(folder, SystemClock(), durable=False)
    for number in range(3):
        journal.append("track", "{}")
        journal.identify(f"person-{number}", None, None)
        for _ in range(_WRITES):
            journal.append("track", '{"name": "%s"}' % ("x" * 200))
        journal.reset()
    journal.append("track", "{}")
    journal.close()
    path = folder / "journal.db"
    spoil_page(path, rng, pages_of(path, "entries")[1])
    behead(path, rng)


def account(folder: Path) -> Account:
    """Open a journal, which ends what is left to do, and return what it holds."""
    journal = Journal.open(folder, SystemClock(), durable=True)
    try:
        queued = [(row[0], row[1]) for row in journal.store.read("SELECT position, id FROM entries ORDER BY position")]
        lost = journal.store.read(
            "SELECT first_position, last_position FROM ledger WHERE reason = 'lost' ORDER BY first_position"
        )
        recoveries = int(journal.store.read("SELECT count(*) FROM recoveries")[0][0])
        adds_up = Desk(journal, lambda: None).audit().adds_up
    finally:
        journal.close()
    folders = ["damaged" for path in folder.glob("damaged-*") if not path.name.endswith(("-moving", "-unfinished"))]
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("damaged-"))
    left = [path.name for path in folder.glob("damaged-*-*") if path.name.endswith(("-moving", "-unfinished"))]
    return queued, [(row[0], row[1]) for row in lost], recoveries, [*folders, *others, *left, f"adds up: {adds_up}"]


def _differences(found: Account, expected: Account) -> str:
    return "; ".join(f"{one} instead of {other}" for one, other in zip(found, expected, strict=True) if one != other)
