"""Resolvers of the bookmark mutations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmg_offline.platform.audience_api.auth import write
from lmg_offline.platform.audience_api.context import Info, RequestContext
from lmg_offline.platform.audience_api.errors import session_required
from lmg_offline.protocol.entries import Kind


def create_offer_bookmark(_: object, info: Info, offerId: str) -> bool:
    """Save an offer for the session's user."""
    return _set(info.context, Kind.BOOKMARK, offerId)


def delete_offer_bookmark(_: object, info: Info, offerId: str) -> bool:
    """Take a saved offer back."""
    return _set(info.context, Kind.UNBOOKMARK, offerId)


def _set(context: RequestContext, kind: Kind, offer_id: str) -> bool:
    if context.session is None:
        raise session_required()
    write(context, context.session, kind, {"offer_id": offer_id})
    return True


RESOLVERS: dict[str, dict[str, Callable[..., Any]]] = {
    "Mutation": {
        "createOfferBookmark": create_offer_bookmark,
        "deleteOfferBookmark": delete_offer_bookmark,
    }
}
