"""
The processes of a run: round by round, each round every system once, one after the other.

Neighbours in time share the machine's moods, so that ratios are steadier than
times; each round begins with another system, so that nobody is always first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import around, sink
from .contests import Contest
from .results import Table
from .systems.catalogue import is_here

ROOT = Path(__file__).resolve().parents[2]
ENDS_WITHIN_S = 7200.0
# Whoever asks for a proxy gets one that nobody listens at; `child.py` closes the other ways.
NO_WAY_OUT = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
}
# Of the caller's environment: what would slow an import down, or preload something.
_LEFT_OUT = ("PYTHON", "COVERAGE", "LMG_", "LD_PRELOAD")
_KEPT = ("PYTHONPATH",)


class ChildFailed(Exception):
    """A process did not bring its numbers; its own error is above."""


@dataclass(frozen=True, slots=True)
class Setting:
    """
    How much is asked for.

    Attributes:
        size: `normal`, `quick` or `full`.

        times: Rounds.

        words: What replaces a contest's own words, where the contest has them.

        systems: Which rows; None for all.
    """

    size: str
    times: int
    words: Mapping[str, Any]
    systems: Sequence[str] | None = None


def hold(contests: Sequence[Contest], setting: Setting, say: Callable[[str], None]) -> Iterator[Table]:
    """Hold the contests, one after the other; `say` is told what is under way."""
    with tempfile.TemporaryDirectory(prefix="lmg-bench-") as folder, sink.running() as endpoint:
        filled = _Filled(Path(folder))
        for contest in contests:
            yield _Held(contest, setting, endpoint, filled, Path(folder), say).run()


class _Filled:
    """Journals with many entries, each made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[int, Path] = {}

    def of(self, entries: int) -> Path:
        """Return the folder of a journal with so many."""
        if entries not in self._made:
            own = self._folder / f"filled-{entries}"
            own.mkdir()
            child("backlog", "lmg normal", own, {"what": "fill", "entries": entries})
            self._made[entries] = own / "journal"
        return self._made[entries]


class _Held:
    """One contest under way."""

    def __init__(
        self,
        contest: Contest,
        setting: Setting,
        endpoint: str,
        filled: _Filled,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._contest = contest
        self._setting = setting
        self._endpoint = endpoint
        self._filled = filled
        self._folder = folder
        self._say = say
        words = contest.words(setting.size)
        self._words = words | {name: value for name, value in setting.words.items() if name in words}

    def run(self) -> Table:
        """Return what came of it; what could not be measured is said in its notes."""
        contest, notes = self._contest, []
        wanted = [name for name in contest.systems if self._setting.systems is None or name in self._setting.systems]
        there = [name for name in wanted if is_here(name)]
        if len(there) < len(wanted):
            notes.append(f"not installed: {', '.join(name for name in wanted if name not in there)}")
        kind = contest.around
        lacks = around.lacking(kind)
        if lacks is not None:
            notes.append(lacks)
            if kind == around.SLOW:
                return Table(contest, {}, notes)
            kind = ""  # what does not need it is measured still
        numbers: dict[str, list[Mapping[str, float]]] = {name: [] for name in there}
        for number in range(self._setting.times):
            first = number % max(1, len(there))
            self._round(there[first:] + there[:first], kind, numbers, notes)
        return Table(contest, {name: found for name, found in numbers.items() if found}, notes)

    def _round(
        self, systems: Sequence[str], kind: str, numbers: dict[str, list[Mapping[str, float]]], notes: list[str]
    ) -> None:
        def measure(system: str) -> None:
            self._say(f"{self._contest.name}: {system}")
            try:
                numbers[system].append(self._one(system, kind))
            except ChildFailed as error:
                notes.append(f"FAILED: {system}: {error}")

        with ThreadPoolExecutor(len(systems) if self._contest.idles else 1) as pool:
            list(pool.map(measure, systems))

    def _one(self, system: str, kind: str) -> Mapping[str, float]:
        contest = self._contest
        words = {**self._words, **contest.rows.get(system, {})}
        if contest.filled and "filled" not in words:
            words["filled"] = str(self._filled.of(words["entries"]))
        if contest.sink or system in contest.sinks:
            words["endpoint"] = self._endpoint
        with _own_folder(self._folder) as own:
            return child(contest.task, system, own, words, kind)


def child(task: str, system: str, folder: Path, words: Mapping[str, Any], kind: str = "") -> Mapping[str, float]:
    """
    Run one process, and return its numbers; with the syncs for each write where they were counted.

    Raises:
        ChildFailed: It ended otherwise, or not in time.
    """
    result, trace = folder / "result.json", folder / "trace"
    given = json.dumps({**words, "folder": str(folder)})
    python = [sys.executable, "-m", "tools.bench.child", task, system, str(result), given]
    inherited = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_LEFT_OUT)}
    try:
        done = subprocess.run(
            around.command(kind, python, trace),
            cwd=ROOT,
            env={**inherited, **NO_WAY_OUT, **around.variables(kind)},
            capture_output=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"not done within {ENDS_WITHIN_S:,.0f} s") from error
    if not result.exists():
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ChildFailed(f"exit {done.returncode}, {lines[-1] if lines else 'and said nothing'}")
    found: dict[str, float] = json.loads(result.read_text("utf-8"))
    if kind == around.STRACE:
        with trace.open(encoding="utf-8", errors="replace") as lines_of_trace:
            found["syncs_write"] = around.syncs(lines_of_trace) / found["writes"]
    return found


@contextmanager
def _own_folder(within: Path) -> Iterator[Path]:
    own = Path(tempfile.mkdtemp(dir=within))
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
