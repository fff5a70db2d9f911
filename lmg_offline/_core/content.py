"""From the platform's JSON to content values. What does not fit is a `PlatformError`, never a KeyError."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import PlatformError
from ..models import Address, Business, Category, Collection, Image, Location, Offer
from ..redemption import OfferLimit, OfferLimits, OfferState, OfferStatus, RedemptionReason, Transition, TransitionArg

T = TypeVar("T")
Json = dict[str, object]


def parsed(data: object, path: str, parse: Callable[[Json], T]) -> T:
    """Return `parse` of the object at the dotted path of a reply's data."""
    try:
        return parse(_at(data, path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlatformError(
            502, None, f"its reply to {path.split('.')[0]} does not fit its own schema; tell who runs it"
        ) from error


def parsed_list(data: object, path: str, name: str, parse: Callable[[Json], T]) -> tuple[tuple[T, ...], str | None]:
    """Return the items of a feed and its next cursor."""

    def feed(found: Json) -> tuple[tuple[T, ...], str | None]:
        cursor = _object(found["cursor"]).get("next")
        return tuple(parse(_object(item)) for item in _list(found[name])), _optional(cursor)

    return parsed(data, path, feed)


def business(data: Json) -> Business:
    """Parse a Business; its offers name their places by id, among its own."""
    places = _each(data["locations"], location)
    place_of = {place.id: place for place in places}

    def offer_of_business(found: Json) -> Offer:
        keys = [_text(_object(item)["id"]) for item in _list(found["locations"])]
        return _offer(found, tuple(place_of[key] for key in keys if key in place_of))

    return Business(
        id=_text(data["id"]),
        name=_text(data["name"]),
        short_name=_text(data["shortName"]),
        share_url=_text(data["shareUrl"]),
        slogan=_optional(data.get("slogan")),
        desc=_optional(data.get("desc")),
        url=_optional(data.get("url")),
        phone=_optional(data.get("phone")),
        offers=_each(data["offers"], offer_of_business),
        categories=_each(data["categories"], category),
        locations=places,
        profile_images=_each(data["profileImages"], image),
        logo_standard_images=_each(data["logoStandardImages"], image),
        hero_standard_images=_each(data["heroStandardImages"], image),
    )


def offer(data: Json) -> Offer:
    """Parse an Offer that carries its places whole."""
    return _offer(data, _each(data["locations"], location))


def _offer(data: Json, places: tuple[Location, ...]) -> Offer:
    return Offer(
        id=_text(data["id"]),
        headline=_text(data["headline"]),
        slug=_text(data["slug"]),
        share_url=_text(data["shareUrl"]),
        subhead=_text(data["subhead"]),
        details=_text(data["details"]),
        legal=_optional(data.get("legal")),
        flags=_texts(data["flags"]),
        is_bookmarked=_flag(data["isBookmarked"]),
        promo_code=_optional(data.get("promoCode")),
        keywords=_texts(data["keywords"]),
        enabled=_flag(data["enabled"]),
        business_id=_text(_object(data["business"])["id"]),
        locations=places,
        hero_images=_each(data["heroImages"], image),
        schedules=_texts(data["schedules"]),
    )


def location(data: Json) -> Location:
    """Parse a Location."""
    distance = data.get("distance")
    return Location(
        id=_text(data["id"]),
        name=_text(data["name"]),
        share_url=_text(data["shareUrl"]),
        address=address(_object(data["address"])),
        business_id=_text(_object(data["business"])["id"]),
        distance=None if distance is None else _number(distance),
        url=_optional(data.get("url")),
        phone=_optional(data.get("phone")),
    )


def address(data: Json) -> Address:
    """Parse an Address; points come as [longitude, latitude] and go out as (latitude, longitude)."""
    area = data.get("area")
    return Address(
        id=_text(data["id"]),
        street_address=_text(data["streetAddress"]),
        street=_text(data["street"]),
        postalcode=_text(data["postalcode"]),
        city=_text(data["city"]),
        state=_text(data["state"]),
        country=_text(data["country"]),
        centre=_point(data["centre"]),
        name_short=_optional(data.get("nameShort")) or "",
        timezone=_text(data["timezone"]),
        suite=_optional(data.get("suite")),
        building=_optional(data.get("building")),
        locality=_optional(data.get("locality")),
        neighbourhood=_optional(data.get("neighbourhood")),
        county=_optional(data.get("county")),
        region=_optional(data.get("region")),
        area=None if area is None else tuple(_point(point) for point in _list(area)),
    )


def category(data: Json) -> Category:
    """Parse a Category."""
    return Category(
        _text(data["id"]),
        _text(data["slug"]),
        _text(data["shortName"]),
        _text(data["name"]),
        _each(data["iconSmallImages"], image),
        _each(data["iconLargeImages"], image),
    )


def collection(data: Json) -> Collection:
    """Parse a Collection."""
    return Collection(
        _text(data["id"]),
        _text(data["slug"]),
        _text(data["name"]),
        _text(data["shortName"]),
        _whole(data["priority"]),
        _flag(data["enabled"]),
        _each(data["heroStandardImages"], image),
        _each(data["iconSmallImages"], image),
        _each(data["iconLargeImages"], image),
    )


def image(data: Json) -> Image:
    """Parse an Image."""
    return Image(_text(data["imageType"]), _text(data["mimeType"]), _text(data["url"]))


def offer_state(data: Json) -> OfferState:
    """Parse an OfferState."""
    meta = _object(data["meta"])
    return OfferState(
        state=_text(data["state"]),
        expires_in_s=_maybe(data.get("expiresIn"), _whole),
        transitions=_each(data["transitions"], transition),
        display=_texts(data["display"]),
        refresh_interval_s=_whole(data["refreshInterval"]),
        action_type=_optional(meta.get("actionType")),
        action_target=_optional(meta.get("actionTarget")),
        offline=data.get("offline") is True,
    )


def transition(data: Json) -> Transition:
    """Parse an OfferStateTransition; a button without a text says what the real SDK's says."""
    return Transition(
        _whole(data["index"]),
        _text(data["target"]),
        _optional(_object(data["meta"]).get("transitionButtonText")) or "Offer Used",
        _each(data["args"], transition_arg),
    )


def transition_arg(data: Json) -> TransitionArg:
    """Parse an OfferStateTransitionArg."""
    return TransitionArg(
        name=_text(data["name"]),
        desc=_text(data["desc"]),
        required=_flag(data["required"]),
        type=_text(data["type"]),
        values=_maybe(data.get("values"), _texts) or (),
        min=_maybe(data.get("min"), _whole),
        max=_maybe(data.get("max"), _whole),
        default=_optional(data.get("default")),
    )


def offer_status(data: Json) -> OfferStatus:
    """Parse an OfferStatus."""
    details = _object(data.get("limitDetails") or {})

    def limit(name: str) -> OfferLimit | None:
        return _maybe(details.get(name), lambda found: _limit(_object(found)))

    return OfferStatus(
        redeemable=_flag(data["redeemable"]),
        reason=RedemptionReason.of(_optional(data.get("reason"))),
        limits=OfferLimits(
            limit("perProfile"), limit("perProfilePerWindow"), limit("global"), limit("globalPerWindow")
        ),
    )


def _limit(data: Json) -> OfferLimit:
    return OfferLimit(
        _whole(data["total"]),
        _whole(data["used"]),
        _whole(data["priority"]),
        _optional(data.get("granularity")),
        _maybe(data.get("resetsIn"), _whole),
    )


def _at(data: object, path: str) -> Json:
    for name in path.split("."):
        data = _object(data)[name]
    return _object(data)


def _each(found: object, parse: Callable[[Json], T]) -> tuple[T, ...]:
    return tuple(parse(_object(item)) for item in _list(found))


def _object(found: object) -> Json:
    if not isinstance(found, dict):
        raise TypeError("an object was due")
    return found


def _list(found: object) -> list[object]:
    if not isinstance(found, list):
        raise TypeError("a list was due")
    return found


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("a text was due")
    return found


def _texts(found: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(found))


def _maybe(found: object, parse: Callable[[object], T]) -> T | None:
    return None if found is None else parse(found)


def _optional(found: object) -> str | None:
    return _maybe(found, _text)


def _number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TypeError("a number was due")
    return found


def _whole(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise TypeError("a whole number was due")
    return found


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise TypeError("true or false was due")
    return found


def _point(found: object) -> tuple[float, float]:
    lon, lat = _list(found)
    return _number(lat), _number(lon)
