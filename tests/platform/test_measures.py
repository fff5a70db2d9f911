"""The tools that measure, small: they run, what they ask is answered alike, and what they send is applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.ingest import __main__ as ingest
from tools.ingest.rates import parts
from tools.million import __main__ as million


def test_generated_people_are_reported_alike_on_both_databases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And each statement is explained."""
    plans = tmp_path / "plans.md"
    code = million.main(["--people", "400", "--plans", str(plans)])
    out = capsys.readouterr().out

    assert 0 == code, out
    assert "every database gave the same answers" == out.splitlines()[-1]
    written = plans.read_text("utf-8")
    assert "USING" in written
    assert "Index Cond:" in written


def test_full_batches_are_taken_and_put_in_bare(capsys: pytest.CaptureFixture[str]) -> None:
    """By one process and by two, on each database; a rate that is printed is one of entries that were applied."""
    code = ingest.main(["--devices", "2", "--batches", "1", "--times", "1", "--processes", "1,2"])
    rates = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[2:]}

    assert 0 == code
    assert {"sqlite", "postgresql"} == set(rates)
    assert all(5 == len(words) and words[2].endswith("%") for words in rates.values())


def test_rows_are_split_as_they_came() -> None:
    """What belongs to a session or a user is put in with their first entry."""
    entries = [("p", f"e{number}", "d", f"s{number // 2}", number, "track", number // 2) for number in range(4)]
    sessions = [("p", "s1"), ("p", "s0")]
    found = parts({"entries": entries, "sessions": sessions}, 2)

    assert [["s0", "s0"], ["s1", "s1"]] == [[row[3] for row in part["entries"]] for part in found]
    assert [[("p", "s0")], [("p", "s1")]] == [part["sessions"] for part in found]
