"""`python3 tools/dev.py fleet`: devices with backlogs come back together; the load, who waits how long, and the law."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.databases import KINDS, SQLITE
from tools.cluster.postgres import NoPostgres
from tools.cluster.servers import NoServer

from . import show
from .measures import measured
from .plot import draw
from .run import NoDevices, Outcome, Setting, come_back

# Above it a thread a device is too much for a small machine.
MOST_REAL = 100
MOST_DESCRIPTORS = 65_536
_SHOWN = 20


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words ask for; 0 when it holds, 1 when it does not, 3 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="dev.py fleet", description=__doc__)
    parser.add_argument("--devices", default="10,100,1000,10000", metavar="N,N", help="default: %(default)s")
    parser.add_argument("--backlog", type=int, default=8, metavar="N", help="entries of each; default: %(default)s")
    parser.add_argument("--outage", type=float, default=60.0, metavar="S", help="seconds of it; default: %(default)g")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="of the platform; default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    parser.add_argument("--database", choices=KINDS, default=SQLITE, help="default: %(default)s")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture, .svg or .png")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, second by second")
    asked = parser.parse_args(words)
    try:
        sizes = [int(size) for size in asked.devices.split(",")]
    except ValueError:
        parser.error("name the devices as 10,100")
    if min(sizes) < 1 or asked.backlog < 1 or asked.workers < 1 or asked.outage <= 0:
        parser.error("there is at least one device, one entry, one process, and some outage")
    allow_descriptors()
    outcomes: list[Outcome] = []
    started = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", file=sys.stderr, flush=True)

    try:
        for real, simulated in fleets(sizes):
            setting = Setting(real, simulated, asked.backlog, asked.outage, asked.workers, asked.seed, asked.database)
            outcomes.append(come_back(setting, tell))
            print(show.chart(measured(outcomes[-1])) + "\n", flush=True)
    except (NoPostgres, NoServer, NoDevices) as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 3
    measures = [measured(outcome) for outcome in outcomes]
    print(show.table(measures))
    print("\n".join(["", *show.sentences(outcomes, measures)]))
    if asked.plot is not None:
        draw(asked.plot, measures)
    if asked.json is not None:
        asked.json.write_text(json.dumps(show.document(outcomes, measures), indent=1), "utf-8")
    return verdict(outcomes)


def allow_descriptors() -> None:
    """Let this process and its children have as many connections as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def fleets(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """
    Return how many devices are real and how many simulated in each outage.

    The largest real fleet comes once more, with as many simulated devices beside
    it: what meets the same outage can be held against each other.
    """
    real = [(size, 0) for size in sizes if size <= MOST_REAL]
    both = [(max(real)[0], max(real)[0])] if real else []
    return real + both + [(0, size) for size in sizes if size > MOST_REAL]


def verdict(outcomes: Sequence[Outcome]) -> int:
    """Say whether everything promised is there, once, in order; 0 or 1."""
    found = [finding for outcome in outcomes for finding in outcome.findings]
    for finding in found[:_SHOWN]:
        print(f"{finding.kind}: {finding.sentence}")
    if found:
        counts = Counter(finding.kind for finding in found)
        print("it does NOT hold: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()))
        return 1
    entries = sum(outcome.setting.devices * outcome.setting.backlog for outcome in outcomes)
    print(f"{entries:,} entries promised, each on the platform once, in its device's order")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
