"""What reads return: frozen values with the fields of the platform's schema, in snake_case; and public enums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar, overload

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Image:
    """One image, by address."""

    image_type: str
    mime_type: str
    url: str


@dataclass(frozen=True, slots=True)
class Category:
    """What a business or offer is about."""

    id: str
    slug: str
    short_name: str
    name: str
    icon_small_images: tuple[Image, ...] = ()
    icon_large_images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """
    A postal address.

    Attributes:
        centre: (latitude, longitude) in degrees.

        area: Ring of (latitude, longitude), or None.
    """

    id: str
    street_address: str
    street: str
    postalcode: str
    city: str
    state: str
    country: str
    centre: tuple[float, float]
    name_short: str
    timezone: str
    suite: str | None = None
    building: str | None = None
    locality: str | None = None
    neighbourhood: str | None = None
    county: str | None = None
    region: str | None = None
    area: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """
    A place of a business.

    Attributes:
        distance: Metres from the ordering point, when there is one.

        business_id: Whose place it is.
    """

    id: str
    name: str
    share_url: str
    address: Address
    business_id: str | None = None
    distance: float | None = None
    url: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """
    What a business offers.

    Attributes:
        is_bookmarked: Saved by the current person, own unsent bookmarks included.

        schedules: When it holds, as text for people.
    """

    id: str
    headline: str
    slug: str = ""
    share_url: str = ""
    subhead: str = ""
    details: str = ""
    legal: str | None = None
    flags: tuple[str, ...] = ()
    is_bookmarked: bool = False
    promo_code: str | None = None
    keywords: tuple[str, ...] = ()
    enabled: bool = True
    business_id: str | None = None
    locations: tuple[Location, ...] = ()
    hero_images: tuple[Image, ...] = ()
    schedules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Business:
    """A business, its offers and its places."""

    id: str
    name: str
    short_name: str = ""
    share_url: str = ""
    slogan: str | None = None
    desc: str | None = None
    url: str | None = None
    phone: str | None = None
    offers: tuple[Offer, ...] = ()
    categories: tuple[Category, ...] = ()
    locations: tuple[Location, ...] = ()
    profile_images: tuple[Image, ...] = ()
    logo_standard_images: tuple[Image, ...] = ()
    hero_standard_images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A group of businesses; those with a higher priority come first."""

    id: str
    slug: str
    name: str
    short_name: str
    priority: int
    enabled: bool
    hero_standard_images: tuple[Image, ...] = ()
    icon_small_images: tuple[Image, ...] = ()
    icon_large_images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicePosition:
    """
    Where the device is, as far as the app said. The repr leaves the place out.

    Attributes:
        latitude: In degrees.

        longitude: In degrees.

        accuracy_m: In metres; None when the app did not say.

        age_s: How long ago that was, in seconds.
    """

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    accuracy_m: float | None = field(repr=False)
    age_s: float = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page(Sequence[T], Generic[T]):
    """
    One page of a list.

    Attributes:
        next_cursor: Pass it as `cursor` for the next page; None on the last.

        stale: It came from this device's cache.

        as_of: When the platform said so, aware UTC; None when it never did.
    """

    items: tuple[T, ...]
    next_cursor: str | None = None
    stale: bool = False
    as_of: datetime | None = field(default=None)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)
