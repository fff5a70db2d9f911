"""Several devices of one person: what each attribute ends up as, whatever arrives when."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from lmg_offline.platform.store import tables
from tests.fakes import Rig
from tests.simulation import SimulatedPlatform, Site, WrongClock, site

DEVICES, ATTRIBUTES, OFFERS = 4, ("name", "city", "tier"), ("offer-1", "offer-2")
SECOND, DAY = 1000, 86_400_000

_folders = itertools.count()


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One database for every example; each has a property of its own."""
    with site(tmp_path_factory.mktemp("platform")) as found:
        yield found


ON = st.integers(0, DEVICES - 1)
STEPS = st.one_of(
    st.tuples(ON, st.just("write"), st.sampled_from(ATTRIBUTES)),
    st.tuples(ON, st.just("write"), st.sampled_from(ATTRIBUTES)),
    st.tuples(ON, st.just("clear"), st.sampled_from(ATTRIBUTES)),
    st.tuples(ON, st.just("save"), st.tuples(st.sampled_from(OFFERS), st.booleans())),
    st.tuples(ON, st.just("identify"), st.booleans()),
    st.tuples(ON, st.just("reset"), st.none()),
    st.tuples(ON, st.just("sync"), st.integers(0, 2)),
    st.tuples(ON, st.just("wait"), st.sampled_from([0, 1, SECOND, DAY])),
    st.tuples(ON, st.just("set the clock"), st.sampled_from([0, -DAY, DAY, -60 * 365 * DAY])),
    st.tuples(ON, st.just("reboot"), st.sampled_from(["runs", "stands", "dies"])),
)


class Phone:
    """One of the person's devices."""

    def __init__(self, platform: SimulatedPlatform, folder: Path) -> None:
        self._platform = platform
        self.clock = WrongClock(platform.world)
        self.rig = Rig(folder, platform, clock=self.clock)
        self.written: dict[str, dict[str, object]] = {}
        self.offers: dict[str, str] = {}
        self.made_ms: dict[str, int] = {}

    def do(self, what: str, much: Any, number: int) -> None:
        """Do one thing of a story; `number` makes what is written unlike anything else."""
        match what:
            case "write" | "clear":
                self._update({much: f"{what} {number}" if what == "write" else None})
            case "save":
                self.offers[self.rig.journal.bookmark(much[0], None, [], much[1]).id] = much[0]
            case "identify":
                profile = {"name": f"identify {number}"}
                token = self._platform.token("ann") if much else None
                written = self.rig.journal.identify("ann", token, profile).written
                self._wrote(written.id, dict(profile))
            case "reset":
                self.rig.session.reset()
            case "sync":
                self.sync(much)
            case "wait":
                self._platform.world.pass_by(much)
            case "set the clock":
                self.clock.wall_off_ms = much
            case "reboot":
                self.clock.reboot(SECOND, much)

    def _update(self, profile: dict[str, object]) -> None:
        self._wrote(self.rig.update(**profile).split(".", 2)[2], profile)

    def _wrote(self, entry_id: str, profile: dict[str, object]) -> None:
        self.written[entry_id] = profile
        self.made_ms[entry_id] = self._platform.world.now_ms

    def sync(self, lost: int) -> None:
        """Deliver everything, after so many lost replies."""
        left = iter([True] * lost)
        self._platform.lose = lambda: next(left, False)
        self.rig.drain()


def rows(platform: SimulatedPlatform, table: Table) -> list[dict[str, Any]]:
    """Return the rows of the platform's property."""
    with platform.engine.connect() as connection:
        found = connection.execute(select(table).where(table.c.property_id == platform.property_id)).mappings()
        return [dict(row) for row in found]


Key = tuple[bool, int, str, str, int]


def ranked(platform: SimulatedPlatform, written: dict[str, dict[str, object]]) -> dict[str, list[tuple[Key, str]]]:
    """The model: every write of each attribute with its key, the one that counts last; verified ones come last."""
    sessions = {row["session_id"]: row["state"] for row in rows(platform, tables.sessions)}
    found: dict[str, list[tuple[Key, str]]] = {}
    for row in rows(platform, tables.entries):
        state = sessions[row["session_id"]]
        key = (state == "verified", row["occurred_at"], row["device_id"], row["session_id"], row["seq"])
        if state != "anonymous":
            for name in written.get(row["entry_id"], {}):
                found.setdefault(name, []).append((key, row["entry_id"]))
    return {name: sorted(each) for name, each in found.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=30), st.permutations(range(DEVICES)))
def test_the_latest_write_of_each_attribute_wins_whatever_arrives_last(
    platforms: Site, tmp_path: Path, story: list[tuple[int, str, Any]], last: list[int]
) -> None:
    """
    Two to four devices write, with delays, wrong clocks, lost answers and reboots, and deliver in any order.

    The final value is the one with the greatest corrected time, device, session
    and number; what was written without proof never takes a verified value's place.
    """
    platform = platforms.make_property()
    folder = tmp_path / str(next(_folders))
    phones = [Phone(platform, folder / str(number)) for number in range(DEVICES)]
    for number, (device, what, much) in enumerate(story):
        phones[device].do(what, much, number)
    for device in last:
        phones[device].sync(0)
    written = {entry_id: profile for phone in phones for entry_id, profile in phone.written.items()}
    for phone in phones:
        assert (0, True) == (phone.rig.desk.counts().queued, phone.rig.desk.audit().adds_up)
        phone.rig.close()

    log = {row["entry_id"]: row for row in rows(platform, tables.entries)}
    assert set(written) <= set(log)
    profile = {row["attribute"]: json.loads(row["value"]) for row in rows(platform, tables.profile_values)}
    order = ranked(platform, written)
    counting = {name: written[each[-1][1]][name] for name, each in order.items()}
    assert {name: value for name, value in counting.items() if value is not None} == profile
    made_ms = {entry_id: at_ms for phone in phones for entry_id, at_ms in phone.made_ms.items()}
    by_clock = {log[entry_id]["session_id"] for entry_id, sent in platform.sent.items() if sent.by_clock}
    for each in order.values():
        check_doubt(each, log, made_ms, by_clock)
    offers = {entry_id: offer for phone in phones for entry_id, offer in phone.offers.items()}
    assert last_words(log, offers) == {(row["offer_id"], row["entry_id"]) for row in rows(platform, tables.bookmarks)}


def check_doubt(
    order: list[tuple[Key, str]], log: dict[str, dict[str, Any]], made_ms: dict[str, int], by_clock: set[str]
) -> None:
    """
    An uncertain value that counts beats no newer one that is sure.

    But for lanes in which a wall clock was believed: what it says is as right as it was.
    """
    (is_verified, *_), winner = order[-1]
    if not log[winner]["uncertain"] or log[winner]["session_id"] in by_clock:
        return
    for key, rival in order:
        if key[0] == is_verified and not log[rival]["uncertain"] and log[rival]["session_id"] not in by_clock:
            assert made_ms[rival] <= made_ms[winner]


def last_words(log: dict[str, dict[str, Any]], offers: dict[str, str]) -> set[tuple[str, str]]:
    """The model of bookmarks: of each offer the entry that has the last word, of those that were taken."""
    best: dict[str, tuple[tuple[object, ...], str]] = {}
    for entry_id, offer in offers.items():
        row = log[entry_id]
        key = (row["occurred_at"], row["device_id"], row["session_id"], row["seq"])
        if row["status"] == "applied" and (offer not in best or key > best[offer][0]):
            best[offer] = (key, entry_id)
    return {(offer, entry_id) for offer, (_, entry_id) in best.items()}
