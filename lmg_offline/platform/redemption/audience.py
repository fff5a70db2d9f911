"""Who may redeem. Source: the real platform's setting "redemption requires minimum audience"."""

from __future__ import annotations

_NEEDED = {"none": 0, "identified": 1, "verified": 2}
_KNOWN = {"anonymous": 0, "identified": 1, "verified": 2}


def is_entitled(redemption_audience: str, state: str) -> bool:
    """
    Whether a property takes redemptions of a session.

    Args:
        redemption_audience: The property's setting: `none`, `identified` or `verified`.

        state: The session's: `anonymous`, `identified` or `verified`.
    """
    return _KNOWN[state] >= _NEEDED[redemption_audience]
