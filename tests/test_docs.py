"""The parts of docs/ that are made from the code."""

from __future__ import annotations

import json

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, build_schema

from lmg_offline.platform.audience_api.executor import read_sdl
from tools import docs


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    """Else: python3 tools/dev.py docs."""
    stale = [path.name for path, text in docs.files().items() if path.read_text("utf-8") != text]

    assert [] == stale


def test_the_audience_api_is_one_document_that_tools_can_read() -> None:
    """It has every field of both endpoints, and nothing else."""
    whole = build_schema(docs.audience_api())
    wanted: set[str] = set()
    for name in ("auth", "default"):
        wanted |= fields_of(read_sdl(f"{name}.graphql"))

    assert wanted == fields_of(docs.audience_api())
    assert {"createSession", "transitionOfferState"} <= whole.mutation_type.fields.keys()  # type: ignore[union-attr]


def fields_of(sdl: str) -> set[str]:
    """Return `Type.field` of each field and value."""
    return {
        f"{name}.{field}"
        for name, found in build_schema(sdl).type_map.items()
        if isinstance(found, GraphQLObjectType | GraphQLEnumType) and not name.startswith("__")
        for field in (found.fields if isinstance(found, GraphQLObjectType) else found.values)
    }


@pytest.mark.parametrize("name", ["auth", "default"])
def test_everything_of_the_audience_api_says_what_it_is(name: str) -> None:
    """Each type, each field, each value, for whoever explores it."""
    silent = []
    for key, found in build_schema(read_sdl(f"{name}.graphql")).type_map.items():
        if key.startswith("__"):
            continue
        silent += [key] * (not found.description)
        if isinstance(found, GraphQLObjectType):
            silent += [f"{key}.{field}" for field, what in found.fields.items() if not what.description]
        elif isinstance(found, GraphQLEnumType):
            silent += [f"{key}.{value}" for value, what in found.values.items() if not what.description]

    assert [] == silent


def test_the_admin_api_is_json() -> None:
    """And names itself."""
    assert "3.1.0" == json.loads(docs.admin_api())["openapi"]
