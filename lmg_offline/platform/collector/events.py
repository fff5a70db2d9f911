"""
What a request to the collector holds: the events that can be counted, and why the others can't. Pure.

One bad event does not cost the good ones: it is set aside and counted, as in the
published pipeline, whose collector says `ok` to it too.

Source: Snowplow's Iglu schema payload_data 1-0-4 (`tv`, `p` and `e` are
required, every value is text), "Timestamps" (derived_tstamp), "Event parameters"
(an event without `eid` gets one).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmg_offline.errors import ValidationError
from lmg_offline.platform.collector.mapping import BadEvent, Parameters, Place, activity_of
from lmg_offline.protocol import canonical
from lmg_offline.protocol.entries import Kind, check_payload

PAYLOAD_SCHEMA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-"

_REQUIRED = ("e", "tv", "p")
_MAX_EVENT_ID = 64
_MAX_DIGITS = 15
# Seconds that were meant as milliseconds lie in January 1970. Source: our choice, 2000-01-01.
_EARLIEST_MS = 946_684_800_000
# An older event comes from a clock that was set in between. Source: our choice, ten years.
_LONGEST_AGE_MS = 10 * 365 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Collected:
    """
    One event that can be counted.

    Attributes:
        event_id: Its `eid`; a random one when it has none, so that a repetition counts again.

        payload: Of a `track` entry, checked.

        at_ms: When it happened by the platform's clock, in milliseconds since 1970 UTC.

        place: Where it lies in the sender's journal.
    """

    event_id: str
    payload: Mapping[str, Any] = field(repr=False)
    at_ms: int
    place: Place


@dataclass(frozen=True, slots=True)
class Sorted:
    """The events of one request; `bad` counts those set aside, by reason."""

    good: tuple[Collected, ...]
    bad: Mapping[str, int]


def read_payload(body: bytes) -> list[object]:
    """
    Return the events of a POST's body, not looked at yet.

    Raises:
        ValueError: It is no `payload_data`. The message holds nothing of the body.
    """
    found = canonical.decode(body)
    if not isinstance(found, dict) or not str(found.get("schema")).startswith(PAYLOAD_SCHEMA):
        raise ValueError("not a self-describing payload_data")
    events = found.get("data")
    if not isinstance(events, list) or not events:
        raise ValueError("data must be a list of events, at least one")
    return events


def sort_events(events: Iterable[object], now_ms: int) -> Sorted:
    """
    Tell the events that can be counted from those that can't.

    Args:
        events: As they came, of any JSON type.

        now_ms: When the collector received them, in milliseconds since 1970 UTC.
    """
    good: list[Collected] = []
    bad: Counter[str] = Counter()
    for event in events:
        try:
            good.append(_collected(_parameters(event), now_ms))
        except BadEvent as error:
            bad[error.reason] += 1
    return Sorted(tuple(good), dict(bad))


def happened_at(parameters: Parameters, now_ms: int) -> int:
    """
    Return when an event happened, by the platform's clock; never later than now.

    The tracker's true time if it gives one; else now, less what its own clock
    says has passed between the event and its sending, however wrong that clock
    is. What can't be a time is as if it were not there.
    """
    true = _number(parameters.get("ttm"))
    if true is not None and true >= _EARLIEST_MS:
        return min(true, now_ms)
    made, sent = _number(parameters.get("dtm")), _number(parameters.get("stm"))
    if made is None or sent is None or not 0 <= sent - made <= _LONGEST_AGE_MS:
        return now_ms
    return max(now_ms - (sent - made), 0)


def _parameters(event: object) -> Parameters:
    if not isinstance(event, dict) or not all(isinstance(value, str) for value in event.values()):
        raise BadEvent("not_text")
    if not all(event.get(name) for name in _REQUIRED):
        raise BadEvent("incomplete")
    return event


def _collected(parameters: Parameters, now_ms: int) -> Collected:
    activity = activity_of(parameters)
    try:
        payload = check_payload(Kind.TRACK.value, {"name": activity.name, "properties": activity.properties})
    except ValidationError:
        raise BadEvent("limits") from None
    return Collected(_event_id(parameters), payload, happened_at(parameters, now_ms), activity.place)


def _event_id(parameters: Parameters) -> str:
    given = parameters.get("eid")
    if not given:
        return str(uuid.uuid4())
    if len(given) > _MAX_EVENT_ID or canonical.text_fault(given) is not None:
        raise BadEvent("event_id")
    return given


def _number(text: str | None) -> int | None:
    if text is None or len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
