"""Folding profile writes: the profile as this device last knew it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Json = object


def fold(profile: str | None, entries: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """
    Return the flat profile after some writes: a missing key keeps, None clears.

    Args:
        profile: Its JSON before; None for an empty one.

        entries: Kind and payload of each, the payload as JSON, oldest first.
    """
    merged: dict[str, Json] = json.loads(profile) if profile else {}
    # At once: one by one takes twice as long.
    payloads = json.loads(f"[{','.join([payload for _, payload in entries])}]")
    for (kind, _), payload in zip(entries, payloads, strict=True):
        merged.update(_change_of(kind, payload))
    return {name: value for name, value in merged.items() if value is not None}


def _change_of(kind: str, payload: Mapping[str, Json]) -> Mapping[str, Json]:
    if kind not in ("identify", "update"):
        return {}
    found = payload.get("profile")
    return found if isinstance(found, Mapping) else {}
