"""The OpenAPI 3.1 description, made from the marshmallow schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline import __version__
from lmg_offline.platform.content.schemas import BY_KIND


class ProblemSchema(Schema):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)


class ReportRowSchema(Schema):
    """One value, how many have it, and their share of all."""

    value = fields.Raw(required=True)
    count = fields.Integer(required=True)
    share = fields.Float(required=True)


class ReportSchema(Schema):
    """A demographic report."""

    total = fields.Integer(required=True)
    rows = fields.List(fields.Nested(ReportRowSchema), required=True)
    missing = fields.Integer(required=True)


async def document(request: Request) -> Response:
    """Serve the description."""
    return JSONResponse(_document())


@cache
def _document() -> dict[str, Any]:
    spec = APISpec(
        title="lmg_offline Admin API",
        version=__version__,
        openapi_version="3.1.0",
        info={"description": "For the people who run a property."},
        plugins=[MarshmallowPlugin()],
        security=[{"adminKey": []}],
    )
    spec.components.security_scheme("adminKey", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Problem", schema=ProblemSchema)
    spec.components.schema("Report", schema=ReportSchema)
    paging = [_query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}), _query("cursor", {"type": "string"})]
    for path, summary in (("/users", "People"), ("/devices", "Devices and their lanes")):
        spec.path(f"/admin/v1{path}", operations={"get": _operation(summary, paging)})
    spec.path(
        "/admin/v1/entries",
        operations={
            "get": _operation("The entry log, in the order of application",
                              [*paging, _query("device_id", {"type": "string"})])
        },
    )  # fmt: skip
    user = [_path("user_id")]
    spec.path(
        "/admin/v1/users/{user_id}",
        operations={
            "get": _operation("One person", user),
            "delete": _operation("Erase one person", user, {"204": {"description": "Erased"}}),
        },
    )
    spec.path(
        "/admin/v1/users/{user_id}/activity", operations={"get": _operation("What one person did", user + paging)}
    )
    spec.path("/admin/v1/users/{user_id}/export", operations={"get": _operation("Everything held", user)})
    by = _query("by", {"type": "string", "pattern": "^(gender|age_band|trait:.+)$"}, required=True)
    spec.path(
        "/admin/v1/reports/demographics",
        operations={"get": _operation("Counts and shares", [by], _ok("Report"))},
    )
    for kind, schema in BY_KIND.items():
        name = type(schema).__name__.removesuffix("Schema")
        spec.components.schema(name, schema=schema)
        spec.path(f"/admin/v1/{kind}", operations={"get": _operation(f"All {kind}", paging)})
        body = {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
        put = _operation("Create or replace", [_path("content_id")], {**_ok(name), "201": _ok(name)["200"]})
        spec.path(
            f"/admin/v1/{kind}/{{content_id}}",
            operations={
                "get": _operation("One", [_path("content_id")], _ok(name)),
                "put": {**put, "requestBody": body},
                "delete": _operation("Delete", [_path("content_id")], {"204": {"description": "Deleted"}}),
            },
        )
    return spec.to_dict()


def _operation(summary: str, parameters: list[Any], replies: dict[str, Any] | None = None) -> dict[str, Any]:
    problem = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    done = replies or {"200": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}}}
    return {"summary": summary, "parameters": parameters, "responses": {**done, "default": problem}}


def _ok(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"200": {"description": "Done", "content": content}}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
