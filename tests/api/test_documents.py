"""Every document against the schemas it is sent to."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from lmg_offline._core import documents
from tests.paths import LMG_SCHEMA

ALL = sorted(name for name in vars(documents) if name.isupper() and not name.startswith("_"))
OURS = LMG_SCHEMA.parents[2] / "lmg_offline" / "platform" / "audience_api" / "default.graphql"


@pytest.mark.parametrize("name", [name for name in ALL if name != "BUSINESS_FEED_BY_TAGS"])
def test_the_real_platform_knows_everything_that_is_asked(name: str) -> None:
    """Its published schema alone decides."""
    schema = build_schema((LMG_SCHEMA / "default.graphql").read_text("utf-8"))

    assert [] == validate(schema, parse(getattr(documents, name)))


@pytest.mark.parametrize("name", ALL)
def test_our_platform_knows_everything_that_is_asked(name: str) -> None:
    """Tags of businesses included."""
    assert [] == validate(build_schema(OURS.read_text("utf-8")), parse(getattr(documents, name)))


def test_only_the_tags_of_businesses_are_our_own() -> None:
    """One argument, and nothing else, is refused by the real platform."""
    schema = build_schema((LMG_SCHEMA / "default.graphql").read_text("utf-8"))
    errors = validate(schema, parse(documents.BUSINESS_FEED_BY_TAGS))

    assert ["Unknown argument 'tagNames' on field 'Query.businessFeed'."] == [error.message for error in errors]
