"""
`python3 -m tools.bench.where`: where the microseconds of one `user.update` go.

Each part is timed where it is called, in the place it has in a write: alone in a loop it would
take half of that. What a part calls that is a part too is counted there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmg_offline import user
from lmg_offline._journal import commits, disk, engine, entries, mark, store
from lmg_offline._support import filelock

from .systems.ours import client
from .systems.port import NOWHERE, Place
from .work import profile

WARM, COUNT = 1500, 4000
REST = "client, receipt, wake"
# Part, and the functions that are it.
PARTS: tuple[tuple[str, tuple[tuple[Any, str], ...]], ...] = (
    ("check and encode the profile", ((user, "to_json"),)),
    ("id, clocks, digest", ((entries._New, "__init__"), (entries._New, "row"))),
    ("insert, around SQLite", ((entries.Entries, "insert"),)),
    ("SQLite: the statement, its commit and sync", ((engine.Driver, "execute"),)),
    ("file lock, and is it the same file", ((filelock.FileLock, "acquire"), (filelock.FileLock, "release"),
                                            (store, "_file_at"))),
    ("mark beside the journal", ((mark.Mark, "write"),)),
    ("log: is a checkpoint due, and those that are", ((disk.Disk, "after_commit"),)),
    ("leader and followers", ((commits.GroupCommit, "run"),)),
    ("store: locks, errors, recovery", ((store.Store, "run"), (store.Store, "_under_lock"))),
    (REST, ((user.User, "update"),)),
)  # fmt: skip


class Clock:
    """Time spent in each part, what it called that is a part left out, for one write after the other."""

    def __init__(self) -> None:
        self.spent: dict[str, list[int]] = {part: [0] for part, _ in PARTS}
        self._open: list[int] = []  # of each part that is running: what its own parts took

    def wrap(self, holder: Any, name: str, part: str) -> None:
        """Time a function."""
        called: Callable[..., Any] = getattr(holder, name)
        now, inside = time.perf_counter_ns, self._open

        def timed(*arguments: Any, **more: Any) -> Any:
            inside.append(0)
            began = now()
            try:
                return called(*arguments, **more)
            finally:
                took = now() - began
                own = took - inside.pop()
                if inside:
                    inside[-1] += took
                self.spent[part][-1] += own

        setattr(holder, name, timed)


def measure(durability: str, warm: int, count: int) -> dict[str, float]:
    """Return the median microseconds of each part, and of all of it as `whole`; the parts stay wrapped."""
    clock = Clock()
    for part, functions in PARTS:
        for holder, name in functions:
            clock.wrap(holder, name, part)
    whole: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        own = client(Place(Path(folder), NOWHERE), durability, sync=False)
        for number in range(warm + count):
            for part, _ in PARTS:
                clock.spent[part].append(0)
            given = profile(number)
            began = time.perf_counter_ns()
            own.user.update(given)
            whole.append(time.perf_counter_ns() - began)
        own.close()
    return {part: _median(spent[warm + 1 :]) for part, spent in clock.spent.items()} | {"whole": _median(whole[warm:])}


def _median(took_ns: list[int]) -> float:
    return sorted(took_ns)[len(took_ns) // 2] / 1000


def main() -> int:
    """Print a table for the durability that the first word names; `full` without one."""
    durability = (sys.argv[1:] or ["full"])[0]
    found = measure(durability, WARM, COUNT)
    print(f"one user.update, durability {durability}: median of {COUNT:,}, the clocks around each part included\n")
    for part, took_us in found.items():
        print(f"{part:46}{took_us:8.1f} us{took_us / found['whole']:6.0%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
