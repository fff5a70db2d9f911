"""Why nothing moves, in one sentence per lane, and what would unblock it."""

from __future__ import annotations

from dataclasses import dataclass

_PARKED = {
    "token_refused": "its verification token was refused; identify the user again with a good token",
    "token_expired": "its verification token has expired; identify the user again, or give a token_provider",
    "token_unknown_key": "its token was signed with a key the property does not have; sign with a current key",
    "token_malformed": "its token is not a verification token; identify the user again with a good one",
    "token_missing": "it waits for a verification token; identify the user again with one",
}


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """
    What is known of one lane.

    Attributes:
        waiting: For how many seconds the sync leaves it out, and why; None when it does not.
    """

    session_id: str
    queued: int
    parked_code: str | None
    parked_message: str | None
    waiting: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class SyncFacts:
    """What is known of the sync."""

    sync_on: bool
    sending: bool
    suspended: str | None
    online: bool | None
    last_error: str | None
    next_attempt_in: float | None


def explain(lanes: list[LaneFacts], sync: SyncFacts) -> list[str]:
    """Return a sentence for each lane that has entries and is not moving."""
    return [f"Session {lane.session_id}, {_entries(lane.queued)}: {_why(lane, sync)}."
            for lane in lanes if lane.queued and _why(lane, sync)]  # fmt: skip


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _why(lane: LaneFacts, sync: SyncFacts) -> str:
    if lane.parked_code is not None:
        return _PARKED.get(lane.parked_code, f"parked ({lane.parked_code}); {lane.parked_message}")
    if not sync.sync_on:
        return "this client does not send (sync=False); open one that does"
    if sync.suspended is not None:
        return f"the write key was refused ({sync.suspended}); give the app a valid key, nothing is dropped"
    if not sync.sending:
        return "another process of this journal sends; nothing to do"
    if lane.waiting is not None:
        return f"{lane.waiting[1]}; it is tried again in {lane.waiting[0]:.0f} s, other sessions go on"
    if sync.last_error is not None:
        when = "soon" if sync.next_attempt_in is None else f"in {sync.next_attempt_in:.0f} s"
        return f"{sync.last_error}; the next attempt is {when}"
    return ""
