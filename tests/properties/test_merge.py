"""Several devices, sessions and people on the real platform: the latest write wins, whatever arrives when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lmg_offline.platform.store import tables
from tests.properties.direct import DirectSite
from tests.properties.search import search

SESSIONS = {"s1": "d1", "s2": "d1", "s3": "d2", "s4": "d3"}
USERS = ("ann", "bob")


@dataclass
class Write:
    """One value of one attribute (or bookmark), by when, where and in which order it was written."""

    what: tuple[str, str]
    value: object
    key: tuple[int, str, str]
    session: str


@dataclass
class Session:
    """Whose a session is. `forgotten` is whose it was, and until when it writes nothing."""

    user: str | None = None
    is_verified: bool = False
    identified_at: int = 0
    forgotten: tuple[str, int] | None = None
    last_at: int = 0


@dataclass
class Model:
    """
    Every write that counts, in no order at all: who wins is worked out when somebody asks.

    Attributes:
        tombstones: When each user was forgotten.
    """

    sessions: dict[str, Session] = field(default_factory=lambda: {name: Session() for name in SESSIONS})
    writes: list[Write] = field(default_factory=list)
    activity: dict[str, str] = field(default_factory=dict)
    tombstones: dict[str, int] = field(default_factory=dict)

    def refusal(self, name: str, at: int) -> str | None:
        forgotten = self.sessions[name].forgotten
        return "forgotten" if forgotten is not None and at < forgotten[1] else None

    def identify(self, name: str, user: str, at: int, verify: bool) -> str | None:
        session = self.sessions[name]
        if self.refusal(name, at):
            return "forgotten"
        if session.user not in (None, user) or (session.forgotten and session.forgotten[0] != user):
            return "session_taken"
        if at < self.tombstones.get(user, 0):
            session.forgotten = (user, self.tombstones[user])
            self.erase({name})
            return "forgotten"
        if session.user is None:
            session.user, session.identified_at = user, at
        session.is_verified = session.is_verified or verify
        return None

    def forget(self, name: str, at: int) -> None:
        session = self.sessions[name]
        gone = {name}
        if session.is_verified and session.user:
            self.tombstones[session.user] = max(at, self.tombstones.get(session.user, 0))
            mine = {each: self.sessions[each] for each in SESSIONS if self.sessions[each].user == session.user}
            gone = {each for each, found in mine.items() if found.identified_at <= at}
        self.erase(gone)
        for each in gone if session.user else ():
            self.sessions[each] = Session(forgotten=(session.user, at), last_at=self.sessions[each].last_at)

    def erase(self, names: set[str]) -> None:
        """What a value had overwritten does not come back with its erasure."""
        overwritten = [
            write
            for winner in self.winners()
            if winner.session in names
            for write in self.rivals(winner)
        ]  # fmt: skip
        self.writes = [each for each in self.writes if each.session not in names and each not in overwritten]
        self.activity = {each: session for each, session in self.activity.items() if session not in names}

    def rivals(self, write: Write) -> list[Write]:
        """Return the writes that share one place with this: a user's verified values, a user's bookmarks, a session."""
        owner = self.sessions[write.session]

        def place(each: Write) -> object:
            session = self.sessions[each.session]
            is_shared = session.user and (session.is_verified or each.what[0] == "bookmark")
            return (each.what, session.user) if is_shared else (each.what, each.session)

        return [each for each in self.writes if place(each) == place(write)] if owner else []

    def winners(self) -> list[Write]:
        return [each for each in self.writes if each.key == max(rival.key for rival in self.rivals(each))]

    def lost(self, name: str, key: tuple[int, str, str]) -> list[str]:
        """Return the attributes of a write that lost: to a verified value, or one that is as doubtful, and greater."""
        session = self.sessions[name]
        greater = [
            each
            for each in self.writes
            if each.key > key
            and (self.sessions[each.session].user == session.user if session.user else each.session == name)
            and (self.sessions[each.session].is_verified or not session.is_verified)
        ]
        wrote = {each.what for each in self.writes if each.key == key}
        return sorted(what[1] for what in wrote & {each.what for each in greater})

    def known(self, user: str, kind: str) -> dict[str, object]:
        """Return a user's profile or bookmarks: a verified value first, a cleared one too, then the greatest."""
        mine = [each for each in self.writes if self.sessions[each.session].user == user and each.what[0] == kind]
        found: dict[str, object] = {}
        for what in {each.what for each in mine}:
            rivals = [each for each in mine if each.what == what]
            verified = [each for each in rivals if self.sessions[each.session].is_verified]
            best = max((kind == "profile" and verified) or rivals, key=lambda each: each.key)
            if best.value is not None:
                found[what[1]] = best.value
        return found


class MergeMachine(RuleBasedStateMachine):
    """Three devices with four sessions, two people, and a clock that moves between requests."""

    def __init__(self) -> None:
        super().__init__()
        self.site = DirectSite()
        self.site.set_property(bookmarking="enabled")
        self.model = Model()
        self.after: dict[str, tuple[int, str | None]] = dict.fromkeys(SESSIONS, (0, None))
        self.count = 0

    def send(self, name: str, kind: str, payload: Any, age_ms: int | None, token: str | None = None) -> tuple[str, int]:
        """Send one entry; return its id, and the time that the protocol gives it."""
        self.count += 1
        entry_id, (seq, last_id) = f"e{self.count:04}", self.after[name]
        entry = {"seq": seq + 1, "id": entry_id, "kind": kind, "made_at": 1, "age_ms": age_ms, "payload": payload}
        lane = {
            "session_id": name,
            "after": {"seq": seq, "id": last_id},
            "token": token,
            "entries": [entry],
        }
        device = {"id": SESSIONS[name], "secret": "x", "sent_at": 1}
        self.reply = self.site.replay(device, [lane])["lanes"][0]
        self.after[name] = (seq + 1, entry_id)
        session = self.model.sessions[name]
        at = session.last_at if age_ms is None else max(self.site.now_ms - age_ms, session.last_at)
        session.last_at = at
        return entry_id, at

    def refused_with(self) -> str | None:
        """Return why the last entry was refused, or None."""
        codes: list[str] = [each["code"] for each in self.reply["refused"]]
        return codes[0] if codes else None

    AGES = st.one_of(st.none(), st.sampled_from([0, 1000, 2000, 5000, 60_000]))
    NAMES = st.sampled_from(sorted(SESSIONS))
    VALUES = st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 99)), min_size=1)

    @rule(name=NAMES, profile=VALUES, age_ms=AGES)
    def update(self, name: str, profile: dict[str, object], age_ms: int | None) -> None:
        entry_id, at = self.send(name, "update", {"profile": profile}, age_ms)
        refusal = self.model.refusal(name, at)
        assert refusal == self.refused_with()
        self.wrote(name, entry_id, at, profile, refusal)
        lost = self.model.lost(name, (at, SESSIONS[name], entry_id))
        assert lost == (self.reply["conflicts"][0]["attributes"] if self.reply["conflicts"] else [])

    def wrote(self, name: str, entry_id: str, at: int, profile: dict[str, object], refusal: str | None) -> None:
        """Tell the model of values that were written."""
        for attribute, value in profile.items() if refusal is None else ():
            key = (at, SESSIONS[name], entry_id)
            self.model.writes.append(Write(("profile", attribute), value, key, name))

    @rule(name=NAMES, user=st.sampled_from(USERS), verify=st.booleans(), profile=VALUES, age_ms=AGES)
    def identify(self, name: str, user: str, verify: bool, profile: dict[str, object], age_ms: int | None) -> None:
        payload = {"user_id": user, "verify": verify, "profile": profile}
        entry_id, at = self.send(name, "identify", payload, age_ms, self.site.token(user))
        refusal = self.model.identify(name, user, at, verify)
        assert refusal == self.refused_with()
        self.wrote(name, entry_id, at, profile, refusal)

    @rule(name=NAMES, age_ms=AGES)
    def track(self, name: str, age_ms: int | None) -> None:
        entry_id, at = self.send(name, "track", {"name": "seen"}, age_ms)
        assert self.model.refusal(name, at) == self.refused_with()
        if self.refused_with() is None:
            self.model.activity[entry_id] = name

    @rule(name=NAMES, offer=st.sampled_from("op"), saved=st.booleans(), age_ms=AGES)
    def bookmark(self, name: str, offer: str, saved: bool, age_ms: int | None) -> None:
        kind = "bookmark" if saved else "unbookmark"
        entry_id, at = self.send(name, kind, {"offer_id": offer}, age_ms)
        is_somebody = self.model.sessions[name].user is not None
        refusal = self.model.refusal(name, at) or (None if is_somebody else "identification_required")
        assert refusal == self.refused_with()
        if refusal is None:
            self.model.writes.append(Write(("bookmark", offer), saved, (at, SESSIONS[name], entry_id), name))

    @rule(name=NAMES, age_ms=AGES)
    def forget(self, name: str, age_ms: int | None) -> None:
        """An erasure of an unknown time counts as now."""
        user = self.model.sessions[name].user
        _, at = self.send(name, "forget", {"user_id": user, "token": None}, age_ms)
        at = self.site.now_ms if age_ms is None else at
        self.model.sessions[name].last_at = at
        self.model.forget(name, at)
        assert self.refused_with() is None

    @rule(seconds=st.sampled_from([1, 3, 100]))
    def time_passes(self, seconds: int) -> None:
        self.site.now_ms += seconds * 1000

    @invariant()
    def people_are_what_they_wrote_last(self) -> None:
        for user in USERS:
            assert self.model.known(user, "profile") == self.site.profile(user)
            rows = self.site.rows(tables.bookmarks, user_id=user)
            assert self.model.known(user, "bookmark") == {row["offer_id"]: row["saved"] for row in rows}

    @invariant()
    def activity_is_its_sessions_persons(self) -> None:
        found = {row["entry_id"]: (row["session_id"], row["user_id"]) for row in self.site.rows(tables.activity)}
        assert found == {
            each: (session, self.model.sessions[session].user) for each, session in self.model.activity.items()
        }

    @invariant()
    def sessions_are_whose_they_are(self) -> None:
        found = {row["session_id"]: (row["user_id"], row["state"]) for row in self.site.rows(tables.sessions)}
        for name, (user, state) in found.items():
            session = self.model.sessions[name]
            sure = "verified" if session.is_verified else "identified" if session.user else "anonymous"
            assert (session.user, sure) == (user, state)
        owned = [session for session in self.model.sessions.values() if session.user]
        verified = {session.user for session in owned if session.is_verified}
        expected = {session.user: "verified" if session.user in verified else "identified" for session in owned}
        assert expected == {row["user_id"]: row["state"] for row in self.site.rows(tables.users)}

    def teardown(self) -> None:
        self.site.close()


TestMerge = MergeMachine.TestCase
TestMerge.settings = search(examples=60, steps=25)
