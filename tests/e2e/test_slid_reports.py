"""Real people through the SDK: each report and segment equal to the file, and one database to the other."""

from __future__ import annotations

from typing import Any

import pytest

from tools.slid import __main__ as slid
from tools.slid import from_the_file, send, verdict

PEOPLE = 150


def test_reports_and_segments_equal_the_file_on_both_databases(capsys: pytest.CaptureFixture[str]) -> None:
    """`dev.py slid` does the same with all 7,425."""
    code = slid.main(["--people", f"{PEOPLE}"])
    said = capsys.readouterr().out

    assert 0 == code, said
    assert "equal to the file on sqlite and postgresql, and row for row to each other" == said.splitlines()[-1]


@pytest.mark.parametrize("part", ["report gender", "count Of 65 and older", "members Of 65 and older"])
def test_a_part_that_differs_is_told(part: str) -> None:
    """The verdict can be no."""
    rows = from_the_file.read(send.FILE, PEOPLE)
    right = {name: said(counted) for name, counted in verdict.expected(rows).items()}
    wrong: dict[str, Any] = {
        "report gender": {"rows": [], "missing": 0},
        "count Of 65 and older": 0,
        "members Of 65 and older": ["slid-1"],
    }

    assert [] == verdict.differences(rows, send.Answers(right))
    assert [part] == [
        line.split(":")[0] for line in verdict.differences(rows, send.Answers(right | {part: wrong[part]}))
    ]


def said(counted: Any) -> Any:
    """The answer of a platform that counts as the file does."""
    if not isinstance(counted, from_the_file.Counted):
        return counted
    return {"rows": [{"value": value, "count": count} for value, count in counted.rows], "missing": counted.missing}
