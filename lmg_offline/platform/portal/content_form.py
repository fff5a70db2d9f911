"""
Forms for content, made from its marshmallow schemas.

A text is a line or a box, a list of texts a box with one a line, a number and a
tick are what they are; anything nested is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, validate

from lmg_offline.platform.content.schemas import BY_KIND

Document = dict[str, Any]
Faults = dict[str, list[str]]

_BOXES = frozenset({"desc", "details", "legal"})
_LONGEST_JSON = 256 * 1024


@dataclass(frozen=True, slots=True)
class Input:
    """
    One field of a form.

    Attributes:
        kind: `line`, `box`, `lines`, `number`, `tick`, `choice` or `json`.

        text: What is in it; `yes` in a tick that is set.

        choices: Of a choice.

        hint: What to write.
    """

    name: str
    label: str
    kind: str
    text: str
    is_required: bool
    hint: str = ""
    choices: tuple[str, ...] = ()


def inputs(kind: str, document: Mapping[str, Any]) -> list[Input]:
    """Return the fields of a document of a kind, required ones first; new ones hold what is assumed without them."""
    schema = BY_KIND[kind]
    found = [_input(schema, name, document.get(name, missing)) for name in schema.fields if name != "id"]
    return sorted(found, key=lambda each: (not each.is_required, each.kind == "json"))


def typed(kind: str, form: Mapping[str, str]) -> list[Input]:
    """Return the fields as they were typed."""
    schema = BY_KIND[kind]
    found = []
    for each in inputs(kind, {}):
        field = schema.fields[each.name]
        text = form.get(each.name, "")
        found.append(Input(each.name, each.label, each.kind, text, field.required, each.hint, each.choices))
    return found


def read(kind: str, form: Mapping[str, str]) -> Document:
    """
    Return the document that was typed.

    Raises:
        ValidationError: Its `messages` name the fields.
    """
    schema = BY_KIND[kind]
    data: Document = {}
    faults: Faults = {}
    for each in typed(kind, form):
        try:
            found = _read(each, schema.fields[each.name])
        except ValueError as error:
            faults[each.name] = [str(error)]
            continue
        if found is not missing:
            data[each.name] = found
    try:
        loaded: Document = dict(schema.load(data))
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {"": error.messages}
        faults = {**{str(name): _flat(found) for name, found in messages.items()}, **faults}
    if faults:
        raise ValidationError(faults)
    return loaded


def _read(each: Input, field: fields.Field[Any]) -> Any:
    text = each.text.strip()
    match each.kind:
        case "tick":
            return text == "yes"
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "json":
            return _json(text) if text else missing
        case "line" | "box" | "choice" if not text and (field.allow_none or field.required or each.name in _DERIVED):
            return missing
        case "number" if not text:
            return missing
    return each.text if each.kind == "box" else text


# Follow from other fields where they are empty.
_DERIVED = frozenset({"slug", "short_name", "image_type"})


def _json(text: str) -> Any:
    if len(text) > _LONGEST_JSON:
        raise ValueError("Is too long.")
    try:
        found = json.loads(text, parse_constant=_refuse)
        # What JSON can escape, and no database takes.
        if "\\u0000" in json.dumps(found):
            raise ValueError
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("Is not JSON.") from None
    return found


def _refuse(name: str) -> float:
    raise ValueError(name)


def _flat(found: object, path: str = "") -> list[str]:
    """Return the sentences of marshmallow's nested messages, each with where it belongs."""
    if isinstance(found, Mapping):
        return [each for name, inner in found.items() for each in _flat(inner, f"{path}.{name}" if path else str(name))]
    sentences = found if isinstance(found, list) else [found]
    return [f"{path}: {sentence}" if path else str(sentence) for sentence in sentences]


def _input(schema: Schema, name: str, value: Any) -> Input:
    field = schema.fields[name]
    if value is missing and not callable(field.load_default):
        value = field.load_default
    if value is missing or value is None:
        value = ""
    label = name.replace("_ids", " ids").replace("_id", " id").replace("_", " ").capitalize()
    hint = str(field.metadata.get("description", ""))
    choices: tuple[str, ...] = ()
    match field:
        case fields.Boolean():
            kind, text = "tick", "yes" if value else ""
        case fields.List() if isinstance(field.inner, fields.String):
            kind, text, hint = "lines", "\n".join(value or ()), hint or "One a line."
        case fields.Nested() | fields.List():
            kind, text, hint = "json", _pretty(value), hint or _members(field)
        case fields.Number():
            kind, text = "number", str(value)
        case _:
            one_of = next((each for each in field.validators if isinstance(each, validate.OneOf)), None)
            choices = tuple(map(str, one_of.choices)) if one_of is not None else ()
            kind, text = ("choice" if choices else "box" if name in _BOXES else "line"), str(value)
    return Input(name, label, kind, text, field.required, hint, choices)


def _members(field: fields.Field[Any]) -> str:
    """Return what the JSON of a nested field can hold."""
    nested = field.inner if isinstance(field, fields.List) else field
    names = ", ".join(nested.schema.fields) if isinstance(nested, fields.Nested) else ""
    return f"{'A list of JSON objects' if isinstance(field, fields.List) else 'A JSON object'} with {names}."


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if value else ""
