"""The Audience API holds the real platform's schema, field for field."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_client_schema, build_schema, get_introspection_query
from kiosk import Site

from lmg_offline.platform.audience_api.executor import read_sdl
from lmg_offline.platform.server import running
from lmg_offline.platform.settings import Settings

PUBLISHED = Path(__file__).parents[1] / "contract" / "lmg-schema"
ENDPOINTS = ("auth", "default")


def signatures(schema: GraphQLSchema) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the type and the arguments of each field, by `Type.field`."""
    return {
        f"{name}.{field}": (str(what.type), {argument: str(each.type) for argument, each in what.args.items()})
        for name, found in schema.type_map.items()
        if isinstance(found, GraphQLObjectType) and not name.startswith("__")
        for field, what in found.fields.items()
    }


def schemas(name: str) -> tuple[GraphQLSchema, GraphQLSchema]:
    """Return the published schema and ours."""
    published = build_schema((PUBLISHED / f"{name}.graphql").read_text(encoding="utf-8"))
    return published, build_schema(read_sdl(f"{name}.graphql"))


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_published_field_is_served_with_its_type_and_arguments(name: str) -> None:
    """A client of the real platform finds each name and type; arguments of ours are optional."""
    published, ours = map(signatures, schemas(name))

    assert {} == {field: what for field, what in published.items() if field not in ours}
    for field, (type_, arguments) in published.items():
        assert type_ == ours[field][0], field
        assert arguments == {key: ours[field][1].get(key) for key in arguments}, field
        added = {key: each for key, each in ours[field][1].items() if key not in arguments}
        assert not any(each.endswith("!") for each in added.values()), field


def test_the_additions_are_exactly_those_that_are_documented() -> None:
    """Nothing else is ours: the replay mutation, two fields, and an argument of two lists."""
    (published_auth, our_auth), (published_default, our_default) = map(schemas, ENDPOINTS)
    added = signatures(our_auth).keys() - signatures(published_auth).keys()
    added |= signatures(our_default).keys() - signatures(published_default).keys()

    assert {"Mutation.replay", "Business.slug", "OfferState.offline"} == added
    assert ("JSON!", {"device": "JSON!", "lanes": "JSON!"}) == signatures(our_auth)["Mutation.replay"]
    assert "[String!]" == signatures(our_default)["Query.businessFeed"][1]["tagNames"]
    assert "[Float!]" == signatures(our_default)["Query.collectionFeed"][1]["orderingGeoPoint"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_lmg_only_serves_the_published_schema_and_nothing_more(name: str, tmp_path: Path) -> None:
    """As introspection tells it, from a running server: types, fields, arguments, enums and scalars."""
    published = build_schema((PUBLISHED / f"{name}.graphql").read_text(encoding="utf-8"))
    settings = Settings(dev=True, lmg_only=True)
    with running(f"sqlite:///{tmp_path / 'platform.db'}", settings=settings) as platform:
        answer = httpx.post(
            f"{platform.endpoint}/graph/{name}",
            json={"query": get_introspection_query(descriptions=False)},
            headers={"X-Integration-Write-Key": platform.write_key},
            trust_env=False,
        )
    served = build_client_schema(answer.json()["data"])

    assert signatures(published) == signatures(served)
    assert sorted(published.type_map) == sorted(served.type_map)
    assert ["PRIVATE", "PUBLIC"] == sorted(served.type_map["CacheControlScope"].values)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_type_says_what_it_is(name: str) -> None:
    """Each type of ours has a description, for whoever explores it."""
    _, ours = schemas(name)
    undescribed = [
        key
        for key, found in ours.type_map.items()
        if isinstance(found, GraphQLObjectType) and not key.startswith("__") and not found.description
    ]

    assert [] == undescribed


@pytest.mark.parametrize("name", ENDPOINTS)
def test_introspection_is_answered(site: Site, name: str) -> None:
    """The tools of the trade read the schema from the endpoint, as the real platform's can be."""
    query = """
    { __schema { types { name fields(includeDeprecated: true) {
      name args { name type { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name } } } } } } }
      type { kind name ofType { kind name } } } } } }
    """

    answer = site.ask(f"/graph/{name}", query)

    assert "errors" not in answer
    assert "CacheControlScope" in {found["name"] for found in answer["data"]["__schema"]["types"]}
