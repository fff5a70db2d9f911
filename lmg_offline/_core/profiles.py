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
    return after(profile, changes_of(entries))


def after(profile: str | None, changes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the flat profile after changes: a missing key keeps, None clears."""
    merged: dict[str, Json] = json.loads(profile) if profile else {}
    merged.update(changes)
    return {name: value for name, value in merged.items() if value is not None}


def changes_of(entries: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """Return what writes do to a profile, by name; None clears. The arguments are those of `fold`."""
    payloads = [payload for kind, payload in entries if kind in ("identify", "update")]
    changes: dict[str, Json] = {}
    for payload in json.loads(f"[{','.join(payloads)}]"):  # at once: one by one takes twice as long
        found = payload.get("profile")
        if isinstance(found, Mapping):
            changes.update(found)
    return changes
