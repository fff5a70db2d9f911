"""Identity, journal and sync in any order: nobody is mistaken, nothing is lost, nothing counts twice."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lmg_offline._core.identity import AudienceState
from lmg_offline._core.schedule import Retry, Suspend
from lmg_offline._journal.readcache import CachedAnswer
from lmg_offline._journal.records import LaneRow
from lmg_offline._transport.port import Replayed, ReplayOutcome, nothing
from lmg_offline.protocol.replay import load_reply
from lmg_offline.user import User
from tests.fakes import MemoryPlatform, Rig
from tests.properties.other_process import other_process
from tests.properties.promises import Model
from tests.properties.search import scratch_folder, search

USERS = st.sampled_from(["MARK-ann", "MARK-bob", "MARK-cid"])
TOKENS = st.sampled_from(["good", "bad", "expired", None])
FAULTS: dict[str, ReplayOutcome] = {
    "no network": Retry("no connection"),
    "busy": Retry("busy", 30.0, reached=True),
    "portal": Replayed(load_reply({"protocol": 1, "time": 1, "settings": {}, "lanes": []})),
    "key": Suspend("lmg-write-key-refused", "no"),
}
_UNSETTLED = ("journaled", "sent", "refused")


class Platform(MemoryPlatform):
    """Knows an erasure that gives up what an answer was lost for. Source: docs/protocol.md, "What the server keeps"."""

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        request = json.loads(body)
        for sent in request["variables"]["lanes"]:
            known, first = self.lanes.get(sent["session_id"]), (sent["entries"] or [{"kind": ""}])[0]
            if known is not None and first["kind"] == "forget" and known.kept[1] in first["payload"]["void"]:
                sent["after"] = {"seq": known.kept[0], "id": known.kept[1]}
        return super().replay(json.dumps(request).encode(), meanwhile)


class People(RuleBasedStateMachine):
    """
    One device, three people, a platform with faults. See `promises.Model` for what must come of it.

    A machine of one dialect says which platform it is, and how to look at it: the methods at the end.

    Attributes:
        faults: What the platform can answer instead of doing what it is asked.

        pace: How many requests take what one takes in the replay dialect.
    """

    platform: Any
    faults: Mapping[str, object]
    pace = 1

    def __init__(self) -> None:
        super().__init__()
        self.base = scratch_folder()
        self.folder = self.base / "journal"
        self.platform = self.make_platform()
        self.provided = "none"
        self.count = self.checked = 0
        self.retried: set[str] = set()
        self.rig = self.start()
        self.model = Model(self.rig.journal.current().session_id)

    def start(self) -> Rig:
        """Start the app over what lies on disk."""
        rig = Rig(self.folder, self.platform, self.provide)
        for name in ("identify_rejected", "forked"):
            rig.events.on(name, lambda details, name=name: self.heard(name, details))
        self.user = User(rig.session, lambda: None)
        return rig

    def provide(self, user_id: str) -> str | None:
        """The app's own server, asked for a fresh token."""
        if self.provided == "raises":
            raise ConnectionError
        return self.token(user_id, self.provided if self.provided != "none" else None)

    def token(self, user_id: str, kind: str | None) -> str | None:
        """Return a token of one kind; a good one is good until `rotate`."""
        if kind is None:
            return None
        if kind == "good":
            return self.platform.good_tokens.setdefault(user_id, f"TOKEN-good-{user_id}-0")
        self.count += 1
        token = f"TOKEN-{kind}-{user_id}-{self.count}"
        if kind == "expired":
            self.platform.expired.add(token)
        return token

    def heard(self, name: str, details: Any) -> None:
        """An event of the sync. A journal that is no copy never forks."""
        assert "identify_rejected" == name
        if details["session_id"] == self.model.session:
            self.model.open(self.user.session_id)

    def mark(self) -> str:
        """Return a text that is written once, and found again wherever it lies."""
        self.count += 1
        return f"MARK{self.count:04d}x"

    # What people and the app do.

    @rule(user_id=USERS, kind=TOKENS, with_profile=st.booleans())
    def identify(self, user_id: str, kind: str | None, with_profile: bool) -> None:
        mark = self.mark()
        profile = {"traits": {mark: mark}} if with_profile else None
        receipt = self.user.identify(user_id, hmac=self.token(user_id, kind), profile=profile)
        self.model.claim(user_id, self.user.session_id)
        self.model.write("identify", receipt.id, mark)

    @rule(poison=st.sampled_from(["", "", "poison"]))
    def update(self, poison: str) -> None:
        mark = self.mark() + poison
        self.model.write("update", self.user.update({"traits": {mark: mark}}).id, mark)

    @rule()
    def track(self) -> None:
        mark = self.mark()
        self.model.write("track", self.rig.track(mark), mark)

    @rule(saved=st.booleans())
    def bookmark(self, saved: bool) -> None:
        mark = self.mark()
        kind = "bookmark" if saved else "unbookmark"
        self.model.write(kind, self.rig.session.bookmark(mark, None, [], saved).id, mark)

    @rule()
    def look_something_up(self) -> None:
        self.rig.session.save_term(self.mark())
        answer = CachedAnswer(json.dumps(self.mark()), None, self.rig.clock.wall_ms())
        self.rig.cache.put(self.rig.journal.current().lane_id, "query", answer, settles_bookmarks_through=None)

    @rule()
    def reset(self) -> None:
        before = self.rig.journal.current()
        self.model.open(self.user.reset_session())
        self.nothing_shows(before.lane_id)

    @precondition(lambda self: any(each.session == self.model.session for each in self.model.promises))
    @rule()
    def forget(self) -> None:
        before, mark = self.rig.journal.current(), self.mark()
        unsettled = {each.receipt for each in self.model.promises if self.state(each.receipt) in _UNSETTLED}
        receipt = self.user.forget()
        self.model.forget(unsettled)
        self.model.write("forget", receipt.id, mark)
        self.model.open(self.user.session_id)
        self.nothing_shows(before.lane_id)

    @rule(what=st.sampled_from(["track", "reset", "identify"]), user_id=USERS, kind=TOKENS)
    def another_process(self, what: str, user_id: str, kind: str | None) -> None:
        other, mark = other_process(), self.mark()
        match what:
            case "track":
                body = json.dumps({"name": mark, "properties": {}})
                self.model.write("track", other.do(self.folder, "append", "track", body), mark)
            case "reset":
                self.model.open(other.do(self.folder, "reset"))
            case "identify":
                receipt = other.do(self.folder, "identify", user_id, self.token(user_id, kind))
                self.model.claim(user_id, self.user.session_id)
                self.model.write("identify", receipt, mark)

    # What happens to them.

    @rule(steps=st.integers(1, 6))
    def sync(self, steps: int) -> None:
        for _ in range(steps * self.pace):
            self.rig.clock.advance(self.rig.runner.step() or 0.0)

    @rule(times=st.integers(1, 3))
    def lose_answers(self, times: int) -> None:
        self.platform.lose_reply = times

    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def break_down(self, fault: str) -> None:
        self.platform.faults.append(self.faults[fault])

    @rule(how=st.sampled_from(["none", "good", "expired", "raises"]))
    def provide_tokens(self, how: str) -> None:
        self.provided = how

    @rule(user_id=USERS)
    def rotate(self, user_id: str) -> None:
        old = self.platform.good_tokens.pop(user_id, None)
        self.count += 1
        self.platform.good_tokens[user_id] = f"TOKEN-good-{user_id}-{self.count}"
        if old is not None:
            self.platform.expired.add(old)

    @rule()
    def restart(self) -> None:
        clock = self.rig.clock
        self.rig.close()
        self.rig = self.start()
        vars(self.rig.clock).update(vars(clock))

    @precondition(lambda self: self.rig.desk.dead_letters())
    @rule(data=st.data(), how=st.sampled_from(["retry", "discard"]))
    def settle_a_dead_letter(self, data: st.DataObject, how: str) -> None:
        letter = data.draw(st.sampled_from(self.rig.desk.dead_letters()))
        if how == "discard":
            self.rig.desk.discard(letter.id)
            return
        self.model.retry(letter.receipt_id, self.rig.desk.retry(letter.id))
        self.retried.add(letter.id)
        self.platform.seen.pop(letter.id, None)  # the platform tries it again
        self.platform.log = [row for row in self.platform.log if row[2] != letter.id]

    @rule()
    def come_to_rest(self) -> None:
        self.platform.faults.clear()
        self.platform.lose_reply = 0
        if self.provided == "raises":
            self.provided = "none"
        self.rig.drain()
        lane = self.rig.journal.current()
        if lane.user_id is not None:
            self.both_say_the_same(lane)
        parked = {lane.session_id for lane in self.rig.desk.lanes() if lane.status == "parked"}
        moving = [each for each in self.model.promises if self.state(each.receipt) in ("journaled", "sent")]
        assert {each.session for each in moving} <= parked
        self.nothing_stays()

    # What must hold.

    def state(self, receipt: str) -> str:
        """Return what became of a write."""
        return self.rig.session.receipt_state(receipt)

    def nothing_shows(self, lane_id: int) -> None:
        """Whoever comes next finds nothing of who was here."""
        assert (None, AudienceState.ANONYMOUS, {}) == (self.user.id, self.user.state, self.user.profile)
        assert ([], [], []) == (self.rig.session.recent_terms(), self.rig.session.bookmarks(),
                                self.rig.cache.bodies(lane_id))  # fmt: skip

    def nothing_stays(self) -> None:
        """What was delivered for somebody who left is not on the disk any more."""
        everything = b"".join(path.read_bytes() for path in self.folder.iterdir())
        settled = ("acknowledged", "forgotten", "discarded")
        left = [each for each in self.model.promises if each.session != self.model.session]
        found = [each for each in left if each.mark.encode() in everything and self.state(each.receipt) in settled]
        assert [] == found

    @invariant()
    def nobody_is_mistaken_and_nothing_is_lost(self) -> None:
        lane = self.rig.journal.current()
        assert (self.model.session, self.model.user) == (lane.session_id, lane.user_id)
        assert (lane.state == "anonymous") == (lane.user_id is None)
        if lane.state == "verified":
            assert self.has_been_verified(lane)
        audit = self.rig.desk.audit()
        assert (True, len(self.model.promises) + audit.ledger.get("retried", 0)) == (audit.adds_up, audit.accepted)
        if len(self.platform.log) != self.checked:
            self.checked = len(self.platform.log)
            self.the_platform_has_each_write_once_in_order_under_its_person()
            self.receipts_tell_the_truth()

    def the_platform_has_each_write_once_in_order_under_its_person(self) -> None:
        """An erasure names its person itself: the session may be nobody's by then."""
        promises = {each.id: each for each in self.model.promises}
        order = list(promises)
        found: dict[str, list[str]] = {}
        for session, _, entry_id, kind, user_id in self.platform.log:
            promise = promises[entry_id]
            assert (promise.session, promise.kind) == (session, kind)
            assert kind == "forget" or promise.user == user_id
            found.setdefault(session, []).append(entry_id)
        for ids in found.values():
            in_place = [each for each in ids if each not in self.retried]
            assert in_place == sorted(in_place, key=order.index)
            assert len(ids) == len(set(ids))

    def receipts_tell_the_truth(self) -> None:
        """An answer that was lost leaves a write in the queue; nothing else may differ."""
        for promise in self.model.promises:
            state, code = self.state(promise.receipt), self.platform.seen.get(promise.id)
            assert (state == "forgotten") == (promise.receipt in self.model.given_up)
            assert state != "acknowledged" or (promise.id in self.platform.seen and code is None)
            assert state != "refused" or code is not None

    def teardown(self) -> None:
        """Everybody comes back with a good token, and leaves: everything is delivered, and nothing stays."""
        try:
            if sys.exc_info()[0] is not None:
                return
            self.provided = "good"
            self.platform.faults.clear()
            self.platform.lose_reply = 0
            for user_id in sorted({user for user in self.model.owners.values() if user}):
                self.rotate(user_id)
                self.identify(user_id, "good", False)
                self.rig.drain()
            self.reset()
            self.rig.drain()
            for letter in self.rig.desk.dead_letters():
                self.rig.desk.discard(letter.id)
            self.rig.drain()
            self.the_platform_has_each_write_once_in_order_under_its_person()
            self.receipts_tell_the_truth()
            finals = {self.state(promise.receipt) for promise in self.model.promises}
            assert finals <= {"acknowledged", "discarded", "forgotten"}
            other_process().do(self.folder, "close")
            everything = b"".join(path.read_bytes() for path in self.folder.iterdir())
            assert (False, False) == (b"MARK" in everything, b"TOKEN" in everything)
        finally:
            other_process().do(self.folder, "close")
            self.rig.close()
            shutil.rmtree(self.base)

    # What depends on the dialect.

    def make_platform(self) -> Any:
        """Return a platform that refuses what has `poison` in it."""
        raise NotImplementedError

    def both_say_the_same(self, lane: LaneRow) -> None:
        """At rest, the platform knows the session as the device does."""
        raise NotImplementedError

    def has_been_verified(self, lane: LaneRow) -> bool:
        """Whether the platform has taken a token of the lane's user."""
        raise NotImplementedError


class IdentityMachine(People):
    """In the replay dialect."""

    faults = FAULTS

    def make_platform(self) -> Platform:
        platform = Platform()
        platform.refuse = lambda entry: "invalid_payload" if "poison" in json.dumps(entry["payload"]) else None
        return platform

    def both_say_the_same(self, lane: LaneRow) -> None:
        assert lane.state == self.platform.lanes[lane.session_id].state

    def has_been_verified(self, lane: LaneRow) -> bool:
        known = self.platform.lanes[lane.session_id]
        return ("verified", lane.user_id) == (known.state, known.user_id)


TestIdentity = IdentityMachine.TestCase
TestIdentity.settings = search(examples=60, steps=30)
