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
from rule_documents import RULES
from sqlalchemy import Engine

from lmg_offline.platform.segments import members, rules
from lmg_offline.platform.segments.conditions import Scope
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.migrate import upgrade

POPULATIONS = 10
PEOPLE = {seed: audience.population(seed) for seed in range(POPULATIONS)}


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
