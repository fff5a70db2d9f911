"""`python3 tools/dev.py slid`: the survey's people through the SDK; reports and segments as their file has them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.databases import KINDS
from tools.cluster.postgres import NoPostgres
from tools.cluster.servers import NoServer

from . import from_the_file
from .send import FILE, Answers, answers_of
from .verdict import differences, shown


def main(words: Sequence[str]) -> int:
    """Do what the words ask for; 0 when all is equal, 1 when it is not, 3 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="dev.py slid", description=__doc__)
    parser.add_argument("--people", type=int, metavar="N", help="only the first N of 7,425")
    parser.add_argument("--database", choices=(*KINDS, "all"), default="all", help="default: %(default)s")
    asked = parser.parse_args(words)
    rows = from_the_file.read(FILE, asked.people)
    kinds = KINDS if asked.database == "all" else (asked.database,)
    found: dict[str, Answers] = {}
    for kind in kinds:
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="lmg-slid-") as folder:
                found[kind] = answers_of(kind, rows, Path(folder))
        except (NoPostgres, NoServer) as error:
            print(f"slid: {error}", file=sys.stderr)
            return 3
        print(f"{len(rows):,} people sent through the SDK to {kind}: {time.monotonic() - started:.1f} s")
    print(shown(rows, found[kinds[0]]))
    wrong = [f"{kind}: {line}" for kind in kinds for line in differences(rows, found[kind])]
    wrong += [f"{kind} and {kinds[0]} differ in {name}" for kind in kinds[1:]
              for name in found[kinds[0]].parts if found[kind].parts[name] != found[kinds[0]].parts[name]]  # fmt: skip
    print("\n".join(wrong) if wrong else f"equal to the file on {' and '.join(kinds)}, and row for row to each other"
          if len(kinds) > 1 else f"equal to the file on {kinds[0]}")  # fmt: skip
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
