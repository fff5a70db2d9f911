"""One write after the other in one thread, each timed."""

from __future__ import annotations

from ..systems.catalogue import opened
from ..systems.port import Place
from .clockwork import latencies, timed


def run(system: str, place: Place, *, warm: int, count: int) -> dict[str, float]:
    """Write `warm` times, as a log that still grows is slower than one that is reused; then time `count` writes."""
    own = opened(system, place)
    for number in range(warm):
        own.write(number)
    return latencies(timed(own.write, range(warm, warm + count)))
