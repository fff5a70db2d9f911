"""The row `lost-acknowledgements`, small."""

from __future__ import annotations

from tools.faults import network
from tools.faults.oracle import Report
from tools.faults.stage import Stage


def test_a_lost_acknowledgement_has_no_second_effect(stage: Stage) -> None:
    """The platform acts and answers, the answer is lost, the same is sent again."""
    report = network.lost_acknowledgements(stage, 11, 25)

    assert Report("lost-acknowledgements", tries=report.tries) == report
    assert 25 <= report.tries
