"""The one JSON form of this package: how a value is written, what may be in it, how it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NoReturn

from ..errors import ValidationError

MAX_DEPTH = 8
MAX_BYTES = 32 * 1024
MAX_INTEGER = 2**53

_MAX_DIGITS = 1000


def encode(value: object) -> str:
    """
    Return the compact JSON text of a value, in the order of its keys, not escaped to ASCII.

    Raises:
        ValueError: A number is NaN or infinite, or the nesting is endless.
        TypeError: JSON does not know the type. `check` finds both first, with the field's name.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def text_fault(text: str) -> str | None:
    """Return why a text can't be stored everywhere, or None when it can."""
    if "\0" in text:
        return "Must not contain NUL."
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return "Must not contain lone surrogates."
    return None


def integer_fault(number: int) -> str | None:
    """Return why an integer can't be sent exactly, or None when it can."""
    return "Must lie between -2**53 and 2**53." if abs(number) > MAX_INTEGER else None


def check(value: object, *, where: str = "", max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES) -> None:
    """
    Refuse a value that some JSON reader or database between here and the platform would not take.

    Args:
        value: What is to be encoded.

        where: Dotted name of the value, put before the names in errors.

        max_depth: How many objects and lists may lie inside one another, the outermost counted.

        max_bytes: Bound of the encoded size in UTF-8.

    Raises:
        ValidationError: NUL, a lone surrogate, NaN or an infinity, an integer
            beyond 2**53, a key that is not text, a type that JSON does not
            know, too deep or too large. All faults together, by dotted name.

    Source: what one database takes and another refuses would be an entry that
    can never be delivered; 2**53 is the last integer that a double holds (RFC 8259, 6).
    """
    walk = _Walk(max_depth, max_bytes)
    walk.visit(value, where, 0)
    root = where or "value"
    if not walk.errors and (walk.too_large or len(encode(value).encode()) > max_bytes):
        raise ValidationError({root: [f"Must not be larger than {max_bytes} bytes as JSON."]})
    if walk.errors:
        raise ValidationError({name or "value": reasons for name, reasons in walk.errors.items()})


class _Walk:
    """Collects the faults of a value by dotted name. Ends early when it must be too large anyway."""

    def __init__(self, max_depth: int, max_bytes: int) -> None:
        self.errors: dict[str, list[str]] = {}
        self._max_depth = max_depth
        self._bytes_left = max_bytes

    @property
    def too_large(self) -> bool:
        """Whether what was seen so far is already over the bound."""
        return self._bytes_left < 0

    def visit(self, value: object, where: str, depth: int) -> None:
        """Look at one value and what is inside it; shared references count each time they appear."""
        self._bytes_left -= 1
        if self.too_large or value is None or isinstance(value, bool):
            return
        if isinstance(value, str):
            self._bytes_left -= len(value)
            self._note(where, text_fault(value))
        elif isinstance(value, int):
            self._note(where, integer_fault(value))
        elif isinstance(value, float):
            self._note(where, None if math.isfinite(value) else "Must be a finite number.")
        elif not isinstance(value, (dict, list, tuple)):
            self._note(where, "Must be a value that JSON knows.")
        elif depth == self._max_depth:
            self._note(where, f"Must not be nested more than {self._max_depth} deep.")
        elif isinstance(value, dict):
            self._visit_object(value, where, depth + 1)
        else:
            for index, item in enumerate(value):
                self.visit(item, _join(where, str(index)), depth + 1)
                if self.too_large:
                    return

    def _visit_object(self, value: Mapping[object, object], where: str, depth: int) -> None:
        for key, item in value.items():
            if not isinstance(key, str):
                self._note(where, "Must have keys that are text.")
                continue
            self._bytes_left -= len(key)
            fault = text_fault(key)
            if fault:
                self._note(where, f"A key: {fault}")
            else:
                self.visit(item, _join(where, key), depth)
            if self.too_large:
                return

    def _note(self, where: str, fault: str | None) -> None:
        if fault is not None:
            reasons = self.errors.setdefault(where, [])
            if fault not in reasons:
                reasons.append(fault)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def decode(data: bytes | str, *, max_depth: int = 64) -> object:
    """
    Return the value of one JSON text that somebody else wrote.

    Lone surrogates and integers beyond 2**53 pass, so that one bad entry does
    not make its whole request unreadable: `check` refuses them, by name.

    Args:
        data: UTF-8 bytes without a byte order mark, or text.

        max_depth: How many objects and lists may lie inside one another.

    Raises:
        ValueError: Not JSON, not UTF-8, NaN or an infinity (`1e999` too), a
            number of more than 1,000 digits, or nested too deep. The message
            and the exception hold nothing of the data.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value: object = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON, at character {error.pos}") from None
    except RecursionError:
        raise ValueError(f"nested more than {max_depth} deep") from None
    if text.count("[") + text.count("{") > max_depth and _is_deeper(value, max_depth):
        raise ValueError(f"nested more than {max_depth} deep")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _bounded(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _is_deeper(value: object, max_depth: int) -> bool:
    level = [value]
    for _ in range(max_depth):
        level = [item for container in level for item in _items(container)]
        if not level:
            return False
    return any(isinstance(item, (dict, list)) for item in level)


def _items(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
