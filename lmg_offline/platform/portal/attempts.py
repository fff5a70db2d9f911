"""
Failed attempts to sign in, slowed by address.

An admin key has 256 random bits: nobody guesses one. This keeps a machine that
tries from using up the database, and is counted by each server process for
itself, in memory, so that an attempt writes nothing.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

FREE = 5
LONGEST_S = 300
FORGET_AFTER_S = 3600
_MOST_ADDRESSES = 10_000


class Attempts:
    """How often each address has failed of late. Times are monotonic seconds."""

    def __init__(self) -> None:
        # _lock guards _failed; nothing is waited for while it is held.
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str, now_mono_s: float) -> int:
        """Return for how many seconds the address is not listened to; 0 when it is."""
        with self._lock:
            failures, last = self._failed.get(_place(address), (0, 0.0))
        over = failures - FREE
        if over < 0 or now_mono_s - last > FORGET_AFTER_S:
            return 0
        left = last + min(2.0 ** min(over, 30), LONGEST_S) - now_mono_s
        return max(0, -int(-left // 1))

    def failed(self, address: str, now_mono_s: float) -> None:
        """Count a failure: each one after the fifth doubles the wait, up to five minutes."""
        place = _place(address)
        with self._lock:
            failures, last = self._failed.pop(place, (0, now_mono_s))
            if now_mono_s - last > FORGET_AFTER_S:
                failures = 0
            self._failed[place] = (failures + 1, now_mono_s)
            while len(self._failed) > _MOST_ADDRESSES:
                self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        with self._lock:
            self._failed.pop(_place(address), None)


def _place(address: str) -> str:
    """Return what is counted together: a network of 64 bits for IPv6, where one machine has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
