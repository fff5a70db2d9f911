"""Rings and circles on a round earth, for a platform that draws on a plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.errors import ValidationError
from lmg_offline.geo import EARTH_RADIUS_M, ContentFilter

SQUARE = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]


def area_of(content_filter: ContentFilter) -> list[list[float]]:
    found: Any = content_filter.variables()["contextGeoArea"]
    assert isinstance(found, list)
    return found


def distance_m(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Haversine: another formula than the one that made the circle."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, point)) for point in (here, there))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(half))


def twice_area(ring: list[list[float]]) -> float:
    return sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring)) * -1


@pytest.mark.parametrize("points", [SQUARE, SQUARE[::-1], [*SQUARE, SQUARE[0]], [*SQUARE[::-1], SQUARE[-1]]])
def test_a_ring_is_closed_and_anti_clockwise(points: list[tuple[float, float]]) -> None:
    """However it was given; longitude first."""
    content_filter = ContentFilter()
    content_filter.set_context_geo_area(points)
    ring = area_of(content_filter)

    assert (5, ring[0], 2.0) == (len(ring), ring[-1], twice_area(ring))


def test_a_small_ring_far_from_zero_keeps_its_turn() -> None:
    """A metre wide, at 179 degrees east."""
    content_filter = ContentFilter()
    content_filter.set_context_geo_area([(-80.0, 179.0), (-79.99999, 179.0), (-79.99999, 179.00001)])

    assert [[179.00001, -79.99999], [179.0, -79.99999], [179.0, -80.0], [179.00001, -79.99999]] == area_of(
        content_filter
    )


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param(lambda f: f.set_context_geo_circle((89, 0), 1_000_000), "centre", id="around the north pole"),
        pytest.param(lambda f: f.set_context_geo_circle((-89.9, 10), 20_000), "centre", id="around the south pole"),
        pytest.param(lambda f: f.set_context_geo_circle((-17, 179.99), 5000), "centre", id="over the 180th meridian"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 0), 1e-12), "radius_m", id="no circle to speak of"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 0), math.inf), "radius_m", id="infinite"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 0), 10**400), "radius_m", id="beyond floats"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 0)), "radius_m", id="no radius"),
        pytest.param(lambda f: f.set_context_geo_circle((0, 181), 10), "centre.lon", id="centre out of range"),
        pytest.param(
            lambda f: f.set_context_geo_area([(-16, 177), (-16, -178), (-19, -178), (-19, 177)]), "points", id="Fiji"
        ),
        pytest.param(lambda f: f.set_context_geo_area([(0, 0), (1, 1), (2, 2)]), "points", id="on one line"),
        pytest.param(lambda f: f.set_context_geo_area([(0, 0), (0, 1), (10**400, 1)]), "points.2.lat", id="huge"),
        pytest.param(lambda f: f.set_context_geo_area(SQUARE * 300), "points", id="too many"),
        pytest.param(lambda f: f.set_ordering_point(None, 5), "ordering_point.lat", id="half a point"),
        pytest.param(lambda f: f.set_ordering_point(True, 5), "ordering_point.lat", id="a bool"),
        pytest.param(lambda f: f.set_ordering_point(5), "ordering_point.lon", id="no longitude"),
    ],
)
def test_what_would_mean_another_place_is_refused(call: Callable[[ContentFilter], object], name: str) -> None:
    """By name, and what was set before stays."""
    content_filter = ContentFilter()
    content_filter.set_ordering_point(1, 2)
    content_filter.set_context_geo_area(SQUARE)
    before = content_filter.variables()
    with pytest.raises(ValidationError) as raised:
        call(content_filter)

    assert ([name], before) == (raised.value.fields, content_filter.variables())


@given(lat=st.floats(-80, 80), lon=st.floats(-150, 150), radius_m=st.floats(1, 250_000))
def test_every_corner_of_a_circle_is_its_radius_away(lat: float, lon: float, radius_m: float) -> None:
    """Measured by another formula; closed and anti-clockwise, anywhere off the poles."""
    content_filter = ContentFilter()
    content_filter.set_context_geo_circle((lat, lon), radius_m)
    ring = area_of(content_filter)

    assert (65, ring[0]) == (len(ring), ring[-1])
    assert all(
        math.isclose(radius_m, distance_m((lat, lon), (corner[1], corner[0])), rel_tol=1e-6, abs_tol=1e-3)
        for corner in ring
    )


def test_none_clears() -> None:
    """Each of the three, by itself."""
    content_filter = ContentFilter()
    content_filter.set_ordering_point(1, 2)
    content_filter.set_context_geo_area(SQUARE)
    content_filter.set_ordering_point(None)
    content_filter.set_context_geo_area(None)

    assert {"orderingGeoPoint": None, "contextGeoArea": None} == content_filter.variables()
