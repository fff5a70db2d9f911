"""A journal that holds very much: what a write, an opening and a drain cost then, and how large it is."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from ..systems.ours import DELIVERED_WITHIN_S, client
from ..systems.port import NOWHERE, Place
from ..work import profile, text
from .clockwork import latencies, timed

OPENINGS = 5
SHRINKS_WITHIN_S = 10.0
LOOK_EVERY_S = 0.1
KIB = 1024
MIB = KIB * KIB


def run(
    system: str,
    place: Place,
    *,
    what: str,
    entries: int,
    filled: str = "",
    durability: str = "full",
    warm: int = 0,
    count: int = 0,
) -> dict[str, float]:
    """
    Do one part.

    Args:
        what: `fill` a journal in the place's folder with so many entries;
            `write` to a copy of the filled one; `open` it; `drain` it.

        filled: The folder of the filled one; it is copied, not changed.
    """
    if what == "fill":
        return _fill(place, entries)
    if filled:
        shutil.copytree(filled, place.folder / "journal")
    if what == "write":
        return _write(place, durability, entries, warm, count)
    return _open(place) if what == "open" else _drain(place, entries)


def _fill(place: Place, entries: int) -> dict[str, float]:
    with client(place, "normal", sync=False) as own:
        for number in range(entries):
            own.user.update(profile(number))
    return {}


def _write(place: Place, durability: str, first: int, warm: int, count: int) -> dict[str, float]:
    """Time writes; nobody can be reached, so the backlog stays."""
    with client(Place(place.folder, NOWHERE), durability) as own:

        def write(number: int) -> None:
            own.user.update(profile(number))

        timed(write, range(first, first + warm))
        return latencies(timed(write, range(first + warm, first + warm + count)))


def _open(place: Place) -> dict[str, float]:
    """Return the fastest of a few: the first has to load the code, and the file."""
    took = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        own = client(place, "full", sync=False)
        took.append((time.perf_counter() - began) * 1000)
        own.close()
    return {"open_ms": min(took)}


def _drain(place: Place, entries: int) -> dict[str, float]:
    """Send all of it: the most memory that this took, and what the file takes before and after."""
    if not (place.folder / "journal").exists():
        _fill(place, entries)
    before = _size(place.folder)
    began = time.perf_counter()
    with client(place, "full") as own:
        if not own.flush(DELIVERED_WITHIN_S):
            raise TimeoutError("not everything was delivered")
        took_s = time.perf_counter() - began
        until = time.monotonic() + SHRINKS_WITHIN_S
        while time.monotonic() < until and _size(place.folder) > before // 4:
            time.sleep(LOOK_EVERY_S)
    payload = len(text(entries // 2))
    return {
        "peak_mib": _peak_mib(),
        "entry_bytes": before / entries,
        "of_json": before / entries / payload,
        "after_kib": _size(place.folder) / KIB,
        "writes_s": entries / took_s,
    }


def _size(folder: Path) -> int:
    """Return what journal and log take, in bytes; the ballast, which is there from the first write on, is no entry."""
    return sum(path.stat().st_size for path in (folder / "journal").glob("journal.db*"))


def _peak_mib() -> float:
    """Return the most resident memory that this process ever had."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
