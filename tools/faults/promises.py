"""What children noted, made into what the oracle judges."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmg_offline import Client

from .alarm import Alarm
from .oracle import Call, Evidence, Oracle, Report, judge
from .play import STEP_S
from .stage import PlatformFacts, Stage

CLOSE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Noted:
    """A call that a child made: promised when it has a receipt, else perhaps done."""

    number: int
    kind: str
    value: Mapping[str, Any]
    person: str | None
    is_verified: bool
    receipt: str | None = None


def read_notes(logs: Iterable[Path]) -> list[list[Noted]]:
    """Return the calls of each file, in the order in which they were begun."""
    found = []
    for path in logs:
        calls: dict[int, Noted] = {}
        for text in path.read_bytes().splitlines() if path.exists() else ():
            line = json.loads(text)
            if "do" in line:
                calls[line["do"]] = Noted(line["do"], line["kind"], line["value"], line["person"], line["verified"])
            elif "did" in line:
                calls[line["did"]] = replace(calls[line["did"]], receipt=line["receipt"])
            elif "raised" in line and line["raised"] in calls and calls[line["raised"]].receipt is None:
                del calls[line["raised"]]
        found.append(list(calls.values()))
    return found


def write_notes(path: Path, calls: Iterable[Noted]) -> None:
    """Write down calls as a child does."""
    lines: list[dict[str, object]] = []
    for call in calls:
        verified = {"person": call.person, "verified": call.is_verified}
        lines.append({"do": call.number, "kind": call.kind, "value": call.value, **verified})
        if call.receipt is not None:
            lines.append({"did": call.number, "receipt": call.receipt})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def disorder(row: str, notes: Iterable[list[Noted]]) -> Report:
    """Hold each child's receipts against the order in which it made the calls."""
    report = Report(row)
    for calls in notes:
        last = (0, 0)
        for call in calls:
            if call.receipt is not None:
                place = place_of(call.receipt)
                if place <= last:
                    report = report.found("out_of_order", f"{call.kind} of receipt {call.receipt}")
                last = place
    return report


def finish(row: str, stage: Stage, platform: PlatformFacts, folder: Path, logs: Iterable[Path]) -> Report:
    """
    Open the journal once more, deliver what is left, and hold everything against the evidence.

    Args:
        logs: The notebooks of all children.
    """
    notes = read_notes(logs)
    report = disorder(row, notes)
    noted = [call for calls in notes for call in calls]
    with Alarm() as alarm:
        client = stage.make_client(platform, platform.endpoint, folder)
        try:
            if client.user.id is None:
                person = "person-last"
                receipt = client.user.identify(person).id
                noted.append(Noted(-1, "identify", {}, person, False, receipt))
            if not _drain(client, stage.drain_within_s):
                return report.found("hung", f"{client.status().queued} entries not delivered in time")
            report += _account(row, client, noted)
            sessions = dict(client._journal.store.read("SELECT session_id, lane_id FROM lanes"))
        finally:
            if not client.close(CLOSE_WITHIN_S):
                report = report.found("hung", "close did not end in time")
    for line in alarm.lines:
        report = report.found("wrong_value", f"the SDK logged an error: {line}")
    everybody = Oracle(states={call.person: "" for call in noted if call.person is not None})
    evidence = stage.take_evidence(platform, everybody)
    if stage.dialect == "replay":
        sessions = {**_let_go(noted, evidence), **sessions}
    return report + judge(row, promised(noted, evidence, sessions), evidence)


def _let_go(noted: Iterable[Noted], evidence: Evidence) -> dict[str, int]:
    """Return the lanes of sessions that the journal keeps no row of, by what was written in them."""
    lanes = {call.receipt.split(".", 2)[2]: place_of(call.receipt)[0] for call in noted if call.receipt is not None}
    return {str(row["session_id"]): lanes[str(row["id"])] for row in evidence.log or () if str(row["id"]) in lanes}


def _drain(client: Client, within_s: float) -> bool:
    """Deliver everything that can go; say whether it went in time."""
    deadline = time.monotonic() + within_s
    while not client.flush(0.2):
        if not client.status().queued:
            return True  # what is left is parked, which is for the verdict
        if time.monotonic() > deadline:
            return False
        client._wake()
        time.sleep(STEP_S)
    return True


def _account(row: str, client: Client, noted: Iterable[Noted]) -> Report:
    report, audit = Report(row), client.audit()
    if not audit.adds_up:
        report = report.found("wrong_value", "the SDK's own audit does not add up")
    for name in ("dead_letters", "parked", "queued"):
        if getattr(audit, name):
            report = report.found("lost", f"{getattr(audit, name)} {name.replace('_', ' ')} at the end")
    for call in noted:
        if call.receipt is not None and client.journal.receipt(call.receipt) != "acknowledged":
            report = report.found("wrong_value", f"receipt {call.receipt} is not acknowledged")
    return report


def promised(noted: Iterable[Noted], evidence: Evidence, sessions: Mapping[str, int]) -> Oracle:
    """
    Return what must be there: all that returned, and of what a kill met, what has in fact happened.

    Who a session's person is, is what was said in it; what came before that was
    made by somebody who had not said so.

    Args:
        sessions: The lane of each session, from the journal.
    """
    noted, sessions = list(noted), dict(sessions)
    known = {call.receipt.split(".", 2)[2] for call in noted if call.receipt is not None}
    unsure = [call for call in noted if call.receipt is None]
    done = [call for call in noted if call.receipt is not None]
    claimed: dict[object, set[str]] = {}
    for row in evidence.log or ():
        if row["kind"] == "identify":
            claimed.setdefault(row["session_id"], set()).add(str(row["user_id"]))
    unknown = [row for row in evidence.log or () if str(row["id"]) not in known]
    # First those that show whose they are: a row of nobody's session could be any call's.
    for row in sorted(unknown, key=lambda row: row["session_id"] not in claimed):
        call = next((each for each in unsure if _is(each, row, evidence, claimed)), None)
        if call is not None:
            unsure.remove(call)
            # A session in which no call returned, and that ended long ago: the journal keeps no row of it.
            sessions.setdefault(str(row["session_id"]), -len(sessions) - 1)
            done.append(replace(call, receipt=f"{sessions[str(row['session_id'])]}.{row['seq']}.{row['id']}"))
    done.sort(key=lambda call: place_of(str(call.receipt)))
    names = {lane: session for session, lane in sessions.items()}
    said: dict[int, tuple[int, str]] = {}
    oracle = Oracle()
    for call in done:
        lane, seq = place_of(str(call.receipt))
        if call.kind == "identify" and call.person is not None:
            said.setdefault(lane, (seq, call.person))
            oracle.states[call.person] = "VERIFIED" if call.is_verified else "IDENTIFIED"
    for call in done:
        lane, seq = place_of(str(call.receipt))
        from_seq, person = said.get(lane, (0, None))
        oracle.returned(Call(call.kind, str(call.receipt), names[lane], person, seq < from_seq, call.value))
    return oracle


def _is(call: Noted, row: Mapping[str, object], evidence: Evidence, claimed: Mapping[object, Set[str]]) -> bool:
    """
    Whether a row of the log, that no call that returned made, is what became of this call.

    Args:
        claimed: The sessions in which somebody said who they are, and who. What was written in another one stands
            under nobody, and shows its number nowhere.
    """
    if call.kind != row["kind"]:
        return False
    if row["session_id"] not in claimed:
        return True
    theirs = [evidence.people[person] for person in claimed[row["session_id"]] if person in evidence.people]
    if call.kind == "identify":
        return call.person == row["user_id"]
    if call.kind == "track":
        return any(
            item["id"] == row["id"] and item["properties"] == call.value
            for person in theirs
            for item in person.activity
        )
    own = f"own_{call.number}"
    return any(own in person.profile for person in theirs)


def place_of(receipt: str) -> tuple[int, int]:
    """Return the lane and number of a receipt."""
    lane, seq, _ = receipt.split(".", 2)
    return int(lane), int(seq)


def site_of(platform: PlatformFacts, endpoint: str, folder: Path) -> dict[str, Any]:
    """Return what a child must know to be a client, as JSON values."""
    return {
        "write_key": platform.write_key,
        "verification_key": platform.verification_key,
        "endpoint": endpoint,
        "folder": str(folder),
    }
