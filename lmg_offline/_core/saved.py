"""Laying this device's own bookmarks over what the platform said. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..models import Business, Offer
from .reads import LocalBookmark

Lookup = Callable[[str], Business | None]
OfferLookup = Callable[[str], Offer | None]


def mark(business: Business, local: Iterable[LocalBookmark]) -> Business:
    """Return the business with `is_bookmarked` of its offers as this person last chose."""
    chosen = {bookmark.offer_id: bookmark.saved for bookmark in local}
    if not any(offer.id in chosen for offer in business.offers):
        return business
    return replace(business, offers=tuple(mark_offer(offer, chosen) for offer in business.offers))


def mark_offer(offer: Offer, chosen: dict[str, bool]) -> Offer:
    """Return the offer with `is_bookmarked` as this person last chose."""
    return replace(offer, is_bookmarked=chosen.get(offer.id, offer.is_bookmarked))


def overlay(
    businesses: Sequence[Business], local: Sequence[LocalBookmark], business_of: Lookup, offer_of: OfferLookup
) -> tuple[Business, ...]:
    """
    Return the list of saved businesses after this device's unconfirmed bookmarks.

    Newly saved ones come first, the newest on top. A business that has no saved
    offer left is gone. What is known of an offer only by its id is shown by its id.
    """
    kept = [mark(business, local) for business in businesses]
    dropped = {bookmark.offer_id for bookmark in local if not bookmark.saved}
    kept = [
        business
        for business in kept
        if any(offer.is_bookmarked for offer in business.offers)
        or not any(offer.id in dropped for offer in business.offers)
    ]
    for bookmark in local:
        if bookmark.saved:
            kept = _with(kept, bookmark, business_of, offer_of)
    return tuple(kept)


def _with(
    kept: list[Business], bookmark: LocalBookmark, business_of: Lookup, offer_of: OfferLookup
) -> list[Business]:
    if any(offer.id == bookmark.offer_id for business in kept for offer in business.offers):
        return kept
    offer = offer_of(bookmark.offer_id) or Offer(bookmark.offer_id, "", business_id=bookmark.business_id)
    offer = replace(offer, is_bookmarked=True)
    business_id = bookmark.business_id or offer.business_id or ""
    for number, business in enumerate(kept):
        if business.id == business_id:
            return [*kept[:number], replace(business, offers=(*business.offers, offer)), *kept[number + 1 :]]
    found = business_of(business_id) if business_id else None
    found = found or Business(business_id, "")
    others = tuple(known for known in found.offers if known.id != offer.id)
    return [replace(found, offers=(offer, *others)), *kept]
