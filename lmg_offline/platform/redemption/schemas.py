"""What the Admin API takes and gives for the redemption of an offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from lmg_offline.platform.redemption import pins
from lmg_offline.platform.redemption.rules import (
    REFRESH_INTERVAL_S,
    TARGETS,
    Arg,
    Granularity,
    Pattern,
    State,
    instant_of,
)

_DAY_S = 86_400
_MOST_USES = 1_000_000_000


def _whole(least: int, most: int, **extra: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(least, most), **extra)


def _optional(about: str) -> dict[str, Any]:
    return {"load_default": None, "allow_none": True, "metadata": {"description": about}}


def _words(*members: Any) -> validate.OneOf:
    return validate.OneOf([member.value for member in members])


def _is_pin(value: str) -> None:
    if not (pins.CLEAR.fullmatch(value) or pins.STORED.fullmatch(value)):
        raise ValidationError("Must be 4 to 8 digits.")


def _is_instant(value: str) -> None:
    if instant_of(value) is None:
        raise ValidationError("Must be an instant as ISO 8601, with an offset or Z.")


class ArgSchema(Schema):
    """One argument that the app has to send with a step."""

    name = fields.String(required=True, validate=_words(*Arg))
    on = fields.List(
        fields.String(validate=_words(State.PROGRESS, State.READY, State.REDEEMED)),
        load_default=list,
        metadata={"description": "The steps that ask for it, by the state they lead to; empty for all."},
    )
    required = fields.Boolean(load_default=True)
    min = _whole(0, 1_000_000, **_optional("Smallest number; metres for the accuracy, seconds for the age."))
    max = _whole(0, 1_000_000, **_optional("Greatest number, in the same unit; beyond it the position won't do."))

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        bounds = [name for name in ("min", "max") if data.get(name) is not None]
        if bounds and data["name"] not in (Arg.ACCURACY.value, Arg.AGE.value):
            raise ValidationError({name: ["Only numbers have bounds."] for name in bounds})
        if len(bounds) == 2 and data["min"] > data["max"]:
            raise ValidationError({"max": ["Must not be less than min."]})


class TotalSchema(Schema):
    """A limit for ever. It counts redemptions."""

    total = _whole(1, _MOST_USES, required=True)


class WindowSchema(TotalSchema):
    """A limit that starts again by the clock of the place; for a punch card it counts punches, else redemptions."""

    granularity = fields.String(required=True, validate=_words(*Granularity))


class LimitsSchema(Schema):
    """How often an offer can be used, by one person and by all of them."""

    per_profile = fields.Nested(TotalSchema, load_default=None, allow_none=True)
    per_profile_per_window = fields.Nested(WindowSchema, load_default=None, allow_none=True)
    global_per_window = fields.Nested(WindowSchema, load_default=None, allow_none=True)

    class Meta:
        # `global` is a word of Python's own.
        include = {"global": fields.Nested(TotalSchema, load_default=None, allow_none=True)}  # noqa: RUF012


class ScheduleSchema(Schema):
    """When an offer can be used: from `starts_at` until before `ends_at`."""

    starts_at = fields.String(validate=_is_instant, **_optional("ISO 8601 with an offset or Z."))
    ends_at = fields.String(validate=_is_instant, **_optional("ISO 8601 with an offset or Z."))

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        starts, ends = (instant_of(data.get(name) or "") for name in ("starts_at", "ends_at"))
        if starts is not None and ends is not None and starts >= ends:
            raise ValidationError({"ends_at": ["Must be after starts_at."]})


class RedemptionSchema(Schema):
    """
    How an offer is redeemed.

    single: default -> redeemed. timed: default -> ready (for ready_s seconds) ->
    redeemed. punch_card: default -> progress ... -> ready -> redeemed.
    """

    kind = fields.String(required=True, validate=_words(*Pattern))
    ready_s = _whole(1, _DAY_S, **_optional("For timed: how long the offer stays ready, in seconds."))
    punches = _whole(2, 1000, **_optional("For punch_card: how many punches fill a card."))
    args = fields.List(fields.Nested(ArgSchema), load_default=list)
    pin = fields.String(
        validate=_is_pin, **_optional("4 to 8 digits. Shown as a hash, which may be sent back to leave it as it is.")
    )
    within_m = fields.Float(
        validate=validate.Range(1, 1_000_000), **_optional("How near to the place the device must be, in metres.")
    )
    limits = fields.Nested(LimitsSchema, load_default=None, allow_none=True)
    schedule = fields.Nested(ScheduleSchema, load_default=None, allow_none=True)
    button_text = fields.String(validate=validate.Length(max=256), **_optional("What the button says."))
    action_type = fields.String(
        validate=validate.OneOf(["default", "phone", "url"]), **_optional("What the app offers beside the steps.")
    )
    action_target = fields.String(validate=validate.Length(max=2048), **_optional("A telephone number or an address."))
    refresh_interval_s = _whole(
        1,
        _DAY_S,
        load_default=REFRESH_INTERVAL_S,
        metadata={"description": "When the app should ask again; as long an offer shows as redeemed after a use."},
    )
    frozen = fields.Boolean(load_default=False)
    offline = fields.Boolean(
        load_default=False, metadata={"description": "A redemption made without a network may be journaled."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        faults: dict[str, list[str]] = {}
        pattern = Pattern(data["kind"])
        for name, owner in (("ready_s", Pattern.TIMED), ("punches", Pattern.PUNCH_CARD)):
            if (data.get(name) is not None) != (pattern is owner):
                faults[name] = [f"Belongs to the kind {owner.value}, which can't be without it."]
        if data.get("action_type") in ("phone", "url") and not data.get("action_target"):
            faults["action_target"] = ["Must say where the action leads."]
        fault = _args_fault(data, pattern)
        if fault is not None:
            faults["args"] = [fault]
        if faults:
            raise ValidationError(faults)

    @post_load
    def _hide_pin(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data if data["pin"] is None else {**data, "pin": pins.stored(data["pin"])}


def _args_fault(data: Mapping[str, Any], pattern: Pattern) -> str | None:
    args = data["args"]
    names = [each["name"] for each in args]
    if len(names) != len(set(names)):
        return "An argument is named once."
    if Arg.PIN.value in names and data.get("pin") is None:
        return "The argument pin needs a pin to be compared with."
    needed = {Arg.PIN.value} | ({Arg.POINT.value} if data.get("within_m") is not None else set())
    for each in args:
        if not set(each["on"]) <= {state.value for state in TARGETS[pattern]}:
            return f"{each['name']}: The kind {pattern.value} has no such step."
        if each["name"] in needed and not each["required"]:
            return f"{each['name']}: Can't be left out, as something is compared with it."
    return None
