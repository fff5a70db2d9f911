"""The benchmarks, with what needs no peer: that they run, and that what they print follows from the numbers."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lmg_offline import Client
from tools.bench import around, show, sink, where
from tools.bench.__main__ import document
from tools.bench.child import NotLoopback, stay_here
from tools.bench.contests import CONTESTS, Column, Contest
from tools.bench.goals import GOALS, Goal
from tools.bench.plot import draw
from tools.bench.results import Results, Table
from tools.bench.run import ROOT, Setting, hold
from tools.bench.systems.catalogue import SYSTEMS, opened
from tools.bench.systems.port import Place
from tools.bench.work import profile, text, wire

BY_NAME = {contest.name: contest for contest in CONTESTS}
WRITE = BY_NAME["write"]
SMALL = {"warm": 5, "count": 40, "writes": 60, "backlog": 100, "idle": 40, "repeats": 1, "seconds": 0.2, "settle": 0.1}
ROUNDS = {"write": 2, "drain-and-write-normal": 1, "replay": 1, "import": 1}
ROWS = {
    "write": {"sqlite3 full", "lmg normal"},
    "drain-and-write-normal": {"idle", "draining"},
    "replay": {"sqlite3+http.client", "lmg backlog"},
    "import": {"four packages", "lmg_offline"},
}


def made(numbers: dict[str, list[dict[str, float]]], contest: Contest = WRITE) -> Table:
    """Return a table as a run would."""
    return Table(contest, dict(numbers.items()))


@pytest.fixture(scope="module")
def held() -> dict[str, Table]:
    """Four contests between a few rows, with counts that are as small as can be."""
    found = {}
    for rounds in (1, 2):
        names = [name for name in ROWS if ROUNDS[name] == rounds]
        only = [replace(BY_NAME[name], systems=[row for row in BY_NAME[name].systems if row in ROWS[name]])
                for name in names]  # fmt: skip
        found |= {table.contest.name: table for table in hold(only, Setting("quick", rounds, SMALL), lambda line: None)}
    return found


def test_every_row_brings_its_numbers_in_every_round(held: dict[str, Table]) -> None:
    """Each in a process of its own; none failed."""
    numbers = [(name, each) for name, table in held.items() for each in table.numbers.values()]

    assert [] == [note for table in held.values() for note in table.notes]
    assert {name: set(table.numbers) for name, table in held.items()} == ROWS
    assert all(len(each) == ROUNDS[name] for name, each in numbers)
    assert all(value > 0 for name, each in numbers if name != "drain-and-write-normal" for value in each[0].values())


def test_the_ratios_of_a_run_follow_from_its_numbers(held: dict[str, Table]) -> None:
    """In the table, in the JSON and in what must be shown: medians divided by the baseline's of the same run."""
    table = held["write"]
    numbers = {name: sorted(each["p50_us"] for each in found) for name, found in table.numbers.items()}
    medians = {name: (low + high) / 2 for name, (low, high) in numbers.items()}
    expected = medians["lmg normal"] / medians["sqlite3 full"]
    row = next(line for line in show.table(table).splitlines() if line.startswith("lmg normal"))
    written = document({}, Setting("quick", 2, SMALL), [table], Results(held))
    found = json.loads(written)["contests"][0]["systems"]["lmg normal"]["p50_us"]

    assert f"{expected:.2f}" == row.split()[3]
    assert (medians["lmg normal"], expected) == (found["median"], pytest.approx(found["ratio"]))
    assert numbers["lmg normal"] == sorted(found["all"])
    assert "replay, writes/s" not in show.goals(Results({"write": table}))


def test_a_peer_that_is_not_installed_is_said_to_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row is missing, and a line says why."""
    monkeypatch.setitem(SYSTEMS, "segment", replace(SYSTEMS["segment"], needs="no_such_package"))
    (table,) = hold([replace(WRITE, systems=["segment"])], Setting("quick", 1, SMALL), lambda line: None)

    assert ({}, ["not installed: segment"]) == (table.numbers, table.notes)


def test_a_process_that_fails_is_named() -> None:
    """With what it said last; the others go on."""
    broken = replace(WRITE, task="no_such_task", systems=["sqlite3 full"])
    (table,) = hold([broken], Setting("quick", 1, SMALL), lambda line: None)

    assert {} == table.numbers
    assert "FAILED: sqlite3 full" in table.notes[0] and "no_such_task" in table.notes[0]


def test_the_median_is_of_all_rounds_and_no_baseline_is_no_ratio() -> None:
    """An odd one out in one round moves nothing."""
    rounds = [{"p50_us": 4.0}, {"p50_us": 900.0}, {"p50_us": 2.0}]
    table = made({"sqlite3 full": [{"p50_us": 2.0}], "lmg full": rounds})

    assert (4.0, 2.0) == (table.median("lmg full", "p50_us"), table.ratio("lmg full", "p50_us"))
    assert table.ratio("lmg full", "p99_us") is None
    assert made({"lmg full": rounds}).ratio("lmg full", "p50_us") is None


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.name)
def test_no_table_is_wider_than_a_terminal(contest: Contest) -> None:
    """80 columns, also with numbers as they come from a slow disk; each contest's baseline is one of its rows."""
    wide = {column.name: 1_234_567.891 if "us" in column.name else 98_765.4 for column in contest.columns}
    table = made({system: [wide] for system in contest.systems}, contest)

    assert [] == [line for line in show.table(table).splitlines() if len(line) > show.WIDTH]
    assert contest.baseline in contest.systems


def test_what_must_be_shown_is_said_with_its_bound() -> None:
    """Beyond it there is a "no"; nothing is said of what was not measured."""
    results = Results({"write": made({"sqlite3 full": [{"p50_us": 2.0}], "lmg full": [{"p50_us": 3.0}]})})
    goal = Goal("one write", True, 1.6, lambda found: found.ratio("write", "lmg full", "p50_us"))
    tight = replace(goal, sentence="a tight one", bound=1.4)
    other = replace(goal, found=lambda found: found.median("threads", "lmg full", "p50_us"))
    lines = show.goals(results, [goal, tight, other]).splitlines()[2:]

    assert ["one write 1.500 <= 1.6", "a tight one 1.500 <= 1.4 no"] == [" ".join(line.split()) for line in lines]


def test_every_number_that_must_be_shown_is_measured() -> None:
    """A goal that names a row, a column or a contest that is not there would never be said."""
    full = {
        contest.name: made({system: [{c.name: 1.0 for c in contest.columns}] for system in contest.systems}, contest)
        for contest in CONTESTS
    }

    assert [] == [goal.sentence for goal in GOALS if goal.found(Results(full)) is None]


def test_syncs_are_counted_between_the_marks() -> None:
    """A call that another thread's interrupted is one, though it has two lines."""
    trace = """7 fdatasync(3) = 0
        7 getpriority(PRIO_PROCESS, 0) = 20
        7 fdatasync(3 <unfinished ...>
        8 fsync(4) = 0
        7 <... fdatasync resumed>) = 0
        7 getpriority(PRIO_PROCESS, 0) = 20
        7 fsync(3) = 0"""

    assert 2 == around.syncs(trace.splitlines())


def test_no_benchmark_reaches_another_machine() -> None:
    """Neither by a name nor by an address; loopback is open."""
    stay_here("socket.connect", (None, ("127.0.0.1", 9)))
    stay_here("socket.getaddrinfo", ("localhost", 80, 0, 0, 0))

    with pytest.raises(NotLoopback):
        stay_here("socket.connect", (None, ("192.0.2.1", 443)))
    with pytest.raises(NotLoopback):
        stay_here("socket.getaddrinfo", ("example.com", 443, 0, 0, 0))


@pytest.mark.parametrize("name", ["sqlite3 full", "sqlite3 full, shared", "sqlalchemy full", "sqlalchemy normal"])
def test_the_baselines_have_committed_when_a_write_returns(name: str, tmp_path: Path) -> None:
    """As another connection sees it: one that never commits would be a fast one."""
    system = opened(name, Place(tmp_path))
    for number in range(3):
        system.write(number)
    with closing(sqlite3.connect(tmp_path / "entries.db")) as other:
        bodies = [json.loads(body) for (body,) in other.execute("SELECT body FROM entries ORDER BY seq")]
    system.finish()

    assert [{"profile": wire(number)} for number in range(3)] == bodies


def test_ours_stores_what_the_baselines_store(tmp_path: Path) -> None:
    """The same JSON, so that the work is the same."""
    with Client("wk", data_dir=tmp_path, sync=False) as client:
        client.user.update(profile(7))
        known = client.journal.entries()[0].payload

    assert json.loads(text(7)) == known


def test_the_sink_acknowledges_as_the_platform_does(tmp_path: Path) -> None:
    """The SDK takes its word: all is delivered, each write once, the identity too."""
    with sink.running() as endpoint:
        with Client("wk", endpoint=endpoint, data_dir=tmp_path, durability="normal") as client:
            client.user.identify("user-1")
            receipt = client.user.update({"name": "Somebody"})
            is_delivered = client.flush(20)
            audit = client.audit()
        arrived = sink.taken(endpoint)

    assert (True, 2, 2, True) == (is_delivered, arrived, audit.acknowledged, audit.adds_up)
    assert receipt.id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"batch": [{}, {}], "sentAt": "now"}', 2),
        (b'{"api_key": "x", "events": [{}, {}, {}]}', 3),
        (b'{"schema": "x", "data": [{}]}', 1),
        (b"data=%5B%7B%7D%2C+%7B%7D%5D&verbose=1", 2),
        (b"", 0),
    ],
    ids=["segment, posthog, rudder", "amplitude", "snowplow", "mixpanel", "nothing"],
)
def test_the_sink_counts_what_every_peer_sends(body: bytes, expected: int) -> None:
    """So that a peer that lost something is no fast peer."""
    assert expected == sink.writes_in(body, False)


def test_the_ratios_are_drawn(tmp_path: Path) -> None:
    """One picture of all contests that have something to compare."""
    column = Column("p50_us", "p50 us")
    table = made({"sqlite3 full": [{column.name: 2.0}], "lmg full": [{column.name: 3.0}]})
    draw(tmp_path / "bench.svg", [table, made({"sqlite3 full": [{column.name: 2.0}]})], "a title")
    drawn = (tmp_path / "bench.svg").read_text("utf-8")

    assert "</svg>" in drawn


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is where this is read")
def test_every_part_of_a_write_is_found_where_it_is() -> None:
    """By a process of its own, whose functions stay wrapped. A part that no write goes through would take no time."""
    code = "import json; from tools.bench import where; print(json.dumps(where.measure('normal', 5, 20)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)

    assert {"whole", *(part for part, _ in where.PARTS)} == found.keys()
    assert 0 < min(found.values())


def test_an_idle_process_is_measured() -> None:
    """Memory, processor time and wake-ups; the rows of a round run at the same time."""
    idle = replace(BY_NAME["idle"], systems=["four packages", "lmg full"])
    (table,) = hold([idle], Setting("quick", 1, SMALL), lambda line: None)

    assert [] == table.notes
    assert all(value >= 0 for numbers in table.numbers.values() for value in numbers[0].values())
    assert table.median("lmg full", "over_four_mib") != 0
