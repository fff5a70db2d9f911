"""Places of businesses."""

from __future__ import annotations

import time

from ._core import content, documents
from ._core.arguments import MAX_LIMIT, TIMEOUT_S, check_id, check_limit, check_text, check_timeout, without_nulls
from ._core.reads import ReadPort, ReadQuery, WritePort
from .errors import PlatformError
from .geo import ContentFilter
from .models import Location, Page

MAX_PAGES = 50


class LocationApi:
    """Reached as `client.location`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._reads = reads
        self._filter = content_filter

    def list(self, limit: int = 50, cursor: str | None = None, timeout: float = TIMEOUT_S) -> Page[Location]:
        """List places, nearest to the ordering point first, inside the area. Raises as `business.list`."""
        variables: dict[str, object] = {"limit": check_limit(limit), **self._filter.variables()}
        if cursor is not None:
            variables["cursor"] = check_text("cursor", cursor, 4096)
        return self._page(variables, check_timeout(timeout))

    def get(self, location_id: str, timeout: float = TIMEOUT_S) -> Location:
        """
        Return one place, wherever it lies.

        The real platform has no query for one place, so its list is searched, up
        to 50 pages of 200; `timeout` is for all of them together. It is
        read without the global filter, so that a moving ordering point does not
        make a new list of it each time: `distance` is None.

        Raises:
            PlatformError: There is no such place (404). Else as `list`.
        """
        check_id("location_id", location_id)
        deadline = time.monotonic() + check_timeout(timeout)
        variables: dict[str, object] = {"limit": MAX_LIMIT}
        for _ in range(MAX_PAGES):
            page = self._page(variables, max(0.0, deadline - time.monotonic()))
            for found in page:
                if found.id == location_id:
                    return found
            if page.next_cursor is None:
                break
            variables = {**variables, "cursor": page.next_cursor}
        raise PlatformError(404, None, "there is no such location; see location.list")

    def _page(self, variables: dict[str, object], timeout_s: float) -> Page[Location]:
        answer = self._reads.fetch(
            ReadQuery("locationFeed", documents.LOCATION_FEED, without_nulls(variables)), timeout_s=timeout_s
        )
        items, following = content.parsed_list(answer.data, "locationFeed", "locations", content.location)
        return Page(items, following, answer.stale, answer.as_of)
