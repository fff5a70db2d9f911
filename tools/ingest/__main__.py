"""`python3 tools/dev.py ingest`: entries a second that servers take, beside the bare INSERT of the same rows."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lmg_offline.protocol.replay import MAX_ENTRIES
from tools.cluster.databases import KINDS, database
from tools.cluster.postgres import NoPostgres
from tools.cluster.servers import NoServer

from .rates import Rows, bare, rows_of, served


def main(words: Sequence[str]) -> int:
    """Do what the words ask for; 0 when all was applied, 3 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="dev.py ingest", description=__doc__)
    parser.add_argument("--devices", type=int, default=8, metavar="N", help="that send at once; default: %(default)s")
    parser.add_argument("--batches", type=int, default=10, metavar="N", help="of each device; default: %(default)s")
    parser.add_argument("--processes", default="1,2,4", metavar="N,N", help="of the server; default: %(default)s")
    parser.add_argument("--times", type=int, default=3, metavar="N", help="of which the median; default: %(default)s")
    parser.add_argument("--database", choices=(*KINDS, "all"), default="all", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    asked = parser.parse_args(words)
    kinds = KINDS if asked.database == "all" else (asked.database,)
    numbers = [int(number) for number in asked.processes.split(",")]
    print(f"{asked.devices} devices at once, {asked.batches} batches of {MAX_ENTRIES} entries each; median of"
          f" {asked.times}")  # fmt: skip
    print(f"{'':<14}{'bare INSERT':>14}" + "".join(f"{f'{number} process':>20}" for number in numbers))
    for kind in kinds:
        try:
            print(line(kind, numbers, asked), flush=True)
        except (NoPostgres, NoServer) as error:
            print(f"ingest: {error}", file=sys.stderr)
            return 3
    return 0


def line(kind: str, numbers: Sequence[int], asked: argparse.Namespace) -> str:
    """Measure by turns, and return the medians of one database in entries a second, with their share of the bare."""
    rates: dict[int, list[float]] = {number: [] for number in (0, *numbers)}
    rows: Rows = {}
    for turn in range(asked.times):
        for number in numbers:
            with tempfile.TemporaryDirectory(prefix="lmg-ingest-") as folder, database(kind, Path(folder)) as url:
                rates[number].append(
                    served(url, Path(folder), number, asked.devices, asked.batches, asked.seed + turn)
                )
                rows = rows_of(url)
        with tempfile.TemporaryDirectory(prefix="lmg-ingest-") as folder, database(kind, Path(folder)) as url:
            rates[0].append(bare(url, rows, asked.devices * asked.batches))
    plain = statistics.median(rates[0])
    medians = [statistics.median(rates[number]) for number in numbers]
    return f"{kind:<14}{plain:>12,.0f}/s" + "".join(f"{rate:>12,.0f}/s {rate / plain:>4.0%}" for rate in medians)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
