"""The work, the same for all: the full profile of a made-up person, some 300 bytes of JSON."""

from __future__ import annotations

import json
from typing import Any

_STANDARD = ("email", "name", "birthday", "gender")


def profile(number: int) -> dict[str, Any]:
    """Return the profile as an app gives it to `user.update`."""
    return {
        "email": f"somebody.{number}@example.com",
        "name": f"Somebody Number {number}",
        "birthday": "1984-02-29",
        "gender": "female",
        "traits": {
            "education": 13.5,
            "wages": 14.61,
            "language": "English",
            "newsletter": True,
            "visits": number,
            "favourite_category": "food-drink",
            "last_campaign": "autumn at the harbour",
            "tags": ["loyal", "evening", "lakeside"],
        },
    }


def wire(number: int) -> dict[str, Any]:
    """Return the same, flat, as the peers take it."""
    given = profile(number)
    traits: dict[str, Any] = given["traits"]
    return {name: given[name] for name in _STANDARD} | traits


def text(number: int) -> str:
    """Return it as the JSON that the bare baselines store; encoded at each write, as the others do."""
    return json.dumps({"profile": wire(number)}, separators=(",", ":"))
