"""What one platform process is told, checked once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Settings of the platform, beside those that a property holds itself.

    Attributes:
        dev: Make a property on first use, and serve a page for queries.

        session_ttl_s: How long a session token is good, in seconds, > 0.

        max_body_bytes: The largest body after decompression.

    Source: our choice; 30 days covers a kiosk that is read once a month, 4 MiB
    is eight times what a replay may hold.
    """

    dev: bool = False
    session_ttl_s: int = 30 * 24 * 3600
    max_body_bytes: int = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("session_ttl_s", "max_body_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than 0")
