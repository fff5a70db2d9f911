"""Every document against the schemas it is sent to."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from lmg_offline._core import documents
from lmg_offline.platform.audience_api.executor import read_sdl
from lmg_offline.protocol import lmg
from tests.paths import LMG_SCHEMA

ALL = sorted(name for name in vars(documents) if name.isupper() and not name.startswith("_"))
EXTENSIONS = {
    "BUSINESS_FEED_BY_TAGS": "Unknown argument 'tagNames' on field 'Query.businessFeed'.",
    "COLLECTION_FEED_FROM_POINT": "Unknown argument 'orderingGeoPoint' on field 'Query.collectionFeed'.",
    "OFFER_STATE_WITH_OFFLINE": "Cannot query field 'offline' on type 'OfferState'.",
}
LMG = [("auth", document) for document in lmg.AUTH_DOCUMENTS]
LMG += [("default", document) for document in lmg.DEFAULT_DOCUMENTS]


@pytest.mark.parametrize("name", [name for name in ALL if name not in EXTENSIONS])
def test_the_real_platform_knows_everything_that_is_asked(name: str) -> None:
    """Its published schema alone decides."""
    schema = build_schema((LMG_SCHEMA / "default.graphql").read_text("utf-8"))

    assert [] == validate(schema, parse(getattr(documents, name)))


@pytest.mark.parametrize("name", ALL)
def test_our_platform_knows_everything_that_is_asked(name: str) -> None:
    """Extensions included."""
    assert [] == validate(build_schema(read_sdl("default.graphql")), parse(getattr(documents, name)))


@pytest.mark.parametrize(("endpoint", "document"), LMG, ids=[document.split()[1] for _, document in LMG])
def test_the_lmg_dialect_is_valid_on_the_published_schema_alone(endpoint: str, document: str) -> None:
    """Every operation that the sync sends in it; and our platform takes it too, with and without its extension."""
    published = build_schema((LMG_SCHEMA / f"{endpoint}.graphql").read_text("utf-8"))

    served = [build_schema(read_sdl(f"{endpoint}.graphql", lmg_only=only)) for only in (True, False)]
    for schema in (published, *served):
        assert [] == validate(schema, parse(document))


@pytest.mark.parametrize("name", EXTENSIONS)
def test_only_one_thing_in_an_extension_is_our_own(name: str) -> None:
    """It, and nothing else, is refused by the real platform."""
    schema = build_schema((LMG_SCHEMA / "default.graphql").read_text("utf-8"))
    errors = validate(schema, parse(getattr(documents, name)))

    assert [EXTENSIONS[name]] == [error.message for error in errors]
