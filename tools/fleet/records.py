"""What the processes of a run hand to each other. Instants are monotonic seconds, which all processes share."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lmg_offline._core.schedule import Retry
from tools.cluster.servers import Facts

Answered = Retry | tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Job:
    """
    What one process of devices is told.

    Attributes:
        numbers: Its devices.

        backlog: Entries that each of them writes when the outage begins.

        within_s: How long it may take from then until all are delivered, in seconds.
    """

    numbers: range
    facts: Facts
    backlog: int
    seed: int
    folder: Path
    within_s: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One request of one device.

    Attributes:
        at_s: When it began.

        ended_s: When its answer was there, or it was known that there is none.

        status: Of the HTTP answer; None when there was none.

        retry_after: What the answer named.
    """

    at_s: float
    ended_s: float
    status: int | None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """
    One device at the end.

    Attributes:
        entry_ids: What it was promised, in the order of the calls.

        left: Entries that it still holds, by its own account.

        drained_s: When its queue was empty; None when it never was.
    """

    number: int
    is_real: bool
    session_id: str
    entry_ids: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    left: int
    drained_s: float | None


def jitter_of(seed: int, number: int) -> random.Random:
    """Return what a simulated device draws its waits from."""
    return random.Random(f"fleet {seed} {number}")


def attempt_of(at_s: float, ended_s: float, found: Answered) -> Attempt:
    """Return what there is to say of one request."""
    if isinstance(found, Retry):
        return Attempt(at_s, ended_s, None)
    return Attempt(at_s, ended_s, found[0], found[1].get("Retry-After"))
