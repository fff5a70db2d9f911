"""When a timetable holds, where a region is, and whose age is within limits."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from properties.search import search

from lmg_offline.platform.content import geo
from lmg_offline.platform.content.discovery import Place, is_open, suits_age
from lmg_offline.platform.content.schemas import BY_KIND

KELOWNA = [-119.496, 49.888]
AT_HOME = ZoneInfo("America/Vancouver")


def at(text: str, zone: ZoneInfo = AT_HOME) -> int:
    """Return an instant by the clock of a place."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


WEEKEND = {"days": ["saturday", "sunday"]}
NIGHT = {"days": ["friday"], "opens": "22:00", "closes": "02:00"}
SUMMER = {"starts_on": "2026-06-01", "ends_on": "2026-08-31"}


@pytest.mark.parametrize(
    ("timetable", "when", "expected"),
    [
        pytest.param({}, "2026-03-10T12:00", True, id="no limit"),
        pytest.param(WEEKEND, "2026-03-14T00:00", True, id="Saturday begins"),
        pytest.param(WEEKEND, "2026-03-13T23:59", False, id="Friday ends"),
        pytest.param(WEEKEND, "2026-03-15T23:59", True, id="Sunday ends"),
        pytest.param({"opens": "09:00", "closes": "17:00"}, "2026-03-10T09:00", True, id="opens"),
        pytest.param({"opens": "09:00", "closes": "17:00"}, "2026-03-10T17:00", False, id="closes"),
        pytest.param({"opens": "09:00"}, "2026-03-10T23:59", True, id="open end"),
        pytest.param({"closes": "09:00"}, "2026-03-10T00:00", True, id="open beginning"),
        pytest.param(NIGHT, "2026-03-13T22:00", True, id="Friday night"),
        pytest.param(NIGHT, "2026-03-14T01:59", True, id="still Friday night"),
        pytest.param(NIGHT, "2026-03-14T02:00", False, id="Friday night is over"),
        pytest.param(NIGHT, "2026-03-13T01:00", False, id="Thursday night"),
        pytest.param(NIGHT, "2026-03-14T22:30", False, id="Saturday night"),
        pytest.param(SUMMER, "2026-05-31T23:59", False, id="before summer"),
        pytest.param(SUMMER, "2026-06-01T00:00", True, id="first day"),
        pytest.param(SUMMER, "2026-08-31T23:59", True, id="last day"),
        pytest.param(SUMMER, "2026-09-01T00:00", False, id="after summer"),
        pytest.param({**SUMMER, "opens": "22:00", "closes": "02:00"}, "2026-09-01T01:00", True, id="last night"),
        pytest.param({"time_zone": "Asia/Tokyo", "days": ["wednesday"]}, "2026-03-10T09:00", True, id="own zone"),
        pytest.param({"opens": "02:30", "closes": "03:30"}, "2026-03-08T03:00", True, id="an hour that is skipped"),
        pytest.param({"opens": "01:00", "closes": "02:00"}, "2026-11-01T01:30", True, id="an hour that comes twice"),
    ],
)
def test_a_timetable_goes_by_the_clock_of_its_place(timetable: dict[str, Any], when: str, expected: bool) -> None:
    """The property's zone is Vancouver's."""
    assert expected == is_open(timetable, at(when), "America/Vancouver")


@pytest.mark.parametrize(
    ("limits", "age", "expected"),
    [
        (None, None, True),
        ({"min": None, "max": None}, None, True),
        ({"min": 19, "max": None}, None, False),
        ({"min": 19, "max": None}, 18, False),
        ({"min": 19, "max": None}, 19, True),
        ({"min": None, "max": 12}, 12, True),
        ({"min": None, "max": 12}, 13, False),
        ({"min": 0, "max": None}, None, False),
    ],
)
def test_an_unknown_age_is_within_no_limit(limits: dict[str, Any] | None, age: int | None, expected: bool) -> None:
    """Both ends are included."""
    assert expected == suits_age(limits, age)


LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-90, 90)


@given(LONGITUDES, LATITUDES, st.floats(1, 1_000_000), st.floats(0, 2 * math.pi), st.floats(0, 1))
@search(400)
def test_the_boxes_of_a_circle_hold_all_of_it(
    longitude: float, latitude: float, radius_m: float, bearing: float, share: float
) -> None:
    """Over the poles and the 180th meridian too."""
    circle = geo.Circle((longitude, latitude), radius_m)
    here, away = math.radians(latitude), share * radius_m / geo.EARTH_RADIUS_M
    there = math.asin(
        max(-1, min(1, math.sin(here) * math.cos(away) + math.cos(here) * math.sin(away) * math.cos(bearing)))
    )
    turned = math.atan2(
        math.sin(bearing) * math.sin(away) * math.cos(here), math.cos(away) - math.sin(here) * math.sin(there)
    )
    point = ((longitude + math.degrees(turned) + 180) % 360 - 180, math.degrees(there))
    boxes = circle.boxes()

    assert any(box.south <= point[1] <= box.north and box.west <= point[0] <= box.east for box in boxes) or not (
        circle.holds(point)
    )


SQUARE = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param([[2, 2], [3, 2], [3, 3]], True, id="inside"),
        pytest.param([[-20, -20], [20, -20], [20, 20], [-20, 20]], True, id="around"),
        pytest.param([[-5, 4], [15, 4], [15, 6], [-5, 6]], True, id="across, no corner inside"),
        pytest.param([[11, 0], [20, 0], [20, 10]], False, id="beside"),
    ],
)
def test_regions_meet(other: list[list[float]], expected: bool) -> None:
    """Whichever is asked."""
    one, two = geo.Ring(SQUARE), geo.Ring(other)

    assert [expected, expected] == [geo.meet(one, two), geo.meet(two, one)]


def test_who_asks_from_nowhere_is_in_no_region() -> None:
    """A point counts before an area."""
    region = geo.Circle(KELOWNA, 10_000)
    around = geo.Ring([[-119.6, 49.8], [-119.4, 49.8], [-119.4, 50.0], [-119.6, 50.0]])
    far = [-123.1, 49.3]
    asked = [Place(), Place(KELOWNA), Place(far), Place(None, around), Place(far, around)]

    assert [False, True, False, True, False] == [place.is_in(region) for place in asked]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        pytest.param({"filter": {"region": {}}}, "region", id="no region"),
        pytest.param({"filter": {"region": {"ring": SQUARE, "centre": KELOWNA, "radius_m": 5}}}, "region", id="both"),
        pytest.param({"filter": {"region": {"centre": KELOWNA}}}, "region", id="no radius"),
        pytest.param({"filter": {"region": {"centre": [1], "radius_m": 5}}}, "centre", id="half a point"),
        pytest.param({"filter": {"region": {"ring": [[0, 0], [0, 91], [1, 1]]}}}, "ring", id="beyond the pole"),
        pytest.param({"filter": {"age": {"min": 20, "max": 10}}}, "max", id="no age at all"),
        pytest.param({"order": "random"}, "order", id="no such order"),
        pytest.param({"discoverability": {"schedule": {"days": ["Mon"]}}}, "days", id="no such day"),
        pytest.param({"discoverability": {"schedule": {"opens": "24:00"}}}, "opens", id="no such hour"),
        pytest.param({"discoverability": {"schedule": {"ends_on": "2026-02-30"}}}, "ends_on", id="no such date"),
        pytest.param({"discoverability": {"schedule": {"time_zone": "Mars"}}}, "time_zone", id="no such zone"),
    ],
)
def test_a_wrong_collection_is_refused_by_its_field(wrong: dict[str, Any], where: str) -> None:
    """Named to the leaf."""
    with pytest.raises(ValidationError) as raised:
        BY_KIND["collections"].load({"name": "C", **wrong})

    assert where in str(raised.value.messages)
