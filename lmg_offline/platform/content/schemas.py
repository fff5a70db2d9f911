"""What the Admin API takes and gives for content, as marshmallow schemas."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

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


class FilterSchema(Schema):
    """Which businesses belong to a collection: those with one of the categories or tags."""

    categories = _texts()
    tags = _texts()


class CollectionSchema(ContentSchema):
    """A group of businesses, by name or by filter."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=512))
    short_name = _text()
    priority = fields.Integer(load_default=0, validate=validate.Range(-1_000_000, 1_000_000))
    business_ids = _texts()
    filter = fields.Nested(FilterSchema, load_default=None, allow_none=True)
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
