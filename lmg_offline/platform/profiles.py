"""
Profiles: which of two values of an attribute wins, and what a user's profile is now.

Values that a session wrote before it was verified lie apart, with that
session; the values of verified sessions lie with the user. The effective
profile takes the user's value where there is one, a cleared one too, and else
the greatest of the values of the user's other sessions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import NamedTuple

from lmg_offline.protocol import canonical

Values = dict[str, "Value"]


class Value(NamedTuple):
    """
    One value of one attribute, with where it came from. The repr leaves the value out.

    A tuple, because a request makes one for each attribute of each entry.

    Attributes:
        value: JSON text; None when the attribute was cleared.

        occurred_at: When it was written, in milliseconds since 1970 UTC, by the
            platform's clock.

        uncertain: The time is a lower bound: the device could not tell.

        device_id: Breaks ties of time. Empty for a session without a device.

        session_id: The session that wrote it.

        entry_id: The entry that wrote it.

        retried: The entry is an old one, sent again after others of its lane.
    """

    value: str | None
    occurred_at: int
    uncertain: bool
    device_id: str
    session_id: str
    entry_id: str
    retried: bool = False

    def __repr__(self) -> str:
        return f"<Value of entry {self.entry_id}>"

    def beats(self, other: Value | None) -> bool:
        """
        Whether this value, arriving now, replaces the other one.

        The later time wins, then the greater device id, then the greater session
        id; of one session the later entry. By one key from first to last, so that
        the order of arrival never decides: entry ids among these, and not among
        those of one session, would let three values each beat the next.
        """
        if other is None:
            return True
        if self.session_id == other.session_id and self.occurred_at != other.occurred_at:
            return self.occurred_at > other.occurred_at
        mine = (self.occurred_at, self.device_id, self.session_id)
        theirs = (other.occurred_at, other.device_id, other.session_id)
        return mine > theirs if mine != theirs else not self.retried


@dataclass(frozen=True, slots=True)
class Effective:
    """The value of an attribute that counts, and whether its user was verified when it was written."""

    value: Value
    verified: bool


def effective(verified: Mapping[str, Value], unverified: Iterable[Mapping[str, Value]]) -> dict[str, Effective]:
    """
    Return the profile that counts for one user.

    Args:
        verified: The user's own values.

        unverified: The values of each of the user's sessions that is not verified.

    Returns:
        By attribute; one that was cleared is not in it.
    """
    greatest: Values = {}
    for values in unverified:
        for attribute, value in values.items():
            if value.beats(greatest.get(attribute)):
                greatest[attribute] = value
    found = {name: Effective(value, False) for name, value in greatest.items()}
    found |= {name: Effective(value, True) for name, value in verified.items()}
    return {name: each for name, each in found.items() if each.value.value is not None}


def to_text(value: object) -> str | None:
    """Return how a value is stored: JSON text, None for a cleared one."""
    if type(value) is str:  # most are
        return encode_basestring(value)
    return None if value is None else canonical.encode(value)


def to_json(values: Mapping[str, str | None]) -> dict[str, object]:
    """Return the flat wire form of stored values, cleared ones left out."""
    return {name: json.loads(text) for name, text in values.items() if text is not None}
