"""What one platform process is told, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Settings of the platform, beside those that a property holds itself.

    Attributes:
        dev: Make a property on first use, and serve a page for queries.

        session_ttl_s: How long a session token is good, in seconds, > 0.

        max_body_bytes: The largest body after decompression.

        head_within_s: How long the head of a request may take to come, in seconds.

        body_within_s: How long its body may take after that, in seconds. Twice
            the deadline that the SDK gives a whole request.

        most_waiting: How many requests of devices one process may have begun at a time; the next one is told to come
            again later.

        lmg_only: Leave out everything that the real platform's schema does not have.

        bad_token: What identifySession does with a signature that does not
            hold: `error`, or `warning`: the session is identified, not verified.

        extend_grace_s: For how long after it has expired a session token can
            still be extended, in seconds, >= 0.

    Source: our choice; 30 days covers a kiosk that is read once a month, 4 MiB
    is eight times what a replay may hold; of 200 requests that take 0.1 s each the last is
    answered within the 25 s for which the SDK waits for a reply. The last three are open in the real
    platform's public facts: docs/lmg-compatibility.md.
    """

    dev: bool = False
    session_ttl_s: int = 30 * 24 * 3600
    max_body_bytes: int = 4 * 1024 * 1024
    head_within_s: float = 30.0
    body_within_s: float = 60.0
    most_waiting: int = 200
    lmg_only: bool = False
    bad_token: Literal["error", "warning"] = "error"
    extend_grace_s: int = 30 * 24 * 3600

    def __post_init__(self) -> None:
        for name in ("session_ttl_s", "max_body_bytes", "head_within_s", "body_within_s", "most_waiting"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0")
        if self.extend_grace_s < 0:
            raise ValueError("extend_grace_s must be 0 or more")
        if self.bad_token not in ("error", "warning"):
            raise ValueError("bad_token must be error or warning")
