"""
What an app passes: refused by name before anything is written, or it arrives unchanged.

On SQLite; on PostgreSQL too when LMG_TEST_POSTGRESQL_URL names a database, as
for tests/platform.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from lmg_offline import Client
from lmg_offline.errors import LMGError, ValidationError
from lmg_offline.platform.server import Running, running
from tests.e2e.support import Admin, client_of
from tests.security.hostile_values import (
    ARRIVES,
    DIFFERENT_PEOPLE,
    NEVER,
    OTHER_MAPPINGS,
    Meddler,
    RaisingDict,
    RaisingList,
    RaisingText,
    TwoFacedDict,
)

DRAIN_S = 60.0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client that sends nothing; the tests look at its journal."""
    with Client("wk", data_dir=tmp_path_factory.mktemp("hostile") / "j", sync=False, durability="normal") as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('platform') / 'platform.db'}"
    url = os.environ.get("LMG_TEST_POSTGRESQL_URL")
    if url is None:
        pytest.skip("LMG_TEST_POSTGRESQL_URL names no database")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def live(database: str) -> Iterator[Running]:
    """A platform over that database."""
    with running(database) as found:
        yield found


def user(admin: Admin, user_id: str) -> Any:
    """Return one person, whatever is in the id."""
    return admin.user(user_id)


def refusal_of(client: Client, call: Callable[[], object]) -> ValidationError:
    """Make a call that must be refused, and see that nothing was written by it."""
    before, session_id = client.status().queued, client.user.session_id
    with pytest.raises(ValidationError) as raised:
        call()
    assert (before, session_id) == (client.status().queued, client.user.session_id)
    return raised.value


PLACES: dict[str, tuple[Callable[[Client, Any], object], str]] = {
    "trait": (lambda c, v: c.user.update({"traits": {"t": v}}), "traits.t"),
    "trait beside good ones": (
        lambda c, v: c.user.identify("u", profile={"name": "x", "traits": {"t": v}}),
        "traits.t",
    ),
    "email": (lambda c, v: c.user.update({"email": v}), "email"),
    "name": (lambda c, v: c.user.update({"name": v}), "name"),
    "birthday": (lambda c, v: c.user.update({"birthday": v}), "birthday"),
    "gender": (lambda c, v: c.user.update({"gender": v}), "gender"),
    "unknown field": (lambda c, v: c.user.update({"colour": v}), "colour"),
    "user id": (lambda c, v: c.user.identify(v), "user_id"),
    "token": (lambda c, v: c.user.identify("u", hmac=v), "hmac"),
    "activity": (lambda c, v: c.activity.track(v), "name"),
    "property": (lambda c, v: c.activity.track("x", {"p": v}), "properties"),
    "property in a list": (lambda c, v: c.activity.track("x", {"p": [1, {"q": v}]}), "properties"),
    "search term": (lambda c, v: c.search.save_term(v), "term"),
    "offer": (lambda c, v: c.activity.offer_viewed(v), "offer_id"),
    "place": (lambda c, v: c.activity.offer_viewed("o", location_ids=[v]), "location_ids"),
    "way of sharing": (lambda c, v: c.activity.offer_shared("o", v), "method"),
    "searched": (lambda c, v: c.business.list(search=v), "search"),
    "receipt": (lambda c, v: c.journal.receipt(v), "receipt_id"),
    "dead letter": (lambda c, v: c.journal.retry(v), "entry_id"),
    "event": (lambda c, v: c.on(v, print), "name"),
}
# A property of an activity may be more than a trait: lists of lists, objects.
PROPERTIES_TAKE = {"a list in a list in a list"}
DATES = {name for name in NEVER if name.startswith("a time ")}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", NEVER)
def test_what_can_never_arrive_is_refused_by_name_and_nothing_is_written(
    client: Client, value: str, place: str
) -> None:
    """Wherever it stands: the field is named, the value is not, and no error of somebody else's class comes out."""
    call, field = PLACES[place]
    if place == "birthday" and value in DATES:
        pytest.skip("of a time, its own calendar day counts, which is one")
    made = NEVER[value]()
    error = refusal_of(client, lambda: call(client, made))

    assert all(name == field or name.startswith(field + ".") for name in error.fields), error.fields
    assert "somebody" not in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("value", OTHER_MAPPINGS)
@pytest.mark.parametrize(
    ("call", "field"),
    [
        pytest.param(lambda c, v: c.user.update(v), "profile", id="profile"),
        pytest.param(lambda c, v: c.user.update({"traits": v}), "traits", id="traits"),
        pytest.param(lambda c, v: c.user.identify("u", {"profile": v}), "profile", id="profile in options"),
        pytest.param(lambda c, v: c.activity.track("x", v), "properties", id="properties"),
    ],
)
def test_a_mapping_that_is_none_or_has_no_end_is_refused(
    client: Client, call: Callable[[Client, Any], object], field: str, value: str
) -> None:
    """It is read once, and not for ever."""
    error = refusal_of(client, lambda: call(client, OTHER_MAPPINGS[value]()))

    assert all(name.split(".")[0] in (field, "self", "email") or name.startswith("field ") or name.isdecimal()
               for name in error.fields), error.fields  # fmt: skip


def test_a_class_of_somebodys_own_is_read_for_what_it_is(client: Client) -> None:
    """Its methods are not asked: neither what they raise nor what they say comes into the journal."""
    client.user.update(RaisingDict(name=RaisingText("plain"), traits=RaisingDict(t=RaisingList(["plain"]))))
    client.activity.track(RaisingText("plain"), TwoFacedDict(real=RaisingText("plain")))
    profile, activity = client.journal.entries()[-2:]

    assert {"profile": {"name": "plain", "t": ["plain"]}} == profile.payload
    assert {"name": "plain", "properties": {"real": "plain"}} == activity.payload


@pytest.mark.parametrize("bad", [float("nan"), "NUL \0", object(), 2**60], ids=["NaN", "NUL", "object", "too large"])
def test_what_another_thread_changes_meanwhile_is_refused_or_written_whole(client: Client, bad: object) -> None:
    """What was checked is what is written, and no dictionary changes its size while it is looked at."""
    shared: dict[str, Any] = {f"key {number}": number for number in range(50)}
    with Meddler(shared, bad):
        for _ in range(40):
            for call in (lambda: client.user.update({"traits": shared}), lambda: client.activity.track("x", shared)):
                try:
                    call()
                except ValidationError as error:
                    assert {"traits", "properties"} & {name.split(".")[0] for name in error.fields}
    bodies = [json.dumps(entry.payload) for entry in client.journal.entries()]

    assert not any("NaN" in body or "meddled" in body or "\\u0000" in body for body in bodies)


def test_a_value_kept_by_the_app_can_be_changed_afterwards(client: Client) -> None:
    """It was copied."""
    tags, profile = ["a"], {"name": "before", "traits": {}}
    profile["traits"] = {"tags": tags}
    client.user.update(profile)
    profile["name"] = "after"
    tags.append("b")

    assert {"name": "before", "tags": ["a"]} == client.journal.entries()[-1].payload["profile"]


def test_everything_that_is_accepted_arrives_unchanged(live: Running, tmp_path: Path) -> None:
    """Values, names of traits, names of activities and their properties: as the platform shows and exports them."""
    admin = Admin(live)
    texts = [made for _, made in ARRIVES.values() if isinstance(made, str) and 0 < len(made) <= 100]
    names = {f"{value} as a name" for value in texts}
    with client_of(live, tmp_path / "j") as client:
        client.user.identify("hostile values")
        for start in range(0, len(ARRIVES), 20):
            part = list(ARRIVES.items())[start : start + 20]
            client.user.update({"traits": {name: make() for name, (make, _) in part}})
        client.user.update({"traits": dict.fromkeys(sorted(names), 1)})
        client.user.update({"name": ARRIVES["HTML"][1], "email": "o'neil+tag@example.com"})
        for name in texts:
            client.activity.track(name, {name: name, "nested": [{"deep": name}]})
        assert client.flush(DRAIN_S)
        assert [] == client.journal.dead_letters()
    found = user(admin, "hostile values")
    activity = admin.get("users/hostile%20values/activity?limit=1000")["items"]
    exported = admin.get("users/hostile%20values/export")
    wanted = {name: value for name, (_, value) in ARRIVES.items()} | dict.fromkeys(names, 1)

    assert wanted == found["profile"]["traits"] == exported["profile"]["traits"]
    assert {name: type(value) for name, value in wanted.items()} == {
        name: type(value) for name, value in found["profile"]["traits"].items()
    }
    assert (ARRIVES["HTML"][1], "o'neil+tag@example.com") == (found["profile"]["name"], found["profile"]["email"])
    assert [(name, {name: name, "nested": [{"deep": name}]}) for name in texts] == [
        (row["name"], row["properties"]) for row in activity
    ]


@pytest.mark.parametrize("kind", DIFFERENT_PEOPLE)
def test_people_who_only_look_alike_are_never_one(live: Running, tmp_path: Path, kind: str) -> None:
    """Each has their own session, name and activity; a token of one proves no other; erasing one leaves the others."""
    admin, people = Admin(live), DIFFERENT_PEOPLE[kind]
    with client_of(live, tmp_path / "j") as client:
        for number, person in enumerate(people):
            client.user.identify(person)
            client.user.update({"traits": {"number": number}})
            client.activity.track(f"by {number}")
        assert client.flush(DRAIN_S)
    shown = [user(admin, person) for person in people]
    activity = [admin.get(f"users/{quote(person, safe='')}/activity")["items"] for person in people]
    erased = admin.ask("DELETE", f"users/{quote(people[0], safe='')}")[0]
    left = [admin.ask("GET", f"users/{quote(person, safe='')}")[0] for person in people]

    assert list(people) == [found["user_id"] for found in shown]
    assert list(range(len(people))) == [found["profile"]["traits"]["number"] for found in shown]
    assert [[f"by {number}"] for number in range(len(people))] == [[row["name"] for row in rows] for rows in activity]
    assert len(people) == len({session["session_id"] for found in shown for session in found["sessions"]})
    assert (204, [404] + [200] * (len(people) - 1)) == (erased, left)


def test_ten_thousand_traits_are_refused_and_128_arrive(live: Running, tmp_path: Path) -> None:
    """The bound is said; many writes of 128 each are many attributes, and all of them arrive."""
    with client_of(live, tmp_path / "j") as client:
        client.user.identify("many traits")
        with pytest.raises(ValidationError, match="128"):
            client.user.update({"traits": {f"t{number}": number for number in range(10_000)}})
        for start in range(0, 1280, 128):
            client.user.update({"traits": {f"t{number}": number for number in range(start, start + 128)}})
        assert client.flush(DRAIN_S)

    assert {f"t{number}": number for number in range(1280)} == user(Admin(live), "many traits")["profile"]["traits"]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = words.filter(lambda name: 0 < len(name) and name not in ("email", "name", "birthday", "gender"))
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
traits = st.dictionaries(names, st.booleans() | numbers | words | st.lists(words, max_size=4), max_size=6)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=12) | st.dates()
    | st.binary(max_size=4) | st.datetimes() | st.sampled_from(list(NEVER.values())[6:20]).map(lambda make: make()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(anything)
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
def test_any_value_anywhere_is_written_as_it_is_or_refused(client: Client, value: Any) -> None:
    """Nothing but an error of ours comes out, and what was written can be read again as JSON."""
    for call, _ in PLACES.values():
        before = client.status().queued
        try:
            call(client, value)
        except LMGError:
            assert before == client.status().queued
    try:
        client.activity.track("any", {"value": value})
    except ValidationError:
        return
    entry = client.journal.entries()[-1]

    assert entry.payload == json.loads(json.dumps({"name": "any", "properties": {"value": value}}))


@given(st.lists(traits, min_size=1, max_size=12))
@settings(max_examples=8, deadline=None, suppress_health_check=QUIET)
def test_any_traits_that_are_accepted_are_what_the_platform_has(
    live: Running, tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, Any]]
) -> None:
    """The last value of each, of its own type, under its own name."""
    user_id = tmp_path_factory.mktemp("any").name
    with client_of(live, tmp_path_factory.mktemp("any") / "j", durability="normal") as client:
        client.user.identify(user_id)
        for each in written:
            client.user.update({"traits": each})
        assert client.flush(DRAIN_S)
    wanted: dict[str, Any] = {}
    for each in written:
        wanted |= each
    found = user(Admin(live), user_id)["profile"]["traits"]

    assert wanted == found
    assert {name: type(value) for name, value in wanted.items()} == {name: type(value) for name, value in found.items()}
