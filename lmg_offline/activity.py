"""
What people do: tracked activity, by any name or by those the platform knows.

Bookmarks, redemptions and identifies are not here: the platform sees those
writes itself.

Source: the real SDK's notifications and the list of those it sends on as activity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._core.arguments import check_id, check_text, check_texts
from .errors import ValidationError
from .protocol.canonical import check, encode, fields_of, is_a
from .receipts import Receipt
from .sharing import ShareMethod

if TYPE_CHECKING:
    from ._sync.session import Session

MAX_MESSAGE = 4096
MAX_NAME = 128


class Activity:
    """
    Reached as `client.activity`.

    The named methods raise as `track` does, and name the argument that is no id.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def track(self, name: str, properties: Mapping[str, Any] | None = None) -> Receipt:
        """
        Record that something happened, now, in the current session.

        Args:
            name: What happened, such as `offer_viewed`; 1 to 128 characters.

            properties: JSON values by name, at most 32 KiB and 8 deep.

        Raises:
            ValidationError: The name or a property is not what the platform takes.

            JournalError: The journal could not be written.
        """
        plain = check_text("name", name, MAX_NAME)
        values = {} if properties is None else fields_of(properties, "properties")
        body = check({"name": plain, "properties": values}, where="properties")
        return self._session.append("track", encode(body))

    def offer_shown(self, offer_id: str, business_id: str | None = None, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that an offer came into sight, in a list or on a map."""
        return self.track("offer_shown", _offer(offer_id, business_id, location_ids))

    def offer_viewed(self, offer_id: str, business_id: str | None = None, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that an offer's own page was opened."""
        return self.track("offer_viewed", _offer(offer_id, business_id, location_ids))

    def offer_card_swiped(
        self, offer_id: str, business_id: str | None = None, location_ids: Sequence[str] = ()
    ) -> Receipt:
        """Record that an offer's card was swiped."""
        return self.track("offer_card_swiped", _offer(offer_id, business_id, location_ids))

    def offer_shared(
        self,
        offer_id: str,
        method: ShareMethod | str = ShareMethod.UNKNOWN,
        business_id: str | None = None,
        location_ids: Sequence[str] = (),
    ) -> Receipt:
        """Record that an offer was shared, and by what."""
        return self.track("offer_shared", {**_offer(offer_id, business_id, location_ids), "method": _method(method)})

    def offer_state_change_error(
        self,
        offer_id: str,
        message: str,
        *,
        action: str | None = None,
        state: str | None = None,
        business_id: str | None = None,
        location_ids: Sequence[str] = (),
    ) -> Receipt:
        """
        Record that an offer could not be redeemed, or not be moved to its next state.

        Args:
            message: What went wrong, at most 4,096 characters. Nothing about the person.

            action: The transition that was tried.

            state: The state the offer stayed in.
        """
        values = _offer(offer_id, business_id, location_ids)
        values |= {"message": check_text("message", message, MAX_MESSAGE)}
        return self.track("offer_state_change_error", values | _texts(action=action, state=state))

    def business_shown(self, business_id: str, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that a business came into sight, in a list or on a map."""
        return self.track("business_shown", _business(business_id, location_ids))

    def business_viewed(self, business_id: str, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that a business's own page was opened."""
        return self.track("business_viewed", _business(business_id, location_ids))

    def business_called(self, business_id: str, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that a business was called from the app."""
        return self.track("business_called", _business(business_id, location_ids))

    def business_shared(
        self,
        business_id: str,
        method: ShareMethod | str = ShareMethod.UNKNOWN,
        location_ids: Sequence[str] = (),
    ) -> Receipt:
        """Record that a business was shared, and by what."""
        return self.track("business_shared", {**_business(business_id, location_ids), "method": _method(method)})

    def business_website_visited(self, business_id: str, location_ids: Sequence[str] = ()) -> Receipt:
        """Record that a business's website was opened from the app."""
        return self.track("business_website_visited", _business(business_id, location_ids))

    def collection_viewed(self, collection_id: str) -> Receipt:
        """Record that a collection was opened."""
        return self.track("collection_viewed", {"collection_id": check_id("collection_id", collection_id)})

    def collections_listed(self, tag: str | None = None) -> Receipt:
        """Record that the collections were listed, all of them or those of a tag."""
        return self.track("collections_listed", _texts(tag=tag))

    def sdk_initialized(self) -> Receipt:
        """Record that the app has the SDK ready."""
        return self.track("sdk_initialized")

    def session_error(self, message: str) -> Receipt:
        """Record that the session failed: what went wrong, at most 4,096 characters, nothing about the person."""
        return self.track("session_error", {"message": check_text("message", message, MAX_MESSAGE)})


def _offer(offer_id: str, business_id: str | None, location_ids: Sequence[str]) -> dict[str, Any]:
    values = {"offer_id": check_id("offer_id", offer_id), **_texts(business_id=business_id)}
    return values | _places(location_ids)


def _business(business_id: str, location_ids: Sequence[str]) -> dict[str, Any]:
    return {"business_id": check_id("business_id", business_id), **_places(location_ids)}


def _places(location_ids: Sequence[str]) -> dict[str, Any]:
    """Return the places, if there are any."""
    found = check_texts("location_ids", location_ids)
    return {"location_ids": found} if found else {}


def _texts(**given: str | None) -> dict[str, Any]:
    """Return the texts that are given, each as long as an id may be."""
    return {name: check_id(name, value) for name, value in given.items() if value is not None}


def _method(method: ShareMethod | str) -> str:
    known = {way.value for way in ShareMethod}
    found = str.__str__(method) if is_a(method, str) else None  # never shown, however long it is
    if found not in known:
        ways = ", ".join(way.value for way in ShareMethod)
        raise ValidationError({"method": [f"Give a ShareMethod, one of {ways}."]})
    return found
