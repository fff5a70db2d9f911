"""`python3 tools/dev.py faults`: play the rows of the fault matrix, and print one table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence

from .lacking import Lacking
from .oracle import Report, table
from .rows import ROWS, Row
from .stage import STAGES, Stage


def main(words: Sequence[str]) -> int:
    """Play what the words ask for; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="dev.py faults", description=__doc__)
    parser.add_argument("--minutes", type=float, metavar="N", help="again and again, each time with the next seed")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first seed; default: 1")
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this one; repeatable")
    parser.add_argument("--count", type=int, metavar="N", help="faults to make in each row; default: few")
    parser.add_argument("--full", action="store_true", help="as many in each row as it takes to believe it: an hour")
    parser.add_argument("--dialect", choices=STAGES, default="replay", help="how the platform is spoken to")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    asked = parser.parse_args(words)
    rows = [row for row in ROWS if asked.row is None or row.name in asked.row]
    if asked.full:
        rows = [dataclasses.replace(row, count=row.full or row.count) for row in rows]
    reports = played(rows, STAGES[asked.dialect], asked.seed, asked.count, asked.minutes)
    if asked.json:
        print(json.dumps([dataclasses.asdict(report) for report in reports]))
    else:
        print(table(reports))
    return int(not all(report.holds for report in reports) or len(reports) < len(rows))


def played(rows: Sequence[Row], stage: Stage, seed: int, count: int | None, minutes: float | None) -> list[Report]:
    """
    Play every row once, and then with the next seed until the time is up; one report a row.

    A row that this machine can't play has none, and it is said why.
    """
    until = time.monotonic() + 60 * (minutes or 0)
    reports = {row.name: Report(row.name) for row in rows}
    while True:
        for row in [row for row in rows if row.name in reports]:
            started = time.monotonic()
            try:
                found = row.play(stage, seed, count or row.count)
            except Lacking as lacking:
                print(f"[{row.name}] NOT PLAYED: it needs {lacking.what}", file=sys.stderr)
                del reports[row.name]
                continue
            reports[row.name] += found
            verdict = "holds" if found.holds else "DOES NOT HOLD"
            took_s = time.monotonic() - started
            print(f"[{row.name}] seed {seed}, {found.tries:,} faults: {verdict}; {took_s:.1f} s", file=sys.stderr)
        seed += 1
        if time.monotonic() >= until:
            return list(reports.values())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
