"""Ids made on the device: UUIDv7 for entries and sessions, random secrets."""

from __future__ import annotations

import os
import secrets
import threading
import uuid

from .forks import renew_in_child

_lock = threading.Lock()  # guards _last alone; nothing slow happens while it is held
_last = 0


class _Renewal:
    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        global _lock
        _lock = threading.Lock()


_renewal = _Renewal()
renew_in_child(_renewal)


def new_id(wall_ms: int) -> str:
    """
    Return a new UUIDv7 as text; later calls of one process sort after earlier ones.

    Args:
        wall_ms: The wall clock, in milliseconds since 1970 UTC.

    Source: RFC 9562 section 5.7, with the 12 bits of rand_a and the top of
    rand_b used as a counter (section 6.2, method 2). Python has uuid7 from 3.14.
    """
    global _last
    random = int.from_bytes(os.urandom(9), "big")
    with _lock:
        candidate = ((wall_ms & (2**48 - 1)) << 26) | (random & 0xFFFF)
        if candidate <= _last and candidate >> 26 >= (_last >> 26) - 10_000:
            candidate = _last + 1 + (random & 0xFF)
        _last = candidate
    stamp, counter = candidate >> 26, candidate & (2**26 - 1)
    value = stamp << 80 | 0x7 << 76 | (counter >> 14) << 64 | 0x2 << 62 | (counter & 0x3FFF) << 48
    return str(uuid.UUID(int=value | (random >> 16) & (2**48 - 1)))


def new_secret() -> str:
    """Return 32 random bytes as URL-safe text."""
    return secrets.token_urlsafe(32)
