"""Collections, and the businesses in one."""

from __future__ import annotations

from collections.abc import Sequence

from ._core import content, documents
from ._core.arguments import TIMEOUT_S, check_id, check_limit, check_text, check_texts, check_timeout, without_nulls
from ._core.reads import ReadPort, ReadQuery, WritePort
from ._core.saved import mark
from .geo import ContentFilter
from .models import Business, Collection, Page


class CollectionApi:
    """Reached as `client.collection`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._reads = reads
        self._filter = content_filter
        self.business = CollectionBusinessApi(reads, writes, content_filter)

    def list(
        self,
        tags: Sequence[str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Page[Collection]:
        """
        List the collections that can be found now, higher priority first; with `tags`, those that have one.

        Raises as `business.list`.

        Source: the real platform takes no point here. Ours is given the
        ordering point, for collections that are listed in one region alone.
        """
        variables: dict[str, object] = {"limit": check_limit(limit), **self._filter.variables()}
        point = variables.pop("orderingGeoPoint")
        if tags is not None:
            variables["tagNames"] = check_texts("tags", tags)
        if cursor is not None:
            variables["cursor"] = check_text("cursor", cursor, 4096)
        variables = without_nulls(variables)
        ours = ReadQuery(
            "collectionFeed", documents.COLLECTION_FEED_FROM_POINT, {**variables, "orderingGeoPoint": point}
        )
        answer = self._reads.fetch(
            ReadQuery("collectionFeed", documents.COLLECTION_FEED, variables, ours if point is not None else None),
            timeout_s=check_timeout(timeout),
        )
        items, following = content.parsed_list(answer.data, "collectionFeed", "collections", content.collection)
        return Page(items, following, answer.stale, answer.as_of)

    def get(self, collection_id: str, timeout: float = TIMEOUT_S) -> Collection:
        """Return one collection by id or slug. Raises as `list`."""
        variables: dict[str, object] = {"collectionId": check_id("collection_id", collection_id)}
        answer = self._reads.fetch(
            ReadQuery("collection", documents.COLLECTION, variables), timeout_s=check_timeout(timeout)
        )
        return content.parsed(answer.data, "collection", content.collection)


class CollectionBusinessApi:
    """Reached as `client.collection.business`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._reads = reads
        self._writes = writes
        self._filter = content_filter

    def list(
        self, collection_id: str, limit: int = 50, cursor: str | None = None, timeout: float = TIMEOUT_S
    ) -> Page[Business]:
        """List the businesses of a collection, under the global ordering point and area. Raises as `business.list`."""
        variables: dict[str, object] = {
            "collectionId": check_id("collection_id", collection_id),
            "limit": check_limit(limit),
            **self._filter.variables(),
        }
        if cursor is not None:
            variables["cursor"] = check_text("cursor", cursor, 4096)
        answer = self._reads.fetch(
            ReadQuery("collection.businessFeed", documents.COLLECTION_BUSINESSES, without_nulls(variables)),
            timeout_s=check_timeout(timeout),
        )
        items, following = content.parsed_list(answer.data, "collection.businessFeed", "businesses", content.business)
        local = self._writes.bookmarks()
        return Page(tuple(mark(item, local) for item in items), following, answer.stale, answer.as_of)
