"""Copies of a journal, and a platform that forgets: the tools that try them, for a few seconds each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lmg_offline.platform.server import running
from lmg_offline.platform.settings import Settings
from tools.faults.backups import backups
from tools.faults.clones import clones
from tools.faults.copies import reported
from tools.faults.oracle import Report
from tools.faults.people import Evidence, Visits, client_of


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_copies_of_a_journal_lose_nothing_and_mistake_nobody(seed: int) -> None:
    """Eight copies and the original, all at once: each keeps its promises, under a device id of its own."""
    counts = clones(8, seed)

    assert () == counts.details
    assert (9, 9) == (counts.devices, counts.device_ids)


def test_a_platform_that_forgets_loses_what_its_backup_lacked_and_nothing_else() -> None:
    """Put back, killed, without its database: what comes later lands on its person."""
    counts = backups(8, 43)

    assert () == counts.details
    assert {"restore", "kill", "away"} <= {name.split(" ")[0] for name in counts.faults}
    assert 0 < counts.rolled_back < counts.promised


def test_what_copies_do_without_the_extension(tmp_path: Path) -> None:
    """
    The limit that docs/lmg-compatibility.md names.

    Everything arrives, each person has a session of their own; but what is done
    anonymously in the session that all copies share is the first person's.
    """
    with running(settings=Settings(dev=True, lmg_only=True)) as platform:
        names = ("endpoint", "write_key", "verification_key", "admin_key")
        facts = {name: getattr(platform, name) for name in names}
        original = Visits(client_of(facts, tmp_path / "original"), "original", platform.verification_key, 0)
        original.track()
        original.drain()
        original.client.close(10)
        copies = []
        for number, name in enumerate(("a", "b", "c"), 1):
            shutil.copytree(tmp_path / "original", tmp_path / name)
            copies.append(Visits(client_of(facts, tmp_path / name), name, platform.verification_key, number * 100))
        for device in copies:
            device.track()
            device.drain()
        for device in copies:
            device.say(device.name, device.token(device.name))
            device.track()
            device.drain()
        evidence = Evidence.take(facts, [device.name for device in copies])
        accounts = [device.client.audit() for device in copies]
        for device in copies:
            device.client.close(10)

    assert [(4, True)] * 3 == [(account.acknowledged, account.adds_up) for account in accounts]
    assert {"a": [1, 101, 103, 201, 301], "b": [203], "c": [303]} == {
        name: sorted(item["properties"]["n"] for item in each["activity"]) for name, each in evidence.people.items()
    }
    assert 3 == len({row["session_id"] for each in evidence.people.values() for row in each["sessions"]})


def test_what_the_rows_of_copies_report() -> None:
    """Each finding under its name; what has none is a wrong value."""
    report = reported("clones", 3, ("lost: track 1", "out of order: update 2", "the account of copy-1"))

    assert Report(
        "clones",
        tries=3,
        lost=1,
        out_of_order=1,
        wrong_value=1,
        details=("lost: track 1", "out_of_order: update 2", "wrong_value: the account of copy-1"),
    ) == report
