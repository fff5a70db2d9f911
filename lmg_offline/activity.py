"""What people do: tracked activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import ValidationError
from .protocol.canonical import check, encode
from .receipts import Receipt

if TYPE_CHECKING:
    from ._sync.session import Session


class Activity:
    """Reached as `client.activity`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def track(self, name: str, properties: Mapping[str, Any] | None = None) -> Receipt:
        """
        Record that something happened, now, in the current session.

        Args:
            name: What happened, such as `offer_viewed`; 1 to 128 characters.

            properties: JSON values by name, at most 32 KiB and 8 deep.

        Raises:
            ValidationError: The name or a property is not what the platform takes.

            JournalError: The journal could not be written.
        """
        if not isinstance(name, str) or not 1 <= len(name) <= 128:
            raise ValidationError({"name": ["Give a text of 1 to 128 characters."]})
        if properties is not None and not isinstance(properties, Mapping):
            raise ValidationError({"properties": ["Give a dictionary."]})
        check(name, where="name")
        values = dict(properties or {})
        check({"name": name, "properties": values}, where="properties")
        return self._session.append("track", encode({"name": name, "properties": values}))
