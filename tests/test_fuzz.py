"""What the fuzzer takes for a fault of the Audience API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import build_schema

from tools.fuzz.answers import fault_of

SCHEMA = build_schema(
    """
    enum Flag { NEW HOT }
    type Query { offer(id: ID!): Offer! }
    type Mutation { save(id: ID!): Boolean! }
    type Offer { id: ID! legal: String flags: [Flag!]! uses: Int near: [Offer!] }
    """
)
QUERY = '{ offer(id: "x") { key: id legal flags uses near { id __typename } } }'
OFFER = {"key": "x", "legal": None, "flags": ["NEW"], "uses": 1, "near": [{"id": "y", "__typename": "Offer"}]}
ERROR = {"name": "NotFoundError", "message": "No.", "statusCode": 404, "messageId": "offer-not-found"}


def answered(status: int, body: Any, query: str = QUERY) -> str | None:
    """Return the fault of an answer."""
    return fault_of(SCHEMA, query, status, json.dumps(body).encode())


def test_what_the_schema_promises_is_no_fault() -> None:
    """Data with exactly what was asked for, and errors in the platform's shape."""
    assert answered(200, {"data": {"offer": OFFER}}) is None
    assert answered(200, {"data": {"offer": {**OFFER, "near": None}}}) is None
    assert answered(200, {"data": {"save": True}}, 'mutation { save(id: "x") }') is None
    assert answered(404, {"errors": [ERROR]}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": None},
        {"flags": None},
        {"flags": ["OLD"]},
        {"flags": [None]},
        {"uses": "1"},
        {"near": [{"id": "y"}]},
        {"near": {"id": "y"}},
        {"more": 1},
    ],
    ids=str,
)
def test_an_object_that_is_not_as_promised_is_a_fault(wrong: dict[str, Any]) -> None:
    """Null where it may not be, another type, a value that is none, a field missing or not asked for."""
    assert answered(200, {"data": {"offer": {**OFFER, **wrong}}}) is not None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"errors": [{**ERROR, "statusCode": 500}]}),
        (503, {}),
        (200, {"data": {"offer": OFFER}, "errors": []}),
        (200, {"errors": [ERROR]}),
        (200, []),
        (404, {"errors": [{**ERROR, "statusCode": 400}]}),
        (404, {"errors": [{"message": "No."}]}),
        (404, {"errors": []}),
        (404, None),
    ],
)
def test_another_reply_is_a_fault(status: int, body: Any) -> None:
    """A server error, a success with an error in it, an error of another shape."""
    assert answered(status, body) is not None
    assert fault_of(SCHEMA, QUERY, status, b"<html>") is not None
