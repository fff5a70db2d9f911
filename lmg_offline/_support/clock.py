"""The three clocks the package reads, behind one protocol so that tests can hold them still."""

from __future__ import annotations

import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

# Without a boot id from the system, each process counts as a boot of its own:
# ages across processes then rest on the wall clock, which is the safe direction.
PROCESS_BOOT = "process-"
_PROCESS_BOOT_ID = PROCESS_BOOT + uuid.uuid4().hex


class Clock(Protocol):
    """Wall time (may be wrong), time since boot (counts sleep), and monotonic seconds (never stored)."""

    def wall_ms(self) -> int:
        """Return the wall clock, in milliseconds since 1970 UTC."""
        ...

    def boot_id(self) -> str:
        """Return a text that changes when the machine reboots."""
        ...

    def since_boot_ms(self) -> int:
        """Return the time since boot, sleep included, in milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Return monotonic seconds, for waiting only."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._boot_id = _read_boot_id()

    def wall_ms(self) -> int:
        """Return the wall clock, in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def boot_id(self) -> str:
        """Return the kernel's boot id, or one of this process where there is none."""
        return self._boot_id

    def since_boot_ms(self) -> int:
        """
        Return the time since boot in milliseconds.

        Source: CLOCK_BOOTTIME on Linux and CLOCK_MONOTONIC on macOS count the
        time asleep; `time.monotonic` on Windows does too.
        """
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        if sys.platform == "darwin":
            return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
        return time.monotonic_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()


def _read_boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _PROCESS_BOOT_ID


def utc_from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
