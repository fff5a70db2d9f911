"""The global content filter: where to order from, and which area to show."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from .errors import ValidationError

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
CIRCLE_CORNERS = 64
MAX_CORNERS = 1000

Point = tuple[float, float]


class ContentFilter:
    """Holds the ordering point and the area that reads carry. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both fields
        self._ordering: Point | None = None
        self._area: tuple[Point, ...] | None = None

    def set_ordering_point(self, lat: float | None, lon: float | None = None) -> None:
        """Order by the distance from (lat, lon), in degrees; None clears. Raises ValidationError."""
        found = None if lat is None else _point("ordering_point", (lat, lon))
        with self._lock:
            self._ordering = found

    def set_context_geo_area(self, points: Sequence[Point] | None) -> None:
        """
        Show only what lies inside a ring of (lat, lon) in degrees; None clears.

        The ring is closed and turned anti-clockwise if it is not so yet.

        Raises:
            ValidationError: Fewer than three different points, or one out of range.

        Source: the platform wants a closed ring, anti-clockwise, as [longitude, latitude].
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
        lat, lon = _point("centre", centre)
        if not _is_number(radius_m) or not 0 < radius_m <= 1_000_000:  # type: ignore[operator]  # a number here
            raise ValidationError({"radius_m": ["Give metres, more than 0 and at most 1,000,000."]})
        ring = [_away(lat, lon, float(radius_m or 0), 2 * math.pi * n / CIRCLE_CORNERS) for n in range(CIRCLE_CORNERS)]
        if any(abs(corner_lat) > 89.9 or abs(corner_lon) > 180 for corner_lat, corner_lon in ring):
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
    if isinstance(points, str) or not isinstance(points, Sequence):
        raise ValidationError({"points": ["Give a list of (lat, lon)."]})
    ring = [_point(f"points.{number}", point) for number, point in enumerate(points)]
    if ring and ring[0] == ring[-1]:
        ring.pop()
    if len(set(ring)) < 3 or len(ring) > MAX_CORNERS:
        raise ValidationError({"points": [f"Give 3 to {MAX_CORNERS} different corners."]})
    twice_area = sum(
        here[1] * there[0] - there[1] * here[0] for here, there in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
    if twice_area < 0:
        ring.reverse()
    return (*ring, ring[0])


def _point(name: str, point: object) -> Point:
    if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 2:
        raise ValidationError({name: ["Give (lat, lon)."]})
    lat, lon = point
    if not (_is_number(lat) and -90 <= lat <= 90):
        raise ValidationError({f"{name}.lat": ["Give degrees from -90 to 90."]})
    if not (_is_number(lon) and -180 <= lon <= 180):
        raise ValidationError({f"{name}.lon": ["Give degrees from -180 to 180."]})
    return float(lat), float(lon)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _away(lat: float, lon: float, distance_m: float, bearing: float) -> Point:
    """Return the point `distance_m` from (lat, lon). Source: great-circle destination, Williams' Formulary."""
    angle, start = distance_m / EARTH_RADIUS_M, math.radians(lat)
    end = math.asin(math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(bearing))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(end)
    )
    return math.degrees(end), lon + math.degrees(turn)
