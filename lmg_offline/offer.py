"""Offers: one by id, and this person's bookmarks."""

from __future__ import annotations

from collections.abc import Sequence

from ._core import content, documents
from ._core.arguments import TIMEOUT_S, check_id, check_texts, check_timeout, without_nulls
from ._core.known import Known
from ._core.reads import ReadPort, ReadQuery, WritePort
from ._core.saved import mark_offer
from .errors import OfflineError
from .geo import ContentFilter
from .models import Offer
from .protocol.canonical import MAX_BYTES, check
from .receipts import Receipt

# What an entry may be at all, less what the two other ids can take.
MAX_PLACES_BYTES = MAX_BYTES - 2048


class OfferApi:
    """Reached as `client.offer`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._reads = reads
        self._writes = writes
        self._filter = content_filter
        self._known = Known(reads)

    def get(self, offer_id: str, timeout: float = TIMEOUT_S) -> Offer:
        """
        Return one offer by id or slug; the ordering point sorts its places.

        Offline it is as any earlier answer on this device showed it.

        Raises:
            OfflineError: Out of reach, and not read before.

            IdentifyRejected: The identify this waited for was refused.

            PlatformError: The platform said no, or has no such offer.
        """
        variables = {"offerId": check_id("offer_id", offer_id), **self._filter.variables()}
        del variables["contextGeoArea"]
        query = ReadQuery("offer", documents.OFFER, without_nulls(variables))
        found: Offer | None
        try:
            answer = self._reads.fetch(query, timeout_s=check_timeout(timeout))
            found = content.parsed(answer.data, "offer", content.offer)
        except OfflineError:
            found = self._known.offer(offer_id)
            if found is None:
                raise
        chosen = {bookmark.offer_id: bookmark.saved for bookmark in self._writes.bookmarks()}
        return mark_offer(found, chosen)

    def bookmark(self, offer_id: str, business_id: str | None = None, location_ids: Sequence[str] = ()) -> Receipt:
        """
        Save an offer for the current person; on disk, and visible here, when this returns.

        Raises:
            VerificationRequired: The person is not verified and has no token
                that waits for its answer (unless the property asks for less).

            ValidationError: An argument is no id, or the places are too many.
        """
        return self._choose(offer_id, business_id, location_ids, saved=True)

    def unbookmark(self, offer_id: str, business_id: str | None = None, location_ids: Sequence[str] = ()) -> Receipt:
        """Drop a saved offer. As `bookmark`."""
        return self._choose(offer_id, business_id, location_ids, saved=False)

    def _choose(self, offer_id: str, business_id: str | None, location_ids: Sequence[str], *, saved: bool) -> Receipt:
        check_id("offer_id", offer_id)
        if business_id is not None:
            check_id("business_id", business_id)
        places = check_texts("location_ids", location_ids)
        check(places, where="location_ids", max_bytes=MAX_PLACES_BYTES)
        self._writes.require_verified()
        return self._writes.bookmark(offer_id, business_id, places, saved)
