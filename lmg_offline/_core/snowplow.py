"""
Activity as the real platform's collector takes it: Snowplow's published tracker protocol.

Source: Snowplow's pages "Event parameters", "Example tracker requests" and
"Timestamps"; its Iglu schemas payload_data 1-0-4 and unstruct_event 1-0-0; its
stream collector. The schema of the activity itself is our choice: the real
platform's is not public.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

TP2_PATH = "/com.snowplowanalytics.snowplow/tp2"
ACTIVITY_SCHEMA = "iglu:com.loopmediagroup/activity/jsonschema/1-0-0"

_PAYLOAD_SCHEMA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
_UNSTRUCT_SCHEMA = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
# Source: "Event parameters", platform values; `app` is the one for apps of any kind.
_PLATFORM = "app"
_NAME = '{"name":'
_PROPERTIES = ',"properties":'


@dataclass(frozen=True, slots=True)
class CollectedEvent:
    """
    One journaled activity, ready for the collector. The repr leaves the properties out.

    Attributes:
        event_id: The entry's id; the collector counts it once.

        name: What happened.

        properties_json: The JSON text of the properties, an object, as it lies
            in the journal: see `split_body`.

        age_ms: How long before the sending it happened, 0 or more; None when
            the device can't know.

        made_at_ms: The device's wall clock when it was made, in milliseconds
            since 1970 UTC. Told only when the age is not known.

        true_at_ms: When it happened by a clock that is right, in milliseconds
            since 1970 UTC; None when there is no such clock.

        session_id: The device's own id of the session, or None to leave it out.

        device_id: The device's id.

        seq: The entry's number in its lane, from 1.
    """

    event_id: str
    name: str
    properties_json: str = field(repr=False)
    age_ms: int | None
    made_at_ms: int
    true_at_ms: int | None
    session_id: str | None
    device_id: str
    seq: int


def request_path(ingestion_url: str) -> str:
    """
    Return the address to post events to.

    Args:
        ingestion_url: As the session names it: an address of http or https, one
            without a scheme (https is meant), with or without a path of its own
            or the protocol's path at the end.

    Raises:
        ValueError: It names no host, or another scheme. The message does not repeat it.
    """
    text = ingestion_url.strip()
    if "://" not in text:
        text = f"https:{text}" if text.startswith("//") else f"https://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the session's ingestion address is no address of http or https; renew the session")
    path = parts.path.rstrip("/").removesuffix(TP2_PATH)
    return urlunsplit((parts.scheme, parts.netloc, path + TP2_PATH, parts.query, ""))


def split_body(body: str) -> tuple[str, str]:
    """
    Return the name and the JSON text of the properties of a journaled activity.

    The text is cut out as it is: properties are encoded once, when they are journaled.

    Args:
        body: A `track` entry's body, `{"name":...,"properties":{...}}`.

    Raises:
        ValueError: It is no such body.
    """
    name, end = _name(body)
    if name is None or not body.startswith(_PROPERTIES + "{", end) or not body.endswith("}}"):
        raise ValueError("the body of an activity is not as the journal writes it")
    return name, body[end + len(_PROPERTIES) : -1]


def collector_body(
    events: Sequence[CollectedEvent],
    *,
    sent_at_ms: int,
    app_id: str,
    tracker: str,
    timezone: str | None,
    language: str | None,
) -> bytes:
    """
    Return the JSON of one POST to the collector.

    Args:
        events: At least one; the protocol has no empty request.

        sent_at_ms: The device's wall clock, in milliseconds since 1970 UTC. It
            may be wrong: the collector uses its distance from each event alone.

        app_id: Names the app.

        tracker: Name and version of the SDK.

        timezone: An IANA id, or None.

        language: A language tag, or None.

    Raises:
        ValueError: There is no event.
    """
    if not events:
        raise ValueError("a request to the collector carries at least one event")
    common = {"e": "ue", "p": _PLATFORM, "tv": tracker, "aid": app_id, "tz": timezone, "lang": language}
    data = ",".join(_encode(_parameters(event, common, sent_at_ms)) for event in events)
    return f'{{"schema":{_encode(_PAYLOAD_SCHEMA)},"data":[{data}]}}'.encode()


def is_accepted(status: int, content_type: str, body: bytes) -> bool:
    """
    Say whether an answer is the collector's own, so that the events count as delivered.

    A captive portal, a proxy's page or an empty 200 is not.

    Args:
        content_type: The header's value; empty when there is none.

    Source: the stream collector answers a POST with 200 and `ok` since 2016: as
    `text/plain; charset=UTF-8` in versions 1 and 2, without a type in 3.0,
    as `text/plain` after it.
    """
    kind = content_type.split(";")[0].strip().lower()
    return status == 200 and kind in ("", "text/plain") and body.strip() == b"ok"


def _name(body: str) -> tuple[str | None, int]:
    """Return the name at the front of a body and where it ends; None for what is no such body."""
    if not body.startswith(_NAME):
        return None, 0
    try:
        name, end = json.JSONDecoder().raw_decode(body, len(_NAME))
    except json.JSONDecodeError:
        return None, 0
    return (name, end) if isinstance(name, str) else (None, 0)


def _parameters(event: CollectedEvent, common: dict[str, str | None], sent_at_ms: int) -> dict[str, str]:
    """Return the protocol's parameters: every value is text, and what is not known is left out."""
    # Sent by a clock of 1970, the event would lie before it. Only the distance of the two counts.
    sent = max(sent_at_ms, event.age_ms or 0)
    made = event.made_at_ms if event.age_ms is None else sent - event.age_ms
    named = {
        **common,
        "eid": event.event_id,
        "dtm": str(made),
        "stm": str(sent),
        "ttm": None if event.true_at_ms is None else str(event.true_at_ms),
        "ue_pr": _self_describing(event),
    }
    return {name: value for name, value in named.items() if value}


def _self_describing(event: CollectedEvent) -> str:
    session = "" if event.session_id is None else f'"session_id":{_encode(event.session_id)},'
    entry = _encode({"device_id": event.device_id, "seq": event.seq})
    data = f'{{"event":{_encode(event.name)},{session}"properties":{event.properties_json},"entry":{entry}}}'
    inner = f'{{"schema":{_encode(ACTIVITY_SCHEMA)},"data":{data}}}'
    return f'{{"schema":{_encode(_UNSTRUCT_SCHEMA)},"data":{inner}}}'


def _encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
