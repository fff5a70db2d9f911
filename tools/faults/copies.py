"""The rows of the fault matrix with copies: of a journal (`clones.py`), of the platform's database (`backups.py`)."""

from __future__ import annotations

from .backups import backups
from .clones import clones
from .oracle import FINDINGS, Report
from .stage import Stage


def clones_row(stage: Stage, seed: int, count: int) -> Report:
    """Copy one journal so often and run all at once; a try is a copy. In the replay dialect, whatever the stage."""
    counts = clones(count, seed)
    return reported("clones", count, counts.details)


def backups_row(stage: Stage, seed: int, count: int) -> Report:
    """Restore the platform from an older backup, kill it or take its database away so often; a try is one of these."""
    counts = backups(count, seed)
    return reported("backups", count, counts.details)


def reported(row: str, tries: int, details: tuple[str, ...]) -> Report:
    """Return lines that begin with what was found as a report."""
    report = Report(row, tries=tries)
    for line in details:
        name, _, what = line.partition(": ")
        finding = name.replace(" ", "_")
        report = report.found(finding if finding in FINDINGS else "wrong_value", what or line)
    return report
