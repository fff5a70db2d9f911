"""Distances and areas on the sphere. Points are [longitude, latitude] in degrees, as on the wire."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
# The exact test comes after a box: it may be a little too large and never too small. In degrees.
_SLACK = 1e-6
_CORNERS = 64

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


@dataclass(frozen=True, slots=True)
class Box:
    """Between two latitudes and two longitudes, in degrees, its edges included."""

    south: float
    north: float
    west: float
    east: float


@dataclass(frozen=True, slots=True)
class Ring:
    """An area with straight sides on the plane of longitude and latitude."""

    corners: Sequence[Point]

    def holds(self, point: Point) -> bool:
        """Whether a point lies in it."""
        return is_inside(point, self.corners)

    def boxes(self) -> list[Box]:
        """Return what holds all of it."""
        lons, lats = [corner[0] for corner in self.corners], [corner[1] for corner in self.corners]
        return [Box(min(lats) - _SLACK, max(lats) + _SLACK, min(lons) - _SLACK, max(lons) + _SLACK)]

    def outline(self) -> Sequence[Point]:
        """Return its corners."""
        return self.corners


@dataclass(frozen=True, slots=True)
class Circle:
    """What lies within so many metres of a point, over the poles and the 180th meridian too."""

    centre: Point
    radius_m: float

    def holds(self, point: Point) -> bool:
        """Whether a point lies in it or on its edge."""
        return distance_m(self.centre, point) <= self.radius_m

    def boxes(self) -> list[Box]:
        """Return one or two boxes that hold all of it. Source: Jan Matuschek, "Finding points within a distance"."""
        lon, lat = self.centre
        angle = self.radius_m / EARTH_RADIUS_M
        south, north = lat - math.degrees(angle) - _SLACK, lat + math.degrees(angle) + _SLACK
        if south <= -90 or north >= 90:
            return [Box(south, north, -180, 180)]
        wide = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(lat))))) + _SLACK
        west, east = lon - wide, lon + wide
        if west < -180:
            return [Box(south, north, west + 360, 180), Box(south, north, -180, east)]
        if east > 180:
            return [Box(south, north, west, 180), Box(south, north, -180, east - 360)]
        return [Box(south, north, west, east)]

    def outline(self) -> Sequence[Point]:
        """Return 64 points on its edge; longitudes may lie beyond 180 degrees."""
        lon, lat = self.centre
        angle, here = self.radius_m / EARTH_RADIUS_M, math.radians(lat)
        found = []
        for number in range(_CORNERS):
            bearing = 2 * math.pi * number / _CORNERS
            there = math.asin(math.sin(here) * math.cos(angle) + math.cos(here) * math.sin(angle) * math.cos(bearing))
            east = math.atan2(
                math.sin(bearing) * math.sin(angle) * math.cos(here),
                math.cos(angle) - math.sin(here) * math.sin(there),
            )
            found.append((lon + math.degrees(east), math.degrees(there)))
        return found


Region = Ring | Circle


def region_of(document: Mapping[str, Any] | None) -> Region | None:
    """Return the region that content names: `{"ring"}`, or `{"centre", "radius_m"}`."""
    if document is None:
        return None
    if document.get("ring"):
        return Ring(document["ring"])
    return Circle(document["centre"], document["radius_m"])


def meet(one: Region, other: Region) -> bool:
    """Say whether two regions have a point in common, a circle taken as its 64 corners."""
    mine, theirs = one.outline(), other.outline()
    if any(other.holds(point) for point in mine) or any(one.holds(point) for point in theirs):
        return True
    return any(_cross(*side, *edge) for side in _sides(mine) for edge in _sides(theirs))


def _sides(ring: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(zip(ring, [*ring[1:], ring[0]], strict=True))


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) != _turn(a, b, d) and _turn(c, d, a) != _turn(c, d, b)


def _turn(a: Point, b: Point, c: Point) -> bool:
    return (c[1] - a[1]) * (b[0] - a[0]) > (b[1] - a[1]) * (c[0] - a[0])
