"""Search over one set of content on both databases: what is found, and in which order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import catalog
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from properties.search import search
from sqlalchemy import Connection, Engine, select, text

from lmg_offline.platform import properties
from lmg_offline.platform.content import finding, store
from lmg_offline.platform.search import find, words
from lmg_offline.platform.search.tables import search_documents, search_spelling
from lmg_offline.platform.store.engine import writing

NOW_MS = round(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
SHARED: dict[str, Any] = json.loads(Path(__file__).with_name("search_cases.json").read_text("utf-8"))
LOOKED_AT = {"b10": 3, "b15": 7}  # food-drink and entertainment, as `interests` of the cases says


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with the shared content, and other content beside it that must not be found."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with catalog.database(request.param, tmp_path_factory.mktemp("search"), server) as found:
        with writing(found) as connection:
            for property_id in ("shared", "other"):
                catalog.make_property(connection, property_id)
            catalog.put_all(connection, "shared", SHARED)
            catalog.put(connection, "other", "businesses", "elsewhere", {"name": "Pizza Café Entertainment 2024"})
            catalog.person(connection, "shared", "ann", NOW_MS, deeds=LOOKED_AT)
        yield found


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as found, found.begin() as transaction:
        yield found
        transaction.rollback()


def ask(connection: Connection, q: str, point: list[float] | None = None, user_id: str | None = None) -> list[str]:
    """Return the ids of what is found, in order."""
    asker = catalog.asker(connection, "shared", NOW_MS, user_id)
    wanted = finding.Filter(words=find.question(connection, "shared", q), point=point)
    return finding.business_ids(connection, "shared", asker, wanted)


@pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["about"])
def test_the_shared_cases(connection: Connection, case: dict[str, Any]) -> None:
    """The same order on both databases: it is written down."""
    found = ask(connection, case["q"], case.get("at"), "ann" if case.get("interested") else None)

    assert case["found"] == found


@pytest.mark.parametrize("found", [pytest.param(list(SHARED["businesses"]), id="all")])
def test_every_business_is_found_by_its_own_name(connection: Connection, found: list[dict[str, Any]]) -> None:
    """And comes first."""
    for business in found:
        if business.get("enabled", True):
            assert business["id"] == ask(connection, business["name"])[0], business["name"]


def test_what_is_changed_is_found_anew(connection: Connection) -> None:
    """An offer that moves, a name that changes, a business that is switched off, a category that is renamed."""

    def put(kind: str, content_id: str, **document: Any) -> None:
        catalog.put(connection, "shared", kind, content_id, document)

    put("offers", "o01", business_id="b02", headline="Free ristretto")
    assert (["b02"], ["b12"]) == (ask(connection, "ristretto"), ask(connection, "espresso"))
    put("businesses", "b03", name="Joe's Trattoria")
    assert (["b03"], []) == (ask(connection, "trattoria"), ask(connection, "pizzeria"))
    assert [] == find.question(connection, "shared", "pizzerja")[0].slips.get("pizzeria", [])
    put("businesses", "b02", name="Pizza Palace", enabled=False)
    assert (["b08"], []) == (ask(connection, "pizza"), ask(connection, "ristretto"))
    put("categories", "c-home", slug="home-auto", name="Haus und Auto")
    assert ["b05", "b09"] == ask(connection, "haus")
    store.remove(connection, "shared", "businesses", "b05")
    store.remove(connection, "shared", "offers", "o05")
    assert (["b09"], []) == (ask(connection, "haus"), ask(connection, "tulip"))


def test_the_index_follows_from_the_documents(connection: Connection) -> None:
    """Building it anew changes nothing, and a property that is deleted leaves nothing behind."""

    def kept() -> list[Any]:
        return [
            sorted(connection.execute(select(table).where(table.c.property_id == "shared")).all())
            for table in (search_documents, search_spelling)
        ]

    catalog.put(connection, "shared", "businesses", "b02", {"name": "Pizza Palast"})
    catalog.put(connection, "shared", "businesses", "b02", {"name": "Pizza Palace", "categories": ["food-drink"]})
    before = kept()
    for table in (search_documents, search_spelling):
        connection.execute(table.delete().where(table.c.property_id == "shared"))
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM search_index"))
    store.rebuild(connection, "shared")
    assert before == kept()
    assert ["b02", "b08"] == ask(connection, "pizza")
    properties.delete_everything(connection, "shared")
    assert [[], []] == kept()
    if connection.dialect.name == "sqlite":
        assert 0 == connection.execute(text("SELECT count(*) FROM search_index WHERE words MATCH 'cafe'")).scalar_one()


NAMED = sorted({word for each in SHARED["businesses"] for word in words.held([each["name"], each.get("desc")])})
SIGNS = ('"', "*", "'", "\\", "OR", ":")
TYPED = st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*NAMED, *SIGNS])).map(" ".join))


@given(TYPED)
@example("\x00")
@example("\ud800")
@example("a" * 10_000)
@search(150)
def test_any_text_is_a_question(engine: Engine, typed: str) -> None:
    """No text is a fault of the query language, and nothing of another property is found."""
    with engine.connect() as connection:
        assert "elsewhere" not in ask(connection, typed)


def slipped(word: str) -> st.SearchStrategy[str]:
    """Draw what becomes of a word after one or two slips."""

    def once(text: str) -> st.SearchStrategy[str]:
        places = st.integers(0, max(len(text) - 1, 0))
        letters = st.sampled_from("aeztpи")
        return st.one_of(
            st.builds(lambda at: text[:at] + text[at + 1 :], places),
            st.builds(lambda at, new: text[:at] + new + text[at:], places, letters),
            st.builds(lambda at, new: text[:at] + new + text[at + 1 :], places, letters),
            st.builds(lambda at: text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :], places),
        )

    return once(word) | once(word).flatmap(once)


@given(st.sampled_from(NAMED).flatmap(slipped))
@search(300)
def test_slips_are_what_a_look_at_every_word_finds(engine: Engine, typed: str) -> None:
    """The stems leave out no word that is near enough; a word that is held, or begins one, has none."""
    with engine.connect() as connection:
        asked = find.question(connection, "shared", typed)
        held = connection.execute(
            select(search_documents.c.words).where(search_documents.c.property_id == "shared")
        ).scalars()
        every = {word for each in held for word in each.split()}
    for wanted in asked:
        near = {
            word: words.distance(wanted.word, word, min(words.slips(wanted.word), words.slips(word))) for word in every
        }

        known = any(word.startswith(wanted.word) for word in every)
        assert ({} if known else {word: slips for word, slips in near.items() if slips}) == wanted.slips
