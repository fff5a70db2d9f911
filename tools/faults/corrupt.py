"""
The row of damaged journals: one file is harmed, the SDK opens it, and everything is held against the platform.

A try is one damaged file. The journal is made once, in three conditions: closed,
as a killed process leaves it, and of the first version. The platform is put back
to what it knew then before each try.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lmg_offline import Client
from lmg_offline.errors import JournalUnavailable, LMGError, ValidationError
from lmg_offline.platform.server import running
from lmg_offline.platform.settings import Settings
from lmg_offline.verification import sign_user_id

from .damage import TO_CLOSED, TO_KILLED, TO_OLD
from .kills import make_old
from .oracle import Call, Oracle, Report, judge
from .promises import CLOSE_WITHIN_S
from .stage import PlatformFacts, Stage

OPENS_WITHIN_S = 20.0
STEP_S = 0.005
PADDING = "x" * 400  # a page holds a few entries, so that a small journal has many pages
NUMBERS_A_LANE = 1_000_000
WAITING = "person-waiting"
REFUSED_OFFER = "offer-1"
_CONDITIONS = (("closed", TO_CLOSED), ("killed", TO_KILLED), ("old", TO_OLD))


@dataclass(slots=True)
class Life:
    """
    What was promised before the damage.

    Attributes:
        letters: Ids of entries that the platform refused.

        proved: People who gave a good token.
    """

    calls: list[Call] = field(default_factory=list)
    letters: set[str] = field(default_factory=set)
    proved: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Writer:
    """Writes, and keeps what was promised."""

    client: Client
    key: str
    life: Life
    number: int = 0
    person: str | None = None

    def come(self, person: str, *, proves: bool, token: str | None = None) -> None:
        """Somebody says who they are, after a look around that belongs to them."""
        self.person = person
        self.track(is_anonymous=True)
        value = self._profile()
        if proves:
            self.life.proved.add(person)
        token = token or (sign_user_id(self.key, person) if proves else None)
        receipt = self.client.user.identify(person, hmac=token, profile=_app_form(value))
        self._keep("identify", receipt.id, value)

    def prove(self, person: str) -> None:
        """
        Somebody gives a good token, and what waits for them is released.

        Without a value of its own: where writes carry no time, what waited would overwrite it.
        """
        self.person = person
        self.life.proved.add(person)
        receipt = self.client.user.identify(person, hmac=sign_user_id(self.key, person))
        self._keep("identify", receipt.id, {})

    def track(self, *, is_anonymous: bool = False) -> None:
        value: dict[str, object] = {"n": self._next()}
        self._keep("track", self.client.activity.track("seen", dict(value)).id, value, is_anonymous)

    def update(self) -> None:
        value = self._profile()
        self._keep("update", self.client.user.update(_app_form(value)).id, value)

    def be_refused(self) -> None:
        """Save an offer without being verified; checked by the platform alone."""
        receipt = self.client._session.bookmark(REFUSED_OFFER, None, [], True)
        self._keep("bookmark", receipt.id, {"offer_id": REFUSED_OFFER})
        self.life.letters.add(self.life.calls[-1].entry_id)

    def leave(self) -> None:
        self.client.user.reset_session()
        self.person = None

    def _profile(self) -> dict[str, object]:
        number = self._next()
        return {f"own_{number}": number, "last": number, "name": f"Name {number}", "note": PADDING}

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _keep(self, kind: str, receipt: str, value: dict[str, object], is_anonymous: bool = False) -> None:
        session = self.client.user.session_id
        self.life.calls.append(Call(kind, receipt, session, self.person, is_anonymous, value))


def _app_form(value: dict[str, object]) -> dict[str, object]:
    return {"name": value["name"], "traits": {key: each for key, each in value.items() if key != "name"}}


@dataclass(slots=True)
class Ground:
    """The platform, what it knew when the journal was copied, and the journal in its conditions."""

    stage: Stage
    platform: PlatformFacts
    database: Path
    backup: Path
    home: Path
    life: Life
    counts: Counter[str] = field(default_factory=Counter)

    def restore(self) -> None:
        """Let the platform know what it knew then."""
        with closing(sqlite3.connect(self.database, timeout=30, isolation_level=None)) as database:
            database.execute("ATTACH ? AS earlier", (str(self.backup),))
            database.execute("BEGIN IMMEDIATE")
            names = [
                row[0]
                for row in database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
                if not row[0].startswith(("sqlite_", "alembic")) and "fts" not in row[0] and "search" not in row[0]
            ]
            for name in names:
                database.execute(f'DELETE FROM main."{name}"')
                database.execute(f'INSERT INTO main."{name}" SELECT * FROM earlier."{name}"')
            database.execute("COMMIT")
            database.execute("DETACH earlier")


@contextmanager
def grounds(stage: Stage) -> Iterator[Ground]:
    """Make a platform, and a journal with all that one can hold."""
    with tempfile.TemporaryDirectory(prefix="lmg-faults-") as name:
        home = Path(name)
        database, backup = home / "platform.db", home / "platform-then.db"
        settings = Settings(dev=True, lmg_only=stage.dialect == "lmg")
        with running(f"sqlite:///{database}", settings=settings) as platform:
            life = _live(stage, platform, home)
            with closing(sqlite3.connect(database)) as known, closing(sqlite3.connect(backup)) as kept:
                known.backup(kept)
            yield Ground(stage, platform, database, backup, home, life)


def _live(stage: Stage, platform: PlatformFacts, home: Path) -> Life:
    """People come and go; the last of them are not delivered when the process ends."""
    life = Life()
    folder = home / "live"
    client = stage.make_client(platform, platform.endpoint, folder)
    writer = _Writer(client, platform.verification_key, life)
    for number in range(2):
        writer.come(f"person-{number}", proves=number % 2 == 0)
        for _ in range(3):
            writer.update()
        writer.leave()
    writer.come("person-refused", proves=False)
    writer.be_refused()
    writer.leave()
    writer.come(WAITING, proves=False, token="bm9uc2Vuc2U=")
    writer.update()
    _drain(stage, client)
    writer.leave()
    writer.come("person-half", proves=True)
    for _ in range(6):
        writer.update()
    _drain(stage, client)
    client.close(CLOSE_WITHIN_S)

    client = Client(platform.write_key, endpoint=platform.endpoint, data_dir=folder, durability="normal", sync=False)
    writer.client = client
    for _ in range(8):
        writer.track()
        writer.update()
    writer.leave()
    for number in range(2, 4):
        writer.come(f"person-{number}", proves=number % 2 == 0)
        for _ in range(12):
            writer.update()
        writer.leave()
    client._journal.store.checkpoint()
    writer.come("person-last", proves=True)
    for _ in range(8):
        writer.track()
        writer.update()
    # By another process: a file that this one opens and closes would lose SQLite's locks.
    subprocess.run(["cp", "-r", str(folder), str(home / "killed")], check=True)
    client.close(CLOSE_WITHIN_S)
    shutil.copytree(folder, home / "closed")
    shutil.copytree(folder, home / "old")
    make_old(home / "old" / "journal.db")
    return life


def _drain(stage: Stage, client: Client) -> bool:
    """Deliver what can go; say whether it went in time."""
    deadline = time.monotonic() + stage.drain_within_s
    while not client.flush(STEP_S):
        if not client.status().queued:
            return True
        if time.monotonic() > deadline:
            return False
        client._wake()
        time.sleep(STEP_S)
    return True


def corrupt(stage: Stage, seed: int, count: int) -> Report:
    """Damage so many journals, each in one way, and open them."""
    report = Report("corrupt")
    with grounds(stage) as ground:
        for number in range(count):
            report += _try(ground, random.Random(f"corrupt {seed} {number}"), f"seed {seed}, file {number}")
        counts = ground.counts
    print(
        f"[corrupt] {counts['recovered']} of {count} journals recovered, {counts['refused']} taken for a newer one's;"
        f" of {counts['entries']:,} entries not delivered before, {counts['lost']:,} lost and named",
        file=sys.stderr,
    )
    return replace(report, tries=count)


def _try(ground: Ground, rng: random.Random, name: str) -> Report:
    condition, ways = rng.choice(_CONDITIONS if ground.stage.dialect == "replay" else _CONDITIONS[:2])
    way = rng.choice(ways)
    folder = ground.home / "tried"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ground.home / condition, folder)
    way(folder / "journal.db", rng)
    ground.restore()
    found = _opened(ground, folder)
    return replace(found, details=tuple(f"{name}, {condition}, {way.__name__}: {line}" for line in found.details))


def _opened(ground: Ground, folder: Path) -> Report:
    report, life = Report("corrupt"), Life(list(ground.life.calls), set(ground.life.letters), set(ground.life.proved))
    started = time.monotonic()
    before = (folder / "journal.db").read_bytes() if (folder / "journal.db").exists() else b""
    try:
        client = ground.stage.make_client(ground.platform, ground.platform.endpoint, folder)
    except JournalUnavailable as error:
        if "newer" not in str(error) or (folder / "journal.db").read_bytes() != before:
            return report.found("hung", "the journal could not be opened")
        ground.counts["refused"] += 1  # a flipped bit in the version's number: nothing was touched
        return report
    except LMGError as error:
        return report.found("hung", f"the journal could not be opened ({type(error).__name__})")
    try:
        if time.monotonic() - started > OPENS_WITHIN_S:
            report = report.found("hung", "the opening took too long")
        report += _used(ground, client, life)
    finally:
        if not client.close(CLOSE_WITHIN_S):
            report = report.found("hung", "close did not end in time")
    return report


def _used(ground: Ground, client: Client, life: Life) -> Report:
    """Go on where the journal was damaged: somebody comes, everything is sent, and every promise has an answer."""
    report = Report("corrupt")
    writer = _Writer(client, ground.platform.verification_key, life, number=10_000, person=client.user.id)
    if writer.person not in (None, "person-last"):
        report = report.found("mistaken", "the session of somebody who had left goes on")
    if writer.person is not None:
        writer.update()
        writer.leave()
    writer.come("person-new", proves=True)
    writer.update()
    if not _drain(ground.stage, client):
        return report.found("hung", "the journal was not delivered in time")
    for person in sorted({lane.user_id for lane in client.journal.lanes() if lane.parked_code and lane.user_id}):
        writer.leave()
        writer.prove(person)
    if not _drain(ground.stage, client):
        return report.found("hung", "what was released was not delivered in time")
    recovery = client.status().recovery
    ground.counts["recovered"] += int(recovery is not None)
    return report + _judged(ground, client, life)


def _judged(ground: Ground, client: Client, life: Life) -> Report:
    report = Report("corrupt")
    audit = client.audit()
    if not audit.adds_up or audit.queued or audit.parked:
        report = report.found("wrong_value", f"the audit does not add up: {audit}")
    people = {call.person for call in life.calls if call.person is not None}
    evidence = ground.stage.take_evidence(ground.platform, Oracle(states=dict.fromkeys(people, "")))
    evidence = replace(evidence, moved=frozenset(call.entry_id for call in life.calls))
    arrived = _arrived(life.calls, evidence)
    states = {call.entry_id: _state(client, call) for call in life.calls}
    for call in life.calls:
        state, is_there = states[call.entry_id], call.entry_id in arrived
        ground.counts["lost"] += int(state == "lost" and not is_there)
        if call.entry_id in life.letters:
            if state not in ("refused", "lost"):
                report = report.found("wrong_value", f"the receipt of a dead letter says {state}")
        elif not is_there and state != "lost":
            report = report.found("lost", f"{call.kind} {call.receipt}, whose receipt says {state}")
        elif is_there and state not in ("acknowledged", "lost", "none"):
            report = report.found("wrong_value", f"{call.kind} {call.receipt} arrived, and its receipt says {state}")
    ground.counts["entries"] += len(life.calls)
    roots = _roots(client)
    oracle = Oracle([_rooted(call, roots) for call in life.calls if call.entry_id in arrived])
    for place, call in enumerate(oracle.calls):
        if call.person is not None and call.person not in evidence.people:
            if not call.anonymous:
                report = report.found("mistaken", f"{call.kind} {call.receipt} arrived, and its person is not known")
            oracle.calls[place] = replace(call, person=None)  # nobody's, as long as nobody said who they are
    for person, found in evidence.people.items():
        oracle.states[person] = found.state
        if found.state == "VERIFIED" and person not in life.proved:
            report = report.found("mistaken", "somebody counts as verified who gave no good token")
    known = {call.entry_id for call in life.calls}
    log = None if evidence.log is None else [row for row in evidence.log if not _is_extra(row, known, life, people)]
    return report + judge("corrupt", oracle, replace(evidence, log=log))


def _roots(client: Client) -> dict[str, str]:
    """Return for each session the one it began as, before its lane went on in others."""
    lanes = client._journal.store.read("SELECT lane_id, session_id, successor_lane FROM lanes")
    names = {lane_id: session for lane_id, session, _ in lanes}
    before = {successor: lane_id for lane_id, _, successor in lanes if successor is not None}
    found = {}
    for lane_id, session in names.items():
        while lane_id in before:
            lane_id = before[lane_id]
        found[session] = names[lane_id]
    return found


def _rooted(call: Call, roots: Mapping[str, str]) -> Call:
    """Return the call as one of the session it belongs to, under a number that no other of it has."""
    lane, seq, entry_id = call.receipt.split(".", 2)
    number = int(lane) * NUMBERS_A_LANE + int(seq)
    return replace(
        call, session_id=roots.get(call.session_id, call.session_id), receipt=f"{lane}.{number}.{entry_id}"
    )


def _is_extra(row: Mapping[str, object], known: set[str], life: Life, people: set[str]) -> bool:
    """Whether it is a refused entry that stays so, or an identify that the SDK said again, first in its lane."""
    if row["id"] in life.letters:
        return True
    return row["id"] not in known and row["kind"] == "identify" and row["seq"] == 1 and row["user_id"] in people


def _arrived(calls: Sequence[Call], evidence: object) -> set[str]:
    """Return the ids of entries that the platform has applied."""
    log = getattr(evidence, "log", None) or ()
    return {str(row["id"]) for row in log if row["status"] == "applied"}


def _state(client: Client, call: Call) -> str:
    try:
        return client.journal.receipt(call.receipt)
    except ValidationError:
        return "none"  # its lane's row is gone, and it had nothing left in the journal
