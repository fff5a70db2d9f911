"""What a client says of its device."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lmg_offline import device as module
from lmg_offline.device import Device, system_language, system_timezone
from lmg_offline.errors import ValidationError
from tests.fakes import START_MS, ManualClock


def test_the_headers_are_those_of_the_real_sdks() -> None:
    """[longitude, latitude] as JSON, whole seconds, and nothing that the app did not say."""
    clock = ManualClock()
    device = Device(clock, "fr-CA", "America/Montreal")
    before = dict(device.headers())
    device.set_position(49.8996925, -119.4546625, 12.5, None)
    clock.advance(90.7)

    assert {"X-Client-Locale": "fr-CA", "X-Client-Timezone": "America/Montreal"} == before
    assert {
        **before,
        "X-Device-GeoPoint": "[-119.4546625, 49.8996925]",
        "X-Device-GeoPoint-Accuracy": "12.5",
        "X-Device-GeoPoint-Age": "90",
    } == device.headers()
    device.set_position(None, None, None, None)
    assert (before, None) == (device.headers(), device.position())


def test_a_position_that_was_measured_earlier_is_as_old_as_that() -> None:
    """Its age counts from the measurement."""
    clock = ManualClock()
    device = Device(clock, None, None)
    device.set_position(1, 2, None, datetime.fromtimestamp(START_MS / 1000, UTC) - timedelta(seconds=60))
    position = device.position()

    assert position is not None
    assert (1.0, 2.0, None, 60.0) == (position.latitude, position.longitude, position.accuracy_m, position.age_s)
    assert "1.0" not in repr(position)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((91, 0, None, None), "position.lat"),
        ((0, 181, None, None), "position.lon"),
        ((0, None, None, None), "position.lon"),
        ((0, 0, -1, None), "accuracy_m"),
        ((0, 0, True, None), "accuracy_m"),
        ((0, 0, None, datetime(2026, 1, 1)), "at"),
    ],
)
def test_a_wrong_position_is_named(arguments: tuple[Any, ...], field: str) -> None:
    """And the one before stays."""
    device = Device(ManualClock(), None, None)
    with pytest.raises(ValidationError) as raised:
        device.set_position(*arguments)

    assert ([field], None) == (raised.value.fields, device.position())


@pytest.mark.parametrize(
    ("name", "value"), [("language", ""), ("language", "é"), ("timezone", "a\nb"), ("timezone", 1)]
)
def test_a_name_that_can_be_no_header_is_refused(name: str, value: Any) -> None:
    """Before it is sent."""
    with pytest.raises(ValidationError) as raised:
        Device(ManualClock(), **{"language": "en", "timezone": "UTC", name: value})

    assert [name] == raised.value.fields


@pytest.mark.parametrize(
    ("found", "environment", "expected"),
    [
        ("de_CH.UTF-8", {}, "de-CH"),
        ("C", {"LANG": "fr_CA.UTF-8"}, "fr-CA"),
        ("C.UTF-8", {"LC_ALL": "C"}, None),
        ("nonsense with spaces", {}, None),
    ],
)
def test_the_language_is_the_systems(
    monkeypatch: pytest.MonkeyPatch, found: str, environment: dict[str, str], expected: str | None
) -> None:
    """Of the process, else of the environment, else none."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module.locale, "setlocale", lambda category: found)

    assert expected == system_language()


@pytest.mark.parametrize(
    ("named", "expected"),
    [("Europe/Zurich", "Europe/Zurich"), (":/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"), ("/tmp/x", None)],
)
def test_the_time_zone_is_the_systems(monkeypatch: pytest.MonkeyPatch, named: str, expected: str | None) -> None:
    """By its name in the zone database."""
    monkeypatch.setenv("TZ", named)

    assert expected == system_timezone()


def test_the_time_zone_is_read_from_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment does not say; None where there is no link."""
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(module.Path, "readlink", lambda self: "/usr/share/zoneinfo/America/New_York")
    assert "America/New_York" == system_timezone()

    def fail(self: object) -> str:
        raise OSError(os.strerror(2))

    monkeypatch.setattr(module.Path, "readlink", fail)
    assert system_timezone() is None
