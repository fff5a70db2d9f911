"""
Values that mean harm, or meet somebody's bug: each with what must become of it.

A class that lies is not far-fetched: proxies, lazy texts and records of other
libraries are of such classes, and another thread may change a dictionary while
it is looked at.
"""

from __future__ import annotations

import collections
import enum
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, NoReturn

MEGABYTES_10 = 10_000_000


def boom(*_: object) -> NoReturn:
    """What an object of somebody's may do at any call."""
    raise RuntimeError("somebody's own mistake")


class RaisingText(str):
    """Text whose every method raises."""

    __str__ = __len__ = __iter__ = __contains__ = __eq__ = __hash__ = boom  # type: ignore[assignment]
    encode = isascii = strip = lower = boom  # type: ignore[assignment]


class LyingText(str):
    """Text that says that it holds nothing wrong."""

    def __contains__(self, _: object) -> bool:
        return False

    def isascii(self) -> bool:
        return True

    def encode(self, *_: object) -> bytes:
        return b"harmless"

    def __len__(self) -> int:
        return 3


class LyingInteger(int):
    """An integer that says that it is small."""

    def __abs__(self) -> int:
        return 1

    def __le__(self, _: object) -> bool:
        return True

    def __ge__(self, _: object) -> bool:
        return True

    def __gt__(self, _: object) -> bool:
        return False

    def __int__(self) -> int:
        return 1


class LyingNumber(float):
    """NaN that says that it is a number."""

    def __float__(self) -> float:
        return 1.0


class RaisingDict(dict[str, object]):
    """A dictionary that can't be walked."""

    items = keys = values = __iter__ = __len__ = __getitem__ = boom  # type: ignore[assignment]


class TwoFacedDict(dict[str, object]):
    """A dictionary that shows something else at each look."""

    looks = 0

    def items(self) -> Any:
        self.looks += 1
        return {"shown": 1}.items() if self.looks == 1 else {"shown": float("nan")}.items()


class RaisingList(list[object]):
    """A list that can't be walked."""

    __iter__ = __len__ = __getitem__ = boom  # type: ignore[assignment]


class RaisingMapping(Mapping[str, object]):
    """A mapping, but no dictionary, that can't be read."""

    def __getitem__(self, key: str) -> object:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["email"])

    def __len__(self) -> int:
        return 1


class EndlessMapping(RaisingMapping):
    """A mapping without end."""

    def items(self) -> Any:
        return ((str(number), number) for number in iter(int, 1))


class RaisingDate(date):
    """A date that can't be written."""

    isoformat = boom  # type: ignore[assignment]


class LyingDate(date):
    """A date that is written as something else."""

    def isoformat(self) -> str:
        return "NUL \0 and more"


class RaisingZone(tzinfo):
    """A time zone that nobody can ask."""

    utcoffset = dst = tzname = boom  # type: ignore[assignment]


class Impostor:
    """An object that says that it is a text."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return str


class RaisingObject:
    """An object that can't be shown, compared or hashed."""

    __str__ = __repr__ = __iter__ = __eq__ = __hash__ = __bool__ = boom  # type: ignore[assignment]


class Colour(enum.Enum):
    """An enum without a value that JSON knows."""

    RED = object()


def cyclic_dict() -> dict[str, object]:
    """A dictionary that holds itself."""
    found: dict[str, object] = {}
    found["self"] = found
    return found


def cyclic_list() -> list[object]:
    """A list that holds itself."""
    found: list[object] = []
    found.append(found)
    return found


def deep_dict() -> dict[str, object]:
    """Dictionaries in one another, 100,000 of them."""
    found: dict[str, object] = {}
    for _ in range(100_000):
        found = {"d": found}
    return found


# Refused wherever a value of a trait or a property can stand.
NEVER: dict[str, Callable[[], object]] = {
    "10 MB of text": lambda: "x" * MEGABYTES_10,
    "a million texts": lambda: ["x"] * 1_000_000,
    "NUL": lambda: "a\0b",
    "a lone surrogate": lambda: "a\ud800b",
    "half a pair the other way": lambda: "\udc00\ud800",
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "minus infinity": lambda: float("-inf"),
    "beyond 2**53": lambda: 2**53 + 1,
    "below -2**53": lambda: -(2**53) - 1,
    "5,000 digits": lambda: 10**5000,
    "complex": lambda: 1j,
    "bytes": lambda: b"x",
    "a bytearray": lambda: bytearray(b"x"),
    "a set": lambda: {"x"},
    "a generator": lambda: (each for each in "ab"),
    "an object": object,
    "a class": lambda: RaisingObject,
    "an object that raises": RaisingObject,
    "an enum": lambda: Colour.RED,
    "text that lies about NUL": lambda: LyingText("a\0b"),
    "text that lies about surrogates": lambda: LyingText("a\ud800b"),
    "text that lies about its length": lambda: LyingText("x" * MEGABYTES_10),
    "an integer that lies": lambda: LyingInteger(2**60),
    "a number that lies": lambda: LyingNumber("nan"),
    "a list that holds itself": cyclic_list,
    "a dictionary that holds itself": cyclic_dict,
    "a list in a list in a list": lambda: [[["x"]] * 3000] * 3000,
    "deeper than any stack": deep_dict,
    "somebody who says to be text": Impostor,
    "a time in a zone that raises": lambda: datetime(2020, 1, 1, tzinfo=RaisingZone()),
    "a time before the year 1": lambda: datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    "a time after the year 9999": lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
}

# Accepted as a trait, and exactly this must arrive.
ARRIVES: dict[str, tuple[Callable[[], object], object]] = {
    "SQL": (lambda: "'; DROP TABLE users; --", "'; DROP TABLE users; --"),
    "SQL with a comment": (lambda: "x' OR 1=1 /* ", "x' OR 1=1 /* "),
    "placeholders": (lambda: "%s %(x)s ? :x $1 {0}", "%s %(x)s ? :x $1 {0}"),
    "HTML": (lambda: "<script>alert(1)</script>&lt;&amp;\"'", "<script>alert(1)</script>&lt;&amp;\"'"),
    "JSON": (lambda: '{"a": [1, "\\u0000"]}', '{"a": [1, "\\u0000"]}'),
    "line breaks of every kind": (lambda: "a\r\nb\u2028c\u2029d\x85e\x0bf", "a\r\nb\u2028c\u2029d\x85e\x0bf"),
    "control characters": (
        lambda: "".join(map(chr, range(1, 32))) + "\x7f\x9f",
        "".join(map(chr, range(1, 32))) + "\x7f\x9f",
    ),
    "directions": (lambda: "\u202egnp.exe\u202c\u200f", "\u202egnp.exe\u202c\u200f"),
    "beyond the first plane": (lambda: "👩🏽‍🚀𝕏\U0010ffff", "👩🏽‍🚀𝕏\U0010ffff"),
    "characters that are none": (lambda: "\ufffe\uffff\ufeff", "\ufffe\uffff\ufeff"),
    "a thousand accents": (lambda: "a" + "\u0301" * 1000, "a" + "\u0301" * 1000),
    "nothing but spaces": (lambda: " \t ", " \t "),
    "no text": (lambda: "", ""),
    "what looks like null": (lambda: "null", "null"),
    "what looks like a number": (lambda: "1e5", "1e5"),
    "true": (lambda: True, True),
    "false": (lambda: False, False),
    "one, which is not true": (lambda: 1, 1),
    "zero, which is not false": (lambda: 0, 0),
    "2**53": (lambda: 2**53, 2**53),
    "-2**53": (lambda: -(2**53), -(2**53)),
    "a tenth": (lambda: 0.1, 0.1),
    "the least number": (lambda: 5e-324, 5e-324),
    "the greatest number": (lambda: 1.7976931348623157e308, 1.7976931348623157e308),
    "no texts": (list, []),
    "a tuple of texts": (lambda: ("b", "a", "b"), ["b", "a", "b"]),
    "the first day": (lambda: date.min, "0001-01-01"),
    "the last day": (lambda: date.max, "9999-12-31"),
    "the first instant": (lambda: datetime.min, "0001-01-01T00:00:00+00:00"),
    "the last instant": (lambda: datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999+00:00"),
    "a text of another class": (lambda: RaisingText("plain"), "plain"),
    "a list of another class": (lambda: RaisingList(["plain"]), ["plain"]),
    "a date that lies": (lambda: LyingDate(2020, 2, 29), "2020-02-29"),
    "a date that raises": (lambda: RaisingDate(2020, 2, 29), "2020-02-29"),
}

# One row is several people: by form, by case, by what can't be seen.
DIFFERENT_PEOPLE: dict[str, tuple[str, ...]] = {
    "composed or not": ("Zoë", "Zoe\u0308"),
    "compatible forms": ("ﬁle", "file", "ｆｉｌｅ"),
    "case": ("Ann", "ann", "ANN"),
    "case in Turkish": ("istanbul", "İstanbul", "ıstanbul", "Istanbul"),
    "case of one letter or two": ("strasse", "straße", "STRASSE"),
    "look alike": ("paypal", "раураl"),
    "spaces": ("eve", "eve ", " eve", "e ve", "eve\u00a0"),
    "what can't be seen": ("max", "m\u200bax", "ma\u00adx", "\ufeffmax"),
    "digits": ("user1", "user１", "user١"),
    "paths": ("a/b", "a%2Fb", "a//b", "a/../b", "./a/b"),
    "quotes": ("o'neil", "o''neil", "o\\'neil", 'o"neil'),
    "wildcards": ("li%", "li_", "lie", "li*"),
    "endings of addresses": ("x/export", "x", "x/activity", "x?limit=1", "x#y", "x;y"),
    "numbers": ("1", "01", "1.0", "+1", "١"),
    "words of programs": ("null", "None", "NaN", "true", "undefined"),
}


class Meddler:
    """Another thread that changes a dictionary as fast as it can while the block lasts."""

    def __init__(self, victim: dict[str, Any], bad: object) -> None:
        self._victim, self._bad = victim, bad
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._meddle)

    def _meddle(self) -> None:
        number = 0
        while not self._done.is_set():
            number += 1
            self._victim["meddled"] = self._bad
            self._victim[f"new {number % 50}"] = number
            self._victim.pop("meddled", None)
            self._victim.pop(f"new {(number + 25) % 50}", None)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


OTHER_MAPPINGS: dict[str, Callable[[], Any]] = {
    "a mapping that raises": RaisingMapping,
    "a mapping without end": EndlessMapping,
    "a list": lambda: [("email", "a@b.c")],
    "a text": lambda: "email",
    "keys that are no text": lambda: {1: "x"},
    "a key with NUL": lambda: {"a\0b": 1},
    "a key with a lone surrogate": lambda: {"\ud800": 1},
    "10,000 fields": lambda: {f"field {number}": number for number in range(10_000)},
    "200,000 fields": lambda: dict.fromkeys(map(str, range(200_000))),
    "holds itself": cyclic_dict,
}
ORDERED = collections.OrderedDict
