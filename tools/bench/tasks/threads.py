"""Many threads that write at once, each write timed."""

from __future__ import annotations

import time

from ..systems.catalogue import opened
from ..systems.port import Place
from .clockwork import latencies, timed, together


def run(system: str, place: Place, *, threads: int, warm: int, each: int) -> dict[str, float]:
    """Let so many threads write `warm` times, then `each` times with the clock on."""
    own = opened(system, place)

    def begin(thread: int) -> list[int]:
        return timed(own.write, range(thread * warm, (thread + 1) * warm))

    def go_on(thread: int) -> list[int]:
        first = threads * warm + thread * each
        return timed(own.write, range(first, first + each))

    together(threads, begin)
    cpu = time.process_time()
    took_ns, took_s = together(threads, go_on)
    cpu_us = (time.process_time() - cpu) * 1e6
    return {"writes_s": threads * each / took_s, **latencies(took_ns), "cpu_us": cpu_us / (threads * each)}
