"""`python3 tools/dev.py bench`: ours beside nine peers and the bare baselines; medians, and ratios of the same run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import machine, show
from .contests import CONTESTS, GROUPS
from .goals import GOALS
from .plot import draw
from .results import Results, Table
from .run import Setting, hold

TIMES = {"normal": 5, "quick": 1, "full": 5}


def main(words: Sequence[str]) -> int:
    """Measure what the words ask for; 0 when every process brought its numbers, whatever they are."""
    asked = _parser().parse_args(words)
    size = "quick" if asked.quick else "full" if asked.full else "normal"
    names = [name for name in GROUPS if asked.only is None or name in asked.only]
    contests = [contest for contest in CONTESTS if contest.group in names]
    given = {} if asked.minutes is None else {"seconds": asked.minutes * 60}
    setting = Setting(size, asked.times or TIMES[size], given, asked.system)
    about = machine.described()
    if about["file_system"] == "tmpfs":
        print("the folder for temporary files is in memory, where a sync costs nothing: set TMPDIR", file=sys.stderr)
    tables: list[Table] = []
    for table in hold(contests, setting, lambda line: print(line, file=sys.stderr, flush=True)):
        tables.append(table)
        print(show.table(table), end="\n\n", flush=True)
    results = Results({table.contest.name: table for table in tables})
    print(show.goals(results))
    about["load_at_the_end"] = machine.load()
    title = f"{size}, rounds: {setting.times}; {about['processor']}, {about['system']}, {about['python']}"
    print(f"\n{title}\nload {about['load']} before and {about['load_at_the_end']} after")
    if asked.json is not None:
        asked.json.write_text(document(about, setting, tables, results), "utf-8")
    if asked.plot is not None:
        draw(asked.plot, tables, title)
    return int(any(note.startswith("FAILED") for table in tables for note in table.notes))


def document(about: dict[str, object], setting: Setting, tables: Sequence[Table], results: Results) -> str:
    """Return everything as JSON: the machine, what was asked, every number, and what must be shown."""
    shown = [
        {"goal": goal.sentence, "value": value, "at_most" if goal.most else "at_least": goal.bound,
         "met": goal.is_met(value)}
        for goal in GOALS if (value := goal.found(results)) is not None
    ]  # fmt: skip
    asked = {"size": setting.size, "times": setting.times, **setting.words}
    found = {"machine": about, "asked": asked, "contests": [table.as_json() for table in tables], "goals": shown}
    return json.dumps(found, indent=1) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="small counts, one round: to see that it works")
    sizes.add_argument("--full", action="store_true", help="a backlog of 1,000,000 entries instead of 200,000")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="NAME", help=", ".join(GROUPS))
    parser.add_argument("--system", action="append", metavar="NAME", help="only these rows, as the tables call them")
    parser.add_argument("--times", type=int, metavar="N", help="rounds, of which the median; default: 5, quick: 1")
    parser.add_argument("--minutes", type=float, metavar="N", help="that the idle ones wait; default: 10")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of the ratios, .svg or .png")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
