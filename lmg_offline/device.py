"""What a client says of its device at each request: language, time zone, and where it is."""

from __future__ import annotations

import json
import locale
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ._support.clock import Clock
from ._support.forks import renew_in_child
from .errors import ValidationError
from .geo import check_point

if TYPE_CHECKING:
    from .models import DevicePosition

MAX_ACCURACY_M = 1_000_000.0
_ZONES = "zoneinfo/"
_MAX_NAME = 64


class Device:
    """Holds what the app said of the device. In memory alone; safe from any thread."""

    def __init__(self, clock: Clock, language: str | None, timezone: str | None) -> None:
        """
        Args:
            language: Language code such as `en` or `fr-CA`; None takes the system's.

            timezone: IANA name such as `Europe/Zurich`; None takes the system's.

        Raises:
            ValidationError: One of them can't be a name.
        """
        self._clock = clock
        self.language = _name("language", language) if language is not None else system_language()
        self.timezone = _name("timezone", timezone) if timezone is not None else system_timezone()
        self._position: tuple[float, float, float | None, float] | None = None
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()  # guards _position: (lat, lon, accuracy, when in monotonic seconds)

    def set_position(
        self, lat: float | None, lon: float | None, accuracy_m: float | None, at: datetime | None
    ) -> None:
        """Say where the device is; None forgets it. Raises ValidationError."""
        if lat is None and lon is None:
            found = None
        else:
            point = check_point("position", (lat, lon))
            found = (*point, _accuracy(accuracy_m), self._clock.monotonic_s() - self._age_s(at))
        with self._lock:
            self._position = found

    def position(self) -> DevicePosition | None:
        """Return where the device is, as far as the app said."""
        with self._lock:
            found = self._position
        if found is None:
            return None
        from .models import DevicePosition  # not on the way of a new process to its first write

        lat, lon, accuracy_m, at_s = found
        return DevicePosition(lat, lon, accuracy_m, max(0.0, self._clock.monotonic_s() - at_s))

    def headers(self) -> Mapping[str, str]:
        """
        Return the request headers that say all this.

        Source: the public facts of the platform's SDKs: [longitude, latitude] as JSON, whole
        seconds. The accuracy goes to the millimetre: a reader of plain numbers knows no exponents.
        """
        from .protocol import replay as wire  # as above: who asks for headers has a request to send

        headers: dict[str, str] = {}
        if self.language is not None:
            headers[wire.LOCALE_HEADER] = self.language
        if self.timezone is not None:
            headers[wire.TIMEZONE_HEADER] = self.timezone
        position = self.position()
        if position is not None:
            headers[wire.GEO_POINT_HEADER] = json.dumps([position.longitude, position.latitude])
            headers[wire.GEO_AGE_HEADER] = str(int(position.age_s))
            if position.accuracy_m is not None:
                headers[wire.GEO_ACCURACY_HEADER] = f"{position.accuracy_m:.3f}".rstrip("0").rstrip(".")
        return headers

    def _age_s(self, at: datetime | None) -> float:
        if at is None:
            return 0.0
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise ValidationError({"at": ["Give an aware datetime."]})
        return max(0.0, self._clock.wall_ms() / 1000 - at.timestamp())


def system_language() -> str | None:
    """Return the language code of the process's locale, or None."""
    name = locale.setlocale(locale.LC_CTYPE)
    if name.partition(".")[0] in ("C", "POSIX", ""):
        name = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
    code = name.partition(".")[0].partition("@")[0].replace("_", "-")
    return code if code.replace("-", "").isalnum() and code not in ("C", "POSIX") and len(code) <= _MAX_NAME else None


def system_timezone() -> str | None:
    """
    Return the IANA name of the system's time zone, or None where the system does not tell.

    Source: TZ of tzset(3); /etc/localtime of localtime(5) is a link into the zone database.
    """
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        try:
            named = str(Path("/etc/localtime").readlink())
        except OSError:
            return None
    named = named.rpartition(_ZONES)[2] if _ZONES in named else named
    is_name = named and len(named) <= _MAX_NAME and named.isascii() and not named.startswith("/")
    return named if is_name and all(c.isalnum() or c in "/_+-" for c in named) else None


def _name(field: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME or not value.isascii() or not value.isprintable():
        raise ValidationError({field: [f"Give 1 to {_MAX_NAME} printable ASCII characters."]})
    return value


def _accuracy(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_ACCURACY_M:
        raise ValidationError({"accuracy_m": ["Give metres, from 0 to 1,000,000."]})
    return float(value)
