"""Who is measured at what, in which order the tables come, and what each is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import around
from .tasks import replay, starting

Words = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """
    One number that a task returns.

    Attributes:
        name: In the task's result and in the JSON.

        title: At the head of the table, with the unit.

        form: How it is printed.

        ratio: It is also shown as a multiple of the baseline's.

        more: More of it is better.
    """

    name: str
    title: str
    form: str = ",.1f"
    ratio: bool = True
    more: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """
    One table: systems at the same work.

    Attributes:
        group: What `--only` calls it, with others.

        baseline: The system that the ratios are taken to.

        task: A module of `tasks`.

        normal, quick, full: Its words; what `quick` and `full` name replaces what `normal` has.

        systems: The rows.

        rows: Words for one row alone.

        around: What each process is started under, see `around.py`; empty for nothing.

        sink: The processes are told where the sink is; else nobody can be reached.

        sinks: The rows that are, where not all are.

        filled: Its rows work on copies of a journal that is filled once, with so many entries.

        idles: Its processes only wait, so that those of a round run at the same time.
    """

    name: str
    group: str
    title: str
    task: str
    systems: Sequence[str]
    baseline: str
    columns: Sequence[Column]
    normal: Words
    quick: Words
    full: Words = field(default_factory=dict)
    rows: Mapping[str, Words] = field(default_factory=dict)
    around: str = ""
    sink: bool = False
    sinks: Sequence[str] = ()
    filled: bool = False
    idles: bool = False

    def words(self, size: str) -> dict[str, Any]:
        """Return the words for a size: `normal`, `quick` or `full`."""
        return {**self.normal, **({} if size == "normal" else getattr(self, size))}


OURS = ("lmg full", "lmg normal")
ALONE = ("lmg full, no sync", "lmg normal, no sync")
ON_DISK = ("append+fdatasync", "sqlalchemy full", "sqlite3 normal", "sqlalchemy normal")
QUEUES = ("persist-queue", "litequeue", "diskcache")
PEERS = ("segment", "posthog", "rudder", "snowplow", "mixpanel", "amplitude")
# mixpanel raises from the fiftieth call on when nobody is there: it alone is given the sink.
NEEDS_A_SINK = ("mixpanel",)
MICROSECONDS = (Column("p50_us", "p50 us"), Column("p99_us", "p99 us"))
CPU = Column("cpu_us", "CPU us")
RATE = Column("writes_s", "writes/s", ",.0f", more=True)
AT_ONCE = ("sqlite3 full", "sqlite3 full, shared", *OURS)
EMPTY, HELD = "empty journal", "backlog"
# The opening reads a file up to a size to check it, and passes over a larger one: this may be the slower.
MIDDLING = "50,000 entries"
FEW, ALL = "drain of 1,000", "drain of all"

CONTESTS = (
    Contest(
        "write",
        "write",
        "one thread, one write after the other",
        "write",
        ("sqlite3 full", *OURS, *ALONE, *ON_DISK, *QUEUES, *PEERS),
        "sqlite3 full",
        (*MICROSECONDS, CPU),
        {"warm": 1000, "count": 3000},
        {"warm": 100, "count": 200},
        sinks=NEEDS_A_SINK,
    ),
    Contest(
        "threads",
        "threads",
        "16 threads that write at once",
        "threads",
        (*AT_ONCE, "lmg full, no sync", "persist-queue", "diskcache", *PEERS),
        "sqlite3 full",
        (RATE, MICROSECONDS[1], CPU),
        {"threads": 16, "warm": 60, "each": 300},
        {"threads": 16, "warm": 5, "each": 15},
        sinks=NEEDS_A_SINK,
    ),
    Contest(
        "threads-syncs",
        "threads",
        "16 threads: syncs for each write, counted with strace",
        "wear",
        AT_ONCE,
        "sqlite3 full",
        (Column("syncs_write", "syncs/write", ",.4f"), Column("writes", "writes", ",.0f", ratio=False)),
        {"threads": 16, "warm": 20, "each": 100},
        {"threads": 16, "warm": 5, "each": 15},
        around=around.STRACE,
    ),
    Contest(
        "threads-slow-disk",
        "threads",
        "16 threads, and every sync takes 5 ms longer",
        "threads",
        ("sqlite3 full", "sqlite3 full, shared", "lmg full", "lmg full, no sync"),
        "sqlite3 full",
        (RATE, MICROSECONDS[1], CPU),
        {"threads": 16, "warm": 5, "each": 60},
        {"threads": 16, "warm": 1, "each": 5},
        around=around.SLOW,
    ),
    *(
        Contest(
            f"drain-and-write-{durability}",
            "drain-and-write",
            f"a write while the sync sends a backlog, {durability}",
            "drain",
            ("idle", "online", "draining"),
            "idle",
            (*reversed(MICROSECONDS), Column("writes", "writes", ",.0f", ratio=False)),
            {"durability": durability, "backlog": 50_000, "idle": 3000},
            {"backlog": 5_000, "idle": 200},
            sink=True,
        )
        for durability in ("full", "normal")
    ),
    Contest(
        "replay",
        "replay",
        "10,000 writes to a sink: a backlog, or from call to last reply",
        "replay",
        (replay.BARE, replay.OURS, "lmg normal", "lmg full", *PEERS),
        replay.BARE,
        (RATE, Column("cpu_s", "CPU s/10,000", ",.3f")),
        {"writes": 10_000},
        {"writes": 1_000},
        sink=True,
    ),
    Contest(
        "import",
        "import",
        "import, the interpreter's own start not counted",
        "starting",
        ("four packages", "lmg_offline", "lmg_offline.Client", *PEERS),
        "four packages",
        (Column("ms", "ms"),),
        {"what": "import", "repeats": 5},
        {"what": "import", "repeats": 1},
    ),
    Contest(
        "first-write",
        "import",
        "from the start of a process to its first write on disk, full",
        "starting",
        tuple(reversed(starting.FIRST_WRITES)),
        "sqlalchemy+marshmallow",
        (Column("ms", "ms"),),
        {"what": "first-write", "repeats": 5},
        {"what": "first-write", "repeats": 1},
    ),
    *(
        Contest(
            f"backlog-write-{durability}",
            "backlog",
            f"a write with a backlog in the journal, {durability}",
            "backlog",
            (EMPTY, HELD),
            EMPTY,
            MICROSECONDS,
            {"what": "write", "durability": durability, "entries": 200_000, "warm": 1000, "count": 3000},
            {"entries": 20_000, "warm": 100, "count": 200},
            {"entries": 1_000_000},
            rows={EMPTY: {"entries": 0, "filled": ""}},
            filled=True,
        )
        for durability in ("full", "normal")
    ),
    Contest(
        "backlog-opening",
        "backlog",
        "opening a journal",
        "backlog",
        (EMPTY, MIDDLING, HELD),
        EMPTY,
        (Column("open_ms", "ms", ",.2f"),),
        {"what": "open", "entries": 200_000},
        {"entries": 20_000},
        {"entries": 1_000_000},
        rows={EMPTY: {"entries": 0, "filled": ""}, MIDDLING: {"entries": 50_000}},
        filled=True,
    ),
    Contest(
        "backlog-drain",
        "backlog",
        "sending a backlog: memory, disk",
        "backlog",
        (FEW, ALL),
        FEW,
        (
            Column("peak_mib", "peak MiB"),
            Column("entry_bytes", "B/entry", ratio=False),
            Column("of_json", "x JSON", ",.2f", ratio=False),
            Column("after_kib", "KiB after", ",.0f", ratio=False),
            Column("writes_s", "writes/s", ",.0f", ratio=False),
        ),
        {"what": "drain", "entries": 200_000},
        {"entries": 20_000},
        {"entries": 1_000_000},
        rows={FEW: {"entries": 1000, "filled": ""}},
        sink=True,
        filled=True,
    ),
    Contest(
        "idle",
        "idle",
        "nothing to do: memory, processor time, wake-ups",
        "idle",
        ("four packages", "lmg full", "lmg full offline", "segment", "posthog", "rudder"),
        "four packages",
        (
            Column("rss_mib", "RSS MiB"),
            Column("over_four_mib", "over 4", ratio=False),
            Column("cpu_percent", "CPU %", ",.4f", ratio=False),
            Column("wakes_min", "wakes/min", ",.1f", ratio=False),
        ),
        {"seconds": 600.0, "settle": 3.0},
        {"seconds": 3.0, "settle": 1.0},
        sink=True,
        idles=True,
    ),
    Contest(
        "wear",
        "idle",
        "what one write after the other costs the disk, the closing included",
        "wear",
        ("sqlite3 full", "sqlite3 normal", *OURS, "persist-queue", "litequeue", "diskcache"),
        "sqlite3 full",
        (
            Column("given_bytes", "B given", ",.0f"),
            Column("disk_bytes", "B dirtied", ",.0f"),
            Column("syncs_write", "syncs/write", ",.4f"),
        ),
        {"threads": 1, "warm": 20, "each": 1000},
        {"threads": 1, "warm": 5, "each": 100},
        around=around.STRACE,
    ),
)

GROUPS = tuple(dict.fromkeys(contest.group for contest in CONTESTS))
