"""Businesses: lists, the saved ones, one by id."""

from __future__ import annotations

from collections.abc import Sequence

from ._core import content, documents
from ._core.arguments import (
    TIMEOUT_S,
    check_id,
    check_limit,
    check_text,
    check_texts,
    check_timeout,
    without_nulls,
)
from ._core.known import Known
from ._core.reads import ReadPort, ReadQuery, WritePort
from ._core.saved import mark, overlay, without_dropped
from .errors import OfflineError
from .geo import ContentFilter
from .models import Business, Page


class BusinessApi:
    """Reached as `client.business`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._reads = reads
        self._writes = writes
        self._filter = content_filter
        self._known = Known(reads)

    def list(
        self,
        limit_to_saved: bool = False,
        search: str | None = None,
        tags: Sequence[str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Page[Business]:
        """
        List businesses, under the global ordering point and area.

        Waits for a pending identify, at most `timeout` seconds. Offline it
        answers from this device's cache, and the page says so (`stale`).

        Args:
            limit_to_saved: Only those with an offer this person has bookmarked,
                bookmarks made on this device and not yet sent included: the
                newest are on top of the first page, beyond `limit`, and with
                `search` only if their words are known here. With `tags` only
                what the platform knows is listed.

            search: Words to search for.

            tags: Only those with one of these tags; our platform's extension.

            limit: Most businesses a page, 1 to 200.

            cursor: `next_cursor` of the page before.

        Raises:
            OfflineError: Out of reach, and not read before.

            IdentifyRejected: The identify this waited for was refused.

            PlatformError: The platform said no.
        """
        variables: dict[str, object] = {"limit": check_limit(limit), **self._filter.variables()}
        if limit_to_saved:
            variables["bookmarkedOffersOnly"] = True
        if search is not None:
            variables["q"] = check_text("search", search)
        if cursor is not None:
            variables["cursor"] = check_text("cursor", cursor, 4096)
        document = documents.BUSINESS_FEED
        if tags is not None:
            variables["tagNames"] = check_texts("tags", tags)
            document = documents.BUSINESS_FEED_BY_TAGS
        try:
            answer = self._reads.fetch(
                ReadQuery("businessFeed", document, without_nulls(variables)), timeout_s=check_timeout(timeout)
            )
        except OfflineError:
            if not limit_to_saved or cursor is not None or tags is not None:
                raise
            # Asked for only now: the session may have been reset during the wait.
            found = overlay((), self._writes.bookmarks(), self._known, search=search, complete=False)
            if not found:
                raise
            return Page(found, None, True, None)
        items, following = content.parsed_list(answer.data, "businessFeed", "businesses", content.business)
        local = self._writes.bookmarks()
        if not limit_to_saved:
            items = tuple(mark(business, local) for business in items)
        elif cursor is None and tags is None:
            items = overlay(items, local, self._known, search=search, complete=following is None)
        else:
            items = without_dropped(items, local)
        return Page(items, following, answer.stale, answer.as_of)

    def get(self, business_id: str, timeout: float = TIMEOUT_S) -> Business:
        """
        Return one business by id or slug; offline, as any earlier answer on this device showed it.

        Raises as `list`.
        """
        variables = {"businessId": check_id("business_id", business_id), **self._filter.variables()}
        del variables["contextGeoArea"]
        query = ReadQuery("business", documents.BUSINESS, without_nulls(variables))
        try:
            answer = self._reads.fetch(query, timeout_s=check_timeout(timeout))
        except OfflineError:
            known = self._known.business(business_id)
            if known is None:
                raise
            return mark(known, self._writes.bookmarks())
        return mark(content.parsed(answer.data, "business", content.business), self._writes.bookmarks())
