"""Who is who: hashes of ids and keys, and the check of verification tokens."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, or_, select

from lmg_offline.errors import ValidationError
from lmg_offline.platform.store import tables
from lmg_offline.platform.times import present_ms
from lmg_offline.protocol.replay import TOKEN_MISSING
from lmg_offline.verification import KeyRing, Verdict, VerificationKey


def user_hash(user_id: str) -> int:
    """Return the integer a user is indexed by: the first 8 bytes of the id's SHA-256, signed."""
    return int.from_bytes(hashlib.sha256(user_id.encode()).digest()[:8], "big", signed=True)


def key_hash(key: str) -> str:
    """Return the form in which a write key, an admin key, a session token or a device secret is stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def tombstone_key(secret: str, user_id: str) -> str:
    """Return the keyed hash under which a forgotten user is remembered, and nothing else of them."""
    return hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()


def new_key(prefix: str) -> str:
    """Return a new random key such as `wk_...`, 32 bytes of randomness."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def verification_keys(connection: Connection, property_id: str) -> list[VerificationKey]:
    """Return the verification keys of the property that are accepted now."""
    table = tables.verification_keys
    now_ms = present_ms()
    rows = connection.execute(
        select(table.c.key_id, table.c.secret, table.c.message).where(
            table.c.property_id == property_id,
            table.c.active,
            or_(table.c.retires_at.is_(None), table.c.retires_at > now_ms),
        )
    )
    return [VerificationKey(row.key_id, row.secret, row.message) for row in rows]


class TokenJudge:
    """Checks the tokens of one request against the keys and the freshness of one property."""

    def __init__(self, keys: list[VerificationKey], max_age_s: int, now_ms: int) -> None:
        self._ring = KeyRing(keys)
        self._max_age_s = max_age_s
        self._now = datetime.fromtimestamp(now_ms / 1000, UTC)

    def check(self, user_id: str, token: str | None) -> Verdict:
        """
        Say whether the token proves the user id.

        A token without a timestamp can't show its age and is good for as long
        as its key is: the real platform's older format has no other.

        Args:
            user_id: The id that is claimed.

            token: What came with the claim; None gives `token_missing`.
        """
        if token is None:
            return Verdict(TOKEN_MISSING, "The identify asks to be verified, and no token came with it.")
        try:
            verdict = self._ring.check(user_id, token, now=self._now, max_age_s=self._max_age_s)
        except ValidationError:
            return Verdict("token_refused", "The user id can't be verified: it is not a user id.")
        return verdict
