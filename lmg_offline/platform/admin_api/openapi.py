"""The OpenAPI 3.1 description, made from the table of endpoints and the marshmallow schemas."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema
from marshmallow.fields import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline import __version__
from lmg_offline.platform.admin_api.access import ROLES
from lmg_offline.platform.admin_api.endpoints import JSON, PREFIX, Endpoint, JsonSchema, Query
from lmg_offline.platform.admin_api.schemas import ProblemSchema

PROBLEM = "application/problem+json"
_ABOUT = """\
For the people who run a property, and for integrations of their own. Send `Authorization: Bearer <admin key>`; \
`x-roles` says which roles a key may have. Lists come in pages: `items`, and `next_cursor` for the parameter `cursor`. \
Ids in a path are percent-encoded, a slash too. What goes wrong is a problem as in RFC 9457.\
"""
_STATUSES = {
    200: "Done.",
    201: "Created.",
    204: "Done; there is nothing to show.",
    400: "The body is cut off, or is no JSON.",
    401: "No admin key, an unknown one, or a revoked one.",
    403: "The key's role may not do this.",
    404: "There is no such thing in this property.",
    409: "It can't be done as things stand; `detail` says why.",
    413: "The body is too large.",
    415: "The body is not called application/json, or is encoded in a way that is not gzip.",
    422: "A parameter or a field is not as it must be.",
    503: "The database does not answer. Nothing was changed.",
}
_TAGS = {
    "People": "The people the property knows, and what they did.",
    "Privacy": "Everything about one person, given out or erased, and who asked.",
    "Devices": "What journals have sent, and what became of it.",
    "Reports": "Who the people are.",
    "Segments": "People by rule; always as of now.",
    "Property": "The settings.",
    "Keys": "What opens the APIs. A key is shown once.",
}
_REASON: JsonSchema = {
    "type": "object",
    "description": "One part of a rule, and how it comes out for one person.",
    "properties": {
        "rule": {"type": "string", "description": "As people read it."},
        "holds": {"type": "boolean"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
        "value": {"description": "What the person has; null for nothing."},
    },
    "required": ["rule", "holds"],
    "additionalProperties": False,
}


def served(found: Mapping[str, Any]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that serves a description. It needs no key: nothing in it is of a property."""

    async def document(request: Request) -> Response:
        return JSONResponse(found)

    return document


def description(endpoints: Iterable[Endpoint], schemas: Mapping[str, JsonSchema]) -> dict[str, Any]:
    """
    Return the description of endpoints, as a JSON document.

    Args:
        schemas: JSON Schemas that ours refer to, by the name of the component;
            `#/$defs/rule` in them is the component `SegmentRule`.
    """
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="lmg_offline Admin API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": _ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
        plugins=[plugin],
        security=[{"adminKey": []}],
    )
    converter = plugin.converter
    if converter is None:
        raise TypeError("the plugin has no converter")
    converter.add_attribute_function(_schema_of_its_own)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("adminKey", {"type": "http", "scheme": "bearer", "description": "ak_..."})
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, None] = {}
    _component(spec, ProblemSchema())
    for endpoint in endpoints:
        tags.setdefault(endpoint.tag)
        path = PREFIX + endpoint.path.replace(":path}", "}")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(spec, endpoint)
    for path, operations in paths.items():
        spec.path(path, operations=operations)
    for tag in tags:
        spec.tag({"name": tag, "description": _TAGS.get(tag, f"{tag} that the property shows.")})
    found: dict[str, Any] = spec.to_dict()
    _describe(found["components"]["schemas"], converter)
    for name, schema in {**schemas, "Reason": _REASON}.items():
        text = json.dumps(schema).replace("#/$defs/rule", "#/components/schemas/SegmentRule")
        found["components"]["schemas"][name] = json.loads(text)
    return found


def _schema_of_its_own(_converter: OpenAPIConverter, field: Field[Any], **_: Any) -> dict[str, Any]:
    """Return what a field says about itself that marshmallow can't."""
    return dict(field.metadata.get("schema", {}))


def _operation(spec: APISpec, endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "x-roles": [role for role in ROLES if role in endpoint.roles],
        "parameters": [*map(_path_parameter, endpoint.parameters), *map(_query_parameter, endpoint.query)],
        "responses": {
            **{str(status): _reply(spec, endpoint, status) for status in endpoint.ok_statuses},
            **{
                str(status): {
                    "description": _STATUSES[status],
                    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status in endpoint.problem_statuses
            },
        },
    }
    if endpoint.body is not None:
        content = {JSON: {"schema": _reference(_component(spec, endpoint.body))}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _reply(spec: APISpec, endpoint: Endpoint, status: int) -> dict[str, Any]:
    match endpoint.reply:
        case None:
            return {"description": _STATUSES[status]}
        case Schema():
            schema: JsonSchema = _reference(_component(spec, endpoint.reply))
        case other:
            schema = other
    return {
        "description": _STATUSES[status],
        "content": {media_type: {"schema": dict(schema)} for media_type in endpoint.media_types},
    }


def _component(spec: APISpec, schema: Schema) -> str:
    """Return the name of a schema's component, made where there is none yet."""
    name = type(schema).__name__.removesuffix("Schema")
    if name not in spec.components.schemas:
        spec.components.schema(name, schema=schema)
    return name


def _describe(components: dict[str, Any], converter: OpenAPIConverter) -> None:
    """Say of each component what its schema says of itself; a page is made without a word."""
    for key, name in converter.refs.items():
        components[name].setdefault("description", inspect.cleandoc(key[0].__dict__.get("__doc__") or _page(name)))


def _page(name: str) -> str:
    return f"One page of a list: {name.removesuffix('Page')}, and the place of the next."


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": _ids(name)}


def _ids(name: str) -> str:
    return {"user_id": "As the property's own system calls the person."}.get(name, "The id.")


def _query_parameter(query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "in": "query",
        "required": query.required,
        "schema": dict(query.schema),
        "description": query.description,
    }
