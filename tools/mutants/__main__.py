"""`python3 tools/dev.py mutants`: plant each bug in a copy of the project, and print what caught it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from .catalogue import MUTANTS, Mutant
from .run import Stale, Trial, copy_project, first_failure, try_mutant


def main(words: Sequence[str]) -> int:
    """Try what the words ask for. 0: every mutant was caught; 1: one was not; 3: one could not be tried."""
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__)
    names = [mutant.name for mutant in MUTANTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--all", action="store_true", help="every one, which is the default")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many at a time; default: 2")
    parser.add_argument("--list", action="store_true", help="name them, and try none")
    asked = parser.parse_args(words)
    chosen = [mutant for mutant in MUTANTS if asked.only is None or mutant.name in asked.only]
    if asked.list:
        print("\n".join(f"{mutant.name}: {mutant.does}" for mutant in chosen))
        return 0
    started = time.monotonic()
    try:
        trials = tried(chosen, max(1, asked.jobs))
    except Stale as error:
        print(error, file=sys.stderr)
        return 3
    print(table(trials))
    left = sum(trial.caught_by is None for trial in trials)
    print(f"{len(trials)} mutants, {len(trials) - left} caught, {left} left; {time.monotonic() - started:.0f} s")
    return int(left > 0)


def tried(mutants: Sequence[Mutant], jobs: int) -> list[Trial]:
    """
    Try mutants, some at a time, each lot in a copy of its own; in the order given.

    Their tests are run once without any bug first: a test that fails anyway catches nothing.

    Raises:
        Stale: One of them, or the sound project, could not be tried.
    """
    with tempfile.TemporaryDirectory(prefix="lmg-mutants-") as base:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            folder = Path(base) / str(number)
            folder.mkdir()
            copy_project(folder)
            copies.put(folder)

        def in_a_copy(mutant: Mutant | None) -> Trial | None:
            folder = copies.get()
            try:
                if mutant is not None:
                    trial = try_mutant(mutant, folder)
                    verdict = trial.caught_by or "NOT CAUGHT"
                    print(f"[{mutant.name}] {verdict}; {trial.took_s:.1f} s", file=sys.stderr, flush=True)
                    return trial
                tests = tuple(sorted({test for each in mutants for test in each.tests}))
                failed = first_failure(tests, folder)
                if failed is not None:
                    raise Stale(f"{failed} fails without any mutant; mend that first")
                return None
            finally:
                copies.put(folder)

        with ThreadPoolExecutor(jobs) as pool:
            found = list(pool.map(in_a_copy, [None, *mutants]))
    return [trial for trial in found if trial is not None]


def table(trials: Sequence[Trial]) -> str:
    """Return what became of each, for people."""
    rows = [("mutant", "what it does", "caught by", "s")]
    rows += [
        (trial.mutant.name, trial.mutant.does, trial.caught_by or "NOTHING", f"{trial.took_s:.1f}") for trial in trials
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
