"""
What was promised, what the platform has, and where the two differ.

`Oracle` keeps a line for every call that returned. `judge` holds these against
the evidence, which is what the platform's Admin API says; it is pure, and the
same for every row of the fault matrix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from lmg_offline.cli.demo_check import LogRow, compare

SHOWN = 20

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Report:
    """
    What one row of the fault matrix found; all but `tries` must be zero.

    Attributes:
        tries: Faults that were made.

        lost: Promised, and not applied; an entry that the SDK calls refused too.

        twice: Applied more than once.

        out_of_order: Not applied in the order in which the calls were made.

        mistaken: Under somebody else than the person who made it, or made by nobody.

        wrong_value: The platform, or the SDK's own account, says something else than what was written.

        hung: A call or a drain that did not end in time.

        details: One line for each finding, without personal data.
    """

    row: str
    tries: int = 0
    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    mistaken: int = 0
    wrong_value: int = 0
    hung: int = 0
    details: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Nothing was found."""
        return not any(getattr(self, name) for name in FINDINGS)

    def __add__(self, other: Report) -> Report:
        """Return both together, under the name of the first."""
        numbers = {name: getattr(self, name) + getattr(other, name) for name in ("tries", *FINDINGS)}
        return Report(self.row, **numbers, details=self.details + other.details)

    def found(self, finding: str, line: str) -> Report:
        """Return the report with one finding more, of this name."""
        return replace(
            self, **{finding: getattr(self, finding) + 1, "details": (*self.details, f"{finding}: {line}")}
        )


FINDINGS = tuple(each.name for each in fields(Report) if each.name not in ("row", "tries", "details"))


def table(reports: Iterable[Report]) -> str:
    """Return the reports as one table, with the first lines of what was found below it."""
    head = f"{'row':<28}{'tries':>8}" + "".join(f"{name.replace('_', ' '):>13}" for name in FINDINGS)
    lines, below = [head], []
    for report in reports:
        counts = "".join(f"{getattr(report, name):>13,}" for name in FINDINGS)
        lines.append(f"{report.row:<28}{report.tries:>8,}{counts}")
        below += [f"{report.row}: {line}" for line in report.details[:SHOWN]]
        if len(report.details) > SHOWN:
            below.append(f"{report.row}: and {len(report.details) - SHOWN} more")
    return "\n".join(lines + below)


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call that returned.

    Attributes:
        kind: As in the replay protocol.

        receipt: "lane.seq.id".

        session_id: The session in which it was made.

        person: The user id of whoever stood there; None when they never said.

        anonymous: They had not said so yet.

        value: For a profile write the profile in wire form, for an activity its
            properties, for a bookmark `{"offer_id", "saved"}`.
    """

    kind: str
    receipt: str
    session_id: str
    person: str | None = field(repr=False)
    anonymous: bool
    value: Facts = field(repr=False)

    @property
    def entry_id(self) -> str:
        """The id of the entry."""
        return self.receipt.split(".", 2)[2]

    @property
    def seq(self) -> int:
        """The entry's number in its session."""
        return int(self.receipt.split(".", 2)[1])


@dataclass(slots=True)
class Oracle:
    """
    The calls that returned, in that order, and who was here.

    Attributes:
        states: For each person the state they must end up in, `IDENTIFIED` or `VERIFIED`.
    """

    calls: list[Call] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def returned(self, call: Call) -> None:
        """Keep one."""
        self.calls.append(call)

    def profiles(self, without: frozenset[str] = frozenset()) -> dict[str, dict[str, object]]:
        """Return what each person's profile must be: the last value of every attribute, in wire form."""
        found: dict[str, dict[str, object]] = {person: {} for person in self.states}
        for call in self.calls:
            if call.person is not None and call.kind in ("identify", "update") and call.entry_id not in without:
                found[call.person].update(call.value)
        return {
            person: {name: value for name, value in profile.items() if value is not None}
            for person, profile in found.items()
        }

    def bookmarks(self) -> dict[str, set[object]]:
        """Return the offers that each person must have saved."""
        found: dict[str, set[object]] = {person: set() for person in self.states}
        for call in self.calls:
            if call.person is not None and call.kind in ("bookmark", "unbookmark"):
                saved = found[call.person]
                (saved.add if call.kind == "bookmark" else saved.discard)(call.value["offer_id"])
        return found


@dataclass(frozen=True, slots=True)
class Person:
    """What the platform holds of one person: profile in wire form, activity oldest first, saved offers."""

    state: str
    profile: Facts = field(repr=False)
    activity: Sequence[Facts] = field(repr=False)
    saved: frozenset[object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What the platform says at the end.

    Attributes:
        log: Its log of entries in the order of application; None in a dialect in
            which entries have no numbers. Activity and values are judged all the same.

        people: By user id; a person that it does not know is missing.

        moved: Ids of entries that went on under another session, because the
            device took itself for a copy: they may stand under another number.
    """

    log: Sequence[LogRow] | None
    people: Mapping[str, Person]
    moved: frozenset[str] = frozenset()


def judge(row: str, oracle: Oracle, evidence: Evidence) -> Report:
    """
    Hold what was promised against the evidence.

    Args:
        row: The name of the report.

        oracle: What was promised.

        evidence: Taken after everything was delivered.
    """
    report = Report(row)
    if evidence.log is not None:
        report += _judge_log(oracle, evidence.log, evidence.moved)
    orphans = _orphans(oracle, evidence)
    with_orphans, profiles, bookmarks = oracle.profiles(), oracle.profiles(orphans), oracle.bookmarks()
    for person, state in oracle.states.items():
        found = evidence.people.get(person)
        if found is None:
            report = report.found("lost", "a person of whom the platform knows nothing")
            continue
        if found.state != state:
            report = report.found("wrong_value", f"a person is {found.state}, not {state}")
        report += _judge_profile(profiles[person], with_orphans[person], found.profile)
        if found.saved != bookmarks[person]:
            report = report.found("wrong_value", "a person's saved offers")
    return report + _judge_activity(oracle, evidence, orphans)


def _orphans(oracle: Oracle, evidence: Evidence) -> frozenset[str]:
    """
    Return the ids of entries that nobody may claim any more.

    They were delivered while nobody had said who is here, and then their
    session was lost or moved: what the device says now, it says in another one.
    """
    if evidence.log is None:
        return frozenset()
    sessions = {str(line["id"]): line["session_id"] for line in evidence.log}
    claimed = {
        call.session_id: sessions.get(call.entry_id) for call in oracle.calls if call.kind == "identify"
    }
    return frozenset(
        call.entry_id
        for call in oracle.calls
        if call.anonymous and sessions.get(call.entry_id) != claimed.get(call.session_id)
    )


def _judge_log(oracle: Oracle, log: Sequence[LogRow], moved: frozenset[str]) -> Report:
    """Every entry once, in order, under its person; those that moved under whatever number they have."""
    report = Report("")
    calls = {call.entry_id: call for call in oracle.calls}
    own_sessions = {call.session_id for call in oracle.calls}
    given: dict[object, str] = {}
    rows = []
    for line in log:
        call, session = calls.get(str(line["id"])), line["session_id"]
        if call is None and moved and line["kind"] == "identify" and session not in own_sessions:
            continue  # what a moved session begins with: the identity of the one before it
        if call is not None and session not in own_sessions:
            # The platform's own name for it. It may have given several, but each to one session alone.
            if given.setdefault(session, call.session_id) != call.session_id:
                report = report.found("mistaken", f"{call.kind} {call.entry_id}, in the session of another")
            line = {**line, "session_id": call.session_id}
        if call is not None and call.entry_id in moved:
            line = {**line, "session_id": call.session_id, "seq": call.seq}
        rows.append(line)
    promises = [{"receipt": c.receipt, "person": c.person, "anonymous": c.anonymous} for c in oracle.calls]
    findings = compare(promises, rows)
    for name in ("lost", "twice", "out_of_order", "mistaken"):
        for entry_id in getattr(findings, name):
            report = report.found(name, f"{calls[entry_id].kind if entry_id in calls else 'entry'} {entry_id}")
    kinds = {str(line["id"]): line["kind"] for line in log}
    for entry_id in findings.unpromised:
        report = report.found("mistaken", f"{kinds[entry_id]} {entry_id}, which no call made")
    for line in rows:
        if line["status"] != "applied":
            report = report.found("lost", f"{line['kind']} {line['id']}, refused with {line['code']}")
    return report


def _judge_profile(expected: Facts, with_orphans: Facts, actual: Facts) -> Report:
    """Attribute by attribute; the names are made up by the rows, and hold nothing personal."""
    report = Report("")
    for name in sorted({*expected, *with_orphans, *actual}):
        if actual.get(name) in (expected.get(name), with_orphans.get(name)):
            continue
        report = report.found("wrong_value" if name in actual else "lost", f"attribute {name}")
    return report


def _judge_activity(oracle: Oracle, evidence: Evidence, orphans: frozenset[str]) -> Report:
    """Each activity once, under its person, with its properties."""
    report = Report("")
    promised = {call.entry_id: call for call in oracle.calls if call.kind == "track" and call.person is not None}
    for person, found in evidence.people.items():
        numbers = Counter(str(item["properties"]) for item in found.activity)
        for item in found.activity:
            call = promised.pop(str(item["id"]), None)
            if numbers[str(item["properties"])] > 1:
                numbers[str(item["properties"])] = 1
                report = report.found("twice", f"activity {item['id']}")
            elif call is None or call.person != person:
                report = report.found("mistaken", f"activity {item['id']}")
            elif call.value != item["properties"]:
                report = report.found("wrong_value", f"activity {item['id']}")
    for call in promised.values():
        if call.entry_id not in orphans:
            report = report.found("lost", f"activity {call.entry_id}")
    return report
