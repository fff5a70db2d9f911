"""What writes cost the disk: bytes and, when somebody counts system calls from outside, syncs."""

from __future__ import annotations

from pathlib import Path

from ..systems.catalogue import opened
from ..systems.port import Place
from .clockwork import mark, timed, together


def run(system: str, place: Place, *, threads: int, warm: int, each: int) -> dict[str, float]:
    """
    Write in so many threads, and finish: moving a log into its database belongs to the cost.

    Between the two marks lie the counted writes and the end.
    """
    own = opened(system, place)
    for number in range(warm):
        own.write(number)
    before = _written()
    mark()
    together(threads, lambda thread: timed(own.write, range(warm + thread * each, warm + (thread + 1) * each)))
    own.finish()
    mark()
    after, writes = _written(), threads * each
    found = {"writes": float(writes)}
    return found | {name: (after[name] - before[name]) / writes for name in before}


def _written() -> dict[str, int]:
    """Return what this process has given to write(), and the pages it has made dirty, in bytes; Linux alone says it."""
    path = Path("/proc/self/io")
    if not path.exists():
        return {}
    lines = dict(line.split(": ") for line in path.read_text("ascii").splitlines())
    return {"given_bytes": int(lines["wchar"]), "disk_bytes": int(lines["write_bytes"])}
