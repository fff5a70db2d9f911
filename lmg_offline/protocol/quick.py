"""
The short way through a schema, for values without a fault.

marshmallow keeps books on every field, for the messages that it may have to give.
What is right needs none: here a schema's fields are asked one after the other, each
by the same `_deserialize` and the same validators. At the first thing that is not
as it must be, this way ends, and the schema itself is asked, which says what is wrong.
So a schema is written once, and both ways say the same
(tests/protocol/test_quick.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from marshmallow import EXCLUDE, RAISE, Schema, fields, missing
from marshmallow import ValidationError as SchemaError

Take = Callable[[Any], Any]


class NotQuick(Exception):
    """Ask the schema itself."""


class _Plan:
    """A schema's fields, ready to be asked: key, whether it must be there, default, and what reads the value."""

    __slots__ = ("_fields", "_others")

    def __init__(self, schema: Schema) -> None:
        if any(schema._hooks.values()) or schema.unknown not in (RAISE, EXCLUDE):
            raise TypeError(f"{type(schema).__name__} does more than its fields: load it by itself")
        self._others = schema.unknown == EXCLUDE
        self._fields = tuple(
            (field.data_key or name, name, field.required, field.allow_none, field.load_default, _taking(field))
            for name, field in schema.load_fields.items()
        )

    def load(self, value: Any) -> dict[str, Any]:
        """Return what the schema makes of the value, or raise `NotQuick` or `SchemaError`."""
        if type(value) is not dict:
            raise NotQuick
        loaded: dict[str, Any] = {}
        seen = 0
        for key, name, is_required, may_be_none, default, take in self._fields:
            found = value.get(key, missing)
            if found is missing:
                if is_required:
                    raise NotQuick
                if default is not missing:
                    loaded[name] = default() if callable(default) else default
                continue
            seen += 1
            if found is None:
                if not may_be_none:
                    raise NotQuick
                loaded[name] = None
            else:
                loaded[name] = take(found)
        if seen != len(value) and not self._others:
            raise NotQuick
        return loaded


def _taking(field: fields.Field[Any]) -> Take:
    """Return what reads a value of a field that is not None."""
    if isinstance(field, fields.Nested):
        return plan_of(field.schema).load
    if isinstance(field, fields.List):
        read = _listed(_taking(field.inner), allow_none=field.inner.allow_none)
    elif type(field) is fields.Raw:
        return _same
    else:
        read = _read(field)
    return _validated(read, tuple(field.validators)) if field.validators else read


def _read(field: fields.Field[Any]) -> Take:
    own: Take | None = getattr(field, "take", None)  # of our own fields, whose `_deserialize` is no more than that
    if own is not None:
        return own
    deserialize = field._deserialize

    def read(value: Any) -> Any:
        return deserialize(value, None, None)

    return read


def _listed(take: Take, *, allow_none: bool) -> Take:
    def read(values: Any) -> Any:
        if type(values) is not list or (not allow_none and None in values):
            raise NotQuick
        return [value if value is None else take(value) for value in values]

    return read


def _validated(read: Take, validators: tuple[Callable[[Any], Any], ...]) -> Take:
    def checked(value: Any) -> Any:
        found = read(value)
        for validator in validators:
            validator(found)
        return found

    return checked


def _same(value: Any) -> Any:
    return value


_plans: WeakKeyDictionary[Schema, _Plan] = WeakKeyDictionary()


def plan_of(schema: Schema) -> _Plan:
    """
    Return the plan of a schema, which is made once.

    Raises:
        TypeError: The schema does more than its fields say.
    """
    plan = _plans.get(schema)
    if plan is None:
        plan = _plans[schema] = _Plan(schema)
    return plan


def load(schema: Schema, value: Any) -> dict[str, Any]:
    """
    Return what the schema makes of the value.

    Raises:
        SchemaError: What marshmallow says of it.
    """
    try:
        return plan_of(schema).load(value)
    except (NotQuick, SchemaError):
        loaded: dict[str, Any] = schema.load(value)
        return loaded
