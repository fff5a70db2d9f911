"""Single businesses and offers out of what this device has read before."""

from __future__ import annotations

from ..errors import PlatformError
from ..models import Business, Offer
from . import content
from .reads import ReadPort


class Known:
    """Looks objects up in kept answers. What can't be read there is not known."""

    def __init__(self, reads: ReadPort) -> None:
        self._reads = reads

    def business(self, business_id: str) -> Business | None:
        """Return the newest kept copy, or None."""
        found = self._reads.cached_object("business", business_id)
        return None if found is None else _business(found)

    def offer(self, offer_id: str) -> Offer | None:
        """Return the newest kept copy, or None; one kept inside its business is taken from there."""
        found = self._reads.cached_object("offer", offer_id)
        if found is None:
            return None
        try:
            return content.parsed({"offer": found}, "offer", content.offer)
        except PlatformError:
            owner = found.get("business")
            owner_id = owner.get("id") if isinstance(owner, dict) else None
            business = self.business(owner_id) if isinstance(owner_id, str) else None
            offers = business.offers if business is not None else ()
            return next((offer for offer in offers if offer.id == offer_id), None)


def _business(found: dict[str, object]) -> Business | None:
    try:
        return content.parsed({"business": found}, "business", content.business)
    except PlatformError:
        return None  # a category or collection with the same id looks alike in the cache
