"""The one way a step takes effect, for a replayed entry and for the mutation alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmg_offline.platform.content.geo import Point
from lmg_offline.platform.redemption.arguments import refused_args
from lmg_offline.platform.redemption.book import Book, Redeemer
from lmg_offline.platform.redemption.rules import State
from lmg_offline.platform.redemption.states import OfferState, Step, is_consistent, state_of
from lmg_offline.platform.redemption.status import (
    Reason,
    Refusal,
    Standing,
    limit_details,
    refusal_of,
    why_closed,
    why_used_up,
)
from lmg_offline.protocol.replay import REDEMPTION_STATE_CHANGED

_CHANGED = Refusal(
    REDEMPTION_STATE_CHANGED, "The offer is in another state than the device thought. Ask for its state."
)


def redeem(
    book: Book, who: Redeemer, payload: Mapping[str, Any], entry_id: str, at_ms: int, *, is_entitled: bool
) -> Refusal | None:
    """
    Take one step on an offer and record it in the book, or return why not.

    Args:
        book: Locking, of this transaction; it holds the offer that the payload names.

        who: Who redeems.

        payload: Of an entry `redeem`, checked.

        entry_id: Its id.

        at_ms: When it happened, in milliseconds since 1970 UTC. Schedule, windows
            and state are those of that instant; what others have used is counted
            as it has arrived.

        is_entitled: The property's policy takes redemptions of this person.
    """
    offer, place = book.offer(payload["offer_id"]), book.place(payload["location_id"])
    if offer is None or place is None:
        return refusal_of(Reason.NOT_VISIBLE)
    step = decide(book.standing(offer, place, who, at_ms, is_entitled=is_entitled), payload, place.point)
    if isinstance(step, Refusal):
        return step
    book.record(offer, place, who, step, entry_id)
    return None


def decide(standing: Standing, payload: Mapping[str, Any], place: Point) -> Step | Refusal:
    """
    Return the step that is taken, or why none is. Pure.

    Args:
        standing: Who, before what, when.

        payload: What the app asks for.

        place: Where the offer is redeemed, [longitude, latitude] in degrees.
    """
    reason, rules = why_closed(standing), standing.rules
    if reason is not None or rules is None:
        return refusal_of(reason or Reason.NOT_SUPPORTED)
    state = state_of(rules, standing.history, standing.now_ms)
    if state.name != payload["current_state"]:
        return _CHANGED
    reason = why_used_up(standing, rules, state, limit_details(standing, rules))
    if reason is not None:
        return refusal_of(reason)
    target = _target(state, payload["transition_index"], payload["target"])
    if target is None:
        return _CHANGED
    step = Step(state.name.value, target.value, standing.now_ms)
    if not is_consistent(rules, standing.history, step):
        return _CHANGED
    return refused_args(rules, target, payload["client_args"], place) or step


def _target(state: OfferState, index: int, expected: str | None) -> State | None:
    """
    Return where the chosen step leads, or None when the app chose from other steps than there are.

    A device without a network can't know which punch fills the card: progress
    and ready pass for one another.
    """
    if index >= len(state.targets):
        return None
    found = state.targets[index]
    punches = (State.PROGRESS, State.READY)
    if expected is None or expected == found or (found in punches and expected in punches):
        return found
    return None
