"""What the tasks share: timed calls, percentiles, threads that begin together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

NS_A_US = 1_000.0
NS_A_S = 1_000_000_000.0


def timed(write: Callable[[int], object], numbers: Iterable[int]) -> list[int]:
    """Call `write` with each number; return how long each took, in nanoseconds."""
    now, took = time.perf_counter_ns, []
    for number in numbers:
        began = now()
        write(number)
        took.append(now() - began)
    return took


def percentile(took_ns: Sequence[int], share: float) -> float:
    """Return the value that so large a share is not above, in microseconds."""
    in_order = sorted(took_ns)
    return in_order[min(len(in_order) - 1, int(share * len(in_order)))] / NS_A_US


def latencies(took_ns: Sequence[int]) -> dict[str, float]:
    """Return the two percentiles by their columns' names."""
    return {"p50_us": percentile(took_ns, 0.5), "p99_us": percentile(took_ns, 0.99)}


def together(threads: int, each: Callable[[int], list[int]]) -> tuple[list[int], float]:
    """
    Call `each` with its number in so many threads, which begin at the same instant; one alone is this thread.

    Returns:
        All that they returned, and how long it took until the last was done, in seconds.
    """
    if threads == 1:
        began = time.perf_counter()
        return each(0), time.perf_counter() - began
    found: list[list[int]] = [[] for _ in range(threads)]
    gate = threading.Barrier(threads + 1)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        gate.wait()
        try:
            found[number] = each(number)
        except BaseException as error:
            failed.append(error)

    own = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in own:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in own:
        thread.join()
    took_s = time.perf_counter() - began
    if failed:
        raise failed[0]
    return [took for one in found for took in one], took_s


def mark() -> None:
    """Make a system call that nothing else here makes: whoever counts system calls counts between two of these."""
    if hasattr(os, "getpriority"):
        os.getpriority(os.PRIO_PROCESS, 0)
