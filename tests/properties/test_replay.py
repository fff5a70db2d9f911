"""Replay on the real platform, by senders who send anything: docs/protocol.md, "What the server keeps", as a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lmg_offline.platform.ingest import DeviceRefused
from lmg_offline.platform.store import tables
from tests.properties.direct import DirectSite
from tests.properties.search import search

Place = tuple[int, str | None]
Json = dict[str, Any]
START: Place = (0, None)


@dataclass(frozen=True)
class Logged:
    """What the log says of an entry."""

    session: str
    seq: int
    code: str | None


@dataclass
class KeptLane:
    """What the server keeps of a session."""

    device: str
    kept: Place
    user: str | None = None
    is_verified: bool = False

    @property
    def state(self) -> str:
        return "verified" if self.is_verified else "identified" if self.user else "anonymous"


@dataclass
class Model:
    """
    The server, row by row of the protocol's table.

    Attributes:
        places: Every (session, number, id) under which an entry was handled.

        effects: Ids of the activities that count.
    """

    good_tokens: dict[str, str]
    lanes: dict[str, KeptLane] = field(default_factory=dict)
    log: dict[str, Logged] = field(default_factory=dict)
    places: set[tuple[str, int, str]] = field(default_factory=set)
    effects: list[str] = field(default_factory=list)

    def replay_lane(self, device: str, sent: Json) -> Json:
        session, entries = sent["session_id"], sent["entries"]
        after: Place = (sent["after"]["seq"], sent["after"]["id"])
        lane = self.lanes.get(session)
        skipped, restored = 0, False
        if lane is None:
            lane = self.lanes[session] = KeptLane(device, after)
            restored = after != START
        elif lane.device != device or (lane.kept[0] == after[0] and lane.kept != after):
            return {"status": "forked", "through": START, "state": "anonymous", "refused": [], "restored": False}
        elif lane.kept[0] < after[0]:
            lane.kept, restored = after, True
        elif lane.kept != after:
            found = [(entry["seq"], entry["id"]) for entry in entries]
            is_handled = all((session, *place) in self.places for place in found)
            if lane.kept in found:
                skipped = found.index(lane.kept) + 1
            elif is_handled and all(seq < lane.kept[0] for seq, _ in found):
                skipped = len(found)
            else:
                return {"status": "forked", "through": START, "state": "anonymous", "refused": [], "restored": False}
        refused = [(e["seq"], e["id"], self.log[e["id"]].code) for e in entries[:skipped] if self.code(e["id"])]
        status = "ok"
        for entry in entries[skipped:]:
            code = self.handle(lane, session, entry, sent["token"])
            if code == "parked":
                status = code
                break
            lane.kept = (entry["seq"], entry["id"])
            refused += [(entry["seq"], entry["id"], code)] if code else []
        return {"status": status, "through": lane.kept, "state": lane.state, "refused": refused, "restored": restored}

    def code(self, entry_id: str) -> str | None:
        return self.log[entry_id].code if entry_id in self.log else None

    def handle(self, lane: KeptLane, session: str, entry: Json, token: str | None) -> str | None:
        """Handle one entry: an id takes effect once, in whatever lane; a refused one may try another number."""
        logged, place = self.log.get(entry["id"]), (session, entry["seq"], entry["id"])
        if logged is not None and logged.code is None:
            is_claim = entry["kind"] == "identify" and logged.session != session
            if is_claim and self.apply(lane, entry, token) == "parked":
                return "parked"
            self.places.add(place)
            return None
        if logged is not None and (logged.session, logged.seq) == place[:2]:
            return logged.code
        code = self.apply(lane, entry, token)
        if code != "parked":
            self.places.add(place)
            self.log[entry["id"]] = Logged(session, entry["seq"], code)
        return code

    def apply(self, lane: KeptLane, entry: Json, token: str | None) -> str | None:
        payload = entry["payload"]
        match entry["kind"]:
            case "track" if "name" in payload:
                self.effects.append(entry["id"])
            case "identify" if lane.user not in (None, payload["user_id"]):
                return "session_taken"
            case "identify":
                if payload["verify"] and self.good_tokens[payload["user_id"]] != token:
                    return "parked"
                lane.user, lane.is_verified = payload["user_id"], lane.is_verified or payload["verify"]
            case "track":
                return "invalid_payload"
            case _:
                return "unknown_kind"
        return None


SESSIONS = ("s1", "s2", "s3")
WHAT = st.one_of(
    st.sampled_from([("track", {"name": "seen"}), ("track", {"name": "seen"}), ("track", {}), ("nod", {})]),
    st.builds(
        lambda user, verify: ("identify", {"user_id": user, "verify": verify}),
        st.sampled_from(["ann", "bob"]),
        st.booleans(),
    ),
)


class ReplayMachine(RuleBasedStateMachine):
    """Two devices, three sessions, and ids that are used again wherever it may hurt."""

    def __init__(self) -> None:
        super().__init__()
        self.site = DirectSite()
        self.model = Model({user: self.site.token(user) for user in ("ann", "bob")})
        self.requests: list[tuple[Json, list[Json]]] = []

    def send(self, device: Json, lanes: list[Json]) -> None:
        """Send to both, and compare."""
        reply = self.site.replay(device, lanes)
        for sent, found in zip(lanes, reply["lanes"], strict=True):
            expected = self.model.replay_lane(device["id"], sent)
            through = found["applied_through"]
            assert expected == {
                "status": found["status"],
                "through": (through["seq"], through["id"]),
                "state": found["state"],
                "refused": [(each["seq"], each["id"], each["code"]) for each in found["refused"]],
                "restored": found["restored"],
            }
            assert (found["status"] == "ok") == (found["session_token"] is not None)

    @rule(data=st.data(), device=st.sampled_from(["d1", "d1", "d1", "d2"]), count=st.integers(1, 2))
    def replay(self, data: st.DataObject, device: str, count: int) -> None:
        sessions = data.draw(st.lists(st.sampled_from(SESSIONS), min_size=count, max_size=count, unique=True))
        sender = {"id": device, "secret": f"secret of {device}", "sent_at": 1}
        lanes = [data.draw(self.lane(session)) for session in sessions]
        self.requests.append((sender, lanes))
        self.send(sender, lanes)

    def lane(self, session: str) -> st.SearchStrategy[Json]:
        """Return lanes that begin where the server is, or behind, or ahead, or somewhere of their own."""
        known = self.model.lanes.get(session)
        kept = known.kept if known is not None else START
        handled = sorted((seq, entry_id) for at, seq, entry_id in self.model.places if at == session)
        begins: list[Place] = [kept, kept, START, *handled[-3:], (kept[0] + 2, f"{session}-{kept[0] + 2}a")]
        if kept[0] > 0:
            begins.append((kept[0], f"{session}-other"))

        def follow(after: Place) -> st.SearchStrategy[Json]:
            steps = st.lists(st.sampled_from([1, 1, 1, 1, 2]), max_size=5)
            ids = st.lists(st.sampled_from(["own", "own", "own", "own", "b", "used"]), min_size=5, max_size=5)
            whats = st.lists(WHAT, min_size=5, max_size=5)
            used = st.sampled_from(sorted(self.model.log) or ["none"])
            token = st.sampled_from([None, *self.model.good_tokens.values()])
            ages = st.lists(st.one_of(st.none(), st.integers(0, 10_000)), min_size=5, max_size=5)
            return st.builds(
                lambda *parts: self.built(session, after, *parts), steps, ids, whats, used, token, ages
            )

        return st.sampled_from(begins).flatmap(follow)

    def built(
        self,
        session: str,
        after: Place,
        steps: list[int],
        ids: list[str],
        whats: list[tuple[str, Json]],
        used: str,
        token: str | None,
        ages: list[int | None],
    ) -> Json:
        """Put a lane together; what was handled under a number comes again as it was."""
        entries: list[Json] = []
        seq = after[0]
        logged = {(each.session, each.seq): entry_id for entry_id, each in self.model.log.items()}
        for step, kind_of_id, (kind, payload), age_ms in zip(steps, ids, whats, ages, strict=False):
            seq += step
            own = logged.get((session, seq), f"{session}-{seq}a")
            entry_id = {"own": own, "b": f"{session}-{seq}b", "used": used}[kind_of_id]
            entries.append(
                {"seq": seq, "id": entry_id, "kind": kind, "made_at": 1, "age_ms": age_ms, "payload": payload}
            )
        return {"session_id": session, "after": {"seq": after[0], "id": after[1]}, "token": token, "entries": entries}

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Any request of before, late and once more."""
        self.send(*self.requests[data.draw(st.integers(0, len(self.requests) - 1))])

    @precondition(lambda self: self.requests)
    @rule()
    def repeat_the_last(self) -> None:
        """An answer was lost: what it says of refusals is said again."""
        device, lanes = self.requests[-1]
        first = self.site.replay(device, lanes)
        again = self.site.replay(device, lanes)
        for lane in lanes:
            self.model.replay_lane(device["id"], lane)
        for name in ("status", "applied_through", "refused", "state"):
            assert [lane[name] for lane in first["lanes"]] == [lane[name] for lane in again["lanes"]]

    @precondition(lambda self: self.requests)
    @rule()
    def somebody_else_speaks_for_a_device(self) -> None:
        """Without the device's secret nothing is changed, and nothing told."""
        device, lanes = self.requests[-1]
        before = self.site.everything()
        with pytest.raises(DeviceRefused):
            self.site.replay({**device, "secret": "guessed"}, lanes)
        assert before == self.site.everything()

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.site.now_ms += seconds * 1000

    @invariant()
    def each_activity_counts_once(self) -> None:
        assert len(self.model.effects) == len(set(self.model.effects))
        assert sorted(self.model.effects) == [row["entry_id"] for row in self.site.rows(tables.activity, "entry_id")]

    @invariant()
    def the_log_is_the_models(self) -> None:
        rows = self.site.rows(tables.entries)
        assert self.model.log == {row["entry_id"]: Logged(row["session_id"], row["seq"], row["code"]) for row in rows}

    @invariant()
    def lanes_stand_where_the_replies_said(self) -> None:
        rows = self.site.rows(tables.sessions)
        assert {session: replace(lane) for session, lane in self.model.lanes.items()} == {
            row["session_id"]: KeptLane(
                row["device_id"], (row["kept_seq"], row["kept_id"]), row["user_id"], row["state"] == "verified"
            )
            for row in rows
        }

    @invariant()
    def a_lane_never_goes_back_in_time(self) -> None:
        """What was handled under another number before keeps the time it had then."""
        ids = [entry_id for _, _, entry_id in self.model.places]
        once = {entry_id for entry_id in ids if ids.count(entry_id) == 1}
        for session in SESSIONS:
            rows = self.site.rows(tables.entries, "seq", session_id=session)
            times = [row["occurred_at"] for row in rows if row["entry_id"] in once]
            assert times == sorted(times)
            assert all(at <= self.site.now_ms for at in times)

    def teardown(self) -> None:
        self.site.close()


TestReplay = ReplayMachine.TestCase
TestReplay.settings = search(examples=60, steps=15)
