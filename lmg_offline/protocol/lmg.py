"""
The LMG dialect: the real platform's own operations, and how the SDK reads their answers.

Each document validates against the platform's published schema alone.

Source: docs/lmg-compatibility.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import EXCLUDE
from marshmallow import fields as stock

from ..errors import ValidationError
from . import fields
from .canonical import encode

_SESSION = "{ token content { sessionId } meta { stats { ingestionUrl } } warnings }"
_TRAITS = "{ traits warnings }"

CREATE_SESSION = f"mutation CreateSession {{ createSession {_SESSION} }}"
EXTEND_SESSION = f"mutation ExtendSession {{ extendSession {_SESSION} }}"
IDENTIFY_SESSION = (
    "mutation IdentifySession($externalId: String!, $externalIdSignature: String)"
    f" {{ identifySession(externalId: $externalId, externalIdSignature: $externalIdSignature) {_SESSION} }}"
)
UPDATE_TRAITS = f"mutation UpdateTraits($traits: String!) {{ updateSessionTraits(traits: $traits) {_TRAITS} }}"
GET_TRAITS = f"query GetTraits {{ getSessionTraits {_TRAITS} }}"
CREATE_BOOKMARK = "mutation CreateBookmark($offerId: String!) { createOfferBookmark(offerId: $offerId) }"
DELETE_BOOKMARK = "mutation DeleteBookmark($offerId: String!) { deleteOfferBookmark(offerId: $offerId) }"
OFFER_NOW = (
    "query OfferNow($offerId: ID!, $locationId: ID!) { offerState(offerId: $offerId, locationId: $locationId)"
    " { state display } offerStatus(offerId: $offerId, locationId: $locationId)"
    " { limitDetails { perProfile { used } } } }"
)
TRANSITION = (
    "mutation Transition($offerId: ID!, $locationId: ID!, $currentState: String!, $transitionIndex: Int!,"
    " $clientArgs: String!) { transitionOfferState(offerId: $offerId, locationId: $locationId,"
    " currentState: $currentState, transitionIndex: $transitionIndex, clientArgs: $clientArgs) { state } }"
)

# Those of /graph/auth, and those of /graph/default.
AUTH_DOCUMENTS = (CREATE_SESSION, EXTEND_SESSION, IDENTIFY_SESSION, UPDATE_TRAITS, GET_TRAITS)
DEFAULT_DOCUMENTS = (CREATE_BOOKMARK, DELETE_BOOKMARK, OFFER_NOW, TRANSITION)

MAX_WARNINGS = 100
_MAX_WARNING = 1000
_MAX_TOKEN = 8192
_MAX_ID = 256
_MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class SessionReply:
    """
    A session, as createSession, extendSession and identifySession answer it.

    Attributes:
        ingestion_url: Where the session's activity goes.

        warnings: What the platform did not like, in its words.
    """

    token: str = field(repr=False)
    session_id: str
    ingestion_url: str = field(repr=False)
    warnings: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferNow:
    """
    Where an offer stands for a person.

    Attributes:
        standing: Text that differs when a transition has been made since: the
            state, how it is shown (a card's count is in there), and how often the
            person has used the offer.
    """

    state: str
    standing: str


def load_session(data: Mapping[str, Any], operation: str) -> SessionReply:
    """
    Return the session of an operation's data.

    Raises:
        ValidationError: It is not one.
    """
    found = fields.load(_SESSION_SCHEMA, data.get(operation), operation)
    return SessionReply(
        found["token"],
        found["content"]["session_id"],
        found["meta"]["stats"]["ingestion_url"],
        _shortened(found["warnings"]),
    )


def load_traits(data: Mapping[str, Any], operation: str) -> tuple[str, tuple[str, ...]]:
    """
    Return the traits' JSON text and the warnings of an operation's data.

    Raises:
        ValidationError: It is not an answer about traits.
    """
    found = fields.load(_TRAITS_SCHEMA, data.get(operation), operation)
    return found["traits"], _shortened(found["warnings"])


def load_offer_now(data: Mapping[str, Any]) -> OfferNow:
    """
    Return where an offer stands.

    Raises:
        ValidationError: The data does not say so.
    """
    found = fields.load(_OFFER_NOW_SCHEMA, dict(data), "offer")
    state = found["offer_state"]
    per_profile = (found["offer_status"]["limit_details"] or {}).get("per_profile") or {}
    return OfferNow(state["state"], encode([state["state"], state["display"], per_profile.get("used")]))


def load_truth(data: Mapping[str, Any], operation: str) -> bool:
    """
    Return the Boolean of a bookmark operation.

    Raises:
        ValidationError: It is not one.
    """
    found = data.get(operation)
    if not isinstance(found, bool):
        raise ValidationError({operation: ["Must be true or false."]})
    return found


def _shortened(warnings: list[str]) -> tuple[str, ...]:
    return tuple(warning[:_MAX_WARNING] for warning in warnings[:MAX_WARNINGS])


class _Loose(fields.StrictSchema):
    """Fields that are not known are ignored: the platform may say more."""

    class Meta:
        unknown = EXCLUDE


class _Content(_Loose):
    session_id = fields.Text(longest=_MAX_ID, required=True, data_key="sessionId")


class _Stats(_Loose):
    ingestion_url = fields.Text(longest=_MAX_URL, required=True, data_key="ingestionUrl")


class _Meta(_Loose):
    stats = stock.Nested(_Stats, required=True)


class _Session(_Loose):
    token = fields.Text(longest=_MAX_TOKEN, required=True)
    content = stock.Nested(_Content, required=True)
    meta = stock.Nested(_Meta, required=True)
    warnings = stock.List(stock.String(), required=True)


class _SessionTraits(_Loose):
    traits = stock.String(required=True)
    warnings = stock.List(stock.String(), required=True)


class _State(_Loose):
    state = fields.Text(longest=_MAX_ID, required=True)
    display = stock.List(fields.Text(longest=_MAX_ID), required=True)


class _Used(_Loose):
    used = fields.Integer(least=0)


class _Limits(_Loose):
    per_profile = stock.Nested(_Used, allow_none=True, data_key="perProfile")


class _Status(_Loose):
    limit_details = stock.Nested(_Limits, allow_none=True, load_default=None, data_key="limitDetails")


class _OfferNowSchema(_Loose):
    offer_state = stock.Nested(_State, required=True, data_key="offerState")
    offer_status = stock.Nested(_Status, required=True, data_key="offerStatus")


_SESSION_SCHEMA = _Session()
_TRAITS_SCHEMA = _SessionTraits()
_OFFER_NOW_SCHEMA = _OfferNowSchema()
