"""What is measured of each process and of the folder, and what "flat" means. Pure but for `take`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from lmg_offline._journal.finished import EVERY, KEPT

MIB = 1024 * 1024
RSS_MAY_GROW = 1.10
# A connection that happens to be open, on either side, at the median of one quarter and not of the other.
DESCRIPTORS_MORE = 2
# The log is checkpointed at 4 MiB; one group of commits may come on top.
WAL_AT_MOST_BYTES = 5 * MIB
# What the SDK keeps of a session that is over, and of how many: the newest.
SESSION_BYTES = 256
SESSIONS_KEPT = KEPT + EVERY
PAGES_MORE = 8
PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Vitals:
    """One process at one instant."""

    rss_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One instant.

    Attributes:
        at_s: Seconds since the writers began.

        network: What the network was like.

        vitals: By the name of the process.

        folder_bytes: All files in the journal's folder, `journal.db` and its log among them.
    """

    at_s: float
    network: str
    vitals: Mapping[str, Vitals]
    journal_bytes: int
    wal_bytes: int
    folder_bytes: int


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One figure in the second and in the last quarter of the time, or before and after.

    Attributes:
        at_most: What `last` may be.

        rule: How that follows, in words.
    """

    name: str
    second: float
    last: float
    at_most: float
    rule: str

    @property
    def holds(self) -> bool:
        """It is flat."""
        return self.last <= self.at_most


def take(at_s: float, network: str, processes: Mapping[str, psutil.Process], folder: Path) -> Sample:
    """Measure now. Raises psutil.NoSuchProcess when one has ended."""
    vitals = {}
    for name, process in processes.items():
        with process.oneshot():
            vitals[name] = Vitals(process.memory_info().rss, process.num_fds(), process.num_threads())
    found = sizes(folder)
    return Sample(
        at_s, network, vitals, found.get("journal.db", 0), found.get("journal.db-wal", 0), sum(found.values())
    )


def sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file in the folder, in bytes."""
    found = {}
    for path in folder.iterdir():
        try:
            found[path.name] = path.stat().st_size
        except FileNotFoundError:
            continue  # a log that was removed meanwhile
    return found


def flatness(samples: Sequence[Sample]) -> list[Measure]:
    """Hold the last quarter of the samples against the second; at least eight are needed."""
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    found = []
    for name in samples[0].vitals:

        def both(attribute: str, name: str = name) -> tuple[float, float]:
            before, after = ([getattr(s.vitals[name], attribute) for s in part] for part in (second, last))
            return median(before), median(after)

        before, after = both("rss_bytes")
        found.append(Measure(f"{name} RSS bytes", before, after, before * RSS_MAY_GROW, "+10%"))
        before, after = both("descriptors")
        found.append(Measure(f"{name} descriptors", before, after, before + DESCRIPTORS_MORE, "+2"))
        before, after = both("threads")
        found.append(Measure(f"{name} threads", before, after, before, "equal"))
    before, after = (max(s.wal_bytes for s in part) for part in (second, last))
    found.append(Measure("journal.db-wal bytes, most", before, after, WAL_AT_MOST_BYTES, "5 MiB"))
    before, after = (median(s.journal_bytes for s in part) for part in (second, last))
    rule = f"+{PAGES_MORE} pages"
    found.append(Measure("journal.db bytes", before, after, before + PAGES_MORE * PAGE_BYTES, rule))
    return found


def drained(before_bytes: int, open_wal_bytes: int, after: Mapping[str, int], sessions: int) -> list[Measure]:
    """
    Hold the sizes of the files after drain and close against those of the empty journal of the start.

    Args:
        open_wal_bytes: The log's after the drain, before anybody closed.
    """
    kept = min(sessions, SESSIONS_KEPT)
    allowed = before_bytes + PAGES_MORE * PAGE_BYTES + kept * SESSION_BYTES
    rule = f"{PAGES_MORE} pages, {SESSION_BYTES} bytes for each of {kept:,} sessions kept of {sessions:,}"
    return [
        Measure("journal.db bytes, empty and drained", before_bytes, after["journal.db"], allowed, rule),
        Measure("journal.db-wal bytes, drained", 0, open_wal_bytes, 0, "none"),
        Measure("journal.db-wal bytes, closed", 0, after.get("journal.db-wal", 0), 0, "none"),
    ]


def table(measures: Sequence[Measure]) -> str:
    """Return the measures as one table."""
    lines = [f"{'measure':<38}{'2nd quarter':>14}{'last':>14}{'at most':>14}  rule"]
    for each in measures:
        verdict = "" if each.holds else "   <- NOT FLAT"
        lines.append(
            f"{each.name:<38}{each.second:>14,.0f}{each.last:>14,.0f}{each.at_most:>14,.0f}  {each.rule}{verdict}"
        )
    return "\n".join(lines)


def write_csv(path: Path, samples: Sequence[Sample]) -> None:
    """Write one line a sample."""
    names = list(samples[0].vitals)
    figures = ("rss_bytes", "descriptors", "threads")
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        head = [f"{name}_{figure}" for name in names for figure in figures]
        rows.writerow(["at_s", "network", *head, "journal_bytes", "wal_bytes", "folder_bytes"])
        for sample in samples:
            values = [getattr(sample.vitals[name], figure) for name in names for figure in figures]
            sizes = (sample.journal_bytes, sample.wal_bytes, sample.folder_bytes)
            rows.writerow([f"{sample.at_s:.1f}", sample.network, *values, *sizes])
