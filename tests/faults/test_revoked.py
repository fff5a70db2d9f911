"""The row `key-revoked`."""

from __future__ import annotations

from tools.faults.oracle import Report
from tools.faults.revoked import key_revoked
from tools.faults.stage import Stage


def test_a_revoked_key_costs_time_and_nothing_else(stage: Stage) -> None:
    """401 for an hour: nothing is dropped, the platform is not hammered; then the key is good, and all arrives."""
    report = key_revoked(stage, 11, 1)

    assert Report("key-revoked", tries=report.tries) == report
    assert 0 < report.tries
