"""The rows `corrupt` and `kill-in-recovery`, small, and what they stand on."""

from __future__ import annotations

import random
from pathlib import Path

from tools.faults import damage, unfinished
from tools.faults.corrupt import corrupt
from tools.faults.oracle import Report
from tools.faults.stage import STAGES, Stage


def test_a_damaged_journal_loses_what_its_ledger_names_and_nothing_else(stage: Stage) -> None:
    """Nothing twice, out of order, or anybody else's; every promise has an answer."""
    assert Report("corrupt", tries=8) == corrupt(stage, 11, 8)


def test_a_recovery_that_breaks_off_is_ended_by_the_next_opening() -> None:
    """Killed at the first lines of every part of it."""
    assert Report("kill-in-recovery", tries=12) == unfinished.kill_in_recovery(STAGES["replay"], 11, 12)


def test_the_journal_whose_recovery_is_killed_has_something_to_lose(tmp_path: Path) -> None:
    """Else every account of it would be the same."""
    unfinished.make_damaged(tmp_path / "j", random.Random(1))
    queued, lost, recoveries, left = unfinished.account(tmp_path / "j")

    assert (True, True, 1) == (bool(queued), bool(lost), recoveries)
    assert ["damaged", "adds up: True"] == [left[0], left[-1]]


def test_the_pages_of_a_table_are_those_that_hold_its_rows(tmp_path: Path) -> None:
    """Spoiling one of them costs rows of this table."""
    unfinished.make_damaged(tmp_path / "j", random.Random(1))
    unfinished.account(tmp_path / "j")
    path = tmp_path / "j" / "journal.db"
    data = path.read_bytes()
    pages = damage.pages_of(path, "entries")

    assert len(pages) > 3
    assert [] == [page for page in pages if data[(page - 1) * damage.PAGE_BYTES] not in (5, 13)]
