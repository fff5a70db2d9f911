"""
The rows of the fault matrix with a bad disk: a full one, and one that fails at a read-write or sync.

The full disk is a small file system of its own where this process may mount one,
else a folder that `shim.c` keeps small. What failed a call must not arrive, and
everything that returned must.
"""

from __future__ import annotations

import errno
import json
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmg_offline.cli.admin import Admin

from .kills import Ground, grounds
from .lacking import Lacking
from .nursery import Nursery, has_shim, in_memory
from .oracle import Report
from .promises import finish
from .stage import Stage

ENDS_WITHIN_S = 600.0
DISK_BYTES = 6 * 1024 * 1024
FAULTS_A_JOURNAL = 60
FEWEST_WRITES = 200


def full_disk(stage: Stage, seed: int, count: int) -> Report:
    """
    Fill the disk twice in the middle of so many writes, open the journal on the full disk, and let it drain there.

    A try is a write. How many raised JournalFull, how many returned and how many
    arrived is printed to stderr.
    """
    if not has_shim():
        raise Lacking("a C compiler (cc) on Linux, to keep a disk small")
    report, writes = Report("full-disk"), max(FEWEST_WRITES, count)
    with Nursery() as nursery, grounds(stage, nursery) as ground:
        result = ground.home / "result"
        words: dict[str, Any] = {"seed": f"full-disk {seed}", "writes": writes, "size": DISK_BYTES}
        child = ground.start("tools.faults.disk_visits:fill_up", result=str(result), **words)
        code = child.wait(ENDS_WITHIN_S)
        if code is None:
            return report.found("hung", "the writer did not end")
        if code != 0:
            return report.found("wrong_value", f"the writer ended with {code}: {ground.output()}")
        told = json.loads(result.read_text("utf-8"))
        for line in told["wrong"]:
            report = report.found("wrong_value", line)
        for name in ("raised", "opened_full"):
            if not told[name]:
                report = report.found("wrong_value", f"the disk was never full: nothing {name}")
        if told["queued"]:
            report = report.found("lost", f"{told['queued']} entries did not leave while the disk was full")
        report += finish("full-disk", stage, ground.platform, Path(told["folder"]), ground.logs)
        admin = Admin(ground.platform.endpoint, ground.platform.admin_key)
        delivered = len(admin.all("entries"))
        print(
            f"[full-disk] {writes:,} writes on {told['disk']}: {told['raised']:,} raised JournalFull,"
            f" {told['returned']:,} returned, {delivered:,} delivered",
            file=sys.stderr,
        )
    return replace(report, tries=writes)


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One deed that fails.

    Attributes:
        at: Which one, from 1; 0 for none.

        on: All that follow fail too.

        fresh: The journal is made in this run.
    """

    at: int
    error: int
    on: bool
    fresh: bool


def disk_errors(stage: Stage, seed: int, count: int) -> Report:
    """
    Let each write, sync, truncate, rename and unlink of a run fail, one run after the other.

    With EIO and ENOSPC, once and from then on, with a journal that is there and one
    that is made; then the fault is over, and the same client goes on. A try is a
    fault. With fewer than there are, it is a sample of them.
    """
    if not has_shim():
        raise Lacking("a C compiler (cc) on Linux, to let a system call fail")
    report, rng = Report("disk-errors"), random.Random(f"disk-errors {seed}")
    with Nursery() as nursery:
        faults = _faults(stage, nursery)
        if count < len(faults):
            faults = sorted(rng.sample(faults, count), key=faults.index)
        for begin in range(0, len(faults), FAULTS_A_JOURNAL):
            with grounds(stage, nursery, in_memory()) as ground:
                found = Report("disk-errors")
                for fault in faults[begin : begin + FAULTS_A_JOURNAL]:
                    found += _suffer(ground, rng, fault)[0]
                report += found + ground.verdict("disk-errors", 0)
            if not report.holds:
                break
    return report


def _faults(stage: Stage, nursery: Nursery) -> list[Fault]:
    """Count the deeds of a run in which nothing fails, with and without a journal; name every fault there is."""
    faults = []
    with grounds(stage, nursery, in_memory()) as ground:
        for fresh in (True, False):
            _, deeds = _suffer(ground, random.Random("clean"), Fault(0, errno.EIO, False, fresh))
            faults += [
                Fault(at, error, on, fresh)
                for error in (errno.EIO, errno.ENOSPC)
                for on in (False, True)
                for at in range(1, deeds + 1)
            ]
    return faults


def _suffer(ground: Ground, rng: random.Random, fault: Fault) -> tuple[Report, int]:
    """Let one run have its fault; return what was found, and how many deeds it had."""
    report = Report("disk-errors", tries=1)
    result = ground.home / "result"
    result.unlink(missing_ok=True)
    words: dict[str, Any] = {"at": fault.at, "error": fault.error, "on": fault.on, "fresh": fault.fresh}
    child = ground.start("tools.faults.disk_visits:suffer", seed=f"{rng.random()}", result=str(result), **words)
    code = child.wait(ENDS_WITHIN_S)
    what = f"{errno.errorcode[fault.error]} at {fault.at}{' and on' * fault.on}{', new' * fault.fresh}"
    if code is None:
        return report.found("hung", f"{what}: the process did not end"), 0
    if code != 0:
        return report.found("wrong_value", f"{what}: the process ended with {code}: {ground.output()}"), 0
    told = json.loads(result.read_text("utf-8"))
    for line in told["wrong"]:
        report = report.found("wrong_value", f"{what}: {line}")
    return report, told["deeds"]
