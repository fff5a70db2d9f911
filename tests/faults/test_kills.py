"""The rows `kill` and `processes`, small, and what they stand on."""

from __future__ import annotations

from pathlib import Path

from lmg_offline import Client
from tools.faults import kills
from tools.faults.nursery import Nursery
from tools.faults.oracle import Evidence, Person, Report, judge
from tools.faults.promises import Noted, disorder, promised
from tools.faults.stage import STAGES


def test_a_process_that_is_killed_again_and_again_loses_nothing() -> None:
    """At a random time, line or system call: everything that returned is applied once, in order, under its person."""
    assert Report("kill", tries=8) == kills.kill(STAGES["replay"], 11, 8)


def test_processes_that_share_a_journal_lose_nothing_when_the_sender_is_killed() -> None:
    """Another takes over, and nothing is sent in a wrong order."""
    assert Report("processes", tries=1) == kills.processes(STAGES["replay"], 11, 1)


def test_a_child_that_does_not_end_is_known_and_killed(tmp_path: Path) -> None:
    """None instead of an exit code; a child that ends by itself gives its own."""
    with Nursery() as nursery:
        stuck = nursery.start("signal:pause", tmp_path / "output", {})
        gone = nursery.start("os:getpid", tmp_path / "output", {})
        raises = nursery.start("nowhere:nothing", tmp_path / "output", {})

        assert (None, 0, 1) == (stuck.wait(0.05), gone.wait(30), raises.wait(30))


def test_an_old_journal_is_made_of_a_new_one_with_all_that_was_queued(tmp_path: Path) -> None:
    """What was written before is there after the journal has gone back to version 1 and up again."""
    folder = tmp_path / "journal"
    with Client("key", endpoint="http://127.0.0.1:9", data_dir=folder, sync=False) as client:
        receipts = [client.activity.track("seen", {"n": n}).id for n in range(3)]
        session = client.user.session_id
    kills.make_old(folder / "journal.db")
    with Client("key", endpoint="http://127.0.0.1:9", data_dir=folder, sync=False) as client:
        found = [entry.receipt_id for entry in client.journal.entries()]

        assert (receipts, session) == (found, client.user.session_id)


def test_a_call_that_a_kill_met_is_promised_only_if_it_happened() -> None:
    """Its process did not live to note that it returned: the platform says whether it was written."""
    log = [
        {"id": "a", "session_id": "s", "seq": 1, "kind": "identify", "user_id": "p", "status": "applied", "code": None},
        {"id": "b", "session_id": "s", "seq": 2, "kind": "track", "user_id": "p", "status": "applied", "code": None},
    ]
    people = {"p": Person("IDENTIFIED", {}, [{"id": "b", "properties": {"n": 2}}], frozenset())}
    noted = [
        Noted(1, "identify", {}, "p", False, "1.1.a"),
        Noted(2, "track", {"n": 2}, None, False),
        Noted(3, "track", {"n": 3}, None, False),
    ]
    oracle = promised(noted, Evidence(log, people), {"s": 1})

    assert ["1.1.a", "1.2.b"] == [call.receipt for call in oracle.calls]
    assert {"p": "IDENTIFIED"} == oracle.states


def test_receipts_that_run_backwards_within_one_process_are_found() -> None:
    """A later call has a later number."""
    calls = [Noted(n, "track", {}, None, False, receipt) for n, receipt in enumerate(("1.2.b", "1.1.a"))]

    assert 1 == disorder("row", [calls]).out_of_order


def test_what_an_interrupted_call_wrote_when_nobody_was_there_is_known_by_its_kind() -> None:
    """In a session in which nobody says who they are, also one that the journal keeps no row of: once a call."""
    row = {"session_id": "s", "user_id": None, "status": "applied", "code": None}
    log = [{**row, "id": "a", "seq": 1, "kind": "track"}, {**row, "id": "b", "seq": 2, "kind": "track"}]
    noted = [Noted(1, "track", {"n": 1}, None, False), Noted(2, "update", {}, None, False)]
    oracle = promised(noted, Evidence(log, {}), {})

    assert ["a"] == [call.entry_id for call in oracle.calls]
    assert Report("", mistaken=1, details=("mistaken: track b, which no call made",)) == judge(
        "", oracle, Evidence(log, {})
    )
