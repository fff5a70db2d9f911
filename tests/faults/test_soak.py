"""The soak, short; and that its verdict can be no."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools.soak.__main__ import main
from tools.soak.run import Setting, soak
from tools.soak.samples import MIB, Sample, Vitals, drained, flatness, write_csv

CALM = Vitals(50 * MIB, 10, 3)


def samples(last: Vitals = CALM, wal_bytes: int = 0) -> list[Sample]:
    """Eight of one process; `last` is what it is like in the last quarter."""
    found = [Sample(float(at), "up", {"sender": CALM}, 4096, 0, 8192) for at in range(6)]
    return found + [Sample(float(at), "cuts", {"sender": last}, 4096, wal_bytes, 8192) for at in (6, 7)]


def test_three_writers_on_a_bad_network_lose_nothing(tmp_path: Path) -> None:
    """A platform and three writers as processes: everything once, in order, under its person, and all of it flat."""
    outcome = soak(Setting(minutes=0.3, seed=11, rate=4))

    assert () == outcome.report.details
    assert [] == [measure for measure in outcome.measures if not measure.holds]
    assert 0 < outcome.weather_changes
    write_csv(tmp_path / "soak.csv", outcome.samples)
    assert 1 + len(outcome.samples) == len((tmp_path / "soak.csv").read_text().splitlines())


@pytest.mark.parametrize(
    ("last", "wal_bytes", "expected"),
    [
        (CALM, 0, []),
        (replace(CALM, rss_bytes=56 * MIB), 0, ["sender RSS bytes"]),
        (replace(CALM, descriptors=12), 0, []),
        (replace(CALM, descriptors=13), 0, ["sender descriptors"]),
        (replace(CALM, threads=4), 0, ["sender threads"]),
        (CALM, 6 * MIB, ["journal.db-wal bytes, most"]),
    ],
)
def test_what_grows_is_found(last: Vitals, wal_bytes: int, expected: list[str]) -> None:
    """Memory by a tenth, a descriptor or a thread that is not given back, a log that is never emptied."""
    assert expected == [measure.name for measure in flatness(samples(last, wal_bytes)) if not measure.holds]


def test_a_journal_that_stays_large_is_found() -> None:
    """After the drain it is what it was empty, but for a few pages and what is kept of each session."""
    sizes = {"journal.db": 100_000 + 8 * 4096 + 256}

    assert all(measure.holds for measure in drained(100_000, 0, sizes, 1))
    assert not all(measure.holds for measure in drained(100_000, 0, sizes, 0))
    assert not all(measure.holds for measure in drained(100_000, 1, sizes, 1))
    many, more = (drained(100_000, 0, sizes, sessions)[0].at_most for sessions in (1_000, 100_000))
    assert many == more, "of more sessions no more is kept"
    assert not all(measure.holds for measure in drained(100_000, 0, {**sizes, "journal.db-wal": 1}, 1))


def test_words_that_mean_nothing_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code of a wrong call."""
    with pytest.raises(SystemExit) as stopped:
        main(["--minutes", "long"])

    assert 2 == stopped.value.code
    assert "--minutes" in capsys.readouterr().err
