"""The rows of the LMG dialect, small; and that their verdict can be no."""

from __future__ import annotations

from collections import Counter

import pytest

from tools.faults import dialect
from tools.faults.dialect import Standing, differences
from tools.faults.oracle import Report
from tools.faults.stage import STAGES


def test_every_operation_may_lose_its_answer() -> None:
    """Cut after the platform has acted, at random: it ends where a run without cuts ends."""
    report = dialect.lost_answers(STAGES["lmg"], 3, 40)

    assert Report("lost-answers-lmg", tries=report.tries) == report
    assert 40 <= report.tries


def test_sessions_may_expire_again_and_again() -> None:
    """Extended or lost: every entry arrives once, in order, under its person."""
    assert Report("expired-sessions-lmg", tries=4) == dialect.expired_sessions(STAGES["lmg"], 3, 4)


BEFORE = Standing({("value", "ann", "name"): ('"Ann"', True)}, Counter({("activity", "ann", "seen", "{}"): 2}))


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (Standing({}, BEFORE.happened), "wrong_value"),
        (Standing({("value", "ann", "name"): ('"Bob"', True)}, BEFORE.happened), "wrong_value"),
        (Standing(BEFORE.values, Counter({("activity", "ann", "seen", "{}"): 3})), "twice"),
        (Standing(BEFORE.values, Counter({("activity", "ann", "seen", "{}"): 1})), "lost"),
    ],
)
def test_a_difference_is_found(found: Standing, finding: str) -> None:
    """Each kind of it."""
    assert 1 == getattr(differences(BEFORE, found, Report("row")), finding)
    assert Report("row") == differences(BEFORE, BEFORE, Report("row"))
