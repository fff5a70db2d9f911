"""What the reading namespaces ask of the rest: ports, so that they need neither journal nor network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..receipts import Receipt


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """
    One GraphQL query; `name` and `variables` are also its place in the cache.

    Attributes:
        name: Dotted path of its answer in the reply's data.

        ours: What is asked instead of our own platform, which knows more than
            the real one; None where there is nothing more to say.
    """

    name: str
    document: str
    variables: dict[str, object]
    ours: ReadQuery | None = None

    def is_answered_by(self, data: dict[str, object]) -> bool:
        """Say whether a reply's data answers this query at all, rather than another question or none."""
        return isinstance(data.get(self.name.partition(".")[0]), dict)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """A query's data; stale when it came from the cache, `as_of` when the platform said so."""

    data: dict[str, object] = field(repr=False)
    stale: bool
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class LocalBookmark:
    """A bookmark of the current person that no list of the platform has confirmed."""

    offer_id: str
    business_id: str | None
    location_ids: tuple[str, ...]
    saved: bool


class ReadPort(Protocol):
    """Answers queries for the current session."""

    def fetch(self, query: ReadQuery, *, timeout_s: float) -> ReadAnswer:
        """Return the data. Raises OfflineError, IdentifyRejected, PlatformError."""
        ...

    def cached_object(self, kind: str, object_id: str) -> dict[str, object] | None:
        """Return the newest kept copy of a `business` or `offer`, or None."""
        ...


class WritePort(Protocol):
    """Journals what reading namespaces write."""

    def bookmark(self, offer_id: str, business_id: str | None, location_ids: list[str], saved: bool) -> Receipt:
        """Journal a bookmark (saved) or its removal, visible here at once."""
        ...

    def require_verified(self) -> None:
        """Raise VerificationRequired unless the current person may keep bookmarks."""
        ...

    def bookmarks(self) -> list[LocalBookmark]:
        """Return the bookmarks that no list of the platform has confirmed, oldest first."""
        ...

    def recent_terms(self) -> list[str]:
        """Return the recent search terms, newest first."""
        ...

    def save_term(self, term: str) -> None:
        """Keep a search term."""
        ...
