"""
How long ago an entry was made, without trusting the wall clock.

Source: our design. In the same boot the time since boot tells exactly. After a
reboot, an exchange with the platform during the entry's boot fixed that boot on
the platform's time line. Failing that the wall clock is believed when it is
plausible, and otherwise the age is unknown: doubt never overwrites newer values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# A wall clock earlier than this package is one that was never set (1970 at boot).
EARLIEST_PLAUSIBLE_MS = 1_735_689_600_000  # 2025-01-01 UTC


@dataclass(frozen=True, slots=True)
class Now:
    """
    The device's clocks at the moment of sending.

    Attributes:
        booted_at: For boots with an exchange, when they began on the
            platform's time line, in milliseconds since 1970 UTC, by boot id.
    """

    wall_ms: int
    boot_id: str
    since_boot_ms: int
    booted_at: dict[str, int] = field(default_factory=dict)


def age_ms(made_at: int, boot_id: str, since_boot_ms: int, now: Now) -> int | None:
    """Return the entry's age in milliseconds, 0 or more; None when it can't be known."""
    if boot_id == now.boot_id:
        return max(0, now.since_boot_ms - since_boot_ms)
    then, here = now.booted_at.get(boot_id), now.booted_at.get(now.boot_id)
    if then is not None and here is not None:
        return max(0, here + now.since_boot_ms - then - since_boot_ms)
    if made_at < EARLIEST_PLAUSIBLE_MS or now.wall_ms < EARLIEST_PLAUSIBLE_MS or made_at > now.wall_ms:
        return None
    return now.wall_ms - made_at
