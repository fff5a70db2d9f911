"""Resolvers of redemption: where an offer stands, whether it can be used, and the step that uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmg_offline.errors import ValidationError
from lmg_offline.platform.audience_api.auth import write
from lmg_offline.platform.audience_api.context import Info, RequestContext
from lmg_offline.platform.audience_api.errors import refused, session_required
from lmg_offline.platform.problems import not_found
from lmg_offline.platform.redemption.arguments import MEANINGS, asked_of
from lmg_offline.platform.redemption.audience import is_entitled
from lmg_offline.platform.redemption.book import Book, Redeemer
from lmg_offline.platform.redemption.rules import REFRESH_INTERVAL_S, Asked, Rules, State
from lmg_offline.platform.redemption.states import state_of
from lmg_offline.platform.redemption.status import Standing, Usage, status_of
from lmg_offline.protocol import canonical
from lmg_offline.protocol.entries import Kind, check_payload
from lmg_offline.protocol.replay import REDEMPTION_ARGS

Json = dict[str, Any]

_NOT_SET_UP: Json = {
    "state": State.DEFAULT.value,
    "expiresIn": None,
    "transitions": [],
    "display": [State.DEFAULT.value],
    "refreshInterval": REFRESH_INTERVAL_S,
    "meta": {"actionType": None, "actionTarget": None},
    "offline": False,
}


def offer_state(_: object, info: Info, offerId: str, locationId: str | None = None) -> Json:
    """Where an offer stands for the session's person. Only steps that would be taken now are named."""
    return _state(_standing(info.context, offerId, locationId))


def offer_status(_: object, info: Info, offerId: str, locationId: str) -> Json:
    """Whether the session's person can use an offer, why not, and what is left of it."""
    status = status_of(_standing(info.context, offerId, locationId))
    limits = status.limits
    return {
        "redeemable": status.is_redeemable,
        "reason": None if status.reason is None else status.reason.value,
        "limitDetails": limits
        and {
            "perProfile": _usage(limits.per_profile),
            "perProfilePerWindow": _usage(limits.per_profile_per_window),
            "global": _usage(limits.overall),
            "globalPerWindow": _usage(limits.overall_per_window),
        },
    }


def transition_offer_state(
    _: object,
    info: Info,
    offerId: str,
    locationId: str,
    currentState: str,
    transitionIndex: int,
    clientArgs: str,
) -> Json:
    """
    Take a step, and return where the offer stands after it.

    Raises:
        AudienceError: It is not taken; the id is `lmg-` and the code of
            docs/protocol.md, with hyphens.
    """
    context: RequestContext = info.context
    if context.session is None:
        raise session_required()
    _standing(context, offerId, locationId)
    payload = {
        "offer_id": offerId,
        "location_id": locationId,
        "current_state": currentState,
        "transition_index": transitionIndex,
        "client_args": _client_args(clientArgs),
    }
    try:
        check_payload(Kind.REDEEM.value, payload)
    except ValidationError as error:
        raise refused(REDEMPTION_ARGS, str(error)[:500]) from None
    write(context, context.session, Kind.REDEEM, payload)
    return _state(_standing(context, offerId, locationId))


RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "Query": {"offerState": offer_state, "offerStatus": offer_status},
    "Mutation": {"transitionOfferState": transition_offer_state},
}


def _standing(context: RequestContext, offer_key: str, location_key: str | None) -> Standing:
    """
    Return how the session's person stands before an offer.

    Raises:
        AudienceError: There is no such offer or location.
    """
    session = context.session
    user_hash = None if session is None else session.user_hash
    book = Book(
        context.connection,
        context.property_id,
        [offer_key],
        session_ids=() if session is None else [session.session_id],
        user_hashes=() if user_hash is None else [user_hash],
        is_locking=False,
    )
    offer = book.offer(offer_key)
    place = None if location_key is None else book.place(location_key)
    if offer is None or (place is None and location_key is not None):
        raise not_found("offer" if offer is None else "location")
    who = None if session is None else Redeemer(session.session_id, user_hash, session.user_id)
    # A step may have been stamped a moment later than this, by a clock that was set back since.
    now_ms = max(context.now_ms, 0 if session is None else book.last_at_ms(session.session_id))
    state = "anonymous" if session is None else session.state
    return book.standing(
        offer, place, who, now_ms, is_entitled=is_entitled(context.property.redemption_audience, state)
    )


def _state(standing: Standing) -> Json:
    rules = standing.rules
    if rules is None:
        return _NOT_SET_UP
    state = state_of(rules, standing.history, standing.now_ms)
    targets = state.targets if status_of(standing).is_redeemable else ()
    return {
        "state": state.name.value,
        "expiresIn": state.expires_in_s,
        "transitions": [_transition(rules, index, target) for index, target in enumerate(targets)],
        "display": list(state.display),
        "refreshInterval": rules.refresh_interval_s,
        "meta": {"actionType": rules.action_type, "actionTarget": rules.action_target},
        "offline": rules.is_offline,
    }


def _transition(rules: Rules, index: int, target: State) -> Json:
    return {
        "index": index,
        "target": target.value,
        "meta": {"transitionButtonText": rules.button_text},
        "args": [_arg(asked) for asked in asked_of(rules, target)],
    }


def _arg(asked: Asked) -> Json:
    meaning = MEANINGS[asked.name]
    return {
        "name": asked.name.value,
        "desc": meaning.desc,
        "required": asked.is_required,
        "type": meaning.type,
        "values": None,
        "min": asked.least,
        "max": asked.most,
        "default": None,
    }


def _usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    found: Json = {"total": usage.total, "used": usage.used, "priority": usage.priority}
    if usage.granularity is None:
        return found
    return {**found, "granularity": usage.granularity.value, "resetsIn": usage.resets_in_s}


def _client_args(text: str) -> object:
    try:
        return canonical.decode(text)
    except ValueError as error:
        raise refused(REDEMPTION_ARGS, f"clientArgs: {error}") from None
