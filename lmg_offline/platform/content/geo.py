"""Distances and areas on the sphere. Points are [longitude, latitude] in degrees, as on the wire."""

from __future__ import annotations

import math
from collections.abc import Sequence

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG

Point = Sequence[float]


def distance_m(here: Point, there: Point) -> float:
    """Return the great-circle distance in metres. Source: the haversine formula."""
    lon_a, lat_a, lon_b, lat_b = map(math.radians, (*here, *there))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def is_inside(point: Point, ring: Sequence[Point]) -> bool:
    """Say whether a point lies in a closed ring. Source: the even-odd rule, by ray casting."""
    x, y = point
    inside = False
    for (x_a, y_a), (x_b, y_b) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y_a > y) != (y_b > y) and x < (x_b - x_a) * (y - y_a) / (y_b - y_a) + x_a:
            inside = not inside
    return inside
