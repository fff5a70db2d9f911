"""
The PIN of a shop: kept as a salted hash, compared in constant time.

The hash keeps a PIN from being read in passing, in the Admin API, a backup or a
dump. It does not keep it from somebody who has the hash and tries all PINs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

CLEAR = re.compile(r"[0-9]{4,8}")
STORED = re.compile(r"hmac-sha256\$[0-9a-f]{32}\$[0-9a-f]{64}")


def stored(pin: str) -> str:
    """Return the form in which a PIN is kept. What has that form already stays as it is."""
    if STORED.fullmatch(pin):
        return pin
    salt = secrets.token_hex(16)
    return f"hmac-sha256${salt}${_digest(salt, pin)}"


def matches(kept: str, given: str) -> bool:
    """Whether a PIN is the one that is kept."""
    _, salt, digest = kept.split("$")
    return hmac.compare_digest(digest, _digest(salt, given))


def _digest(salt: str, pin: str) -> str:
    return hmac.new(salt.encode(), pin.encode(), hashlib.sha256).hexdigest()
