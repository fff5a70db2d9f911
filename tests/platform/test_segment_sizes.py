"""The largest rules that the language takes are answered, on both databases; larger ones are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from lmg_offline.errors import ValidationError
from lmg_offline.platform import properties
from lmg_offline.platform.segments import members, rules, store
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.migrate import upgrade

NOW_MS = 1_772_366_400_000
AGES = {"attribute": "age", "op": "in", "value": list(range(rules.MAX_AGE + 1)) * 4}
MANY = {"trait": "t", "op": "in", "value": list(range(rules.MAX_VALUES // rules.MAX_LEAVES))}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An empty property."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('sizes') / 'platform.db'}"
    engine = make_engine(url)
    upgrade(engine)
    with writing(engine) as connection:
        properties.create(connection, "P", NOW_MS, property_id="p")
    yield engine
    close_engine(engine)


def nested(rule: Any) -> Any:
    """As deep as a rule may be."""
    for _ in range(rules.MAX_DEPTH - 2):
        rule = {"not": rule}
    return rule


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(AGES, id="every age, four times"),
        pytest.param(nested({"any": [MANY] * rules.MAX_LEAVES}), id="as many values, as deep as may be"),
    ],
)
def test_the_largest_rules_are_answered(engine: Engine, rule: Any) -> None:
    """As a count, and as a reason, which asks for each part by itself."""
    parsed = rules.parse(rule)
    with engine.begin() as connection:
        scope = store.scope(connection, "p", NOW_MS)

        assert 0 == members.count(connection, parsed, scope)
        assert members.reason(connection, parsed, scope, "nobody") is None


def test_more_values_than_a_statement_can_hold_are_refused() -> None:
    """By the rule's own words, not by the database."""
    with pytest.raises(ValidationError) as caught:
        rules.parse({"any": [{**MANY, "value": list(range(rules.MAX_LIST))}] * 4})

    assert {"rule": [f"Has more than {rules.MAX_VALUES:,} values in its lists."]} == caught.value.errors
