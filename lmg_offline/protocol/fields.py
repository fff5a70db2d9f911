"""marshmallow fields that take no near misses, and the way out of marshmallow's errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import Schema, fields
from marshmallow import ValidationError as SchemaError

from ..errors import ValidationError
from . import canonical, quick

Errors = dict[str, list[str]]

NOT_AN_OBJECT = canonical.NOT_AN_OBJECT


class StrictSchema(Schema):
    """A schema whose messages are sentences of ours. Made once, at module level: making one is slow."""

    error_messages: dict[str, str] = {  # noqa: RUF012 - marshmallow declares an instance attribute
        "unknown": "Is not a known field.",
        "type": NOT_AN_OBJECT,
    }


class Text(fields.Field[str]):
    """Text without NUL and lone surrogates, of bounded length. Bytes and numbers are not text."""

    def __init__(self, *, shortest: int = 1, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._shortest = shortest
        self._longest = longest

    def take(self, value: Any) -> str:
        """Return what the field makes of a value that is not None."""
        length = len(value) if type(value) is str and value.isascii() and "\0" not in value else -1
        if self._shortest <= length <= self._longest:
            return value  # type: ignore[no-any-return]  # it is a str
        return text(value, shortest=self._shortest, longest=self._longest)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return self.take(value)


class Integer(fields.Field[int]):
    """An integer between two bounds. True, 1.0 and "1" are not integers."""

    def __init__(
        self, *, least: int = -canonical.MAX_INTEGER, most: int = canonical.MAX_INTEGER, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._least = least
        self._most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if canonical.is_a(value, bool) or not canonical.is_a(value, int):
            raise SchemaError("Must be an integer.")
        number = int.__int__(value)
        if not self._least <= number <= self._most:
            raise SchemaError(f"Must lie between {self._least} and {self._most}.")
        return number


class Flag(fields.Field[bool]):
    """True or false, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not canonical.is_a(value, bool):
            raise SchemaError("Must be true or false.")
        return value


class OneOf(fields.Field[str]):
    """One of a few exact texts."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._choices = choices

    def take(self, value: Any) -> str:
        """Return what the field makes of a value that is not None."""
        if not canonical.is_a(value, str) or str.__str__(value) not in self._choices:
            raise SchemaError(f"Must be one of: {', '.join(self._choices)}.")
        return str.__str__(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return self.take(value)


class Checked(fields.Field[Any]):
    """A field whose whole rule is one function, which returns the value or raises `SchemaError`."""

    def __init__(self, rule: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.take = rule

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return self.take(value)


def text(value: object, *, shortest: int = 1, longest: int) -> str:
    """Return the value as plain `str`, or raise `SchemaError` with the reason."""
    if type(value) is str:
        plain = value
    elif canonical.is_a(value, str):
        plain = str.__str__(value)
    else:
        raise SchemaError("Must be text.")
    if len(plain) < shortest:
        raise SchemaError("Must not be empty.")
    if len(plain) > longest:
        raise SchemaError(f"Must not be longer than {longest} characters.")
    fault = canonical.text_fault(plain)
    if fault:
        raise SchemaError(fault)
    return plain


def load(schema: Schema, value: object, root: str) -> dict[str, Any]:
    """
    Return what the schema makes of the value.

    Args:
        schema: Made once, at module level.

        value: What somebody passed or sent.

        root: The name of the value itself, for errors that belong to no field of it.

    Raises:
        ValidationError: All errors together, by dotted name, without any value.
    """
    faults: Errors = {}
    try:
        return quick.load(schema, value)
    except SchemaError as error:
        faults = flatten(error, root)
    # Only here: marshmallow's error holds what was passed, and would be the context of ours.
    raise ValidationError(faults)


def flatten(error: SchemaError, root: str) -> Errors:
    """Turn marshmallow's nested messages into dotted names. A name that can't be shown gives its parent's."""
    flat: Errors = {}
    _collect(error.normalized_messages(), "", root, flat)  # type: ignore[no-untyped-call]
    return flat


def _collect(messages: Mapping[Any, Any], prefix: str, root: str, into: Errors) -> None:
    for key, found in messages.items():
        if key in ("_schema", ""):
            name = prefix
        elif isinstance(key, (str, int)) and canonical.text_fault(str(key)) is None:
            name = f"{prefix}.{key}" if prefix else str(key)
        else:
            name = prefix
        if isinstance(found, Mapping):
            _collect(found, name, root, into)
        else:
            into.setdefault(name or root, []).extend(str(reason) for reason in found)
