"""Offers: one by id, and this person's bookmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ._core import content, documents
from ._core.arguments import TIMEOUT_S, check_id, check_texts, check_timeout, without_nulls
from ._core.known import Known
from ._core.reads import ReadPort, ReadQuery, WritePort
from ._core.redemption import RedemptionPort
from ._core.saved import mark_offer
from .controller import Position, RedemptionController
from .errors import OfflineError
from .geo import ContentFilter
from .models import Offer
from .protocol.canonical import MAX_BYTES, check
from .receipts import Receipt

# What an entry may be at all, less what the two other ids can take.
MAX_PLACES_BYTES = MAX_BYTES - 2048


class OfferWrites(WritePort, RedemptionPort, Protocol):
    """Journals bookmarks and redemptions."""


class OfferApi:
    """Reached as `client.offer`."""

    def __init__(
        self,
        reads: ReadPort,
        writes: OfferWrites,
        content_filter: ContentFilter,
        position: Position = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reads = reads
        self._writes = writes
        self._filter = content_filter
        self._position = position
        self._monotonic_s = monotonic_s
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

    def join_rewards(self, offer_id: str, business_id: str, location_ids: Sequence[str] = ()) -> Receipt:
        """
        Join the rewards of an offer. As `bookmark`, with the same needs: it is the same write.

        Source: the real SDKs build it on their bookmark operation.
        """
        return self.bookmark(offer_id, business_id, location_ids)

    def get_redemption_controller(
        self, offer_id: str, business_id: str, location_id: str, timeout: float = TIMEOUT_S
    ) -> RedemptionController:
        """
        Return what shows and redeems an offer at one place of a business.

        It reads the state first, so that `on_state_changed` has something to
        show at once. Out of reach, the state is as this device last heard it
        (`stale`), or None, and the controller is there all the same.

        Args:
            timeout: For that first read, in seconds.

        Raises:
            ValidationError: An argument is no id.

            IdentifyRejected: The identify this waited for was refused.

            PlatformError: The platform said no, or has no such offer.
        """
        controller = RedemptionController(
            self._reads,
            self._writes,
            check_id("offer_id", offer_id),
            check_id("business_id", business_id),
            check_id("location_id", location_id),
            position=self._position,
            monotonic_s=self._monotonic_s,
        )
        try:
            controller.refresh(timeout)
        except OfflineError:
            pass  # nothing is known yet: state says None, and redeem will say it is offline
        return controller

    def _choose(self, offer_id: str, business_id: str | None, location_ids: Sequence[str], *, saved: bool) -> Receipt:
        offer = check_id("offer_id", offer_id)
        business = None if business_id is None else check_id("business_id", business_id)
        places = check_texts("location_ids", location_ids)
        check(places, where="location_ids", max_bytes=MAX_PLACES_BYTES)
        self._writes.require_verified()
        return self._writes.bookmark(offer, business, places, saved)
