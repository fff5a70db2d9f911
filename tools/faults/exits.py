"""The row of forks, interpreter exits, callbacks that misbehave and threads that die."""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import exits_scenes, forks, threads
from .exits_lives import HUNG, Life
from .kills import Ground, grounds
from .nursery import Child, Nursery
from .oracle import Report
from .stage import Stage

LIVES_A_JOURNAL = 30
ENDS_WITHIN_S = 70.0  # of a life, all its own time-outs together
RARELY = 12
SHOWN = 8000


def forks_and_exits(stage: Stage, seed: int, count: int) -> Report:
    """
    Fork a process with a live client, let interpreters end with a full queue, let callbacks raise and threads die.

    A try is one life in which that happens: a fork, an exit and a thread's death
    by turns, and of each the scenes in their order, so that 300 tries have every
    scene several times.
    """
    report = Report("forks-and-exits")
    rng = random.Random(f"exits {seed}")
    plan = [_scene(number) for number in range(count)]
    with Nursery() as nursery:
        while plan and report.holds:
            lives, plan = plan[:LIVES_A_JOURNAL], plan[LIVES_A_JOURNAL:]
            with grounds(stage, nursery) as ground:
                found = Report("forks-and-exits")
                for kind, name, code in lives:
                    found += _live(ground, rng, kind, name, code)
                report += found + verdict(ground, "forks-and-exits", len(lives))
    return report


def one(stage: Stage, nursery: Nursery, kind: str, name: str) -> Report:
    """Play one scene of a `fork`, an `exit` or a `thread`, on a journal of its own."""
    code = exits_scenes.SCENES[name][1] if kind == "exit" else 0
    with grounds(stage, nursery) as ground:
        found = _live(ground, random.Random(name), kind, name, code)
        return found + verdict(ground, "forks-and-exits", 1)


def _scene(number: int) -> tuple[str, str, int]:
    """Return the kind, the scene and the right exit code of one try."""
    turn, kind = divmod(number, 3)
    if kind == 0:
        if turn % RARELY == RARELY - 1:
            names = list(forks.RARE)
            return "fork", names[turn // RARELY % len(names)], 0
        names = list(forks.SCENES)
        return "fork", names[(turn - turn // RARELY) % len(names)], 0
    if kind == 1:
        names = list(exits_scenes.SCENES)
        name = names[turn % len(names)]
        return "exit", name, exits_scenes.SCENES[name][1]
    names = list(threads.SCENES)
    return "thread", names[turn % len(names)], 0


def _live(ground: Ground, rng: random.Random, kind: str, name: str, code: int) -> Report:
    """One life in one scene."""
    child = ground.start("tools.faults.exits:live", kind=kind, name=name, seed=f"{rng.random()}")
    return died(ground, child, ENDS_WITHIN_S, "forks-and-exits", name, code)


def died(ground: Ground, child: Child, within_s: float, row: str, name: str, code: int) -> Report:
    """Wait for a life to end, and see that it ends in time and as it should."""
    report = Report(row)
    if not child.has_ended(within_s):
        child.kill(signal.SIGUSR1)  # says where it is
        child.has_ended(0.5)
        child.kill()
        child.wait(ENDS_WITHIN_S)
        keep(ground)
        return report.found("hung", f"{name}: the process did not end")
    ended = child.wait(ENDS_WITHIN_S)
    if ended != code:
        said = ground.output()
        keep(ground)
        finding = "hung" if said.startswith(HUNG) else "wrong_value"
        report = report.found(finding, f"{name}: ended with {ended} ({said})")
    return report


def keep(ground: Ground) -> None:
    """Print what the lives of this ground said: where each thread was, and what was raised."""
    print((ground.home / "output").read_text("utf-8", "replace")[-SHOWN:], file=sys.stderr)


def verdict(ground: Ground, row: str, tries: int) -> Report:
    """Hold what all processes and threads noted against what the platform has."""
    ground.logs[:] = sorted(ground.home.glob("notes-*"))
    return ground.verdict(row, tries)


def live(site: dict[str, Any], log: str, first: int, kind: str, name: str, seed: str) -> None:
    """
    Be one life: called in a child.

    Its lines are not measured. coverage takes a lock when a thread comes to a file that is new to it; a thread that
    is killed just then, or interrupted, leaves the lock locked, and every other one waits for it at its next call.
    """
    threading.settrace(None)
    sys.settrace(None)
    scenes: dict[str, Callable[[Life], None]] = {
        "fork": {**forks.SCENES, **forks.RARE},
        "exit": {scene: play for scene, (play, _) in exits_scenes.SCENES.items()},
        "thread": threads.SCENES,
    }[kind]
    scenes[name](Life(site, log, first, seed))


