"""What this person searched for lately; kept on this device alone, gone at reset."""

from __future__ import annotations

from ._core.arguments import check_text
from ._core.reads import ReadPort, WritePort
from .geo import ContentFilter

MAX_TERM = 200


class SearchApi:
    """Reached as `client.search`."""

    def __init__(self, reads: ReadPort, writes: WritePort, content_filter: ContentFilter) -> None:
        self._writes = writes

    def recent_terms(self) -> list[str]:
        """Return up to 20 terms, newest first."""
        return self._writes.recent_terms()

    def save_term(self, term: str) -> None:
        """Put a term first. Raises ValidationError for what is no text of 1 to 200 characters."""
        self._writes.save_term(check_text("term", term, MAX_TERM))
