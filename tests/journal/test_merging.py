"""Merging, held against the platform's own rules: what is left says what the whole queue says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from lmg_offline._core.ages import Now, age
from lmg_offline._journal.engine import Driver, driver_connection, rows
from lmg_offline._journal.keys import LANE_SHIFT, SEQ_MASK
from lmg_offline._journal.merging import merge
from lmg_offline._journal.records import EntryRow, digest_of
from lmg_offline._journal.tables import metadata
from lmg_offline.platform.lanes import Apply, plan
from lmg_offline.platform.profiles import Value, effective, to_text
from lmg_offline.protocol.values import START, Entry, Lane, Position
from tests.properties.search import search

WALL = 1_790_000_000_000
A, B = "device-a", "device-b"
ATTRIBUTES = ("name", "tier", "age")


@dataclass(frozen=True)
class Made:
    """One write of the device, how much later it came than the one before, and how the wall clock was set then."""

    kind: str
    profile: dict[str, int | None]
    after_ms: int
    set_ms: int


@dataclass(frozen=True)
class Elsewhere:
    """What another device wrote, at a time of the platform's, and before which of this device's deliveries."""

    profile: dict[str, int | None]
    at_ms: int
    before: int


@dataclass(frozen=True)
class Story:
    """
    Writes of two sessions, what was on the wire when they were merged, and what came between.

    Attributes:
        lanes: The sessions' writes.

        sent: How many of the first session's had been on the wire.

        applied: How many of those the platform has applied.

        acked: How many of those the device knows of.

        reboots: Before which writes the device booted anew.

        steps: How many entries go into each request after that.
    """

    lanes: tuple[tuple[Made, ...], ...]
    sent: int
    applied: int
    acked: int
    reboots: frozenset[int]
    elsewhere: tuple[Elsewhere, ...]
    steps: tuple[int, ...]
    parts: int


profiles = st.dictionaries(st.sampled_from(ATTRIBUTES), st.none() | st.integers(0, 3), max_size=3)
made = st.builds(
    Made,
    st.sampled_from(["update"] * 8 + ["track", "identify", "bookmark"]),
    profiles,
    st.sampled_from([0, 0, 1, 7, 60_000, -50]),
    st.sampled_from([0] * 9 + [-70_000, 3_000]),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    lanes = tuple(tuple(draw(st.lists(made, max_size=14))) for _ in range(2))
    sent = draw(st.integers(0, len(lanes[0])))
    applied = draw(st.integers(0, sent))
    elsewhere = st.builds(Elsewhere, profiles, st.integers(WALL - 100, WALL + 2_000_000), st.integers(0, 4))
    return Story(
        lanes,
        sent,
        applied,
        draw(st.integers(0, applied)),
        draw(st.frozensets(st.integers(0, 27), max_size=2)),
        tuple(draw(st.lists(elsewhere, max_size=6))),
        tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))),
        draw(st.integers(2, 40)),
    )


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine(
        "sqlite+pysqlite://",
        poolclass=StaticPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"factory": Driver},
    )
    with engine.connect() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


def written(story: Story) -> list[EntryRow]:
    """Return the queue as the device would have written it."""
    found, wall, up, boot, number = [], WALL, 1_000, 1, 0
    for lane_id, lane in enumerate(story.lanes, 1):
        for seq, each in enumerate(lane, 1):
            if number in story.reboots:
                boot, up = boot + 1, 500
            wall, up, number = wall + each.after_ms + each.set_ms, max(0, up + each.after_ms), number + 1
            position = (lane_id << LANE_SHIFT) + seq
            body = json.dumps({"profile": each.profile} if each.kind in ("update", "identify") else {})
            digest = digest_of(position, f"e{position}", each.kind, (wall, f"boot-{boot}", up), body)
            found.append(EntryRow(position, f"e{position}", each.kind, body, wall, f"boot-{boot}", up, digest))
    return found


def merged(connection: Connection, story: Story, queue: list[EntryRow]) -> list[EntryRow]:
    """Lay the queue down, merge it in parts, check the ledger, and return what is left."""
    for table in ("entries", "lanes", "ledger"):
        connection.exec_driver_sql(f"DELETE FROM {table}")
    for lane_id in (1, 2):
        base = lane_id << LANE_SHIFT
        sent = base + story.sent if lane_id == 1 else 0
        connection.exec_driver_sql(
            "INSERT INTO lanes (lane_id, session_id, state, opened_at, last_position, acked_position, acked_count,"
            " drained, sent_position) VALUES (?, ?, 'anonymous', 0, ?, ?, 0, 0, ?)",
            (lane_id, f"s{lane_id}", base, base, sent),
        )
    unacked = [entry for entry in queue if entry.lane_id == 2 or entry.seq > story.acked]
    driver_connection(connection).executemany(
        "INSERT INTO entries (position, id, kind, body, made_at, boot_id, since_boot_ms, digest)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [tuple(getattr(entry, name) for name in EntryRow._fields) for entry in unacked],
    )
    start, ended, removed = 0, False, 0
    while not ended:
        done = merge(connection, start, story.parts, WALL)
        assert done.resume_at > start or done.removed or done.ended
        start, ended, removed = done.resume_at, done.ended, removed + done.removed
    left = [
        EntryRow(*row)
        for row in rows(
            connection,
            "SELECT position, id, kind, body, made_at, boot_id, since_boot_ms, digest FROM entries ORDER BY position",
        )
    ]
    named = [
        position
        for first, last, count in rows(connection, "SELECT first_position, last_position, entries FROM ledger")
        for position in range(first, last + 1)
        if count == last - first + 1
    ]
    gone = {entry.position for entry in unacked} - {entry.position for entry in left}
    assert (removed, sorted(gone)) == (len(named), sorted(named))
    assert all(entry.kind == "update" for entry in unacked if entry.position in gone)
    assert all(entry.seq > story.sent for entry in unacked if entry.position in gone and entry.lane_id == 1)
    return left


@dataclass
class Platform:
    """Its rules for times and values, of one person with two devices."""

    kept: dict[str, Position] = field(default_factory=dict)
    last_at: dict[str, int] = field(default_factory=dict)
    log: dict[str, tuple[str, int]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Value]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def replay(self, lane: Lane, rows_: list[EntryRow], received_at: int, now: Now) -> Position:
        what = plan(
            self.kept.get(lane.session_id),
            lane,
            is_owner=True,
            is_logged=lambda entry: self.log.get(entry.id) == (lane.session_id, entry.seq),
        )
        assert isinstance(what, Apply), what
        fresh = {entry.id for entry in what.fresh}
        for row in rows_:
            if row.id in fresh:
                self._apply(lane.session_id, row, received_at, now)
        return self.kept.setdefault(lane.session_id, what.kept)

    def _apply(self, session: str, row: EntryRow, received_at: int, now: Now) -> None:
        before = self.last_at.get(session, 0)
        age_ms = age(row, now).ms
        at = min(max(before if age_ms is None else received_at - age_ms, before), received_at)
        self.last_at[session], self.kept[session] = at, Position(row.seq, row.id)
        self.log[row.id] = (session, row.seq)
        if row.kind == "update" or row.kind == "identify":
            self.write(A, session, json.loads(row.body)["profile"], at, row.id)
        if row.kind != "update":
            self.others.append(f"{row.id} at {at}")

    def write(self, device: str, session: str, profile: dict[str, object], at: int, entry_id: str) -> None:
        store = self.sessions.setdefault(session, {})
        for name, given_ in profile.items():
            value = Value(to_text(given_), at, False, device, session, entry_id)
            if value.beats(store.get(name)):
                store[name] = value

    def profile(self) -> dict[str, tuple[str | None, int, str]]:
        found = effective({}, self.sessions.values())
        return {name: (each.value.value, each.value.occurred_at, each.value.entry_id) for name, each in found.items()}


def delivered(story: Story, first: list[EntryRow], then: list[EntryRow], *, wall_back_ms: int = 0) -> Platform:
    """
    Deliver a queue to a platform of its own.

    Args:
        first: What was on the wire before the merge.

        then: What was in the queue after it.
    """
    platform = Platform()
    boots = {row.boot_id for row in first + then}
    boot = max(boots, default="boot-1")
    up = max((row.since_boot_ms for row in first + then if row.boot_id == boot), default=0) + 1_000
    received = WALL + 2_500_000
    now = Now(received - wall_back_ms, boot, up)
    before = [row for row in first if row.lane_id == 1 and row.seq <= story.applied]
    _send(platform, before, START, 0, received - 300_000, replace_now(now, -300_000))
    acked = [row for row in before if row.seq <= story.acked]
    known = {1: _position(acked[-1]) if acked else START, 2: START}
    turns = len(story.steps) + 1
    for turn, step in enumerate([*story.steps, len(then) + 1]):
        _write_elsewhere(platform, story, turn)
        for lane_id in (1, 2):
            at_ms = turn * 1_000
            queued = [row for row in then if row.lane_id == lane_id and row.seq > known[lane_id].seq]
            got = _send(platform, queued[:step], known[lane_id], lane_id, received + at_ms, replace_now(now, at_ms))
            if got is not None and got.seq >= known[lane_id].seq:
                sent = [row for row in queued[:step] if row.seq <= got.seq]
                known[lane_id] = _position(sent[-1]) if sent else known[lane_id]
    for turn in range(turns, 6):
        _write_elsewhere(platform, story, turn)
    return platform


def replace_now(now: Now, by_ms: int) -> Now:
    return Now(now.wall_ms + by_ms, now.boot_id, now.since_boot_ms + by_ms, now.booted_at)


def _position(row: EntryRow) -> Position:
    return Position(row.position & SEQ_MASK, row.id)


def _send(
    platform: Platform, sent: list[EntryRow], after: Position, lane_id: int, received: int, now: Now
) -> Position | None:
    if not sent:
        return None
    entries = tuple(Entry(row.seq, row.id, row.kind, row.made_at, 0, {}) for row in sent)
    return platform.replay(Lane(f"s{sent[0].lane_id}", after, None, entries), sent, received, now)


def _write_elsewhere(platform: Platform, story: Story, turn: int) -> None:
    for number, each in enumerate(story.elsewhere):
        if each.before == turn:
            platform.write(B, "sb", dict(each.profile), each.at_ms, f"b{number}")


@search(1_000)
@given(story=stories())
def test_what_is_left_says_what_the_whole_queue_says(connection: Connection, story: Story) -> None:
    """
    Whatever was sent, applied, acknowledged or lost before, and whatever another device writes in between:
    the same values, with the same times, of the same entries; and everything else untouched.
    """
    queue = written(story)
    left = merged(connection, story, queue)
    whole = delivered(story, queue, [row for row in queue if row.lane_id == 2 or row.seq > story.acked])
    short = delivered(story, queue, left)

    assert whole.profile() == short.profile()
    assert (whole.kept, whole.last_at, sorted(whole.others)) == (short.kept, short.last_at, sorted(short.others))


@search(500)
@given(story=stories(), wall_back_ms=st.integers(0, 3_000_000))
def test_where_the_clock_is_set_back_before_sending_no_value_gets_a_later_time(
    connection: Connection, story: Story, wall_back_ms: int
) -> None:
    """Then the age of some is not known, and doubt must not overwrite what is newer elsewhere."""
    queue = written(story)
    left = merged(connection, story, queue)
    whole = delivered(story, queue, [row for row in queue if row.lane_id == 2 or row.seq > story.acked],
                      wall_back_ms=wall_back_ms)  # fmt: skip
    short = delivered(story, queue, left, wall_back_ms=wall_back_ms)
    times = [
        (value.occurred_at, whole.sessions[session][name].occurred_at)
        for session, values in short.sessions.items()
        for name, value in values.items()
    ]

    assert [] == [pair for pair in times if pair[0] > pair[1]]
    assert set(whole.kept) == set(short.kept)
