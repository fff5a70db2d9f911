"""What a process can be started under: strace, which counts its syncs, or a disk that is slow to sync."""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

STRACE = "strace"
SLOW = "slow"
# A call that was interrupted by another thread's is on two lines; the second one has "resumed".
_SYNC = re.compile(r"\b(?:fsync|fdatasync|sync_file_range|msync)\(")
_MARK = re.compile(r"\bgetpriority\(")
_CALLS = "fsync,fdatasync,sync_file_range,msync,getpriority"


def lacking(around: str) -> str | None:
    """Say what is missing for it here, in a sentence; None when nothing is."""
    if around == STRACE and not _straces():
        return "no syncs are counted: there is no strace here that works (Debian: apt-get install strace)"
    if around == SLOW and (sys.platform != "linux" or shutil.which("cc") is None):
        return "no slow disk: it takes a C compiler (cc), on Linux"
    return None


def command(around: str, words: list[str], trace: Path) -> list[str]:
    """Return the words of a command that runs under it."""
    if around != STRACE:
        return words
    return ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={_CALLS}", *words]


def variables(around: str) -> dict[str, str]:
    """Return what the environment needs for it."""
    return {"LD_PRELOAD": str(_built())} if around == SLOW else {}


def syncs(lines: Iterable[str]) -> int:
    """Count the syncs between the first mark and the last."""
    counted, found, is_on = 0, 0, False
    for line in lines:
        if _MARK.search(line):
            is_on, found = True, counted
        elif is_on and _SYNC.search(line):
            counted += 1
    return found


@functools.cache
def _straces() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@functools.cache
def _built() -> Path:
    folder = tempfile.mkdtemp(prefix="lmg-bench-shim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = Path(folder) / "slow_sync.so"
    source = Path(__file__).with_name("slow_sync.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"], check=True)
    return target
