"""`python3 tools/dev.py failover`: kill the primary and a server under clients that write, and judge what is left."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tools.faults.oracle import table

from .failover import fail_over
from .postgres import NoPostgres
from .servers import NoServer


def main(words: Sequence[str]) -> int:
    """Do what the words ask for; 0 when nothing was lost, 1 when something was, 3 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="dev.py failover", description=__doc__)
    parser.add_argument("--clients", type=int, default=4, metavar="N", help="that write; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of writing; default: %(default)g")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    asked = parser.parse_args(words)
    started = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", file=sys.stderr, flush=True)

    try:
        found = fail_over(asked.clients, asked.seconds, asked.seed, tell)
    except (NoPostgres, NoServer) as error:
        print(f"failover: {error}", file=sys.stderr)
        return 3
    print(table([found.report]))
    print(
        f"{found.entries:,} entries promised, {found.before:,} of them taken before the kill;"
        f" a new primary after {found.promoted_s:.1f} s; writes paused for {found.paused_s:.1f} s"
    )
    return int(not found.report.holds)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
