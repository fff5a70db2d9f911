"""
One journal, copied to many devices, and all of them run: does each of them keep what it was promised?

The original is copied in the middle of its life: with a person in it or not,
with a queue, an identify under way, a parked lane, a dead letter. Some copies
run for a while and are copied again. Then all start at one instant, the
original too, and go on in their own ways: in the shared session, with another
person, after a reset, with the person whose lane is parked.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update

from lmg_offline.platform.server import running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

from .people import Evidence, Findings, Promise, Visits, client_of, judge

START_WITHIN_S = 120.0
NUMBERS = 10_000  # for what one device writes
ROUNDS = 4
OFFER = "offer-1"
BAD_TOKEN = "bm9uc2Vuc2U="


@dataclass(frozen=True, slots=True)
class Counts:
    """
    What became of the journals.

    Attributes:
        devices: Journals that ran, the original among them.

        promised: Writes whose calls returned.

        device_ids: Different device ids at the end; as many as devices.

        details: One line for each thing that does not hold.
    """

    devices: int
    promised: int
    device_ids: int
    details: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return not self.details


@dataclass(slots=True)
class Family:
    """
    The original and its copies.

    Attributes:
        devices: By name, those that have run.

        shared_visits: Visits that were going on when a journal was copied.

        before: How many promises each device had made when all started at once.

        waiting: What was written under a claim that was refused.

        letters: Ids of dead letters that every copy holds.
    """

    facts: Mapping[str, str] = field(repr=False)
    folder: Path
    rng: random.Random
    devices: dict[str, Visits] = field(default_factory=dict)
    shared_visits: set[str] = field(default_factory=set)
    before: dict[str, int] = field(default_factory=dict)
    waiting: list[Promise] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)

    def open(self, name: str) -> Visits:
        """Open a journal by the name of its folder, for the first time or again."""
        client = client_of(self.facts, self.folder / name)
        known = self.devices.get(name)
        if known is None:
            first_number = len(self.devices) * NUMBERS
            known = self.devices[name] = Visits(client, name, self.facts["verification_key"], first_number)
        known.client = client
        return known

    def copy(self, name: str, copy: str) -> None:
        """Copy a closed journal."""
        self.shared_visits.add(self.devices[name].visit)
        shutil.copytree(self.folder / name, self.folder / copy)


def clones(count: int, seed: int) -> Counts:
    """
    Copy one journal `count` times, run all of them against one platform, and judge.

    Args:
        count: Copies, 1 or more; a quarter of them are copies of copies.

        seed: Decides in what state the original is copied, and what everybody does then.
    """
    with running() as platform, tempfile.TemporaryDirectory(prefix="lmg-clones-") as folder:
        names = ("endpoint", "write_key", "verification_key", "admin_key")
        facts = {name: getattr(platform, name) for name in names}
        family = Family(facts, Path(folder), random.Random(f"clones {seed}"))
        _live(family)
        _multiply(family, count)
        with writing(platform.engine) as connection:  # from now on the refused bookmark would be taken
            connection.execute(update(tables.properties).values(bookmarking="enabled"))
        family.before = {name: len(device.promises) for name, device in family.devices.items()}
        _run_at_once(family)
        return _judged(family)


def _live(family: Family) -> None:
    """The original's life until it is copied: some of it is delivered, some of it waits."""
    rng, original = family.rng, family.open("original")
    for number in range(rng.randrange(3)):
        original.say(f"original p{number}", None)
        original.update()
        original.leave()
    if rng.random() < 0.5:
        original.drain()
    if rng.random() < 0.7:
        original.say("pat", BAD_TOKEN)
        original.update()
        family.waiting = original.promises[-2:]
        del original.promises[-2:]
        original.drain()
        original.leave()
    if rng.random() < 0.7:
        original.say("dora", None)
        family.letters.append(original.client._session.bookmark(OFFER, None, [], True).id.split(".", 2)[2])
        original.drain()
        original.leave()
    for _ in range(rng.randrange(3)):
        original.track()
    who = rng.choice(["nobody", "identified", "verified", "under way"])
    if who != "nobody":
        original.say("ann", None if who == "identified" else original.token("ann"))
        if who != "under way":
            original.drain()
    for _ in range(rng.randrange(4)):
        original.update()
    original.client.close(30)


def _multiply(family: Family, count: int) -> None:
    """Make the copies; every fourth is a copy of the one before, which has run in between."""
    for number in range(count):
        name, parent = f"copy-{number}", "original"
        if number % 4 == 3:
            parent = f"copy-{number - 1}"
            device = family.open(parent)
            _go_on(family, device, random.Random(f"{family.rng.random()}"))
            device.client.close(30)
        family.copy(parent, name)
    for number in range(count):
        family.open(f"copy-{number}")
    family.open("original")


def _run_at_once(family: Family) -> None:
    """Start every device at one instant, and let each go on by itself."""
    start = threading.Barrier(len(family.devices))
    failures: list[str] = []

    def run(device: Visits, rng: random.Random) -> None:
        try:
            start.wait(START_WITHIN_S)
            for _ in range(ROUNDS):
                _go_on(family, device, rng)
                device.drain()
        except Exception as error:  # told below: a thread's own traceback would be lost among the others
            failures.append(f"{device.name}: {type(error).__name__}: {error}")

    threads = [
        threading.Thread(target=run, args=(device, random.Random(f"{name} {family.rng.random()}")))
        for name, device in family.devices.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError("; ".join(failures))


def _go_on(family: Family, device: Visits, rng: random.Random) -> None:
    """What somebody at one device does next."""
    match rng.choice(["stay", "stay", "leave", "come", "come with a token", "pat", "letters"]):
        case "leave":
            device.leave()
        case "come":
            device.say(f"{device.name} p{rng.randrange(3)}", None)
        case "come with a token":
            person = f"{device.name} v{rng.randrange(3)}"
            device.say(person, device.token(person))
        case "pat":
            device.say("pat", device.token("pat"))
        case "letters":
            for letter in device.client.journal.dead_letters():
                device.client.journal.retry(letter.id)
        case _:
            pass
    for _ in range(rng.randrange(1, 4)):
        (device.update if rng.random() < 0.5 else device.track)()
    if rng.random() < 0.5:
        device.drain()


def _judged(family: Family) -> Counts:
    people = sorted({person for device in family.devices.values() for person in device.people})
    evidence = Evidence.take(family.facts, people)
    found = Findings()
    for device in family.devices.values():
        found += judge(device.promises, evidence, shared=family.shared_visits)
    found += _judge_waiting(family, evidence)
    found += _judge_sessions(family, evidence)
    device_ids = set()
    for name, device in family.devices.items():
        device_ids.add(device.client._journal.store.read("SELECT device_id FROM device")[0][0])
        audit = device.client.audit()
        if not audit.adds_up or audit.queued:
            found.wrong.append(f"the account of {name}: {audit}")
        device.client.close(30)
    if len(device_ids) != len(family.devices):
        found.mistaken.append(f"{len(family.devices)} devices go by {len(device_ids)} ids")
    promised = sum(len(device.promises) for device in family.devices.values())
    return Counts(len(family.devices), promised, len(device_ids), tuple(found.lines()))


def _judge_waiting(family: Family, evidence: Evidence) -> Findings:
    """What waited for pat is there if pat came, once; the letters are there if somebody sent them again, as dora's."""
    found = Findings()
    ids = [row["id"] for row in evidence.log]
    users = {row["id"]: row["user_id"] for row in evidence.log}
    for promise in family.waiting:
        if ids.count(promise.entry_id) != int("pat" in evidence.people):
            found.wrong.append(f"what waited for a token: {promise.kind} {promise.number}")
        elif users.get(promise.entry_id, "pat") != "pat":
            found.mistaken.append(f"what waited for a token: {promise.kind} {promise.number}")
    for letter in family.letters:
        if users.get(letter) != "dora":
            found.mistaken.append("a dead letter")
    return found


def _judge_sessions(family: Family, evidence: Evidence) -> Findings:
    """A session goes on at one device alone."""
    found = Findings()
    made_by = {
        promise.entry_id: name
        for name, device in family.devices.items()
        for promise in device.promises[family.before.get(name, 0) :]
    }
    at: dict[str, set[str]] = defaultdict(set)
    for row in evidence.log:
        if row["id"] in made_by:
            at[row["session_id"]].add(made_by[row["id"]])
    found.mistaken += [f"a session of {sorted(names)}" for names in at.values() if len(names) > 1]
    return found


def main() -> int:
    """Copy a journal as often as asked, with one seed after the other; 0 when everything holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, metavar="N", help="copies; default: 50")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="with so many seeds")
    asked = parser.parse_args()
    holds = True
    for seed in range(asked.seed, asked.seed + asked.times):
        counts = clones(asked.count, seed)
        holds = holds and counts.holds
        print(f"seed {seed}: {counts.devices} devices, {counts.device_ids} ids, {counts.promised:,} writes: "
              f"{'holds' if counts.holds else 'DOES NOT HOLD'}")  # fmt: skip
        for line in counts.details[:20]:
            print(f"    {line}", file=sys.stderr)
    return int(not holds)


if __name__ == "__main__":
    raise SystemExit(main())
