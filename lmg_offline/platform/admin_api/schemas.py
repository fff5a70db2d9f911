"""
What the Admin API gives and takes beside content, as marshmallow schemas.

What is taken is loaded with them; what is given is described by them, and a test
holds each reply to its description.
"""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from lmg_offline.platform import interests
from lmg_offline.platform.admin_api.access import ROLES
from lmg_offline.platform.redemption.rules import known_zone
from lmg_offline.verification import DEFAULT_MESSAGE, MESSAGES

AUDIENCE_STATES = ("IDENTIFIED", "VERIFIED")
PLATFORMS = ("python", "ios", "android", "web")
BOOKMARKING = ("enabled", "verified_only", "disabled")
REDEMPTION_AUDIENCES = ("none", "identified", "verified")
PRIVACY_EVENTS = ("export", "erasure", "segment_export")


def text(description: str = "", **more: Any) -> fields.String:
    """A text that is always there."""
    return fields.String(required=True, metadata=_about(description), **more)


def text_or_none(description: str = "", **more: Any) -> fields.String:
    """A text, or null."""
    return fields.String(required=True, allow_none=True, metadata=_about(description), **more)


def instant(description: str = "") -> fields.String:
    """An instant, as ISO 8601 in UTC."""
    return fields.String(required=True, metadata={"format": "date-time", **_about(description)})


def instant_or_none(description: str = "") -> fields.String:
    """An instant, or null."""
    return fields.String(required=True, allow_none=True, metadata={"format": "date-time", **_about(description)})


def whole(description: str = "", **more: Any) -> fields.Integer:
    """A whole number that is always there."""
    return fields.Integer(required=True, strict=True, metadata=_about(description), **more)


def flag(description: str = "") -> fields.Boolean:
    """True or false."""
    return fields.Boolean(required=True, metadata=_about(description))


def anything(description: str, schema: dict[str, Any] | None = None) -> fields.Raw:
    """Any JSON value, or one that a JSON Schema of its own describes."""
    return fields.Raw(required=True, allow_none=True, metadata={"schema": schema or {}, **_about(description)})


def several(schema: type[Schema], description: str = "") -> fields.List[Any]:
    """A list of objects."""
    return fields.List(fields.Nested(schema), required=True, metadata=_about(description))


def page_of(schema: type[Schema]) -> Schema:
    """Return the schema of a page of a list."""
    about = "For the parameter `cursor`; null on the last page."
    named: dict[str, fields.Field[Any]] = {"items": several(schema), "next_cursor": text_or_none(about)}
    name = schema.__name__.removesuffix("Schema") + "Page"
    return Schema.from_dict(named, name=f"{name}Schema")()


def _about(description: str) -> dict[str, Any]:
    return {"description": description} if description else {}


def _name(**more: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, 256), metadata={"description": "For people."}, **more)


def _is_zone(name: str) -> None:
    if known_zone(name) is None:
        raise ValidationError("Must be the IANA name of a time zone.")


class ProblemSchema(Schema):
    """What went wrong (RFC 9457). Some problems have members of their own: `errors` by field, `field`."""

    type = text()
    title = text()
    status = whole("The HTTP status.", validate=validate.Range(400, 599))
    detail = text("A sentence for people.")

    class Meta:
        unknown = INCLUDE


class UserSummarySchema(Schema):
    """One person, in a list."""

    user_id = text()
    state = text(validate=validate.OneOf(AUDIENCE_STATES))
    first_seen_at = instant()
    last_seen_at = instant()


class ProfileSchema(Schema):
    """The effective profile: the standard traits, null where unknown, and the custom ones."""

    email = text_or_none()
    name = text_or_none()
    birthday = text_or_none("yyyy-MM-dd")
    gender = text_or_none()
    traits = anything("By name: text, number, true or false, or a list of texts.", {"type": "object"})


class SessionSchema(Schema):
    """One session of a person."""

    session_id = text()
    device_id = text_or_none()
    state = text(validate=validate.OneOf(AUDIENCE_STATES))
    opened_at = instant()
    identified_at = instant_or_none()
    verified_at = instant_or_none()


class UserSchema(UserSummarySchema):
    """One person, with profile and sessions."""

    profile = fields.Nested(ProfileSchema, required=True)
    sessions = several(SessionSchema)


class ActivitySchema(Schema):
    """Something a person did."""

    id = text("Of the entry that told of it.")
    name = text()
    properties = anything("As the app gave them.", {"type": "object"})
    occurred_at = instant()
    session_id = text()
    device_id = text()
    seq = whole("The entry's number in its lane.")


class LaneSchema(Schema):
    """How far one session's lane is applied."""

    session_id = text()
    applied_seq = whole()
    applied_id = text_or_none()


class DeviceSchema(Schema):
    """One device, and how far each of its lanes is applied."""

    device_id = text()
    first_seen_at = instant()
    last_seen_at = instant()
    clock_offset_s = fields.Float(required=True, metadata={"description": "Its clock less ours, in seconds."})
    lanes = several(LaneSchema)


class EntrySchema(Schema):
    """One handled entry of the log."""

    device_id = text()
    session_id = text()
    seq = whole()
    id = text()
    kind = text()
    user_id = text_or_none()
    status = text(validate=validate.OneOf(["applied", "refused"]))
    code = text_or_none("Why it was refused.")
    message = text_or_none("The same, in a sentence.")
    occurred_at = instant()
    uncertain = flag("Its age could not be known.")
    applied_at = instant()


class DemographicsRowSchema(Schema):
    """One value, and how many people have it."""

    value = anything("A text, number, true or false; of many numbers a bin.")
    count = whole()
    share = fields.Float(required=True, metadata=_about("Of the total, from 0 to 1."))
    percent = fields.Float(metadata=_about("In detail; rounded so that all of them add up to 100."))
    identified = fields.Integer(metadata=_about("In detail: of these, who is not verified."))
    verified = fields.Integer(metadata=_about("In detail: of these, who is."))


class DemographicsSchema(Schema):
    """A demographic report. People with a list are counted once for each member."""

    by = fields.String(metadata=_about("In detail: what it is by."))
    total = whole("People.")
    rows = several(DemographicsRowSchema)
    missing = whole("People without the value.")
    missing_percent = fields.Float(metadata=_about("In detail."))
    other = fields.Integer(metadata=_about("People with values too rare to be shown; where there are any."))
    other_percent = fields.Float(metadata=_about("In detail."))


class DaySchema(Schema):
    """One day, and how many people were first seen on it."""

    day = fields.String(required=True, metadata={"format": "date"})
    new = whole()


class GrowthSchema(Schema):
    """People by state, and new ones by day."""

    total = whole()
    identified = whole()
    verified = whole()
    days = several(DaySchema, "The oldest first.")


class InterestSourceSchema(Schema):
    """Something that gave a category points."""

    source = text(validate=validate.OneOf(("activity", "bookmarks", "redemptions")))
    id = text_or_none("The entry's.")
    name = text_or_none("Of an activity.")
    content_kind = text()
    content_id = text()
    occurred_at = instant()
    points = whole("In millionths of something done today.")


class InterestRowSchema(Schema):
    """A category, and how much of the interest it has."""

    category = text("Its slug.")
    score = fields.Float(required=True, metadata=_about("From 0 to 1; all of them add up to 1."))
    people = fields.Integer(metadata=_about("In detail: how many have it; of a segment or everybody."))
    points = fields.Integer(metadata=_about("Of one person, explained."))
    sources = fields.List(fields.Nested(InterestSourceSchema), metadata=_about("Of one person, explained."))


class InterestsSchema(Schema):
    """Interests, the greatest first."""

    rows = several(InterestRowSchema)
    people = fields.Integer(metadata=_about("In detail: how many have any; of a segment or everybody."))


RULE = anything("What /segments/rule-schema describes.", {"$ref": "#/components/schemas/SegmentRule"})


class SegmentSummarySchema(Schema):
    """A segment."""

    id = text()
    name = text()
    rule = RULE
    created_at = instant()
    updated_at = instant()


class SegmentSchema(SegmentSummarySchema):
    """A segment, and how many are in it now."""

    count = whole()


class SegmentBodySchema(Schema):
    """A segment as it is written."""

    name = _name(required=True)
    rule = RULE


class RuleBodySchema(Schema):
    """A rule to be tried."""

    rule = RULE


class CountSchema(Schema):
    """How many."""

    count = whole()


class MembershipSchema(Schema):
    """Whether one person is in a segment, and why."""

    segment = text()
    user_id = text()
    member = flag()
    reason = anything("The rule as a tree, each part with how it comes out.", {"$ref": "#/components/schemas/Reason"})


class PropertySchema(Schema):
    """The property and its settings."""

    id = text()
    created_at = instant()
    name = text()
    bookmarking = text("Who may save offers.", validate=validate.OneOf(BOOKMARKING))
    redemption_audience = text("Who may redeem: anybody is `none`.", validate=validate.OneOf(REDEMPTION_AUDIENCES))
    token_max_age_s = whole("How old a verification token with a timestamp may be, in seconds.")
    interest_half_life_days = whole("Half of an interest is left after so many days.")
    time_zone = text("IANA name; schedules of collections are in it.")


class PropertyBodySchema(Schema):
    """The settings to change; what is left out stays."""

    name = _name()
    bookmarking = fields.String(validate=validate.OneOf(BOOKMARKING))
    redemption_audience = fields.String(validate=validate.OneOf(REDEMPTION_AUDIENCES))
    token_max_age_s = fields.Integer(strict=True, validate=validate.Range(1, 10 * 365 * 86_400))
    interest_half_life_days = fields.Integer(
        strict=True, validate=validate.Range(1, interests.LONGEST_HALF_LIFE_DAYS)
    )
    time_zone = fields.String(validate=[validate.Length(1, 64), _is_zone], metadata={"format": "iana-time-zone"})


class AdminKeySchema(Schema):
    """A key for the Admin API, without the key itself."""

    id = text()
    name = text()
    role = text(validate=validate.OneOf(ROLES))
    created_at = instant()
    revoked_at = instant_or_none()


class NewAdminKeySchema(AdminKeySchema):
    """A key for the Admin API, the one time that it is shown."""

    admin_key = text("Keep it: only its hash is stored.")


class AdminKeyBodySchema(Schema):
    """A key to be made."""

    name = _name(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))


class IntegrationSchema(Schema):
    """One app of the property, without its write key."""

    id = text()
    name = text()
    platform = text(validate=validate.OneOf(PLATFORMS))
    created_at = instant()
    revoked_at = instant_or_none()
    previous_key_until = instant_or_none("Until when the write key of before the last rotation is good as well.")


class NewIntegrationSchema(IntegrationSchema):
    """One app of the property, with its write key, the one time that it is shown."""

    write_key = text("Keep it: only its hash is stored.")


class IntegrationBodySchema(Schema):
    """An integration to be made."""

    name = _name(required=True)
    platform = fields.String(load_default="python", validate=validate.OneOf(PLATFORMS))


class IntegrationNameSchema(Schema):
    """What an integration is to be called."""

    name = _name(required=True)


class VerificationKeySchema(Schema):
    """A verification key, without its secret."""

    key_id = text()
    message = text("What a token with a timestamp signs.", validate=validate.OneOf(MESSAGES))
    active = flag("Tokens signed with it are accepted.")
    created_at = instant()
    retires_at = instant_or_none("When it stops being accepted, or stopped.")


class NewVerificationKeySchema(VerificationKeySchema):
    """A verification key, the one time that it is shown."""

    verification_key = text("For the customer's own server, never for an app.")


class VerificationKeyBodySchema(Schema):
    """A verification key to be made."""

    message = fields.String(load_default=DEFAULT_MESSAGE, validate=validate.OneOf(MESSAGES))


class PrivacyEventSchema(Schema):
    """Somebody's data was given out or erased, and who asked."""

    id = text()
    at = instant()
    event = text(validate=validate.OneOf(PRIVACY_EVENTS))
    subject = text_or_none("Keyed hash of the user id; null for a segment.")
    segment_id = text_or_none()
    asked_by = text(validate=validate.OneOf(["admin_key", "person"]))
    admin_key_id = text_or_none()
    role = text_or_none("Of the admin key, at that time.")


class ExportSchema(Schema):
    """Everything held about one person: who they are, then the rows of each table, by its name."""

    user_id = text()
    state = text(validate=validate.OneOf(AUDIENCE_STATES))
    profile = fields.Nested(ProfileSchema, required=True)
    first_seen_at = instant()
    last_seen_at = instant()

    class Meta:
        unknown = INCLUDE
