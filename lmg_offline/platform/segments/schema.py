"""
The rule language as a JSON Schema (2020-12), for whoever writes rules or an editor for them.

It says what `rules.parse` takes, but for what a schema can't say: how deep and
how many, and that a text has no lone surrogates.
"""

from __future__ import annotations

from typing import Any

from lmg_offline.platform.comparable import LONGEST_TEXT
from lmg_offline.platform.segments import rules
from lmg_offline.protocol import canonical
from lmg_offline.protocol.profile import STANDARD

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": "^[^\\u0000]*$"}
_NUMBER: Schema = {
    "type": "number",
    "description": "A whole number is at most 2**53 from zero.",
    "anyOf": [
        {"not": {"type": "integer"}},
        {"type": "integer", "minimum": -canonical.MAX_INTEGER, "maximum": canonical.MAX_INTEGER},
    ],
}
_SCALAR: Schema = {"anyOf": [{"type": "boolean"}, _NUMBER, _TEXT]}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": rules.MAX_NAME, "pattern": "^[^\\u0000]*$"}
_AGE: Schema = {"type": "integer", "minimum": 0, "maximum": rules.MAX_AGE}


def _object(required: Schema, optional: Schema | None = None, description: str = "") -> Schema:
    found: Schema = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }
    return {**found, "description": description} if description else found


def _list_of(item: Schema, most: int) -> Schema:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


def _pair(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 2, "maxItems": 2}


def _compared(named: Schema, description: str) -> Schema:
    ordered: Schema = {"anyOf": [_NUMBER, _TEXT]}
    return {
        "description": description,
        "oneOf": [
            _object({**named, "op": {"enum": ["==", "!="]}, "value": _SCALAR}),
            _object({**named, "op": {"enum": list(rules.ORDER_OPS)}, "value": ordered}),
            _object({**named, "op": {"const": "in"}, "value": _list_of(_SCALAR, rules.MAX_LIST)}),
            _object({**named, "op": {"const": "between"}, "value": {"anyOf": [_pair(_NUMBER), _pair(_TEXT)]}}),
            _object({**named, "op": {"const": "contains"}, "value": _TEXT}),
            _object({**named, "op": {"const": "exists"}}, {"value": {"type": "boolean"}}),
        ],
    }


def _aged() -> Schema:
    named: Schema = {"attribute": {"const": "age"}}
    return {
        "description": "The age in whole years, in UTC, on the day of the question.",
        "oneOf": [
            _object({**named, "op": {"enum": list(rules.COUNT_OPS)}, "value": _AGE}),
            _object({**named, "op": {"const": "in"}, "value": _list_of(_AGE, rules.MAX_LIST)}),
            _object({**named, "op": {"const": "between"}, "value": _pair(_AGE)}),
            _object({**named, "op": {"const": "exists"}}, {"value": {"type": "boolean"}}),
        ],
    }


def document() -> Schema:
    """Return the schema."""
    rule: Schema = {"$ref": "#/$defs/rule"}
    several = _list_of(rule, rules.MAX_LEAVES)
    trait = {"allOf": [_NAME, {"not": {"enum": list(STANDARD)}}]}
    forms = [
        _object({"all": several}, description="All of these hold."),
        _object({"any": several}, description="One of these holds, or more."),
        _object({"not": rule}, description="This does not hold."),
        _compared({"trait": trait}, "A custom trait compared; false for whoever does not have it."),
        _compared({"attribute": {"enum": list(STANDARD)}}, "A standard trait compared."),
        _aged(),
        _object({"state": {"enum": list(rules.STATES)}}, description="The person is in this state."),
        _object(
            {"activity": _NAME},
            {
                "op": {"enum": list(rules.COUNT_OPS), "default": ">="},
                "count": {"type": "integer", "minimum": 0, "maximum": rules.MAX_COUNT, "default": 1},
                "within_days": {"anyOf": [{"type": "null"}, {**_AGE, "minimum": 1, "maximum": rules.MAX_DAYS}]},
            },
            description="How often something was done.",
        ),
        _object(
            {"interest": _NAME, "score": {"type": "number", "minimum": 0, "maximum": 1}},
            {"op": {"enum": list(rules.ORDER_OPS), "default": ">="}},
            description="The share of a person's interest that a category has.",
        ),
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segment rule",
        "$ref": "#/$defs/rule",
        "$defs": {"rule": {"oneOf": forms}},
    }
