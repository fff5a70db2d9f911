"""One write after the other in one thread, each timed."""

from __future__ import annotations

import time

from ..systems.catalogue import opened
from ..systems.port import Place
from .clockwork import latencies, timed


def run(system: str, place: Place, *, warm: int, count: int) -> dict[str, float]:
    """
    Write `warm` times, as a log that still grows is slower than one that is reused; then time `count` writes.

    The processor's time is that of the whole process, threads that send included.
    """
    own = opened(system, place)
    for number in range(warm):
        own.write(number)
    cpu = time.process_time()
    took = timed(own.write, range(warm, warm + count))
    return {**latencies(took), "cpu_us": (time.process_time() - cpu) * 1e6 / count}
