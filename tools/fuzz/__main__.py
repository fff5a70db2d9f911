"""
    python3 tools/dev.py fuzz [--count N] [--seed S] [--database URL]

Sends about N requests, 12,000 by default, a third of them GraphQL, to a platform
that is gone afterwards. A database that is named must be empty; it stays.
Exit codes: 0 everything holds; 1 something does not.
"""

from __future__ import annotations

import argparse
import sys
import time

from lmg_offline.platform.server import running
from tools.fuzz import graph, rest
from tools.fuzz.site import furnish

DEFAULT_COUNT = 12_000


def main(words: list[str]) -> int:
    """Fuzz, print what came of it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="requests, about; default: %(default)s")
    parser.add_argument("--seed", type=int, default=None, help="to do the same again; default: a new one")
    parser.add_argument("--database", default=None, metavar="URL", help="an empty one; default: a SQLite file")
    asked = parser.parse_args(words)
    seed = asked.seed if asked.seed is not None else time.time_ns() % 2**32
    print(f"[fuzz] seed {seed}", flush=True)
    with running(asked.database) as platform:
        site = furnish(platform)
        of_admin = rest.fuzz(site, asked.count * 2 // 3, seed)
        print(f"[fuzz] Admin API: {of_admin}", flush=True)
        of_audience = graph.fuzz(site, asked.count // 3, seed)
        print(f"[fuzz] Audience API: {of_audience}", flush=True)
    faults = of_admin.faults + of_audience.faults
    total = of_admin.requests + of_audience.requests
    print(f"[fuzz] {total} requests; {'everything holds' if not faults else f'{len(faults)} faults'}", flush=True)
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
