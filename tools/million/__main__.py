"""`python3 tools/dev.py million`: generated people; each report and segment timed, answered alike, and explained."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lmg_offline.platform.store.engine import close_engine, make_engine
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.platform.times import present_ms
from tools.cluster.databases import KINDS, database
from tools.cluster.postgres import NoPostgres

from .ask import Asked, ask_all
from .people import load


def main(words: Sequence[str]) -> int:
    """Do what the words ask for; 0 when the databases answer alike, 1 when not, 3 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="dev.py million", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    parser.add_argument("--database", choices=(*KINDS, "all"), default="all", help="default: %(default)s")
    parser.add_argument("--plans", type=Path, metavar="FILE", help="write the statements' plans there, as Markdown")
    asked = parser.parse_args(words)
    kinds = KINDS if asked.database == "all" else (asked.database,)
    now_ms = present_ms()
    found: dict[str, list[Asked]] = {}
    for kind in kinds:
        try:
            found[kind] = measured(kind, asked.people, asked.seed, now_ms)
        except NoPostgres as error:
            print(f"million: {error}", file=sys.stderr)
            return 3
    title = f"{asked.people:,} people, seed {asked.seed}, {' and '.join(kinds)}"
    print(table(found, title))
    if asked.plans is not None:
        asked.plans.write_text(document(found, title), "utf-8")
    wrong = [each.name for place, each in enumerate(found[kinds[0]])
             if any(found[kind][place].answer != each.answer for kind in kinds[1:])]  # fmt: skip
    print(f"answered differently: {', '.join(wrong)}" if wrong else "every database gave the same answers")
    return int(bool(wrong))


def measured(kind: str, people: int, seed: int, now_ms: int) -> list[Asked]:
    """Fill an empty database and ask everything."""
    with tempfile.TemporaryDirectory(prefix="lmg-million-") as folder, database(kind, Path(folder)) as url:
        engine = make_engine(url)
        try:
            upgrade(engine)
            began = time.monotonic()
            load(engine, people, seed, now_ms)
            print(f"{kind}: {people:,} people put in within {time.monotonic() - began:.0f} s", file=sys.stderr)
            return ask_all(engine, now_ms)
        finally:
            close_engine(engine)


def table(found: dict[str, list[Asked]], title: str) -> str:
    """Return the seconds of each question: whole, and in Python where the database is another process."""
    kinds = list(found)
    lines = [title, "", f"{'':<36}" + "".join(f"{kind + ' s':>14}" for kind in kinds) + f"{'in Python s':>14}"]
    for place, first in enumerate(found[kinds[0]]):
        took = "".join(f"{found[kind][place].took_s:>14.3f}" for kind in kinds)
        lines.append(f"{first.name:<36}{took}{found[kinds[-1]][place].python_s:>14.3f}")
    return "\n".join(lines)


def document(found: dict[str, list[Asked]], title: str) -> str:
    """Return table and plans as Markdown; a plan that was there before is named and not repeated."""
    parts = ["# A million people: times and query plans", "",
             "Made by `python3 tools/dev.py million --plans docs/million.md`. Medians of three, in seconds.",
             "What each question is: tools/million/questions.py.", "",
             "```", table(found, title), "```"]  # fmt: skip
    for kind, asked in found.items():
        parts += ["", f"## Plans on {kind}"]
        seen: dict[tuple[str, ...], str] = {}
        for each in asked:
            first = seen.setdefault(each.plans, each.name)
            plans = ["```", *each.plans, "```"] if first == each.name else [f"As of `{first}`."]
            parts += ["", f"### {each.name}", "", *plans]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
