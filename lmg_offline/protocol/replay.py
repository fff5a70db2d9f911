"""
The replay mutation: its constants, its values, and how each side reads what the other sent.

Source: docs/protocol.md, of which this module is the executable half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import EXCLUDE
from marshmallow import ValidationError as SchemaError
from marshmallow import fields as stock

from ..errors import ValidationError
from . import canonical, fields, quick
from .limits import MAX_BYTES, MAX_ENTRIES, MAX_LANES, MAX_REPLY_BYTES
from .values import START, Conflict, Device, Entry, Identity, Lane, LaneReply, Position, RefusedEntry, Reply

__all__ = [
    "MAX_BYTES",
    "MAX_ENTRIES",
    "MAX_LANES",
    "MAX_REPLY_BYTES",
    "START",
    "Conflict",
    "Device",
    "Entry",
    "Identity",
    "Lane",
    "LaneReply",
    "Position",
    "RefusedEntry",
    "Reply",
    "load_reply",
    "load_request",
]

PROTOCOL = 1

DOCUMENT = "mutation Replay($device: JSON!, $lanes: JSON!) { replay(device: $device, lanes: $lanes) }"
AUTH_PATH = "/graph/auth"
DEFAULT_PATH = "/graph/default"

SDK_NAME = "lmg-offline-python"
API_VERSION = "1.0.0"

WRITE_KEY_HEADER = "X-Integration-Write-Key"
SESSION_HEADER = "X-Session-Token"
SDK_NAME_HEADER = "X-Sdk-Name"
SDK_VERSION_HEADER = "X-Sdk-Version"
API_VERSION_HEADER = "X-Api-Version"
LOCALE_HEADER = "X-Client-Locale"
TIMEZONE_HEADER = "X-Client-Timezone"
GEO_POINT_HEADER = "X-Device-GeoPoint"
GEO_ACCURACY_HEADER = "X-Device-GeoPoint-Accuracy"
GEO_AGE_HEADER = "X-Device-GeoPoint-Age"
ENTRY_HEADER = "X-Client-Entry"

SESSION_EXPIRED = "09-65-002"
OUR_IDS = "lmg-"
WRITE_KEY_REFUSED = "lmg-write-key-refused"
DEVICE_REFUSED = "lmg-device-refused"
MALFORMED = "lmg-malformed"
TOO_LARGE = "lmg-too-large"
QUERY_INVALID = "lmg-query-invalid"

OK = "ok"
PARKED = "parked"
FORKED = "forked"

INVALID_PAYLOAD = "invalid_payload"
UNKNOWN_KIND = "unknown_kind"
SESSION_TAKEN = "session_taken"
BOOKMARKING_DISABLED = "bookmarking_disabled"
IDENTIFICATION_REQUIRED = "identification_required"
VERIFICATION_REQUIRED = "verification_required"
FORGOTTEN = "forgotten"

REDEMPTION_STATE_CHANGED = "redemption_state_changed"
REDEMPTION_ARGS = "redemption_args"
REDEMPTION_PIN = "redemption_pin"
REDEMPTION_LOCATION = "redemption_location"
REDEMPTION_DISABLED = "redemption_disabled"
REDEMPTION_NOT_VISIBLE = "redemption_not_visible"
REDEMPTION_NOT_SUPPORTED = "redemption_not_supported"
REDEMPTION_FROZEN = "redemption_frozen"
REDEMPTION_SCHEDULE = "redemption_schedule"
REDEMPTION_AUTHENTICATION_REQUIRED = "redemption_authentication_required"
REDEMPTION_OFFER_USED = "redemption_offer_used"
REDEMPTION_SOLD_OUT_PER_PROFILE = "redemption_sold_out_per_profile"
REDEMPTION_SOLD_OUT_PER_PROFILE_PER_WINDOW = "redemption_sold_out_per_profile_per_window"
REDEMPTION_SOLD_OUT = "redemption_sold_out"
REDEMPTION_SOLD_OUT_PER_WINDOW = "redemption_sold_out_per_window"

TOKEN_MISSING = "token_missing"

_MAX_ID = 64
_MAX_SECRET = 256
_MAX_TOKEN = 4096
_MAX_SENTENCE = 4096


def load_request(device: object, lanes: object) -> tuple[Device, list[Lane]]:
    """
    Read the two arguments of a replay, on the platform.

    Only the envelope is checked: an entry of unknown kind or with a bad payload
    passes, to be refused alone. Fields that are not known are ignored, so that
    a newer SDK can say more.

    Args:
        device: The decoded JSON of the argument `device`.

        lanes: The decoded JSON of the argument `lanes`.

    Raises:
        ValidationError: The whole request is malformed; names such as
            `device.id`, `lanes.0.entries.3.seq`.
    """
    errors: fields.Errors = {}
    loaded: dict[str, Any] = {}
    for schema, root, value in ((_DEVICE, "device", device), (_LANES, "lanes", {"lanes": lanes})):
        try:
            loaded[root] = fields.load(schema, value, root)
        except ValidationError as error:
            prefix = "device." if root == "device" else ""
            errors.update({(name if name == root else prefix + name): why for name, why in error.errors.items()})
    if errors:
        raise ValidationError(errors)
    read = [_lane(lane) for lane in loaded["lanes"]["lanes"]]
    _check_lanes(read)
    return Device(**loaded["device"]), read


def load_reply(body: object) -> Reply:
    """
    Read the platform's answer, in the SDK.

    Whether the reply names the lanes that were sent, and positions in them, is
    for the caller to check: only it knows what it sent. Fields that are not
    known are ignored.

    Args:
        body: The decoded JSON of the whole body, or of its `data.replay`.

    Raises:
        ValidationError: This is not an answer in the protocol. Names such as
            `lanes.0.status`, `reply`.
    """
    loaded = fields.load(_REPLY, _unwrapped(body), "reply")
    lanes = tuple(_lane_reply(lane) for lane in loaded["lanes"])
    _refuse_twice(lane.session_id for lane in lanes)
    for index, lane in enumerate(lanes):
        if lane.status == PARKED and lane.code is None:
            raise ValidationError({f"lanes.{index}.code": ["Must say why the lane is parked."]})
        if lane.status != FORKED and loaded["lanes"][index]["applied_through"] is None:
            raise ValidationError({f"lanes.{index}.applied_through": [fields.NOT_AN_OBJECT]})
    return Reply(loaded["protocol"], loaded["time"], loaded["settings"], lanes)


def _unwrapped(body: object) -> object:
    if not isinstance(body, Mapping) or "protocol" in body:
        return body
    if body.get("errors"):
        raise ValidationError({"reply": ["Holds errors."]})
    data = body.get("data")
    return data.get("replay") if isinstance(data, Mapping) else None


def _check_lanes(lanes: list[Lane]) -> None:
    _refuse_twice(lane.session_id for lane in lanes)
    if len(lanes) > MAX_LANES:
        raise ValidationError({"lanes": [f"Must not be more than {MAX_LANES} lanes."]})
    if sum(len(lane.entries) for lane in lanes) > MAX_ENTRIES:
        raise ValidationError({"lanes": [f"Must not hold more than {MAX_ENTRIES} entries."]})
    for index, lane in enumerate(lanes):
        last = lane.after.seq
        for place, entry in enumerate(lane.entries):
            if entry.seq <= last:
                raise ValidationError(
                    {f"lanes.{index}.entries.{place}.seq": ["Must be greater than the one before it."]}
                )
            last = entry.seq


def _refuse_twice(session_ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for index, session_id in enumerate(session_ids):
        if session_id in seen:
            raise ValidationError({f"lanes.{index}.session_id": ["Must not appear twice."]})
        seen.add(session_id)


def _lane(loaded: dict[str, Any]) -> Lane:
    return Lane(
        session_id=loaded["session_id"],
        after=loaded["after"],
        token=loaded["token"],
        entries=tuple(Entry(**entry) for entry in loaded["entries"]),
        identity=None if loaded["identity"] is None else Identity(**loaded["identity"]),
    )


def _lane_reply(loaded: dict[str, Any]) -> LaneReply:
    return LaneReply(
        **{
            **loaded,
            "applied_through": loaded["applied_through"] or START,
            "refused": tuple(RefusedEntry(**refused) for refused in loaded["refused"]),
            "conflicts": tuple(
                Conflict(conflict["seq"], tuple(conflict["attributes"])) for conflict in loaded["conflicts"]
            ),
        }
    )


class _Open(fields.StrictSchema):
    """Fields that are not known are left out: the other side may be newer."""

    class Meta:
        unknown = EXCLUDE


class _Position(_Open):
    seq = fields.Integer(least=0, required=True)
    id = fields.Text(longest=_MAX_ID, required=True, allow_none=True)


_POSITION = _Position()


def _position(value: Any) -> Position:
    loaded = quick.load(_POSITION, value)
    if (loaded["seq"] == 0) != (loaded["id"] is None):
        raise SchemaError({"id": ["Must be null at 0, and only there."]})
    return Position(**loaded)


class _Device(_Open):
    id = fields.Text(longest=_MAX_ID, required=True)
    secret = fields.Text(longest=_MAX_SECRET, required=True)
    sent_at = fields.Integer(required=True)
    exchange = fields.Checked(_position, allow_none=True, load_default=None)
    server_at = fields.Integer(allow_none=True, load_default=None)


class _Entry(_Open):
    seq = fields.Integer(least=1, required=True)
    id = fields.Text(longest=_MAX_ID, required=True)
    kind = fields.Text(longest=_MAX_ID, required=True)
    made_at = fields.Integer(required=True)
    age_ms = fields.Integer(least=0, required=True, allow_none=True)
    payload = stock.Raw(allow_none=True, load_default=None)
    by_clock = fields.Flag(load_default=False)
    retried = fields.Flag(load_default=False)


class _Identity(_Open):
    user_id = fields.Text(longest=canonical.MAX_BYTES, required=True)
    verified = fields.Flag(required=True)


class _Lane(_Open):
    session_id = fields.Text(longest=_MAX_ID, required=True)
    after = fields.Checked(_position, required=True)
    token = fields.Text(longest=_MAX_TOKEN, allow_none=True, load_default=None)
    entries = stock.List(stock.Nested(_Entry()), required=True)
    identity = stock.Nested(_Identity(), allow_none=True, load_default=None)


class _Lanes(_Open):
    lanes = stock.List(stock.Nested(_Lane()), required=True)


class _RefusedEntry(_Open):
    seq = fields.Integer(least=1, required=True)
    id = fields.Text(longest=_MAX_ID, required=True)
    code = fields.Text(longest=_MAX_ID, required=True)
    message = fields.Text(shortest=0, longest=_MAX_SENTENCE, required=True)


class _Conflict(_Open):
    seq = fields.Integer(least=1, required=True)
    attributes = stock.List(fields.Text(longest=_MAX_SENTENCE), required=True)


class _LaneReply(_Open):
    session_id = fields.Text(longest=_MAX_ID, required=True)
    status = fields.OneOf(OK, PARKED, FORKED, required=True)
    applied_through = fields.Checked(_position, required=True, allow_none=True)
    state = fields.OneOf("anonymous", "identified", "verified", required=True)
    session_token = fields.Text(longest=_MAX_TOKEN, allow_none=True, load_default=None)
    refused = stock.List(stock.Nested(_RefusedEntry()), load_default=list)
    conflicts = stock.List(stock.Nested(_Conflict()), load_default=list)
    code = fields.Text(longest=_MAX_ID, allow_none=True, load_default=None)
    message = fields.Text(shortest=0, longest=_MAX_SENTENCE, allow_none=True, load_default=None)
    restored = fields.Flag(load_default=False)


def _settings(value: Any) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SchemaError(fields.NOT_AN_OBJECT)
    return value


class _Reply(_Open):
    protocol = fields.Integer(least=PROTOCOL, most=PROTOCOL, required=True)
    time = fields.Integer(least=0, required=True)
    settings = fields.Checked(_settings, load_default=dict)
    lanes = stock.List(stock.Nested(_LaneReply()), required=True)


_DEVICE = _Device()
_LANES = _Lanes()
_REPLY = _Reply()
