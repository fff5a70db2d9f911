"""The fleet, small: real and simulated devices come back together, and its figures are what they say."""

from __future__ import annotations

import http.client
import json
import math
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.fleet import backlog, measures, plot, show, verdict
from tools.fleet.__main__ import fleets
from tools.fleet.outage import listened, page, settled_port
from tools.fleet.records import Attempt, DeviceRecord
from tools.fleet.run import Outcome, Setting, come_back

REAL, SIMULATED, BACKLOG = 10, 30, 6


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """One outage for both kinds of devices."""
    return come_back(Setting(REAL, SIMULATED, BACKLOG, outage_s=1.5, workers=1), lambda line: None)


def test_nothing_is_lost_doubled_or_out_of_order(outcome: Outcome) -> None:
    """Of real devices and of simulated ones. Nor does a simulated one come earlier than the schedule says."""
    assert () == outcome.findings
    assert REAL == sum(record.is_real for record in outcome.records)
    assert {BACKLOG} == {len(record.entry_ids) for record in outcome.records}
    assert REAL + SIMULATED == len({record.session_id for record in outcome.records})


def test_the_schedule_bounds_the_attempts_of_an_outage(outcome: Outcome) -> None:
    """Waits double, so that devices of both kinds try about as often as the outage's seconds can be halved."""
    away_s = outcome.back_s - outcome.begin_s
    for is_real in (True, False):
        tries = [
            sum(outcome.begin_s <= attempt.at_s < outcome.back_s for attempt in record.attempts)
            for record in outcome.records
            if record.is_real is is_real
        ]
        # Half of the bound is what to expect: full jitter waits half of what it may.
        assert 1 <= sum(tries) / len(tries) <= 2 * (2 + math.log2(1 + away_s))


def test_the_figures_are_shown(outcome: Outcome, tmp_path: Path) -> None:
    """As table, chart, sentences, JSON and picture."""
    found = measures.measured(outcome)
    plot.draw(tmp_path / "fleet.svg", [found])
    document = json.loads(json.dumps(show.document([outcome], [found])))

    assert "40 both" in show.table([found])
    assert "10 real devices and 30 simulated ones" in document["sentences"][0]
    assert "the platform listens again" in show.chart(found)
    assert sum(map(sum, found.load.values())) == sum(
        attempt.at_s >= outcome.begin_s for record in outcome.records for attempt in record.attempts
    )
    assert REAL + SIMULATED == document["fleets"][0]["devices"] == len(found.drained_s)
    assert (tmp_path / "fleet.svg").stat().st_size > 1000


def test_the_page_says_when_the_outage_is_over() -> None:
    """Whoever asks, as long as it is there; then nobody listens."""
    port, over_s = settled_port(random.Random()), time.monotonic() + 1000
    with page(port, over_s):
        listened(port)
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/graph/auth", b"{}")
            answer = connection.getresponse()
            connection.close()
            assert 503 == answer.status
            assert 900 < int(answer.headers["Retry-After"]) <= 1000

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 30)


def record(*attempts: Attempt) -> DeviceRecord:
    return DeviceRecord(0, False, "s", ("a", "b"), attempts, 0, 1.0)


def log(ids: Sequence[str], status: str = "applied") -> list[dict[str, Any]]:
    kinds = {"a": "identify", "b": "track"}
    return [
        {"session_id": "s", "id": each, "kind": kinds.get(each, "track"), "status": status, "code": "forgotten"}
        for each in ids
    ]


def kinds(lines: list[dict[str, Any]], activity: Sequence[str], device: DeviceRecord | None = None) -> set[str]:
    return {finding.kind for finding in verdict.findings([device or record()], lines, activity, seed=1)}


def test_the_verdict_sees_what_is_wrong() -> None:
    """Each kind of it by itself."""
    assert set() == kinds(log("ab"), "b")
    assert {"lost"} == kinds(log("a"), "")
    assert {"lost"} == kinds(log("ab"), "")
    assert {"lost"} == kinds(log("ab"), "b", replace(record(), drained_s=None))
    assert {"twice"} == kinds(log("abb"), "b")
    assert {"twice"} == kinds(log("ab"), "bb")
    assert {"out of order"} == kinds(log("ba"), "b")
    assert {"refused"} == kinds(log("ab", "refused"), "b")
    assert {"nobody's"} == kinds([*log("ab"), {**log("c")[0], "session_id": "t"}], "b")
    assert {"nobody's"} == kinds(log("ab"), "bc")


def test_an_attempt_before_its_time_is_seen() -> None:
    """The waits are drawn anew from the seed; an answer's Retry-After counts."""
    refused, away = Attempt(100.0, 100.0, None), Attempt(200.0, 200.0, 503, "5")
    hasty = {"too early"}
    assert set() == kinds(log("ab"), "b", record(refused, away, Attempt(300.0, 300.0, 200)))
    assert hasty == kinds(log("ab"), "b", record(refused, replace(refused, at_s=100.01, ended_s=100.01)))
    assert hasty == kinds(log("ab"), "b", record(refused, away, Attempt(204.9, 204.9, 200)))


def test_the_measures() -> None:
    """By hand."""
    assert 3 == measures.peak([0.0, 5.0, 5.4, 5.9, 6.0])
    assert 0 == measures.peak([])
    assert (1.0, 0.25) == (measures.jain([2, 2, 2]), measures.jain([0, 0, 0, 7]))
    assert (1, 3, 5) == tuple(measures.quantile([1, 2, 3, 4, 5], share) for share in (0.1, 0.5, 0.9))
    assert 2.0 == pytest.approx(measures.slope([(10, 100), (100, 10_000), (1000, 1_000_000)]))
    assert measures.slope([(10, 100), (10, 200)]) is None
    assert (0.0, 1.0) == (measures.distance([1, 2], [1, 2]), measures.distance([1, 2], [3, 4]))


def test_real_and_simulated_devices_meet_one_outage() -> None:
    """So that both ways can be held against each other."""
    assert [(10, 0), (100, 0), (100, 100), (0, 1000)] == fleets([10, 100, 1000])


def test_simulated_devices_send_what_the_sdk_journals() -> None:
    """The person's name is all that has to be replaced."""
    entries = backlog.template(4)

    assert ["identify", "update", "track", "track"] == [entry.kind for entry in entries]
    assert [True, True, False, False] == [backlog.SOMEBODY in entry.body for entry in entries]
