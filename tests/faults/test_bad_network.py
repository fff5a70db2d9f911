"""The row `bad-network`, small, and that a row can fail at all."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lmg_offline import Client
from tools.faults import network
from tools.faults.__main__ import main, played
from tools.faults.exchanges import CutAfterForward
from tools.faults.oracle import Report
from tools.faults.play import Alarm, playing
from tools.faults.rows import ROWS, Row
from tools.faults.stage import PlatformFacts, Stage, make_client


def test_nothing_is_lost_on_a_bad_network(stage: Stage) -> None:
    """Resets, cuts, drips, delays and half-open connections: everything once, in order, under its person."""
    report = network.bad_network(stage, 11, 15)

    assert Report("bad-network", tries=report.tries) == report
    assert 15 <= report.tries


def test_a_client_that_reaches_nobody_is_hung() -> None:
    """A row says so after its time, and does not wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        closed = f"http://127.0.0.1:{sock.getsockname()[1]}"

    def elsewhere(platform: PlatformFacts, endpoint: str, folder: Path) -> Client:
        return make_client(platform, closed, folder)

    report = network.lost_acknowledgements(Stage(make_client=elsewhere, drain_within_s=0.1), 1, 5)

    assert not report.holds
    assert 0 < report.hung


def test_a_platform_that_forgets_is_found_out() -> None:
    """The whole way, from a call to the verdict: here the platform of the end is not the one that was written to."""

    @contextmanager
    def swapped() -> Iterator[PlatformFacts]:
        with Stage().make_platform() as first, Stage().make_platform() as second:
            yield Two(first, second)

    class Two:
        def __init__(self, first: PlatformFacts, second: PlatformFacts) -> None:
            self.endpoint, self.admin_key = first.endpoint, first.admin_key
            self.write_key, self.verification_key = first.write_key, first.verification_key
            self.second = second

    stage = Stage(swapped, take_evidence=lambda platform, oracle: Stage().take_evidence(platform.second, oracle))  # type: ignore[attr-defined]
    report = network.lost_acknowledgements(stage, 1, 3)

    assert 3 < report.lost


def test_an_error_that_the_sdk_logs_is_found() -> None:
    """An exception that reaches the sync delays it, and loses nothing: it must be seen all the same."""
    with playing("row", 1, lambda exchange: CutAfterForward(), Stage()) as play:
        logging.getLogger("lmg_offline").error("sync step failed", extra={"error": "OverflowError"})
        report = play.verdict(0)

    assert ("wrong_value: the SDK logged an error: sync step failed (OverflowError)",) == report.details


def test_an_alarm_that_is_over_hears_nothing() -> None:
    """It is taken off the logger."""
    with Alarm() as alarm:
        pass
    logging.getLogger("lmg_offline").error("later")

    assert [] == alarm.lines


def test_rows_are_played_again_until_the_time_is_up() -> None:
    """Each time with the next seed; at least once; the reports add up."""
    asked: list[tuple[int, int]] = []

    def play(stage: Stage, seed: int, count: int) -> Report:
        asked.append((seed, count))
        return Report("row", tries=count, lost=seed == 7)

    once = played([Row("row", play, 5)], Stage(), 7, None, None)
    assert ([Report("row", tries=5, lost=1)], [(7, 5)]) == (once, asked)
    again = played([Row("row", play, 5)], Stage(), 8, 2, 0.0005)

    assert [(seed, 2) for seed in range(8, 8 + len(asked) - 1)] == asked[1:]
    assert 2 * (len(asked) - 1) == again[0].tries


def test_the_command_says_how_it_ended(capsys: object, monkeypatch: object) -> None:
    """0 when nothing was found, 1 when something was."""
    holding = Row("holding", lambda stage, seed, count: Report("holding", tries=count), 5)
    failing = replace(holding, name="failing", play=lambda stage, seed, count: Report("failing", lost=1))
    monkeypatch.setattr("tools.faults.__main__.ROWS", (holding, failing))  # type: ignore[attr-defined]

    assert 0 == main(["--row", "holding"])
    assert 1 == main(["--json"])
    assert '"lost": 1' in capsys.readouterr().out  # type: ignore[attr-defined]


def test_every_row_has_a_name_of_its_own() -> None:
    """By which `--row` finds it."""
    names = [row.name for row in ROWS]

    assert len(names) == len(set(names))
    assert {"bad-network", "bad-answers", "lost-acknowledgements", "delivered-twice-and-late"} <= set(names)
