"""
People at devices whose journals are copied, or whose platform forgets: what was promised, and to whom.

A write is promised when its call has returned. `judge` holds the promises of
one device against the platform's log of entries and what it shows of people.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lmg_offline import Client
from lmg_offline._support.clock import SystemClock
from lmg_offline.cli.admin import Admin
from lmg_offline.errors import PlatformError
from lmg_offline.verification import sign_user_id

SPEED = 100_000.0
DRAIN_WITHIN_S = 120.0
STEP_S = 0.02


class QuickClock(SystemClock):
    """The sync's waits pass a hundred thousand times as fast; wall clock and time since boot are true."""

    def monotonic_s(self) -> float:
        """Return seconds that pass quickly."""
        return super().monotonic_s() * SPEED


@dataclass(frozen=True, slots=True)
class Promise:
    """
    One call that returned.

    Attributes:
        number: Unlike any other's; in what was written.

        visit: Which visit to the device it belongs to: visits never mix.

        person: Who had said who they were; None while nobody had: then it may
            be nobody's, or whose the visit turned out to be.
    """

    receipt: str
    kind: str
    number: int
    visit: str
    person: str | None = field(repr=False)

    @property
    def entry_id(self) -> str:
        """The id of the entry."""
        return self.receipt.split(".", 2)[2]


@dataclass(slots=True)
class Findings:
    """What does not hold; one line each, without personal data."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    mistaken: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __iadd__(self, other: Findings) -> Findings:
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))
        return self

    def lines(self) -> list[str]:
        """Return every finding with its kind."""
        return [f"{name.replace('_', ' ')}: {line}" for name in self.__slots__ for line in getattr(self, name)]


class Visits:
    """One device at which people write; keeps what was promised them."""

    def __init__(self, client: Client, name: str, verification_key: str, first_number: int) -> None:
        self.client = client
        self.name = name
        self.promises: list[Promise] = []
        self.people: list[str] = []
        self._key = verification_key
        self._number = first_number
        self.visit = f"{name} 0"
        self._visits = 0

    def token(self, person: str) -> str:
        """Sign as the property's own server would."""
        return sign_user_id(self._key, person)

    def leave(self) -> None:
        """Nobody is here."""
        self.client.user.reset_session()
        self._next_visit()

    def say(self, person: str, token: str | None) -> None:
        """Somebody says who they are."""
        if self.client.user.id not in (None, person):
            self._next_visit()
        number = self._next()
        receipt = self.client.user.identify(person, hmac=token, profile=_profile(number))
        if person not in self.people:
            self.people.append(person)
        self._promise(receipt.id, "identify", number)

    def update(self) -> None:
        """Write an attribute of its own, and one that all writes of a person share."""
        number = self._next()
        self._promise(self.client.user.update(_profile(number)).id, "update", number)

    def track(self) -> None:
        """Do something."""
        number = self._next()
        self._promise(self.client.activity.track("seen", {"n": number}).id, "track", number)

    def bookmark(self, saved: bool) -> None:
        """Save or drop the offer that there is."""
        call = self.client.offer.bookmark if saved else self.client.offer.unbookmark
        self._promise(call("offer-1").id, "bookmark", self._next())

    def drain(self, within_s: float = DRAIN_WITHIN_S) -> bool:
        """Wait until everything that can go is gone; say whether it is."""
        deadline = time.monotonic() + within_s
        while not self.client.flush(STEP_S):
            status = self.client.status()
            if status.queued == 0 or time.monotonic() > deadline:
                return status.queued == 0
            self.client._wake()
        return True

    def _promise(self, receipt: str, kind: str, number: int) -> None:
        self.promises.append(Promise(receipt, kind, number, self.visit, self.client.user.id))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _next_visit(self) -> None:
        self._visits += 1
        self.visit = f"{self.name} {self._visits}"


def client_of(facts: Mapping[str, str], folder: Path, **more: Any) -> Client:
    """Return a client of a platform, by what it announced, with quick waits."""
    return Client(
        facts["write_key"],
        endpoint=facts["endpoint"],
        data_dir=folder,
        durability="normal",
        clock=QuickClock(),
        **more,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the platform says: its log in the order of application, and what it shows of each person it knows."""

    log: Sequence[Mapping[str, Any]]
    people: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @classmethod
    def take(cls, facts: Mapping[str, str], people: Iterable[str]) -> Evidence:
        """Ask the Admin API."""
        admin = Admin(facts["endpoint"], facts["admin_key"])
        shown = {}
        for person in people:
            try:
                shown[person] = admin.get(f"users/{quote(person, safe='')}/export")
            except PlatformError:
                continue  # the platform does not know this person, which is for the judge
        return cls(admin.all("entries"), shown)


def judge(
    promises: Sequence[Promise],
    evidence: Evidence,
    *,
    gone: frozenset[str] = frozenset(),
    shared: Set[str] = frozenset(),
) -> Findings:
    """
    Hold the promises of one device against the evidence.

    Args:
        promises: In the order of the calls.

        gone: Ids of entries that a backup rolled back: these must be missing.

        shared: Visits that went on elsewhere too: whoever came there may be who was here.
    """
    found = Findings()
    places = {row["id"]: place for place, row in enumerate(evidence.log)}
    owners = {row["session_id"]: person for person, each in evidence.people.items() for row in each["sessions"]}
    latest: dict[str, int] = {}
    for promise in promises:
        what = f"{promise.kind} {promise.number}"
        place = places.get(promise.entry_id)
        if place is None or promise.entry_id in gone:
            if (place is None) != (promise.entry_id in gone):
                (found.lost if place is None else found.wrong).append(what)
            continue
        row = evidence.log[place]
        if row["status"] != "applied":
            found.lost.append(f"{what}, refused with {row['code']}")
        if place <= latest.get(promise.visit, -1):
            found.out_of_order.append(what)
        latest[promise.visit] = place
        if promise.person is not None and row["user_id"] != promise.person:
            found.mistaken.append(f"{what}, applied to {'nobody' if row['user_id'] is None else 'another'}")
        known = {None, *_visitors(promises, promise)}
        if promise.person is None and promise.visit not in shared and owners.get(row["session_id"]) not in known:
            found.mistaken.append(f"{what}, made by nobody yet, and somebody's who was not there")
    found += _judge_activity(promises, evidence, gone)
    elsewhere = {each.person for each in promises if each.visit in shared}
    found += _judge_profiles(promises, evidence, places, gone, elsewhere)
    return found


def _visitors(promises: Sequence[Promise], promise: Promise) -> set[str]:
    return {each.person for each in promises if each.visit == promise.visit and each.person is not None}


def _judge_activity(promises: Sequence[Promise], evidence: Evidence, gone: frozenset[str]) -> Findings:
    """Each activity once, and of a known person under them."""
    found = Findings()
    shown = Counter(
        (item["id"], person) for person, each in evidence.people.items() for item in each["activity"]
    )
    for promise in promises:
        if promise.kind == "track" and promise.person is not None and promise.entry_id not in gone:
            times = shown[promise.entry_id, promise.person]
            if times != 1:
                (found.twice if times else found.lost).append(f"activity {promise.number}")
    return found


def _judge_profiles(
    promises: Sequence[Promise],
    evidence: Evidence,
    places: Mapping[str, int],
    gone: frozenset[str],
    elsewhere: Set[str | None],
) -> Findings:
    """Of each person every attribute that arrived; of one that was at this device alone the last value of `last`."""
    found = Findings()
    wanted: dict[str, dict[str, object]] = {}
    owners = {row["session_id"]: person for person, each in evidence.people.items() for row in each["sessions"]}
    for promise in promises:
        if promise.kind in ("identify", "update") and promise.entry_id in places and promise.entry_id not in gone:
            session_id = evidence.log[places[promise.entry_id]]["session_id"]
            person = promise.person or owners.get(session_id)
            if person is not None:
                wanted.setdefault(person, {}).update(_profile(promise.number)["traits"])
    for person, attributes in wanted.items():
        shown = evidence.people.get(person, {}).get("profile", {}).get("traits", {})
        for name, value in attributes.items():
            device = promises[0].visit.split(" ")[0]
            is_alone = person.startswith(f"{device} ") and person not in elsewhere
            if (name != "last" or is_alone) and shown.get(name) != value:
                found.wrong.append(f"attribute {name} of somebody at {device}")
    return found


def _profile(number: int) -> dict[str, Any]:
    return {"traits": {f"own_{number}": number, "last": number}}
