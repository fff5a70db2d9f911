"""Every system by its name in the tables, and the package it needs."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from .port import Place, System


@dataclass(frozen=True, slots=True)
class Kind:
    """
    How to open a system.

    Attributes:
        opens: Module of this folder and function, as "module:name".

        needs: The package it imports, by the name of the import.
    """

    opens: str
    needs: str = "lmg_offline"


SYSTEMS = {
    "lmg full": Kind("ours:full"),
    "lmg normal": Kind("ours:normal"),
    "lmg full, no sync": Kind("ours:full_alone"),
    "lmg normal, no sync": Kind("ours:normal_alone"),
    "append+fdatasync": Kind("bare:append"),
    "sqlite3 full": Kind("bare:full"),
    "sqlite3 normal": Kind("bare:normal"),
    "sqlite3 full, shared": Kind("bare:shared"),
    "sqlalchemy full": Kind("bare:alchemy_full", "sqlalchemy"),
    "sqlalchemy normal": Kind("bare:alchemy_normal", "sqlalchemy"),
    "persist-queue": Kind("queues:persist_queue", "persistqueue"),
    "litequeue": Kind("queues:litequeue", "litequeue"),
    "diskcache": Kind("queues:diskcache", "diskcache"),
    "segment": Kind("memory:segment", "segment"),
    "posthog": Kind("memory:posthog", "posthog"),
    "rudder": Kind("memory:rudder", "rudderstack"),
    "snowplow": Kind("memory:snowplow", "snowplow_tracker"),
    "mixpanel": Kind("memory:mixpanel", "mixpanel"),
    "amplitude": Kind("memory:amplitude", "amplitude"),
}


def is_here(name: str) -> bool:
    """Say whether what this row of a table needs is installed; rows that are no system need nothing more."""
    return name not in SYSTEMS or importlib.util.find_spec(SYSTEMS[name].needs) is not None


def opened(name: str, place: Place) -> System:
    """Open a system in its place."""
    module, _, function = SYSTEMS[name].opens.partition(":")
    found: System = getattr(importlib.import_module(f"{__package__}.{module}"), function)(place)
    return found
