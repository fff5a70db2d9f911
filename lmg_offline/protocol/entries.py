"""The kinds of entry and what each of them carries."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from marshmallow import ValidationError as SchemaError
from marshmallow import fields as stock

from ..errors import ValidationError
from . import canonical, fields
from .profile import JSON, check_wire, plain_wire

MAX_NAME = 256
MAX_ID = 256
MAX_TOKEN = 4096
MAX_STATE = 64
MAX_ENTRY_ID = 64


class Kind(str, Enum):
    """What an entry does."""

    IDENTIFY = "identify"
    UPDATE = "update"
    TRACK = "track"
    BOOKMARK = "bookmark"
    UNBOOKMARK = "unbookmark"
    FORGET = "forget"
    REDEEM = "redeem"


def check_payload(kind: str, payload: object) -> dict[str, JSON]:
    """
    Check what an entry carries and return a copy of it, complete.

    Args:
        kind: One of `Kind`; another is refused, named `kind`.

        payload: The payload in the form of the wire.

    Returns:
        The payload with what may be missing filled in: `properties` as an empty
        object, `business_id`, `target` and `used` as None, `location_ids` as an
        empty list, `client_args` as an empty object. A missing `profile` of an
        identify or `void` of a forget stays missing.

    Raises:
        ValidationError: All faults by dotted name (`profile.email`,
            `properties.price`, `payload` for the whole), without any value.
    """
    schema = _SCHEMAS.get(kind)
    if schema is None:
        raise ValidationError({"kind": ["Is not a known kind of entry."]})
    if not isinstance(payload, Mapping):
        raise ValidationError({"payload": [fields.NOT_AN_OBJECT]})
    if kind == Kind.UPDATE.value and type(payload) is dict and len(payload) == 1:
        written = plain_wire(payload.get("profile"))  # nearly every entry: what passes here passes below
        if written is not None:
            return {"profile": written}
    plain = dict(payload)
    try:
        canonical.check(plain, where="payload")
    except ValidationError as error:
        raise ValidationError({name.removeprefix("payload."): found for name, found in error.errors.items()}) from None
    loaded: dict[str, JSON] = fields.load(schema, plain, "payload")
    return loaded


def _profile(value: object) -> dict[str, JSON]:
    try:
        return check_wire(value)
    except ValidationError as error:
        raise SchemaError(
            {("" if name == "profile" else name): found for name, found in error.errors.items()}
        ) from None


def _properties(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(fields.NOT_AN_OBJECT)
    return value


def _client_args(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(fields.NOT_AN_OBJECT)
    faults = {name: ["Must be a JSON scalar or [longitude, latitude]."] for name in value if not _is_arg(value[name])}
    if faults:
        raise SchemaError(faults)
    return value


def _is_arg(value: object) -> bool:
    if isinstance(value, list):
        return len(value) == 2 and all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in value)
    return value is None or isinstance(value, (bool, int, float, str))


# As long as an entry may be at all: the platform takes user ids of any length.
_USER_ID = canonical.MAX_BYTES


class _Identify(fields.StrictSchema):
    user_id = fields.Text(longest=_USER_ID, required=True)
    verify = fields.Flag(required=True)
    profile = fields.Checked(_profile)


class _Update(fields.StrictSchema):
    profile = fields.Checked(_profile, required=True)


class _Track(fields.StrictSchema):
    name = fields.Text(longest=MAX_NAME, required=True)
    properties = fields.Checked(_properties, load_default=dict)


class _Bookmark(fields.StrictSchema):
    offer_id = fields.Text(longest=MAX_ID, required=True)
    business_id = fields.Text(longest=MAX_ID, allow_none=True, load_default=None)
    location_ids = stock.List(fields.Text(longest=MAX_ID), load_default=list)


class _Forget(fields.StrictSchema):
    user_id = fields.Text(longest=_USER_ID, allow_none=True, load_default=None)
    token = fields.Text(longest=MAX_TOKEN, allow_none=True, load_default=None)
    void = stock.List(fields.Text(longest=MAX_ENTRY_ID))


class _Redeem(fields.StrictSchema):
    offer_id = fields.Text(longest=MAX_ID, required=True)
    business_id = fields.Text(longest=MAX_ID, allow_none=True, load_default=None)
    location_id = fields.Text(longest=MAX_ID, required=True)
    current_state = fields.Text(longest=MAX_STATE, required=True)
    transition_index = fields.Integer(least=0, required=True)
    target = fields.Text(longest=MAX_STATE, allow_none=True, load_default=None)
    used = fields.Integer(least=0, allow_none=True, load_default=None)
    client_args = fields.Checked(_client_args, load_default=dict)


_BOOKMARK = _Bookmark()
_SCHEMAS: dict[str, fields.StrictSchema] = {
    Kind.IDENTIFY.value: _Identify(),
    Kind.UPDATE.value: _Update(),
    Kind.TRACK.value: _Track(),
    Kind.BOOKMARK.value: _BOOKMARK,
    Kind.UNBOOKMARK.value: _BOOKMARK,
    Kind.FORGET.value: _Forget(),
    Kind.REDEEM.value: _Redeem(),
}
