"""
The identity state machine, as a table.

A session is anonymous, then claimed by one user id, then perhaps proved. It
never goes to a second person: what would do that opens a new session.

Source: design of the platform's identification states; a refused token costs
the session, because what was made under the claim may belong to nobody else.
"""

from __future__ import annotations

from enum import Enum


class AudienceState(str, Enum):
    """How sure we are of who the session belongs to."""

    ANONYMOUS = "anonymous"
    IDENTIFIED = "identified"
    VERIFIED = "verified"


class Event(Enum):
    """What can happen to a session."""

    IDENTIFY_FIRST = "identify, and the session belongs to nobody"
    IDENTIFY_SAME = "identify with the session's own user id"
    IDENTIFY_OTHER = "identify with another user id"
    RESET = "reset_session or forget"
    ACCEPTED = "the platform accepted an identify without a token"
    PROVED = "the platform accepted a verification token"
    REJECTED = "the platform refused the identify"


class Step(Enum):
    """What a transition does to the session."""

    STAY = "same session"
    RENEW = "seal the session and open a new one"


_A, _I, _V = AudienceState.ANONYMOUS, AudienceState.IDENTIFIED, AudienceState.VERIFIED

# (state, event) -> (what happens to the session, state of the session that is current afterwards).
# A pair that is missing can't happen to a live session: its answer came too late and changes nothing.
TRANSITIONS: dict[tuple[AudienceState, Event], tuple[Step, AudienceState]] = {
    (_A, Event.IDENTIFY_FIRST): (Step.STAY, _I),
    (_A, Event.RESET): (Step.RENEW, _A),
    (_I, Event.IDENTIFY_SAME): (Step.STAY, _I),
    (_I, Event.IDENTIFY_OTHER): (Step.RENEW, _I),
    (_I, Event.RESET): (Step.RENEW, _A),
    (_I, Event.ACCEPTED): (Step.STAY, _I),
    (_I, Event.PROVED): (Step.STAY, _V),
    (_I, Event.REJECTED): (Step.RENEW, _A),
    (_V, Event.IDENTIFY_SAME): (Step.STAY, _V),
    (_V, Event.IDENTIFY_OTHER): (Step.RENEW, _I),
    (_V, Event.RESET): (Step.RENEW, _A),
    (_V, Event.ACCEPTED): (Step.STAY, _V),
    (_V, Event.PROVED): (Step.STAY, _V),
    (_V, Event.REJECTED): (Step.RENEW, _A),
}


def identify_event(session_user_id: str | None, user_id: str) -> Event:
    """Return which kind of identify this is. User ids are compared code point by code point."""
    if session_user_id is None:
        return Event.IDENTIFY_FIRST
    return Event.IDENTIFY_SAME if session_user_id == user_id else Event.IDENTIFY_OTHER


def transition(state: AudienceState, event: Event) -> tuple[Step, AudienceState]:
    """Return what the event does; STAY in the same state where it can't happen."""
    return TRANSITIONS.get((state, event), (Step.STAY, state))
