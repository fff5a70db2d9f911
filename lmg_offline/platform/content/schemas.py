"""What the Admin API takes and gives for content, as marshmallow schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from lmg_offline.platform.content.discovery import DAYS
from lmg_offline.platform.content.finding import ORDERS
from lmg_offline.platform.redemption.rules import known_zone
from lmg_offline.platform.redemption.schemas import RedemptionSchema

_ID = validate.Length(min=1, max=128)
_TEXT = validate.Length(max=8192)


def _text(**extra: object) -> fields.String:
    return fields.String(validate=_TEXT, **extra)  # type: ignore[arg-type]  # keywords of String


def _texts() -> fields.List[str]:
    return fields.List(fields.String(validate=_ID), load_default=list)


def _is_zone(name: str) -> None:
    if known_zone(name) is None:
        raise ValidationError("Must be the IANA name of a time zone.")


class ImageSchema(Schema):
    """One image, by address."""

    image_type = _text(load_default="")
    mime_type = _text(load_default="")
    url = _text(required=True)


def _images() -> fields.List[dict[str, str]]:
    return fields.List(fields.Nested(ImageSchema), load_default=list)


class ContentSchema(Schema):
    """What every kind of content has."""

    id = fields.String(validate=_ID)
    slug = fields.String(validate=_ID)
    enabled = fields.Boolean(load_default=True)
    tags = _texts()


class BusinessSchema(ContentSchema):
    """A business."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=512))
    short_name = _text()
    share_url = _text(load_default="")
    slogan = _text(load_default=None, allow_none=True)
    desc = _text(load_default=None, allow_none=True)
    url = _text(load_default=None, allow_none=True)
    phone = _text(load_default=None, allow_none=True)
    categories = _texts()
    priority = fields.Integer(load_default=0, validate=validate.Range(-1_000_000, 1_000_000))
    profile_images = _images()
    logo_standard_images = _images()
    hero_standard_images = _images()


class AddressSchema(Schema):
    """A postal address; `centre` is [longitude, latitude] in degrees."""

    suite = _text(load_default=None, allow_none=True)
    building = _text(load_default=None, allow_none=True)
    street_address = _text(load_default="")
    street = _text(load_default="")
    postalcode = _text(load_default="")
    locality = _text(load_default=None, allow_none=True)
    neighbourhood = _text(load_default=None, allow_none=True)
    city = _text(load_default="")
    county = _text(load_default=None, allow_none=True)
    state = _text(load_default="")
    region = _text(load_default=None, allow_none=True)
    country = _text(load_default="")
    area = fields.List(fields.List(fields.Float()), load_default=None, allow_none=True)
    name_short = _text(load_default="")
    timezone = fields.String(validate=_is_zone, load_default="UTC")


class LocationSchema(ContentSchema):
    """A place of a business."""

    business_id = fields.String(required=True, validate=_ID)
    name = fields.String(required=True, validate=validate.Length(min=1, max=512))
    short_name = _text()
    share_url = _text(load_default="")
    url = _text(load_default=None, allow_none=True)
    phone = _text(load_default=None, allow_none=True)
    latitude = fields.Float(load_default=0.0, validate=validate.Range(-90, 90))
    longitude = fields.Float(load_default=0.0, validate=validate.Range(-180, 180))
    address = fields.Nested(AddressSchema, load_default=lambda: AddressSchema().load({}))


class OfferSchema(ContentSchema):
    """What a business offers."""

    business_id = fields.String(required=True, validate=_ID)
    headline = fields.String(required=True, validate=validate.Length(min=1, max=512))
    subhead = _text(load_default="")
    details = _text(load_default="")
    legal = _text(load_default=None, allow_none=True)
    share_url = _text(load_default="")
    flags = _texts()
    promo_code = _text(load_default=None, allow_none=True)
    keywords = _texts()
    category = fields.String(validate=_ID, load_default=None, allow_none=True)
    location_ids = _texts()
    hero_images = _images()
    schedules = _texts()
    redemption = fields.Nested(RedemptionSchema, load_default=None, allow_none=True)


class RegionSchema(Schema):
    """A part of the earth: a ring of points, [longitude, latitude] in degrees, or a circle."""

    ring = fields.List(
        fields.List(fields.Float()),
        validate=validate.Length(min=3, max=1000),
        metadata={"description": "Corners of straight sides on the plane; it must not cross the 180th meridian."},
    )
    centre = fields.List(fields.Float(), metadata={"description": "[longitude, latitude]."})
    radius_m = fields.Float(validate=validate.Range(1, 1_000_000), metadata={"description": "Metres."})

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        for name, points in (("ring", data.get("ring", ())), ("centre", [data["centre"]] if "centre" in data else ())):
            if not all(len(each) == 2 and abs(each[0]) <= 180 and abs(each[1]) <= 90 for each in points):
                raise ValidationError({name: ["A point is [longitude, latitude], in degrees."]})
        if ("ring" in data) == ("centre" in data) or ("centre" in data) != ("radius_m" in data):
            raise ValidationError("Give a ring, or else centre and radius_m.")


class AgeLimitsSchema(Schema):
    """From `min` to `max` whole years, both included. Whose age is not known is shown only what has no limit."""

    min = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(0, 150))
    max = fields.Integer(strict=True, load_default=None, allow_none=True, validate=validate.Range(0, 150))

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["min"] is not None and data["max"] is not None and data["min"] > data["max"]:
            raise ValidationError({"max": ["Must not be less than min."]})


class FilterSchema(Schema):
    """
    Which businesses belong to a collection, and for what age it is.

    Those with one of the categories or tags, where any are named, and with a place in the region, where there is one.
    """

    categories = _texts()
    tags = _texts()
    region = fields.Nested(RegionSchema, load_default=None, allow_none=True)
    age = fields.Nested(AgeLimitsSchema, load_default=None, allow_none=True)


def _is_clock(text: str) -> None:
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValidationError("Must be a time of day, 00:00 to 23:59.")


def _is_day(text: str) -> None:
    try:
        named = date.fromisoformat(text).isoformat()
    except ValueError:
        named = ""
    if named != text:
        raise ValidationError("Must be a day as YYYY-MM-DD.")


class TimetableSchema(Schema):
    """When a collection is listed, by the clock of its time zone."""

    days = fields.List(
        fields.String(validate=validate.OneOf(DAYS)),
        load_default=list,
        metadata={"description": "Empty: every day."},
    )
    opens = fields.String(load_default=None, allow_none=True, validate=_is_clock)
    closes = fields.String(
        load_default=None,
        allow_none=True,
        validate=_is_clock,
        metadata={"description": "Not included. When it is not after `opens`, it is of the next day."},
    )
    starts_on = fields.String(load_default=None, allow_none=True, validate=_is_day)
    ends_on = fields.String(
        load_default=None, allow_none=True, validate=_is_day, metadata={"description": "The last day, included."}
    )
    time_zone = fields.String(
        load_default=None,
        allow_none=True,
        validate=_is_zone,
        metadata={"description": "The IANA name; the property's where it is left out."},
    )


class DiscoverabilitySchema(Schema):
    """When, where and for whom a collection is listed. Who knows its id can get it all the same."""

    schedule = fields.Nested(TimetableSchema, load_default=None, allow_none=True)
    region = fields.Nested(
        RegionSchema,
        load_default=None,
        allow_none=True,
        metadata={"description": "Listed for who asks from there, by the ordering point or else the area."},
    )
    segments = fields.List(
        fields.String(validate=_ID),
        load_default=list,
        validate=validate.Length(max=20),
        metadata={"description": "Ids of segments; listed for members of one of them. Empty: for everybody."},
    )


class CollectionSchema(ContentSchema):
    """A group of businesses, by id or by filter."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=512))
    short_name = _text()
    priority = fields.Integer(load_default=0, validate=validate.Range(-1_000_000, 1_000_000))
    business_ids = fields.List(fields.String(validate=_ID), load_default=list, validate=validate.Length(max=10_000))
    filter = fields.Nested(FilterSchema, load_default=None, allow_none=True)
    order = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(ORDERS),
        metadata={
            "description": "Of its businesses: by name, nearest first, higher priority first, or most to the person's"
            " interests first. Left out: nearest first where there is a point to order by, else by name."
        },
    )
    discoverability = fields.Nested(DiscoverabilitySchema, load_default=None, allow_none=True)
    hero_standard_images = _images()
    icon_small_images = _images()
    icon_large_images = _images()


class CategorySchema(ContentSchema):
    """What businesses and offers are about."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=512))
    short_name = _text()
    icon_small_images = _images()
    icon_large_images = _images()


BY_KIND: dict[str, Schema] = {
    "businesses": BusinessSchema(),
    "locations": LocationSchema(),
    "offers": OfferSchema(),
    "collections": CollectionSchema(),
    "categories": CategorySchema(),
}
