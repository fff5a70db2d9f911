"""Laying this device's own bookmarks over what the platform said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from ..models import Business, Offer
from .reads import LocalBookmark


class Lookup(Protocol):
    """What was read on this device before."""

    def business(self, business_id: str) -> Business | None:
        """Return a business, or None."""
        ...

    def offer(self, offer_id: str) -> Offer | None:
        """Return an offer, or None."""
        ...


def mark(business: Business, local: Iterable[LocalBookmark]) -> Business:
    """Return the business with `is_bookmarked` of its offers as this person last chose."""
    chosen = {bookmark.offer_id: bookmark.saved for bookmark in local}
    if not any(offer.id in chosen for offer in business.offers):
        return business
    return replace(business, offers=tuple(mark_offer(offer, chosen) for offer in business.offers))


def mark_offer(offer: Offer, chosen: dict[str, bool]) -> Offer:
    """Return the offer with `is_bookmarked` as this person last chose."""
    return replace(offer, is_bookmarked=chosen.get(offer.id, offer.is_bookmarked))


def latest(local: Iterable[LocalBookmark]) -> list[LocalBookmark]:
    """Return the last choice for each offer, oldest first."""
    found: dict[str, LocalBookmark] = {}
    for bookmark in local:
        found.pop(bookmark.offer_id, None)
        found[bookmark.offer_id] = bookmark
    return list(found.values())


def without_dropped(businesses: Sequence[Business], local: Sequence[LocalBookmark]) -> tuple[Business, ...]:
    """Return saved businesses, marked, without those that lost their last saved offer on this device."""
    dropped = {bookmark.offer_id for bookmark in latest(local) if not bookmark.saved}
    kept = (mark(business, local) for business in businesses)
    return tuple(
        business
        for business in kept
        if any(offer.is_bookmarked for offer in business.offers)
        or not any(offer.id in dropped for offer in business.offers)
    )


def overlay(
    businesses: Sequence[Business],
    local: Sequence[LocalBookmark],
    known: Lookup,
    *,
    search: str | None,
    complete: bool,
) -> tuple[Business, ...]:
    """
    Return the first page of saved businesses after this device's unconfirmed bookmarks.

    Newly saved ones come first, the newest on top. A business that has no saved
    offer left is gone. What is known of an offer only by its id is shown by its id.

    Args:
        local: Oldest first.

        known: Details of what the page does not hold.

        search: Only businesses with all these words are added.

        complete: The page is the platform's whole list: a business that is not
            on it has no other saved offers, whatever older answers say.
    """
    kept = list(without_dropped(businesses, local))
    for bookmark in latest(local):
        if bookmark.saved:
            kept = _with(kept, bookmark, local, known, search, complete)
    return tuple(kept)


def _with(
    kept: list[Business],
    bookmark: LocalBookmark,
    local: Sequence[LocalBookmark],
    known: Lookup,
    search: str | None,
    complete: bool,
) -> list[Business]:
    if any(offer.id == bookmark.offer_id for business in kept for offer in business.offers):
        return kept
    offer = known.offer(bookmark.offer_id)
    business_id = bookmark.business_id or (offer.business_id if offer is not None else None) or ""
    owner = (known.business(business_id) if business_id else None) or Business(business_id, "")
    offer = offer or next((found for found in owner.offers if found.id == bookmark.offer_id), None)
    offer = replace(offer or Offer(bookmark.offer_id, "", business_id=bookmark.business_id), is_bookmarked=True)
    for number, business in enumerate(kept):
        if business_id and business.id == business_id:
            return [*kept[:number], replace(business, offers=(*business.offers, offer)), *kept[number + 1 :]]
    others = tuple(
        replace(other, is_bookmarked=other.is_bookmarked and not complete)
        for other in owner.offers
        if other.id != offer.id
    )
    found = mark(replace(owner, offers=(offer, *others)), local)
    return [found, *kept] if search is None or _has_words(found, search) else kept


def _has_words(business: Business, search: str) -> bool:
    """Say whether every word stands somewhere in the business or its offers, case aside."""
    texts = [business.name, business.short_name, business.desc or "", business.slogan or ""]
    for offer in business.offers:
        texts += [offer.headline, offer.subhead, offer.details, *offer.keywords]
    text = "\n".join(texts).casefold()
    return all(word in text for word in search.casefold().split())
