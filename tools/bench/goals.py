"""What must be shown, each as a number of this run beside what it may be. It is said, and never asserted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .contests import ALL, FEW, HELD, MIDDLING, PEERS
from .results import Results
from .tasks import replay

# Whom the whole way, from call to last reply, has to be ahead of; a replay is held against all of them.
FOUR = ("segment", "posthog", "rudder", "snowplow")


@dataclass(frozen=True, slots=True)
class Goal:
    """
    One number and its bound.

    Attributes:
        most: True: it may be at most `bound`; False: it must be at least that.

        found: Takes it from the results; None when they do not have it.
    """

    sentence: str
    most: bool
    bound: float
    found: Callable[[Results], float | None]

    def is_met(self, value: float) -> bool:
        """Say whether the number is within the bound."""
        return value <= self.bound if self.most else value >= self.bound


def _ratio(contest: str, system: str, column: str, to: str | None = None) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(contest, system, column, to)


def _median(contest: str, system: str, column: str) -> Callable[[Results], float | None]:
    return lambda results: results.median(contest, system, column)


def _to_best(
    system: str, column: str, best: Callable[[list[float]], float], peers: Sequence[str] = PEERS
) -> Callable[[Results], float | None]:
    """Compare a row of the replays with the best of the peers'."""

    def compared(results: Results) -> float | None:
        own = results.median("replay", system, column)
        found = [results.median("replay", peer, column) for peer in peers]
        there = [each for each in found if each is not None]
        return own / best(there) if own is not None and there else None

    return compared


def _memory(results: Results) -> float | None:
    few, all_of_it = (results.median("backlog-drain", system, "peak_mib") for system in (FEW, ALL))
    return None if few is None or all_of_it is None else all_of_it - few


GOALS: Sequence[Goal] = (
    Goal("one write, full, p50 to sqlite3 FULL", True, 1.6, _ratio("write", "lmg full", "p50_us")),
    Goal("one write, normal, p50 to persist-queue", True, 0.7,
         _ratio("write", "lmg normal", "p50_us", "persist-queue")),
    Goal("one write, normal, p50 to amplitude", True, 1.0, _ratio("write", "lmg normal", "p50_us", "amplitude")),
    Goal("16 threads, writes/s to a connection each", False, 3.0, _ratio("threads", "lmg full", "writes_s")),
    Goal("16 threads, writes/s to one shared", False, 1.5,
         _ratio("threads", "lmg full", "writes_s", "sqlite3 full, shared")),
    Goal("16 threads, p99 to a connection each", True, 0.2, _ratio("threads", "lmg full", "p99_us")),
    Goal("16 threads, writes/s to segment in memory", False, 1.0, _ratio("threads", "lmg full", "writes_s", "segment")),
    Goal("16 threads, writes/s to posthog in memory", False, 1.0, _ratio("threads", "lmg full", "writes_s", "posthog")),
    Goal("16 threads, syncs for each write", True, 0.15, _median("threads-syncs", "lmg full", "syncs_write")),
    Goal("alone, syncs for each write", True, 1.02, _median("wear", "lmg full", "syncs_write")),
    Goal("16 threads, slow disk, writes/s to raw", False, 5.0, _ratio("threads-slow-disk", "lmg full", "writes_s")),
    Goal("while draining, full, p99 to idle", True, 6.0, _ratio("drain-and-write-full", "draining", "p99_us")),
    Goal("while draining, normal, p99 to idle", True, 6.0, _ratio("drain-and-write-normal", "draining", "p99_us")),
    Goal("replay, writes/s to the fastest peer", False, 3.0, _to_best(replay.OURS, "writes_s", max)),
    Goal("replay, CPU to the thriftiest peer", True, 1 / 3, _to_best(replay.OURS, "cpu_s", min)),
    Goal("call to last reply, writes/s to the best of 4", False, 1.0, _to_best("lmg normal", "writes_s", max, FOUR)),
    Goal("import lmg_offline to the four packages", True, 0.1, _ratio("import", "lmg_offline", "ms")),
    Goal("start to first write, to bare SQLAlchemy", True, 1.15, _ratio("first-write", "lmg", "ms")),
    Goal("backlog, a write's p50 to empty, normal", True, 1.2, _ratio("backlog-write-normal", HELD, "p50_us")),
    Goal("backlog, a write's p99 to empty, normal", True, 1.2, _ratio("backlog-write-normal", HELD, "p99_us")),
    Goal("backlog, a write's p50 to empty, full", True, 1.2, _ratio("backlog-write-full", HELD, "p50_us")),
    Goal("backlog, a write's p99 to empty, full", True, 1.2, _ratio("backlog-write-full", HELD, "p99_us")),
    Goal("backlog, opening to empty", True, 1.2, _ratio("backlog-opening", HELD, "open_ms")),
    Goal("50,000 entries, opening to empty", True, 1.2, _ratio("backlog-opening", MIDDLING, "open_ms")),
    Goal("backlog, MiB of a drain over one of 1,000", True, 20.0, _memory),
    Goal("backlog, bytes on disk to its JSON", True, 1.6, _median("backlog-drain", ALL, "of_json")),
    Goal("idle, MiB over the four imports", True, 8.0, _median("idle", "lmg full", "over_four_mib")),
    Goal("idle, CPU %", True, 0.1, _median("idle", "lmg full", "cpu_percent")),
)  # fmt: skip
