"""Folding profile writes: the profile as this device last knew it."""

from __future__ import annotations

from collections.abc import Mapping

Json = object


def fold(profile: Mapping[str, Json], change: Mapping[str, Json]) -> dict[str, Json]:
    """Return the flat profile after one write: a missing key keeps, None clears."""
    merged = {**profile, **change}
    return {name: value for name, value in merged.items() if value is not None}


def change_of(kind: str, payload: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the profile part of an entry's payload; empty for kinds without one."""
    if kind not in ("identify", "update"):
        return {}
    found = payload.get("profile")
    return found if isinstance(found, Mapping) else {}
