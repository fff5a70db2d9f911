"""The clock rules of docs/protocol.md, held against a true time that neither side knows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lmg_offline.platform.ingest import CLOCK_TOLERANCE_MS
from lmg_offline.platform.store import tables
from tests.fakes import Rig
from tests.simulation import YEAR_MS, SimulatedPlatform, Site, WrongClock, site

WAY_MS = 3000
SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000

_folders = itertools.count()


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One database for every example; each has a property of its own."""
    with site(tmp_path_factory.mktemp("platform")) as found:
        yield found


@dataclass
class Truth:
    """What is true of one entry: when it was made, in which boot, and how far the wall clock was off then."""

    at_ms: int
    boot_id: str
    wall_off_ms: int


@dataclass
class Machine:
    """A device in its world, and the truth about what was written on it."""

    rig: Rig
    clock: WrongClock
    platform: SimulatedPlatform
    truths: dict[str, Truth] = field(default_factory=dict)
    sends: list[int] = field(default_factory=list)

    def write(self) -> None:
        """Write one entry."""
        entry_id = self.rig.update(n=len(self.truths)).split(".", 2)[2]
        self.truths[entry_id] = Truth(self.platform.world.now_ms, self.clock.boot_id(), self.clock.wall_off_ms)

    def do(self, what: str, much: Any) -> None:
        """Do one thing of a story."""
        match what:
            case "write":
                for _ in range(much):
                    self.write()
            case "wait":
                self.platform.world.pass_by(much)
            case "sleep":
                self.clock.sleep(much)
            case "set the clock":
                self.clock.wall_off_ms = much
            case "reboot":
                self.clock.reboot(*much)
            case "reset":
                self.rig.session.reset()
            case "sync":
                self.sync(much)

    def sync(self, lost: int) -> None:
        """Deliver everything, after so many lost replies."""
        left = lost

        def lose() -> bool:
            nonlocal left
            left -= 1
            return left >= 0

        self.platform.lose = lose
        self.rig.drain()


SPANS = st.sampled_from([0, 1, SECOND, HOUR, DAY, 30 * DAY])
STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 3)),
    st.tuples(st.just("write"), st.integers(1, 3)),
    st.tuples(st.just("wait"), SPANS),
    st.tuples(st.just("sleep"), SPANS),
    st.tuples(
        st.just("set the clock"),
        st.integers(-10 * YEAR_MS, 10 * YEAR_MS) | st.sampled_from([0, 0, HOUR, -HOUR, DAY, -DAY, -60 * YEAR_MS]),
    ),
    st.tuples(st.just("reboot"), st.tuples(SPANS, st.sampled_from(["runs", "stands", "dies"]))),
    st.tuples(st.just("reset"), st.none()),
    st.tuples(st.just("sync"), st.integers(0, 2)),
)


def told(platform: SimulatedPlatform) -> list[dict[str, Any]]:
    """Return the platform's log of entries, lane by lane in order."""
    table = tables.entries
    with platform.engine.connect() as connection:
        query = select(table).where(table.c.property_id == platform.property_id)
        return [dict(row) for row in connection.execute(query.order_by(table.c.session_id, table.c.seq)).mappings()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=14), st.lists(st.integers(0, WAY_MS), min_size=1, max_size=5))
def test_time_is_right_or_in_doubt(
    platforms: Site, tmp_path: Path, story: list[tuple[str, Any]], ways: list[int]
) -> None:
    """
    Whatever the clocks do, a lane keeps its order; a known age is right within its bound; doubt never makes young.

    Jumps by up to ten years, a clock that was never set, one that stands still
    while the machine is off, suspends, reboots between write and replay,
    replies that are lost, ways that take seconds.
    """
    platform = platforms.make_property()
    way = itertools.cycle(ways)
    platform.way_ms = lambda: next(way)
    clock = WrongClock(platform.world)
    machine = Machine(Rig(tmp_path / str(next(_folders)), platform, clock=clock), clock, platform)
    for what, much in [*story, ("write", 1), ("sync", 0)]:
        machine.do(what, much)
    machine.rig.close()

    rows = told(platform)
    assert set(machine.truths) == {row["entry_id"] for row in rows}
    off_by_boot: dict[str, set[int]] = {}
    for _, lane in itertools.groupby(rows, lambda row: row["session_id"]):
        check_lane(machine, list(lane), off_by_boot)
    assert all(len(offs) == 1 for offs in off_by_boot.values())  # so that no two lanes of a boot are out of order


def check_lane(machine: Machine, lane: list[dict[str, Any]], off_by_boot: dict[str, set[int]]) -> None:
    """Hold what the platform says of one lane against the truth; note by how much sure times are off."""
    assert [row["occurred_at"] for row in lane] == sorted(row["occurred_at"] for row in lane)
    ahead_ms = 0  # the most that a clock which was wrong when it dated an entry has made of it
    for before, row in zip([None, *lane], lane, strict=False):
        truth, sent = machine.truths[row["entry_id"]], machine.platform.sent[row["entry_id"]]
        late_ms = row["occurred_at"] - truth.at_ms
        if row["uncertain"]:
            assert late_ms <= ahead_ms
        elif sent.by_clock:
            ahead_ms = max(ahead_ms, truth.wall_off_ms + CLOCK_TOLERANCE_MS)
            assert -WAY_MS - max(0, -truth.wall_off_ms) - CLOCK_TOLERANCE_MS <= late_ms <= ahead_ms
        else:
            assert -WAY_MS <= late_ms <= 0
            if before is None or row["occurred_at"] > before["occurred_at"]:  # not raised to the one before
                off_by_boot.setdefault(truth.boot_id, set()).add(late_ms)
