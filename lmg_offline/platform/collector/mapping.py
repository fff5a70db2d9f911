"""
Which activity an event of the tracker protocol is. Pure.

Custom contexts (`cx`, `co`) are not kept: an activity has a name and properties.

Source: Snowplow's published pages "Event parameters", "Self-describing events"
and the Iglu schemas unstruct_event 1-0-0 and payload_data 1-0-4.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lmg_offline.protocol import canonical

# Source: our choice; the real platform's own schema is not public.
OWN_VENDOR, OWN_NAME, OWN_MODEL = "com.loopmediagroup", "activity", "1"

_UNSTRUCT = ("com.snowplowanalytics.snowplow", "unstruct_event")
_IGLU = re.compile(
    r"iglu:(?P<vendor>[a-zA-Z0-9_.-]+)/(?P<name>[a-zA-Z0-9_-]+)/[a-zA-Z0-9_-]+/(?P<model>[1-9][0-9]*)-[0-9]+-[0-9]+"
)
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_MAX_DEVICE_ID = 64
# A journal numbers its entries with 32 bits.
_MAX_SEQ = 2**32 - 1

Parameters = Mapping[str, str]


class BadEvent(Exception):
    """
    The event can't become an activity. Holds nothing of it.

    Attributes:
        reason: One word for the operator's count.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where the event lies in the sender's journal, as far as it says.

    Attributes:
        device_id: Empty when it is not said.

        seq: Its number in the lane, from 1; None when it is not said.
    """

    device_id: str = ""
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened; `name` and `properties` are not checked against the limits of an entry yet."""

    name: object
    properties: object = field(repr=False)
    place: Place = Place()


def activity_of(parameters: Parameters) -> Activity:
    """
    Return the activity that an event stands for.

    Args:
        parameters: Of one event, by their names in the protocol.

    Raises:
        BadEvent: `kind` (not a kind that is taken), `envelope` (not a readable
            self-describing event), `number` (a number that is none).
    """
    read = _KINDS.get(parameters["e"])
    if read is None:
        raise BadEvent("kind")
    return read(parameters)


def _self_describing(parameters: Parameters) -> Activity:
    outer = _json(parameters)
    vendor, name, _ = _schema(outer)
    inner = outer.get("data")
    if (vendor, name) != _UNSTRUCT or not isinstance(inner, dict):
        raise BadEvent("envelope")
    key, data = _schema(inner), inner.get("data")
    if key != (OWN_VENDOR, OWN_NAME, OWN_MODEL):
        return Activity(key[1], data)
    if not isinstance(data, dict):
        raise BadEvent("envelope")
    return Activity(data.get("event"), data.get("properties", {}), _place(data.get("entry")))


def _structured(parameters: Parameters) -> Activity:
    names = {"category": "se_ca", "action": "se_ac", "label": "se_la", "property": "se_pr"}
    return Activity(parameters.get("se_ac"), _texts(parameters, names) | _numbers(parameters, {"value": "se_va"}))


def _page_view(parameters: Parameters) -> Activity:
    return Activity("page_view", _page(parameters))


def _page_ping(parameters: Parameters) -> Activity:
    offsets = {"min_x": "pp_mix", "max_x": "pp_max", "min_y": "pp_miy", "max_y": "pp_may"}
    return Activity("page_ping", _page(parameters) | _numbers(parameters, offsets))


def _page(parameters: Parameters) -> dict[str, object]:
    return _texts(parameters, {"url": "url", "title": "page", "referrer": "refr"})


def _texts(parameters: Parameters, names: Mapping[str, str]) -> dict[str, object]:
    return {name: parameters[given] for name, given in names.items() if parameters.get(given)}


def _numbers(parameters: Parameters, names: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, given in names.items():
        text = parameters.get(given)
        if not text:
            continue
        if _NUMBER.fullmatch(text) is None:
            raise BadEvent("number")
        found[name] = int(text) if text.lstrip("-").isdigit() else float(text)
    return found


def _json(parameters: Parameters) -> dict[str, object]:
    """Return the self-describing event, from its Base64 form or the plain one."""
    encoded = parameters.get("ue_px")
    try:
        text = _decoded(encoded) if encoded else parameters.get("ue_pr", "")
        found = canonical.decode(text)
    except ValueError:
        raise BadEvent("envelope") from None
    if not isinstance(found, dict):
        raise BadEvent("envelope")
    return found


def _decoded(text: str) -> bytes:
    """Undo Base64 in either alphabet, with or without its padding, as trackers differ."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not Base64") from None


def _schema(found: Mapping[str, object]) -> tuple[str, str, str]:
    """Return vendor, name and model of a self-describing value's schema."""
    schema = found.get("schema")
    parts = _IGLU.fullmatch(schema) if isinstance(schema, str) else None
    if parts is None:
        raise BadEvent("envelope")
    return parts["vendor"], parts["name"], parts["model"]


def _place(entry: object) -> Place:
    """Return the place that our own SDK says; what can't be one is left out."""
    if not isinstance(entry, dict):
        return Place()
    device_id, seq = entry.get("device_id"), entry.get("seq")
    if not isinstance(device_id, str) or len(device_id) > _MAX_DEVICE_ID or canonical.text_fault(device_id):
        device_id = ""
    if not isinstance(seq, int) or isinstance(seq, bool) or not 1 <= seq <= _MAX_SEQ:
        seq = None
    return Place(device_id, seq)


_KINDS: Mapping[str, Callable[[Parameters], Activity]] = {
    "ue": _self_describing,
    "se": _structured,
    "pv": _page_view,
    "pp": _page_ping,
}
