"""Whether an answer of the Audience API is one that its schema promises."""

from __future__ import annotations

import json
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)


def fault_of(schema: GraphQLSchema, document: str, status: int, content: bytes) -> str | None:
    """Return what is wrong with an answer, or None."""
    try:
        found = json.loads(content)
    except ValueError:
        return f"status {status} and no JSON"
    if status >= 500:
        return f"status {status}: {found}"
    if status == 200:
        return _data_fault(schema, document, found)
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list) or len(errors) != 1:
        return f"status {status} without an error"
    if {*errors[0]} != {"name", "message", "statusCode", "messageId"} or errors[0]["statusCode"] != status:
        return f"status {status} with an error of another shape"
    return None


def _data_fault(schema: GraphQLSchema, document: str, found: Any) -> str | None:
    if not isinstance(found, dict) or {*found} != {"data"}:
        return f"status 200 and not data alone: {sorted(found)}"
    (operation,) = (node for node in parse(document).definitions if isinstance(node, OperationDefinitionNode))
    root = schema.query_type if operation.operation.value == "query" else schema.mutation_type
    return _shape_fault(root, operation.selection_set, found["data"], "data")


def _shape_fault(type_: Any, selected: SelectionSetNode | None, value: Any, where: str) -> str | None:
    """Hold a value to its type: exactly the fields that were asked for, and nothing null that may not be."""
    match type_:
        case GraphQLNonNull():
            return f"{where} is null" if value is None else _shape_fault(type_.of_type, selected, value, where)
        case _ if value is None:
            return None
        case GraphQLList():
            if not isinstance(value, list):
                return f"{where} is no list"
            faults = (_shape_fault(type_.of_type, selected, item, f"{where}[]") for item in value)
            return next((fault for fault in faults if fault is not None), None)
        case GraphQLObjectType():
            return _object_fault(type_, selected, value, where)
        case GraphQLEnumType():
            return None if value in type_.values else f"{where} is no {type_.name}"
        case GraphQLScalarType():
            kinds: dict[str, Any] = {"String": str, "ID": str, "Boolean": bool, "Int": int, "Float": int | float}
            kind = kinds.get(type_.name, object)
            return None if isinstance(value, kind) else f"{where} is no {type_.name}"
    return f"{where} is of a kind that is not known here"


def _object_fault(
    type_: GraphQLObjectType, selected: SelectionSetNode | None, value: Any, where: str
) -> str | None:
    nodes = [node for node in selected.selections if isinstance(node, FieldNode)] if selected else []
    by_key = {node.alias.value if node.alias else node.name.value: node for node in nodes}
    if not isinstance(value, dict) or {*value} != {*by_key}:
        return f"{where} has other fields than were asked for"
    for key, node in by_key.items():
        if node.name.value == "__typename":
            continue
        fault = _shape_fault(type_.fields[node.name.value].type, node.selection_set, value[key], f"{where}.{key}")
        if fault is not None:
            return fault
    return None
