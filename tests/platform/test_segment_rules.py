"""Random rules over random people: what the database answers is what Python does, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import audience
import databases
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties.search import search
from sqlalchemy import Engine

from lmg_offline.platform.segments import members, rules
from lmg_offline.platform.segments.conditions import Scope
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.migrate import upgrade

POPULATIONS = 10
PEOPLE = {seed: audience.population(seed) for seed in range(POPULATIONS)}
SCALARS = st.sampled_from([value for value in audience.VALUES if not isinstance(value, list) and value != "z" * 129])
TEXTS = st.sampled_from([value for value in audience.VALUES if isinstance(value, str) and len(value) <= 128])
NUMBERS = st.one_of(
    st.sampled_from([value for value in audience.VALUES if audience.kind(value) is float]), st.integers(-3, 20)
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with every population as a property of its own."""
    if request.param == "postgresql":
        server: databases.Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('segments') / 'platform.db'}"
    found = make_engine(url)
    upgrade(found)
    with writing(found) as connection:
        for seed, people in PEOPLE.items():
            audience.put(connection, f"population-{seed}", people)
    yield found
    close_engine(found)


def comparisons(names: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A comparison of something named with a value."""
    scalars = SCALARS.filter(lambda value: not isinstance(value, str) or len(value) <= 128)
    values = st.one_of(
        st.fixed_dictionaries({"op": st.sampled_from(["==", "!="]), "value": scalars}),
        st.fixed_dictionaries({"op": st.sampled_from(rules.ORDER_OPS), "value": NUMBERS | TEXTS}),
        st.fixed_dictionaries({"op": st.just("in"), "value": st.lists(scalars, min_size=1, max_size=4)}),
        st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(NUMBERS, min_size=2, max_size=2)}),
        st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(TEXTS, min_size=2, max_size=2)}),
        st.fixed_dictionaries({"op": st.just("contains"), "value": TEXTS}),
        st.fixed_dictionaries({"op": st.just("exists")}, optional={"value": st.booleans()}),
    )
    return st.builds(lambda named, value: named | value, names, values)


AGES = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(rules.COUNT_OPS), "value": st.integers(0, 130)}),
    st.fixed_dictionaries({"op": st.just("in"), "value": st.lists(st.integers(0, 130), min_size=1, max_size=3)}),
    st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(st.integers(0, 130), min_size=2, max_size=2)}),
    st.fixed_dictionaries({"op": st.just("exists")}, optional={"value": st.booleans()}),
).map(lambda rule: {"attribute": "age", **rule})
LEAVES = st.one_of(
    comparisons(st.fixed_dictionaries({"trait": st.sampled_from(audience.TRAITS)})),
    comparisons(st.fixed_dictionaries({"attribute": st.sampled_from(["email", "birthday", "gender", "name"])})),
    AGES,
    st.fixed_dictionaries({"state": st.sampled_from(rules.STATES)}),
    st.fixed_dictionaries(
        {"activity": st.sampled_from([*audience.ACTIVITIES, "never"])},
        optional={
            "op": st.sampled_from(rules.COUNT_OPS),
            "count": st.integers(0, 3),
            "within_days": st.sampled_from([1, 2, 7, 30, 365]),
        },
    ),
    st.fixed_dictionaries(
        {
            "interest": st.sampled_from(["food", "fun", "home", "nothing"]),
            "score": st.sampled_from([0, 0.2, 0.25, 1 / 3, 0.5, 1]),
        },
        optional={"op": st.sampled_from(rules.ORDER_OPS)},
    ),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda found: {"all": found}, st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda found: {"any": found}, st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda found: {"not": found}, inner),
    ),
    max_leaves=8,
)


@given(document=RULES, seed=st.integers(0, POPULATIONS - 1))
@search(250)
def test_a_rule_finds_whom_python_finds(engine: Engine, document: dict[str, Any], seed: int) -> None:
    """Members, count, and for one person the reason."""
    people = PEOPLE[seed]
    wanted = {person.user_id for person in people if audience.holds(document, person)}
    rule = rules.parse(document)
    scope = Scope(f"population-{seed}", audience.NOW_MS, audience.HALF_LIFE_DAYS)
    with engine.begin() as connection:
        found = [row["user_id"] for row in members.everyone(connection, rule, scope, chunk=40)]
        count = members.count(connection, rule, scope)
        somebody = people[len(str(document)) % len(people)].user_id
        reason = members.reason(connection, rule, scope, somebody)

    assert wanted == set(found)
    assert (len(wanted), len(found)) == (count, len(set(found)))
    assert reason is not None
    assert (somebody in wanted) == reason["member"]
