"""
Rows for the LMG dialect alone: every operation's answer lost, and sessions that expire.

In that dialect the platform knows no entry by its number and compares nothing
with what it did before. What must hold is its final state: that of a run in
which nothing went wrong.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text

from lmg_offline import Client
from lmg_offline.cli.admin import Admin
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.canonical import encode
from lmg_offline.verification import sign_user_id

from .exchanges import CutAfterForward, Exchange, Fault, Pass, Script, passing
from .oracle import Report
from .proxy import FaultProxy
from .stage import Stage, make_client

ENTRIES_PER_EXPIRY = 20
DRAIN_WITHIN_S = 600.0
STEP_S = 0.02
_OFFERS: dict[str, dict[str, Any]] = {
    "coffee": {"kind": "single"},
    "card": {"kind": "punch_card", "punches": 5},
    "books": {},
}


@dataclass(slots=True)
class Cuts:
    """A script that cuts half of all connections after the platform has acted, and counts them by operation."""

    rng: random.Random
    by_operation: Counter[str] = field(default_factory=Counter)

    def __call__(self, exchange: Exchange) -> Fault:
        """Return the fault of one exchange."""
        if self.rng.random() < 0.5:
            return Pass()
        self.by_operation[exchange.operation or "events"] += 1
        return CutAfterForward()


def lost_answers(stage: Stage, seed: int, count: int) -> Report:
    """So many cuts at random over all operations; then the same people again, without; the two must end alike."""
    cuts = Cuts(random.Random(f"cuts {seed}"))
    report = Report("lost-answers-lmg")
    with _platform() as platform, _client(platform, cuts) as (client, proxy):
        visits = 0
        while cuts.by_operation.total() < count:
            visits += 1
            _visit(client, platform.verification_key, seed, visits)
        proxy.script = passing
        report = _drained(client, report)
        found = standing(platform.engine)
    with _platform() as platform, _client(platform, passing) as (client, _):
        for number in range(1, visits + 1):
            _visit(client, platform.verification_key, seed, number)
        report = _drained(client, report)
        expected = standing(platform.engine)
    shown = ", ".join(f"{name} {times:,}" for name, times in sorted(cuts.by_operation.items()))
    print(f"[lost-answers-lmg] answers cut: {shown}", file=sys.stderr)
    return differences(expected, found, report + Report(report.row, tries=cuts.by_operation.total()))


def expired_sessions(stage: Stage, seed: int, count: int) -> Report:
    """
    One person's entries, twenty for each time that their session expires.

    In turn the session can still be extended, and is lost, so that another is
    opened and identified again.
    """
    report = Report("expired-sessions-lmg", tries=count)
    with _platform() as platform, tempfile.TemporaryDirectory(prefix="lmg-faults-") as folder:
        with Client(platform.write_key, data_dir=Path(folder) / "journal", sync=False) as client:
            receipts = _write_many(client, platform.verification_key, count * ENTRIES_PER_EXPIRY)
        client = make_client(platform, platform.endpoint, Path(folder) / "journal")
        with client:
            calls = _Expiring(client, platform.engine, count)
            report = _drained(client, report)
        admin = Admin(platform.endpoint, platform.admin_key)
        log = [row["id"] for row in admin.all("entries")]
        person = admin.get("users/ann/export")
    ids = [receipt.split(".", 2)[2] for receipt in receipts]
    taken = Counter(calls.taken)
    last = person["profile"]["traits"].get("last")  # the last update's number; one in two is an activity
    for finding, wrong in (
        ("lost", len(set(ids) - set(log))),
        ("twice", sum(times - 1 for times in taken.values() if times > 1) + len(log) - len(set(log))),
        ("out_of_order", int(log != ids) + int(calls.taken != sorted(calls.taken))),
        ("mistaken", len(ids) - sum(row["user_id"] == "ann" for row in person["entries"])),
        ("wrong_value", int(last != len(ids) - 1) + abs(len(person["activity"]) - (len(ids) - 2) // 2)),
        ("hung", int(calls.made != count)),
    ):
        for _ in range(wrong):
            report = report.found(finding, f"{finding} after {calls.made} expiries")
    return report


class _Expiring:
    """
    Stands before a client's transport: expires the sessions at every twentieth write.

    Attributes:
        made: How often.

        taken: Numbers of the entries that the platform has taken, in order.
    """

    def __init__(self, client: Client, engine: Engine, most: int) -> None:
        if client._transport is None:
            raise AssertionError("unreachable: the client sends")
        transport = client._transport()
        self.made = 0
        self.taken: list[int] = []
        self._engine = engine
        self._most = most
        self._writes = 0
        self._graph = transport.graph
        transport.graph = self._asked  # type: ignore[method-assign]

    def _asked(self, path: str, body: bytes, *, session_token: str | None, entry: str | None) -> Any:
        if entry is not None:
            self._writes += 1
            if self._writes % (ENTRIES_PER_EXPIRY // 2) == 0 and self.made < self._most:
                self.made += 1
                self._expire()
        outcome = self._graph(path, body, session_token=session_token, entry=entry)
        if entry is not None and type(outcome).__name__ == "GraphData":
            self.taken.append(int(entry.split("/")[1]))
        return outcome

    def _expire(self) -> None:
        past = "0" if self.made % 2 else "token_expires_at - 86400000 * 31"
        with writing(self._engine) as connection:
            connection.execute(text(f"UPDATE sessions SET token_expires_at = {past}"))


@contextmanager
def _platform() -> Iterator[Running]:
    with running(settings=Settings(dev=True, lmg_only=True)) as platform:
        admin = Admin(platform.endpoint, platform.admin_key)
        admin.put("businesses/cafe", {"name": "Cafe"})
        admin.put("locations/here", {"business_id": "cafe", "name": "Here"})
        for offer, rules in _OFFERS.items():
            extra = {"redemption": rules} if rules else {}
            admin.put(f"offers/{offer}", {"business_id": "cafe", "headline": offer.title(), **extra})
        yield platform


@contextmanager
def _client(platform: Running, script: Script) -> Iterator[tuple[Client, FaultProxy]]:
    with (
        tempfile.TemporaryDirectory(prefix="lmg-faults-") as folder,
        FaultProxy(platform.endpoint, script) as proxy,
        make_client(platform, proxy.endpoint, Path(folder) / "journal") as client,
    ):
        yield client, proxy


def _visit(client: Client, key: str, seed: int, number: int) -> None:
    """One person's visit: the same calls for the same seed and number, whatever the network does."""
    rng, person = random.Random(f"visit {seed} {number}"), f"person-{number}"
    is_verified = rng.random() < 0.6
    for step in range(rng.randrange(3)):
        client.activity.track("looked", {"step": step})
    if rng.random() < 0.3:
        client.user.update({"traits": {"before": number}})
    profile = {"name": f"Name {number}", "traits": {"number": number}} if rng.random() < 0.5 else None
    client.user.identify(person, hmac=sign_user_id(key, person) if is_verified else None, profile=profile)
    punches = 0
    for step in range(rng.randrange(3, 8)):
        choice = rng.random()
        if choice < 0.3:
            client.user.update({"traits": {"last": step, f"own_{step}": number, "number": None if step % 3 else step}})
        elif choice < 0.5:
            client.activity.offer_viewed("coffee", business_id="cafe")
        elif choice < 0.7 and is_verified:
            call = client.offer.bookmark if rng.random() < 0.7 else client.offer.unbookmark
            call(rng.choice(list(_OFFERS)), "cafe")
        elif choice < 0.85 and punches < 3:
            _redeem(client, "card", "progress" if punches else "default", "progress")
            punches += 1
    if rng.random() < 0.5:
        _redeem(client, "coffee", "default", "redeemed")
    is_forgotten = rng.random() < 0.1
    if is_forgotten or number % 10 == 0:
        _flush(client)  # what is queued when a person is forgotten is never sent
    if is_forgotten:
        client.user.forget()
    else:
        client.user.reset_session()


def _redeem(client: Client, offer: str, before: str, target: str) -> None:
    """Journal a redemption as the controller does, without asking first: what is asked can be cut too."""
    payload = {
        "offer_id": offer,
        "business_id": "cafe",
        "location_id": "here",
        "current_state": before,
        "transition_index": 0,
        "target": target,
        "used": None,
        "client_args": {},
    }
    client._session.append("redeem", encode(payload))


def _write_many(client: Client, key: str, count: int) -> list[str]:
    receipts = [client.user.identify("ann", sign_user_id(key, "ann")).id]
    for number in range(1, count):
        if number % 2:
            receipts.append(client.user.update({"traits": {"last": number, f"own_{number % 50}": number}}).id)
        else:
            receipts.append(client.activity.track("seen", {"number": number}).id)
    # An update at the end, so that the last value says how far it came.
    receipts.append(client.user.update({"traits": {"last": count}}).id)
    return receipts


def _drained(client: Client, report: Report) -> Report:
    """Wait until all is delivered; what is not is hung."""
    if _flush(client):
        return report
    return report.found("hung", f"{client.status().queued} entries not delivered in {DRAIN_WITHIN_S:g} s")


def _flush(client: Client) -> bool:
    """Wait until all is delivered, hurrying each attempt; say whether it was."""
    until = time.monotonic() + DRAIN_WITHIN_S
    while not client.flush(STEP_S):
        client._wake()
        if time.monotonic() > until:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a platform stands at the end: values by their key, and things that happened, counted."""

    values: Mapping[tuple[str, ...], object]
    happened: Counter[tuple[str, ...]]


def standing(engine: Engine) -> Standing:
    """Return the final state of a platform, without ids and times."""
    values: dict[tuple[str, ...], object] = {}
    happened: Counter[tuple[str, ...]] = Counter()
    with engine.connect() as connection:

        def rows(table: Any, *names: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(select(*(table.c[name] for name in names)))]

        for user_id, state in rows(tables.users, "user_id", "state"):
            values["user", user_id] = state
        for user_id, name, value, verified in rows(
            tables.profile_values, "user_id", "attribute", "value", "verified"
        ):
            values["value", user_id, name] = (value, verified)
        for user_id, offer_id, saved in rows(tables.bookmarks, "user_id", "offer_id", "saved"):
            values["bookmark", user_id, offer_id] = saved
        for row in rows(tables.activity, "user_id", "name", "properties"):
            happened["activity", *map(str, row)] += 1
        for row in rows(tables.redemptions, "user_id", "offer_id", "from_state", "to_state"):
            happened["redemption", *map(str, row)] += 1
    return Standing(values, happened)


def differences(expected: Standing, found: Standing, report: Report) -> Report:
    """Hold one final state against the other."""
    for key in sorted(expected.values.keys() | found.values.keys()):
        if expected.values.get(key) != found.values.get(key):
            report = report.found("wrong_value", f"a {key[0]} differs")
    for happening in sorted(expected.happened.keys() | found.happened.keys()):
        more = found.happened[happening] - expected.happened[happening]
        for _ in range(abs(more)):
            report = report.found("twice" if more > 0 else "lost", f"a {happening[0]}")
    return report

