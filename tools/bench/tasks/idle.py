"""A client that has nothing to do: memory, processor time and wake-ups over some minutes."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path

from ..systems.catalogue import opened
from ..systems.port import NOWHERE, Place

FOUR = ("sqlalchemy", "platformdirs", "urllib3", "marshmallow")
FOUR_ALONE = "four packages"
MIB = 1024 * 1024


def run(system: str, place: Place, *, seconds: float, settle: float) -> dict[str, float]:
    """
    Import the four packages, open the system, give it a write and `settle` seconds to deliver it, and wait so long.

    A system's name may end in " offline": then nobody can be reached, and the write
    stays. Memory over the four is counted in this very process.
    """
    for name in FOUR:
        importlib.import_module(name)
    bare = _resident()
    if system != FOUR_ALONE:
        is_offline = system.endswith(" offline")
        own = opened(system.removesuffix(" offline"), Place(place.folder, NOWHERE if is_offline else place.endpoint))
        own.write(1)
        time.sleep(settle)
    cpu, woken, began = time.process_time(), _woken(), time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - began
    return {
        "rss_mib": _resident() / MIB,
        "over_four_mib": (_resident() - bare) / MIB,
        "cpu_percent": (time.process_time() - cpu) / passed_s * 100,
        "wakes_min": (_woken() - woken) / passed_s * 60,
    }


def _resident() -> int:
    """Return the resident memory now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _woken() -> int:
    """Return how often a thread of this process has gone to sleep, which is as often as one was woken."""
    count = 0
    for path in Path("/proc/self/task").glob("*/status"):
        for line in path.read_text("ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                count += int(line.split()[1])
    return count
