"""
How long ago entries were made, without trusting the wall clock more than it deserves.

Source: our design. In the same boot the time since boot tells exactly. After a
reboot, an exchange with the platform during the entry's boot fixed that boot on
the platform's time line. Failing that the wall clock is believed when it is
plausible, and the platform is told so: it does not take the word of a clock
that is wrong now. Otherwise the age is unknown: doubt never overwrites newer values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from .._support.clock import PROCESS_BOOT

# A wall clock earlier than this package is one that was never set (1970 at boot).
EARLIEST_PLAUSIBLE_MS = 1_735_689_600_000  # 2025-01-01 UTC


class Now(NamedTuple):
    """
    The device's clocks at the moment of sending.

    Attributes:
        booted_at: For boots with an exchange, when they began on the
            platform's time line, in milliseconds since 1970 UTC, by boot id.
    """

    wall_ms: int
    boot_id: str
    since_boot_ms: int
    booted_at: Mapping[str, int] = MappingProxyType({})

    @property
    def server_ms(self) -> int | None:
        """The platform's time now, as this boot's place on its time line has it; None when that is not known."""
        here = self.booted_at.get(self.boot_id)
        return None if here is None else here + self.since_boot_ms


class Made(Protocol):
    """
    The device's clocks when an entry was made.

    Attributes:
        made_at: The wall clock, in milliseconds since 1970 UTC.
    """

    @property
    def made_at(self) -> int: ...
    @property
    def boot_id(self) -> str: ...
    @property
    def since_boot_ms(self) -> int: ...


class Age(NamedTuple):
    """
    How long before the moment of sending an entry was made.

    Attributes:
        ms: In milliseconds, 0 or more; None when it can't be known.

        by_clock: It is the difference of two readings of the wall clock, and
            as right as these.
    """

    ms: int | None
    by_clock: bool = False


def age(made: Made, now: Now) -> Age:
    """Return the age of one entry, seen by itself."""
    if made.boot_id == now.boot_id:
        return Age(max(0, now.since_boot_ms - made.since_boot_ms))
    then, server_ms = now.booted_at.get(made.boot_id), now.server_ms
    if then is not None and server_ms is not None:
        return Age(max(0, server_ms - then - made.since_boot_ms))
    if made.made_at < EARLIEST_PLAUSIBLE_MS or now.wall_ms < EARLIEST_PLAUSIBLE_MS or made.made_at > now.wall_ms:
        return Age(None)
    # Made in an earlier boot, so before this one began, whatever the clock says.
    least = 0 if now.boot_id.startswith(PROCESS_BOOT) else now.since_boot_ms
    return Age(max(least, now.wall_ms - made.made_at), by_clock=True)


def ages(lane: Sequence[Made], now: Now) -> list[Age]:
    """
    Return the ages of entries of one lane, given in order.

    One by the wall clock is at least as old as those after it whose age is
    sure: the lane's order is certain, and must not be kept at their cost.
    """
    if {now.boot_id}.issuperset([made.boot_id for made in lane]):  # nearly always: all of them are sure
        here = now.since_boot_ms
        return [Age(max(0, here - made.since_boot_ms)) for made in lane]
    found: list[Age] = []
    least = 0
    for made in reversed(lane):
        each = age(made, now)
        if each.ms is not None and each.by_clock:
            each = Age(max(each.ms, least), by_clock=True)
        elif each.ms is not None:
            least = max(least, each.ms)
        found.append(each)
    return found[::-1]
