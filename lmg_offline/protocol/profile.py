"""
The profile: the app's form, the flat form on the wire, and the schemas that check both.

Source: public pages of the platform, "User Profiles": four standard traits,
custom ones beside them in one JSON object, gender `male`, `female`, `other`,
`pnts`, birthday `yyyy-MM-dd`. The bounds (email 320, name 1,024, 128 custom
traits with names of up to 128 characters) are our choice: no public page names any.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, TypeAlias, TypedDict

from marshmallow import ValidationError as SchemaError
from marshmallow import validate

from ..errors import ValidationError
from . import canonical, fields

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Trait: TypeAlias = "bool | int | float | str | date | datetime | Sequence[str] | None"

STANDARD = ("email", "name", "birthday", "gender")
_STANDARD_NAMES = frozenset(STANDARD)

_MAX_EMAIL = 320
_MAX_NAME = 1024
_MAX_TRAITS = 128
_MAX_TRAIT_NAME = 128

# A profile that passes fits into an update entry, the few bytes around it included.
MAX_BYTES = canonical.MAX_BYTES - len('{"profile":}')
NO_TRAITS = "Must be an object; to clear one trait, set that trait to None."

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Gender(str, Enum):
    """The platform's four genders; the values are what goes over the wire, letter for letter."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"
    PREFER_NOT_TO_SAY = "pnts"

    Male = MALE
    Female = FEMALE
    Other = NonBinary = NON_BINARY = OTHER
    PreferNotToSay = PREFER_NOT_TO_SAY


_GENDERS = tuple(gender.value for gender in Gender)


class Profile(TypedDict, total=False):
    """
    What an app says of a person. A missing key leaves the value alone, None clears it.

    Attributes:
        email: An address, up to 320 characters.

        name: Up to 1,024 characters.

        birthday: A date, `yyyy-MM-dd`, or a datetime, of which its own calendar day counts.

        gender: A `Gender` or its wire value.

        traits: Custom traits, flat. None clears one trait; None for all of them is refused.
    """

    email: str | None
    name: str | None
    birthday: date | str | None
    gender: Gender | str | None
    traits: Mapping[str, Trait]


def to_wire(profile: object) -> dict[str, JSON]:
    """
    Check the app's form of a profile and return the flat form of the wire.

    Args:
        profile: A mapping shaped like `Profile`. It is copied, not kept.

    Returns:
        Standard and custom traits side by side. Dates are `yyyy-MM-dd`,
        datetimes ISO 8601 in UTC, a naive one being taken as UTC.

    Raises:
        ValidationError: All faults together, named as the app knows them:
            `email`, `traits.age`, `traits.tags.1`, `profile`. Never with the value.
    """
    wire = _checked(profile)
    _bounded(wire)
    return wire


def to_json(profile: object) -> str:
    """
    Check the app's form of a profile and return the flat form of the wire as JSON.

    As `to_wire`, and encoded once. What is plain goes a shorter way to the same text (tests/protocol/test_profile.py).
    """
    return _plain_json(profile) or _bounded(_checked(profile))


def check_wire(wire: object) -> dict[str, JSON]:
    """
    Check the flat form of the wire and return a copy of it.

    Raises:
        ValidationError: All faults together, named as they lie there: `email`,
            `age`, `tags.1`, `profile`. Never with the value.
    """
    plain = plain_wire(wire)
    if plain is not None:
        return plain
    given = _with_text_keys(wire)
    errors: fields.Errors = {}
    loaded: dict[str, JSON] = {}
    try:
        loaded = fields.load(_WIRE, {name: given[name] for name in STANDARD if name in given}, "profile")
    except ValidationError as error:
        errors.update(error.errors)
    try:
        loaded |= _traits({name: given[name] for name in given if name not in STANDARD}, _wire_trait)
    except SchemaError as error:
        errors.update(fields.flatten(error, "profile"))
    if errors:
        raise ValidationError(errors)
    _bounded(loaded)
    return loaded


def from_wire(wire: Mapping[str, object]) -> Profile:
    """
    Return the app's form of a flat profile that the journal or a platform holds.

    A gender that is not one of the four and a birthday that is no date are left
    out; so is a standard trait of another type than text. What is null stays
    None. Custom datetimes stay ISO 8601 text.

    Source: the platform's own SDKs read it so.
    """
    profile: Profile = {}
    for name, value in wire.items():
        if name not in STANDARD or not (value is None or isinstance(value, str)):
            continue
        if name == "email":
            profile["email"] = value
        elif name == "name":
            profile["name"] = value
        elif name == "birthday" and (value is None or _is_day(value)):
            profile["birthday"] = None if value is None else date.fromisoformat(value)
        elif name == "gender" and (value is None or value in _GENDERS):
            profile["gender"] = None if value is None else Gender(value)
    traits: dict[str, Any] = {name: value for name, value in wire.items() if name not in STANDARD}
    if traits:
        profile["traits"] = traits
    return profile


def _with_text_keys(profile: object) -> dict[str, object]:
    return canonical.fields_of(profile, "profile")


def _checked(profile: object) -> dict[str, JSON]:
    loaded = fields.load(_APP, _with_text_keys(profile), "profile")
    traits = loaded.pop("traits", None)
    if traits:
        loaded.update(traits)
    return loaded


def _bounded(wire: dict[str, JSON]) -> str:
    """Return the JSON of a flat profile that is not too large."""
    text = canonical.encode(wire)
    if canonical.size_of(text) > MAX_BYTES:
        raise ValidationError({"profile": [f"Must not be larger than {MAX_BYTES} bytes as JSON."]})
    return text


def _is_day(text: str) -> bool:
    if not _ISO_DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _wire_day(value: object) -> str:
    if not canonical.is_a(value, str) or not _is_day(str.__str__(value)):
        raise SchemaError("Must be a date: yyyy-MM-dd.")
    return str.__str__(value)


def _app_day(value: object) -> str:
    if canonical.is_a(value, datetime):
        return date.isoformat(datetime.date(value))
    if canonical.is_a(value, date):
        return date.isoformat(value)
    if not canonical.is_a(value, str) or not _is_day(str.__str__(value)):
        raise SchemaError("Must be a date, or text in the form yyyy-MM-dd.")
    return str.__str__(value)


def _instant(value: datetime) -> str:
    try:
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return datetime.isoformat(aware)
    except Exception:  # its time zone may be the app's own, and raise anything
        raise SchemaError("Must be a time that exists in UTC.") from None


def _app_trait(value: object) -> JSON:
    if type(value) is list:  # as nearly always: what is plain by itself does not come here
        return _wire_trait(value)
    if canonical.is_a(value, datetime):
        return _instant(value)
    if canonical.is_a(value, date):
        return date.isoformat(value)
    return _wire_trait(value)


def _wire_trait(value: object) -> JSON:
    if type(value) is list and len(value) < canonical.MAX_BYTES:
        texts = value.copy()
        if {str}.issuperset(map(type, texts)) and _is_plain("".join(texts)):
            return texts
    if value is None or canonical.is_a(value, bool):
        return value
    if canonical.is_a(value, int):
        fault = canonical.integer_fault(value)
        if fault:
            raise SchemaError(fault)
        return int.__int__(value)
    if canonical.is_a(value, float):
        number = float.__float__(value)
        if not math.isfinite(number):
            raise SchemaError("Must be a finite number.")
        return number
    if canonical.is_a(value, str):
        return fields.text(value, shortest=0, longest=canonical.MAX_BYTES)
    if canonical.is_a(value, list):
        return _texts(list.__iter__(value))
    if canonical.is_a(value, tuple):
        return _texts(tuple.__iter__(value))
    raise SchemaError("Must be true or false, a number, text, a date or time, or a list of texts.")


def _is_plain(value: object) -> bool:
    """Say whether a trait goes over the wire as it is. What is not, is looked at more closely."""
    kind = type(value)
    if kind is str:
        return value.isascii() and "\0" not in value and len(value) <= canonical.MAX_BYTES  # type: ignore[attr-defined,operator,arg-type]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    if kind is int:
        return -canonical.MAX_INTEGER <= value <= canonical.MAX_INTEGER  # type: ignore[operator]
    return value is None or kind is bool


def _texts(values: Iterator[object]) -> JSON:
    texts: list[JSON] = []
    errors: dict[Any, Any] = {}
    for index, value in enumerate(values):
        if index == canonical.MAX_BYTES:
            raise SchemaError("Has too many elements.")
        try:
            texts.append(fields.text(value, shortest=0, longest=canonical.MAX_BYTES))
        except SchemaError as error:
            errors[index] = error.messages
            if len(errors) == canonical.MOST_FAULTS:
                break
    if errors:
        raise SchemaError(errors)
    return texts


def _are_plain_names(traits: Mapping[str, object]) -> bool:
    """Say whether all of them are known to be without fault; else they are looked at one by one."""
    letters = "".join(traits)
    return (
        letters.isascii()
        and "\0" not in letters
        and "" not in traits
        and _STANDARD_NAMES.isdisjoint(traits)
        and (len(letters) <= _MAX_TRAIT_NAME or max(map(len, traits)) <= _MAX_TRAIT_NAME)
    )


def _name_fault(name: str) -> tuple[str, str] | None:
    """Return the name to report and the reason, or None; a name that is a hazard itself is not repeated."""
    if not name:
        return "", "Must not have an empty name."
    if len(name) > _MAX_TRAIT_NAME:
        return "", f"Must not have a name of more than {_MAX_TRAIT_NAME} characters."
    fault = canonical.text_fault(name)
    if fault:
        return "", f"A name: {fault}"
    if name in STANDARD:
        return name, "Is a standard trait: give it beside `traits`, not inside."
    return None


def _traits(traits: object, rule: Callable[[object], JSON]) -> dict[str, JSON]:
    if traits is None:
        raise SchemaError(NO_TRAITS)
    try:
        given = canonical.fields_of(traits, "")
    except ValidationError as error:
        raise SchemaError(error.errors[""]) from None
    if len(given) > _MAX_TRAITS:
        raise SchemaError(f"Must not hold more than {_MAX_TRAITS} custom traits.")
    errors: dict[str, Any] = {}
    are_sound = _are_plain_names(given)
    for name, value in given.items():
        fault = None if are_sound else _name_fault(name)
        if fault:
            errors.setdefault(fault[0], []).append(fault[1])
            continue
        if _is_plain(value):
            continue
        try:
            given[name] = rule(value)
        except SchemaError as error:
            errors[name] = error.messages
    if errors:
        raise SchemaError(errors)
    return given  # type: ignore[return-value]  # what was not plain was replaced


def _app_traits(value: object) -> dict[str, JSON]:
    return _traits(value, _app_trait)


_EMAIL_RULE = validate.Email(error="Must be an email address.")
# Of what that rule takes, what nearly all addresses are: one look instead of its two, and no message made ahead.
_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9]{1,63}\.)+[A-Za-z]{2,6}")


def _plain_json(profile: object) -> str | None:
    """
    Return the JSON of a profile of built-in values without a fault; None where that does not show at once.

    What the text itself shows is looked for there, once for all: NUL, lone
    surrogates, numbers that are none, the size.
    """
    if type(profile) is not dict:
        return None
    given: dict[Any, Any] = profile.copy()
    traits = given.pop("traits", {})
    wire = _plain_standard(given)
    if wire is None or given or type(traits) is not dict:
        return None
    traits = traits.copy()
    if not _are_plain(traits):
        return None
    wire.update(traits)
    try:
        text = canonical.encode(wire)
        size = canonical.size_of(text)
    except ValueError:  # of which an error of encoding is one
        return None
    return None if size > MAX_BYTES or "\\u0000" in text else text


def plain_wire(wire: object) -> dict[str, JSON] | None:
    """Return what `check_wire` does for a flat profile without a fault; None where that does not show at once."""
    if type(wire) is not dict:
        return None
    traits: dict[Any, Any] = wire.copy()
    plain = _plain_standard(traits)
    if plain is None or not _are_plain(traits):
        return None
    plain.update(traits)
    texts: list[str] = []
    for value in plain.values():
        if type(value) is str:
            texts.append(value)
        elif type(value) is list:
            texts += value  # type: ignore[arg-type]  # of texts, as was just seen
        elif type(value) is float and not math.isfinite(value):
            return None
    letters = "".join(texts)
    size = canonical.most_bytes(len(plain) + len(texts), len(letters) + len("".join(plain)))
    return plain if letters.isascii() and "\0" not in letters and size <= MAX_BYTES else None


def _plain_standard(given: dict[Any, Any]) -> dict[str, JSON] | None:
    """Take the standard traits out of a copy; None if one of them is not plain."""
    taken: dict[str, JSON] = {}
    for name, is_plain in _PLAIN:
        if name in given:
            value = given.pop(name)
            if value is not None and not is_plain(value):
                return None
            taken[name] = value
    return taken


def _are_plain(traits: dict[Any, Any]) -> bool:
    """Say whether custom traits are of types and names that need no closer look; lists in them are copied."""
    if not traits:
        return True
    kinds = set(map(type, traits.values()))
    if (
        len(traits) > _MAX_TRAITS
        or not kinds <= _PLAIN_KINDS
        or not {str}.issuperset(map(type, traits))
        or not _are_plain_names(traits)
    ):
        return False
    if int in kinds or list in kinds:
        for name, value in traits.items():
            if type(value) is int:
                if not -canonical.MAX_INTEGER <= value <= canonical.MAX_INTEGER:
                    return False
            elif type(value) is list:
                traits[name] = texts = value[:_MAX_TRAITS]
                if len(texts) < len(value) or not {str}.issuperset(map(type, texts)):
                    return False
    return True


def _email(value: str) -> str:
    return value if _PLAIN_EMAIL.fullmatch(value) else _EMAIL_RULE(value)


class _Standard(fields.StrictSchema):
    email = fields.Text(longest=_MAX_EMAIL, allow_none=True, validate=_email)
    name = fields.Text(shortest=0, longest=_MAX_NAME, allow_none=True)
    gender = fields.OneOf(*_GENDERS, allow_none=True)


class _AppForm(_Standard):
    error_messages: dict[str, str] = {  # noqa: RUF012 - marshmallow declares an instance attribute
        "unknown": "Is not a known field; custom traits belong inside `traits`."
    }
    birthday = fields.Checked(_app_day, allow_none=True)
    traits = fields.Checked(_app_traits, error_messages={"null": NO_TRAITS})


class _WireForm(_Standard):
    birthday = fields.Checked(_wire_day, allow_none=True)


def _is_plain_email(value: object) -> bool:
    return type(value) is str and len(value) <= _MAX_EMAIL and _PLAIN_EMAIL.fullmatch(value) is not None


def _is_plain_name(value: object) -> bool:
    return type(value) is str and len(value) <= _MAX_NAME


def _is_plain_gender(value: object) -> bool:
    return type(value) is str and value in _GENDERS


def _is_plain_day(value: object) -> bool:
    return type(value) is str and _is_day(value)


_PLAIN_KINDS = frozenset({str, int, float, bool, type(None), list})
# In the order of the schema's own fields, so that both ways write the same text.
_PLAIN = (
    ("email", _is_plain_email),
    ("name", _is_plain_name),
    ("gender", _is_plain_gender),
    ("birthday", _is_plain_day),
)
_APP = _AppForm()
_WIRE = _WireForm()
