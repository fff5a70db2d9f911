"""Writes while the sync sends a backlog, and, the same writes, while it has nothing to send."""

from __future__ import annotations

from dataclasses import replace

from ..systems.ours import client
from ..systems.port import NOWHERE, Place
from ..work import profile
from .clockwork import latencies, timed

LOOK_EVERY = 20
MOST_WRITES = 200_000


def run(system: str, place: Place, *, durability: str, backlog: int, idle: int) -> dict[str, float]:
    """
    Time writes in one of three states.

    `idle`: nobody can be reached; `online`: each write is sent as it comes;
    `draining`: from the first reply until the backlog has gone.
    """
    endpoint = NOWHERE if system == "idle" else place.endpoint
    last = _fill(place, backlog) if system == "draining" else None
    own = client(replace(place, endpoint=endpoint), durability)
    number = backlog

    def write(some: int) -> None:
        own.user.update(profile(some))

    try:
        if last is None:
            timed(write, range(number, number + idle // 4))
            return latencies(timed(write, range(number + idle, number + 2 * idle))) | {"writes": float(idle)}
        took: list[int] = []
        while own.journal.receipt(last) != "acknowledged" and len(took) < MOST_WRITES:
            took += timed(write, range(number, number + LOOK_EVERY))
            number += LOOK_EVERY
        return latencies(took) | {"writes": float(len(took))}
    finally:
        own.close()


def _fill(place: Place, backlog: int) -> str:
    """Write the backlog, and return the receipt of its last entry."""
    with client(place, "normal", sync=False) as own:
        for number in range(backlog - 1):
            own.user.update(profile(number))
        return own.user.update(profile(backlog)).id
