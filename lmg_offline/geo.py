"""The global content filter: where to order from, and which area to show."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from itertools import islice
from typing import TypeGuard

from ._support.forks import renew_in_child
from .errors import ValidationError

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
CIRCLE_CORNERS = 64
MAX_CIRCLE_LAT = 89.9
MAX_CORNERS = 1000
MAX_RADIUS_M = 1_000_000
MIN_RADIUS_M = 1

Point = tuple[float, float]


class ContentFilter:
    """Holds the ordering point and the area that reads carry. Safe from any thread."""

    def __init__(self) -> None:
        self._ordering: Point | None = None
        self._area: tuple[Point, ...] | None = None
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()  # guards both fields

    def set_ordering_point(self, lat: float | None, lon: float | None = None) -> None:
        """Order by the distance from (lat, lon), in degrees; None clears. Raises ValidationError."""
        found = None if lat is None and lon is None else check_point("ordering_point", (lat, lon))
        with self._lock:
            self._ordering = found

    def set_context_geo_area(self, points: Sequence[Point] | None) -> None:
        """
        Show only what lies inside a ring of (lat, lon) in degrees; None clears.

        The ring is closed and turned anti-clockwise if it is not so yet.

        Raises:
            ValidationError: Fewer than three different points, one out of range,
                all on one line, or a side longer than 180 degrees.

        Source: the platform wants a closed ring, anti-clockwise, as [longitude, latitude].
        It draws sides on the plane: one across the 180th meridian would mean all
        the rest of the world, so it is refused.
        """
        ring = None if points is None else _ring(points)
        with self._lock:
            self._area = ring

    def set_context_geo_circle(self, centre: Point | None, radius_m: float | None = None) -> None:
        """
        Show only what lies within `radius_m` metres of (lat, lon); None clears.

        The circle is sent as a ring of 64 corners, for that is what the platform takes.

        Raises:
            ValidationError: Out of range, or around a pole or the 180th meridian.
        """
        if centre is None:
            self.set_context_geo_area(None)
            return
        lat, lon = check_point("centre", centre)
        if not _is_between(radius_m, MIN_RADIUS_M, MAX_RADIUS_M):
            raise ValidationError({"radius_m": ["Give metres, from 1 to 1,000,000."]})
        angle = float(radius_m) / EARTH_RADIUS_M
        # A corner can lie beyond the pole and look harmless; the centre's distance from it can't.
        holds_pole = abs(lat) + math.degrees(angle) >= MAX_CIRCLE_LAT
        ring = [_away(lat, lon, angle, 2 * math.pi * n / CIRCLE_CORNERS) for n in range(CIRCLE_CORNERS)]
        if holds_pole or any(abs(corner_lon) > 180 for _, corner_lon in ring):
            raise ValidationError({"centre": ["A circle around a pole or the 180th meridian is not possible."]})
        self.set_context_geo_area(ring)

    def variables(self) -> dict[str, object]:
        """Return the two filters in the platform's form and order, [longitude, latitude]."""
        with self._lock:
            ordering, area = self._ordering, self._area
        return {
            "orderingGeoPoint": None if ordering is None else [ordering[1], ordering[0]],
            "contextGeoArea": None if area is None else [[lon, lat] for lat, lon in area],
        }


def _ring(points: Sequence[Point]) -> tuple[Point, ...]:
    try:
        if isinstance(points, str) or not isinstance(points, Sequence):
            raise TypeError
        given = list(islice(points, MAX_CORNERS + 2))
    except Exception:  # whatever a list of the app's own raises
        raise ValidationError({"points": ["Give a list of (lat, lon)."]}) from None
    ring = [check_point(f"points.{number}", point) for number, point in enumerate(given)]
    if ring and ring[0] == ring[-1]:
        ring.pop()
    if len(set(ring)) < 3 or len(ring) > MAX_CORNERS:
        raise ValidationError({"points": [f"Give 3 to {MAX_CORNERS} different corners."]})
    sides = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    if any(abs(here[1] - there[1]) > 180 for here, there in sides):
        raise ValidationError(
            {"points": ["A side is longer than 180 degrees: add a corner to it, or keep off the 180th meridian."]}
        )
    # Around the first corner, so that a small ring far from (0, 0) keeps its digits.
    lat, lon = ring[0]
    twice_area = math.fsum(
        (here[1] - lon) * (there[0] - lat) - (there[1] - lon) * (here[0] - lat) for here, there in sides
    )
    if twice_area == 0:
        raise ValidationError({"points": ["The corners enclose no area."]})
    if twice_area < 0:
        ring.reverse()
    return (*ring, ring[0])


def check_point(name: str, point: object) -> Point:
    """Return (lat, lon) in degrees. Raises ValidationError naming the part at fault."""
    try:
        if not isinstance(point, Sequence) or isinstance(point, str):
            raise TypeError
        lat, lon = point
    except Exception:  # whatever a list of the app's own raises
        raise ValidationError({name: ["Give (lat, lon)."]}) from None
    if not _is_between(lat, -90, 90):
        raise ValidationError({f"{name}.lat": ["Give degrees from -90 to 90."]})
    if not _is_between(lon, -180, 180):
        raise ValidationError({f"{name}.lon": ["Give degrees from -180 to 180."]})
    return float(lat), float(lon)


def _is_between(value: object, least: float, most: float) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _away(lat: float, lon: float, angle: float, bearing: float) -> Point:
    """Return the point an angle from (lat, lon). Source: great-circle destination, Williams' Formulary."""
    start = math.radians(lat)
    end = math.asin(math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(bearing))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(end)
    )
    return math.degrees(end), lon + math.degrees(turn)
