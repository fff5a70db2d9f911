"""What the doctor asks an open journal: what waits, for what, and whether the books agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .doctor_look import CLOCK_SLACK_MS, Finding

if TYPE_CHECKING:
    from ..client import Client


def look_at_queue(client: Client, now_ms: int) -> list[Finding]:
    """Look at sums, parked lanes, dead letters, the write key and the clock."""
    status, audit = client.status(), client.audit()
    found = []
    if not audit.adds_up:
        found.append(
            Finding(
                "audit",
                "The journal's sums do not agree.",
                "Something that was accepted is accounted for nowhere, or twice.",
                "Keep a copy of the folder, and report this.",
            )
        )
    if status.suspended is not None:
        found.append(
            Finding(
                "suspended",
                f"The platform refuses the write key ({status.suspended}).",
                "Nothing is sent until it takes it again; nothing is dropped.",
                "Give the app the property's current write key, or have this one accepted again.",
            )
        )
    for lane in client.journal.lanes():
        if lane.parked_code:
            found.append(
                Finding(
                    "parked",
                    f"{lane.queued} entries of the session {lane.session_id} wait ({lane.parked_code}).",
                    "They are sent only when a verification token of their person is accepted.",
                    "Identify the person with a fresh token, or give up the entries with "
                    "`lmg-offline queue discard`.",
                )
            )
    if status.dead_letters:
        found.append(
            Finding(
                "dead-letters",
                f"The platform refused {status.dead_letters} {'entry' if status.dead_letters == 1 else 'entries'}.",
                "They are kept, and never sent again by themselves.",
                "See `lmg-offline queue list` for the reasons; then retry or discard each.",
            )
        )
    return found + _clock(client, now_ms)


def _clock(client: Client, now_ms: int) -> list[Finding]:
    newest = client._journal.store.read("SELECT max(made_at) FROM entries")[0][0]
    if newest is None or newest <= now_ms + CLOCK_SLACK_MS:
        return []
    return [
        Finding(
            "clock",
            f"The clock is {(newest - now_ms) // 1000:,} s behind the newest entry.",
            "Entries get their time from it: what is written now may count as older than it is.",
            "Set the clock, and keep it set by a time server.",
        )
    ]
