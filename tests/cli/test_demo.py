"""The demo: that it agrees, and that its verdict can be no."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from lmg_offline.cli.demo_check import compare, differences, table
from lmg_offline.cli.demo_kiosk import read_oracle
from lmg_offline.cli.main import main
from lmg_offline.cli.people import birthday, by_age_band, by_gender, load


def test_the_demo_agrees_with_itself(capfd: pytest.CaptureFixture[str]) -> None:
    """Offline, killed, replayed, compared: over the first people of the file."""
    code = main(["demo", "--people", "120"])
    out = capfd.readouterr().out

    assert 0 == code, out
    assert "Killed with SIGKILL after" in out
    assert "0 lost, 0 twice, 0 out of order" in out
    assert [] == [line for line in out.splitlines() if len(line) > 80]


def test_the_demo_keeps_its_folder_when_asked(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And names it; one person is enough to run."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = main(["demo", "--people", "1", "--keep"])
    folder = Path(capfd.readouterr().out.splitlines()[-1].removeprefix("Kept: "))

    assert (0, [folder]) == (code, list(tmp_path.iterdir()))
    assert {"journal", "oracle.ndjson", "platform.db"} <= {path.name for path in folder.iterdir()}


LOG: list[dict[str, Any]] = [
    {"id": "a", "session_id": "s", "seq": 1, "user_id": None},
    {"id": "b", "session_id": "s", "seq": 2, "user_id": "ann"},
]
A = {"receipt": "7.1.a", "person": "ann", "anonymous": True}
B = {"receipt": "7.2.b", "person": "ann", "anonymous": False}
C = {"receipt": "7.3.c", "person": "ann", "anonymous": False}


@pytest.mark.parametrize(
    ("promised", "log", "wrong"),
    [
        pytest.param([A, B], LOG, {}, id="all well"),
        pytest.param([A], LOG, {}, id="one in flight at the kill"),
        pytest.param([], LOG, {"unpromised": ("b",)}, id="two that nobody promised"),
        pytest.param([A, B, C], LOG, {"lost": ("c",)}, id="lost"),
        pytest.param([A, B], [*LOG, LOG[0]], {"twice": ("a",)}, id="one id twice"),
        pytest.param([A, B], [*LOG, {**LOG[1], "id": "c"}], {"twice": ("c",)}, id="one number twice"),
        pytest.param([A, B], LOG[::-1], {"out of order": ("b",)}, id="applied in another order"),
        pytest.param([A, B], [LOG[0], {**LOG[1], "seq": 3}], {"out of order": ("b",)}, id="under another number"),
        pytest.param([A, B], [LOG[0], {**LOG[1], "user_id": "bob"}], {"mistaken": ("b",)}, id="another person"),
        pytest.param([A, B], [LOG[0], {**LOG[1], "user_id": None}], {"mistaken": ("b",)}, id="nobody"),
        pytest.param([A, B], [{**LOG[0], "user_id": "bob"}, LOG[1]], {"mistaken": ("a",)}, id="merged wrongly"),
        pytest.param([A, B], [LOG[0], {**LOG[1], "session_id": "t"}], {"mistaken": ("b",)}, id="another session"),
    ],
)
def test_the_verdict_can_be_no(
    promised: list[dict[str, Any]], log: list[dict[str, Any]], wrong: dict[str, tuple[str, ...]]
) -> None:
    """Each kind of difference between promises and log is found, and named."""
    assert wrong == compare(promised, log).faults(in_flight=1)


def test_nothing_unpromised_is_forgiven_without_a_kill() -> None:
    """One entry more than promised needs a call in flight."""
    assert {"unpromised": ("b",)} == compare([A], LOG).faults(in_flight=0)


def test_a_report_that_differs_is_marked() -> None:
    """The differing row is shown, and the answer is no; a row that one side lacks counts as 0."""
    lines: list[str] = []
    same = table("gender", {"male": 1, "other": 1}, {"male": 1}, ("male",), lines.append)

    assert not same
    assert [False, False, True] == ["differs" in line for line in lines]
    assert table("gender", {"male": 1, "missing": 0}, {"male": 1}, (), lines.append)


def test_people_that_differ_are_named() -> None:
    """Missing here, missing there, in another state."""
    expected = {"ann": "VERIFIED", "bob": "VERIFIED", "eve": "IDENTIFIED"}
    actual = {"ann": "VERIFIED", "bob": "IDENTIFIED", "zoe": "IDENTIFIED"}

    assert [
        "bob: IDENTIFIED on the platform, VERIFIED expected",
        "eve: none on the platform, IDENTIFIED expected",
        "zoe: IDENTIFIED on the platform, none expected",
    ] == differences(expected, actual)


def test_the_people_of_the_file() -> None:
    """7,425, held against an independent reading of the columns."""
    text = resources.files("lmg_offline.cli").joinpath("data/slid.csv").read_text("utf-8")
    cells = [line.split(",") for line in text.splitlines()[1:]]
    people = load()

    assert 7425 == len(people)
    assert Counter(row[4].strip('"').lower() for row in cells) == Counter(by_gender(people))
    assert sum(int(row[3]) >= 65 for row in cells) == by_age_band(people)["65+"]
    assert 7425 == sum(by_age_band(people).values())
    assert sum(row[1] != "NA" for row in cells) == sum("wages" in person.traits for person in people)


@pytest.mark.parametrize(
    ("age", "today", "expected"),
    [
        pytest.param(40, date(2026, 7, 25), date(1986, 7, 25), id="today is the birthday"),
        pytest.param(1, date(2024, 2, 29), date(2023, 2, 28), id="no 29 February then"),
        pytest.param(4, date(2024, 2, 29), date(2020, 2, 29), id="29 February then too"),
    ],
)
def test_an_age_becomes_a_birthday(age: int, today: date, expected: date) -> None:
    """The person is of that age on the day, and was not the day before."""
    assert expected == birthday(age, today)


def test_a_line_that_the_kill_cut_is_no_promise(tmp_path: Path) -> None:
    """Nor does it take the next one with it."""
    file = tmp_path / "oracle.ndjson"
    file.write_text('{"number": 1}\n{"number": 2, "per\n{"number": 3}\n')

    assert [{"number": 1}, {"number": 3}] == read_oracle(file)
    assert [] == read_oracle(tmp_path / "none")
