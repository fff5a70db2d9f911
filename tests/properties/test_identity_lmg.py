"""The same people, on a platform that speaks the LMG dialect alone: one entry at a time, and sessions that get lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from lmg_offline._core.schedule import Retry, Suspend
from lmg_offline._journal.records import LaneRow
from lmg_offline._transport.port import Collected, CollectOutcome, GraphOutcome, Refused
from tests.lmg_fakes import MemoryLmg
from tests.properties.search import search
from tests.properties.test_identity import People

FAULTS: dict[str, GraphOutcome] = {
    "no network": Retry("no connection"),
    "busy": Retry("busy", 30.0, reached=True),
    "portal": Retry("something between here and the platform answered in its place"),
    "key": Suspend("lmg-write-key-refused", "no"),
}
_KINDS = {
    "IdentifySession": "identify",
    "UpdateTraits": "update",
    "CreateBookmark": "bookmark",
    "DeleteBookmark": "unbookmark",
}


@dataclass
class Platform(MemoryLmg):
    """
    Writes down which entry took effect for whom, as the header names it.

    Attributes:
        session_of: The device's own name of the session that made an entry; the platform names its own.

        log: (session, number, entry id, kind, user id) of what was handled, in order, each entry once.

        seen: Code under which each entry was refused, None for those that took effect.

        proved: Users whose token was taken.

        lose_writes: Do what so many entries say, and answer Retry; `lose_reply` mostly meets the sessions.
    """

    session_of: Callable[[str], str] = str
    expired: set[str] = field(default_factory=set)
    faults: list[GraphOutcome] = field(default_factory=list)
    log: list[tuple[str, int, str, str, str | None]] = field(default_factory=list)
    seen: dict[str, str | None] = field(default_factory=dict)
    proved: set[str] = field(default_factory=set)
    lose_writes: int = 0

    def graph(self, path: str, body: bytes, *, session_token: str | None, entry: str | None) -> GraphOutcome:
        if self.faults:
            return self.faults.pop(0)
        given = json.loads(body)
        operation, variables = given["query"].split()[1].split("(")[0], given.get("variables", {})
        session = self.sessions.get(session_token or "")
        before = len(self.done)
        if session is not None and b"poison" in body:
            outcome: GraphOutcome = Refused(422, "lmg-invalid", "no")
        else:
            outcome = super().graph(path, body, session_token=session_token, entry=entry)
        has_effect = len(self.done) > before
        if has_effect and operation == "IdentifySession" and "externalIdSignature" in variables:
            self.proved.add(variables["externalId"])
        if entry is not None and session is not None:
            _, seq, entry_id = entry.split("/")
            is_erasure = operation == "UpdateTraits" and not any(json.loads(variables["traits"]).values())
            if has_effect:
                kind = "forget" if is_erasure else _KINDS[operation]
                self.handled(entry_id, int(seq), kind, session.user_id, "not_offered" if is_erasure else None)
                if self.lose_writes:
                    self.lose_writes -= 1
                    return Retry("the connection broke off")
            elif isinstance(outcome, Refused) and operation != "IdentifySession":
                self.handled(entry_id, int(seq), _KINDS[operation], session.user_id, outcome.message_id)
        return outcome

    def collect(self, url: str, body: bytes) -> CollectOutcome:
        outcome = super().collect(url, body)
        if not isinstance(outcome, Collected):
            return outcome
        for event in json.loads(body)["data"]:
            self.handled(event["eid"], 0, "track", self.events[event["eid"]], None)
        if self.lose_writes:
            self.lose_writes -= 1
            return Retry("the connection broke off")
        return outcome

    def handled(self, entry_id: str, seq: int, kind: str, user_id: str | None, code: str | None) -> None:
        """Note it; what comes again, its answer lost, must come before anything that was made after it."""
        session = self.session_of(entry_id)
        mine = [row[2] for row in self.log if row[0] == session]
        if entry_id in self.seen:
            assert self.seen[entry_id] == code
            assert kind == "track" or mine[-1] == entry_id
            return
        self.seen[entry_id] = code
        self.log.append((session, seq, entry_id, kind, user_id))


class LmgMachine(People):
    """In the LMG dialect; its platform also forgets sessions."""

    faults = FAULTS
    pace = 5

    def make_platform(self) -> Platform:
        return Platform(session_of=lambda entry_id: next(p.session for p in self.model.promises if p.id == entry_id))

    @rule(times=st.integers(1, 3))
    def lose_answers_to_entries(self, times: int) -> None:
        self.platform.lose_writes = times

    @rule()
    def sessions_are_lost(self) -> None:
        self.platform.expire()

    def both_say_the_same(self, lane: LaneRow) -> None:
        """As far as the platform still has the session: one that it lost is identified again before it is used."""
        there = self.there(lane)
        if there is not None:
            assert (lane.user_id, lane.state == "verified") == (there.user_id, there.is_verified)

    def has_been_verified(self, lane: LaneRow) -> bool:
        return lane.user_id in self.platform.proved

    def there(self, lane: LaneRow) -> Any:
        """Return what the platform has of a lane's session, or None."""
        kept = self.rig.outbox.lmg_session(lane.lane_id)
        found = [each for each in self.platform.sessions.values() if kept and each.session_id == kept.session_id]
        return found[0] if found else None


TestLmg = LmgMachine.TestCase
TestLmg.settings = search(examples=50, steps=30)
