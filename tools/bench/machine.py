"""The machine that a run was made on, in words that name nobody's machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGES = ("sqlalchemy", "marshmallow", "urllib3", "platformdirs", "segment-analytics-python", "posthog",
            "rudder-sdk-python", "snowplow-tracker", "mixpanel", "amplitude-analytics", "persist-queue", "litequeue",
            "diskcache")  # fmt: skip


def described() -> dict[str, Any]:
    """Return processor, memory, systems and versions, and how busy it is; no names, no paths."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "file_system": file_system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "load": load(),
    }


def load() -> float | None:
    """Return how many processes have wanted a core in the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def file_system() -> str | None:
    """Return the kind of file system the runs are on, where Linux says it: on `tmpfs` a sync costs nothing."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return None
    here = Path(tempfile.gettempdir()).resolve()
    found, longest = None, -1
    for line in mounts.read_text("utf-8").splitlines():
        _, where, kind, *_ = line.split(" ")
        if here.is_relative_to(where) and len(where) >= longest:
            found, longest = kind, len(where)
    return found


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3, 1)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
