"""Ids made on the device: UUIDv7 for entries and sessions, random secrets."""

from __future__ import annotations

import os
import secrets
import threading

from .forks import renew_in_child

_RANDOM_BYTES = 9
_RANDOM_AT_ONCE = 512 * _RANDOM_BYTES

_lock = threading.Lock()  # guards _last and _random; nothing slow happens while it is held
_last = 0
_random: list[int] = []


class _Renewal:
    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock, and what is random is the parent's."""
        global _lock
        _lock = threading.Lock()
        _random.clear()


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
    with _lock:
        if not _random:  # a turn of the system for each id would be a third of what it costs
            drawn = os.urandom(_RANDOM_AT_ONCE)
            _random.extend(
                int.from_bytes(drawn[at : at + _RANDOM_BYTES], "big") for at in range(0, len(drawn), _RANDOM_BYTES)
            )
        random = _random.pop()
        candidate = ((wall_ms & (2**48 - 1)) << 26) | (random & 0xFFFF)
        if candidate <= _last and candidate >> 26 >= (_last >> 26) - 10_000:
            candidate = _last + 1 + (random & 0xFF)
        _last = candidate
    counter = 0x7000_8000 | (candidate & 0x3FFC000) << 2 | candidate & 0x3FFF  # with version and variant
    digits = (candidate >> 26 << 80 | counter << 48 | random >> 16 & 0xFFFF_FFFF_FFFF).to_bytes(16, "big").hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_secret() -> str:
    """Return 32 random bytes as URL-safe text."""
    return secrets.token_urlsafe(32)
