"""The row `delivered-twice-and-late`, small."""

from __future__ import annotations

from tools.faults import network
from tools.faults.oracle import Report
from tools.faults.stage import Stage


def test_requests_that_come_twice_or_late_have_one_effect(stage: Stage) -> None:
    """At once, one after the other, in between later ones, and after they were given up for lost."""
    report = network.delivered_twice_and_late(stage, 11, 25)

    assert Report("delivered-twice-and-late", tries=report.tries) == report
    assert 25 <= report.tries
