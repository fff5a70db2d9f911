"""`python3 tools/dev.py soak`: three writers, one journal, a bad network; nothing lost, everything flat."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..faults import oracle
from . import samples
from .plot import draw
from .run import Setting, soak


def main(words: Sequence[str] | None = None) -> int:
    """Run what the words ask for; 0 when it holds."""
    parser = argparse.ArgumentParser(prog="dev.py soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.3, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=4.0, metavar="R", help="calls a second, of each of three writers")
    parser.add_argument("--dialect", choices=("replay", "lmg"), default="replay", help="how the platform is spoken to")
    parser.add_argument("--csv", type=Path, default=Path("soak.csv"), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture, .svg or .png")
    asked = parser.parse_args(words)
    outcome = soak(Setting(asked.minutes, asked.seed, asked.rate, asked.dialect))
    title = f"{asked.minutes:g} minutes, seed {asked.seed}, {len(outcome.samples):,} samples"
    print(f"{title}; the network changed {outcome.weather_changes:,} times")
    print(samples.table(outcome.measures))
    print(oracle.table([outcome.report]))
    samples.write_csv(asked.csv, outcome.samples)
    if asked.plot is not None:
        draw(asked.plot, outcome.samples, title)
    print("it holds" if outcome.holds else "it does NOT hold")
    return int(not outcome.holds)


if __name__ == "__main__":
    raise SystemExit(main())
