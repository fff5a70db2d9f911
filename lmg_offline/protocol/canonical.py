"""
The one JSON form of this package: how a value is written, what may be in it, how it is read.

What an app passes may be of a class of its own, and may change while it is
looked at. So nothing is asked of its methods: text, numbers, lists and
dictionaries are read by those of the built-in types, once, and copied.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NoReturn, TypeGuard, TypeVar

from ..errors import ValidationError

MAX_DEPTH = 8
MAX_BYTES = 32 * 1024
MAX_INTEGER = 2**53

_MAX_DIGITS = 1000
# More fields than fit into an entry.
_MAX_FIELDS = MAX_BYTES
# More of them help nobody, and a list of thousands is a message of many kilobytes.
MOST_FAULTS = 20

NOT_AN_OBJECT = "Must be an object."
NO_TEXT_KEYS = "Must have keys that are text."

# See most_bytes.
_MOST_BYTES = 30
_MOST_BYTES_A_LETTER = 6
# Made once: json.dumps makes one for each call that asks for anything but the default.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

T = TypeVar("T")


def encode(value: object) -> str:
    """
    Return the compact JSON text of a value, in the order of its keys, not escaped to ASCII.

    Raises:
        ValueError: A number is NaN or infinite, or the nesting is endless.
        TypeError: JSON does not know the type. `check` finds both first, with the field's name.
    """
    return _ENCODER.encode(value)


def size_of(text: str) -> int:
    """Return how many bytes a text takes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def most_bytes(values: int, letters: int = 0) -> int:
    """
    Return how many bytes so many values, and the letters of their texts and keys, take at most as JSON.

    A letter takes at most 6, a value with what is around it, its key's quotes and colon too, at most 30.
    """
    return _MOST_BYTES * values + _MOST_BYTES_A_LETTER * letters


def is_a(value: object, kind: type[T]) -> TypeGuard[T]:
    """Say whether the value is of this type, whatever it says of itself."""
    return issubclass(type(value), kind)


def text_fault(text: str) -> str | None:
    """Return why a text can't be stored everywhere, or None when it can."""
    if str.__contains__(text, "\0"):
        return "Must not contain NUL."
    if not str.isascii(text):
        try:
            str.encode(text, "utf-8")
        except UnicodeEncodeError:
            return "Must not contain lone surrogates."
    return None


def integer_fault(number: int) -> str | None:
    """Return why an integer can't be sent exactly, or None when it can."""
    return "Must lie between -2**53 and 2**53." if int.__abs__(number) > MAX_INTEGER else None


def fields_of(value: object, where: str) -> dict[str, object]:
    """
    Return a copy of any mapping: its own values under keys that are plain text.

    Args:
        value: What the app passed. Only a mapping that is no dictionary is asked itself.

        where: Dotted name of the value, for the error.

    Raises:
        ValidationError: No mapping, a key that is not text, more than an entry
            can hold, or a mapping that can't be read.
    """
    try:
        if type(value) is dict:  # plain, as nearly always: copied at once, before another thread can change it
            given = value.copy()
            if len(given) <= _MAX_FIELDS and {str}.issuperset(map(type, given)):
                return given
        if is_a(value, dict):
            pairs = list(dict.items(value))
        elif isinstance(value, Mapping):
            pairs = list(islice(value.items(), _MAX_FIELDS + 1))
        else:
            raise ValidationError({where: [NOT_AN_OBJECT]})
        if len(pairs) > _MAX_FIELDS:
            raise ValidationError({where: ["Has too many fields."]})
        if not all(is_a(name, str) for name, _ in pairs):
            raise ValidationError({where: [NO_TEXT_KEYS]})
        return {str.__str__(name): item for name, item in pairs}
    except ValidationError:
        raise
    except Exception as error:  # the app's own mapping: whatever it raises, nothing of it can be sent
        raise ValidationError({where: [f"Can't be read: {type(error).__name__}."]}) from None


def check(value: object, *, where: str = "", max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES) -> object:
    """
    Refuse a value that some JSON reader or database between here and the platform would not take.

    Returns:
        A copy in plain types, which nobody else can change: encode this one.

    Args:
        value: What is to be encoded.

        where: Dotted name of the value, put before the names in errors.

        max_depth: How many objects and lists may lie inside one another, the outermost counted.

        max_bytes: Bound of the encoded size in UTF-8.

    Raises:
        ValidationError: NUL, a lone surrogate, NaN or an infinity, an integer
            beyond 2**53, a key that is not text, a type that JSON does not
            know, too deep or too large. The faults together, up to 20, by dotted name.

    Source: what one database takes and another refuses would be an entry that
    can never be delivered; 2**53 is the last integer that a double holds (RFC 8259, 6).
    """
    walk = _Walk(max_depth, max_bytes)
    plain = walk.visit(value, where, 0)
    root = where or "value"
    if not walk.errors and (
        walk.too_large or (walk.may_be_larger and size_of(encode(plain)) > max_bytes)
    ):
        raise ValidationError({root: [f"Must not be larger than {max_bytes} bytes as JSON."]})
    if walk.errors:
        raise ValidationError({name or "value": reasons for name, reasons in walk.errors.items()})
    return plain


class _Walk:
    """Copies a value and collects its faults by dotted name. Ends early when it must be too large anyway."""

    def __init__(self, max_depth: int, max_bytes: int) -> None:
        self.errors: dict[str, list[str]] = {}
        self._max_depth = max_depth
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes

    @property
    def too_large(self) -> bool:
        """Whether what was seen so far is already over the bound."""
        return self._bytes_left < 0

    @property
    def may_be_larger(self) -> bool:
        """
        Whether what was seen can be over the bound once it is written.

        Values and letters are counted alike here.
        """
        return most_bytes(self._max_bytes - self._bytes_left) > self._max_bytes

    def visit(self, value: object, where: str, depth: int) -> object:
        """
        Copy one value and what is inside it; shared references count each time they appear.

        The copy is whole when nothing was at fault and it was not too large.
        """
        self._bytes_left -= 1
        if type(value) is str and str.isascii(value) and "\0" not in value:  # plain, as nearly always
            self._bytes_left -= len(value)
            return value
        if self._bytes_left < 0 or value is None or value is True or value is False:
            return value
        if is_a(value, str):
            text = str.__str__(value)
            self._bytes_left -= len(text)
            self._note(where, text_fault(text))
            return text
        if is_a(value, int):
            self._note(where, integer_fault(value))
            return int.__int__(value)
        if is_a(value, float):
            number = float.__float__(value)
            self._note(where, None if math.isfinite(number) else "Must be a finite number.")
            return number
        if not issubclass(type(value), (dict, list, tuple)):
            self._note(where, "Must be a value that JSON knows.")
        elif depth == self._max_depth:
            self._note(where, f"Must not be nested more than {self._max_depth} deep.")
        elif is_a(value, dict):
            return self._visit_object(value, where, depth + 1)
        elif is_a(value, list):
            return self._visit_list(list.__iter__(value), where, depth + 1)
        elif is_a(value, tuple):
            return self._visit_list(tuple.__iter__(value), where, depth + 1)
        return None

    def _visit_list(self, values: Iterator[object], where: str, depth: int) -> list[object]:
        copied: list[object] = []
        for index, item in enumerate(values):
            copied.append(self.visit(item, _join(where, str(index)), depth))
            if self._bytes_left < 0:
                break
        return copied

    def _visit_object(self, value: dict[object, object], where: str, depth: int) -> dict[str, object]:
        copied: dict[str, object] = {}
        for key, item in list(dict.items(value)):
            if not is_a(key, str):
                self._note(where, NO_TEXT_KEYS)
                continue
            name = str.__str__(key)
            self._bytes_left -= len(name)
            fault = text_fault(name)
            if fault:
                self._note(where, f"A key: {fault}")
            else:
                copied[name] = self.visit(item, f"{where}.{name}" if where else name, depth)
            if self._bytes_left < 0:
                break
        return copied

    def _note(self, where: str, fault: str | None) -> None:
        if fault is not None and (where in self.errors or len(self.errors) < MOST_FAULTS):
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
        level = [item for container in level for item in _items(container) if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
