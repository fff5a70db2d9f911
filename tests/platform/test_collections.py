"""Collections on both databases: what they hold, in which order, and who finds them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import catalog
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties.search import search
from sqlalchemy import Connection, Engine, insert, update

from lmg_offline.platform import properties
from lmg_offline.platform.audience_api.context import RequestContext
from lmg_offline.platform.audience_api.executor import Executor, read_sdl
from lmg_offline.platform.content import finding, geo
from lmg_offline.platform.content.resolvers import RESOLVERS
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.search import find
from lmg_offline.platform.segments import store as segments
from lmg_offline.platform.sessions import Session
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

TUESDAY_NOON = round(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
SHOPS = 5
CATEGORIES, TAGS = ("food", "fun", "home"), ("patio", "kids", "late")
NAMES = ("Ann", "ann", "Änn", "Bob", "bob's", "Zoë")
POINTS = [[-119.5, 49.9], [-119.4, 49.9], [-119.5, 49.8], [-123.1, 49.3], [179.95, 0.0], [-179.95, 0.1], [0.0, 89.9]]
EXECUTOR = Executor(read_sdl("default.graphql"), RESOLVERS)


def shop(seed: int) -> dict[str, Any]:
    """Draw the content of one property."""
    rng = random.Random(f"shop {seed}")
    return {
        "categories": [{"id": f"c-{name}", "slug": name, "name": name} for name in CATEGORIES],
        "businesses": [
            {
                "id": f"b{number:02}",
                "name": rng.choice(NAMES),
                "enabled": rng.random() < 0.9,
                "priority": rng.choice((0, 0, 1, -1)),
                "categories": [rng.choice(("", "c-")) + each for each in CATEGORIES if rng.random() < 0.4],
                "tags": [each for each in TAGS if rng.random() < 0.4],
                "places": [(rng.choice(POINTS), rng.random() < 0.9) for _ in range(rng.choice((0, 1, 1, 2)))],
            }
            for number in range(25)
        ],
    }


CONTENT = {seed: shop(seed) for seed in range(SHOPS)}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with every drawn property, and one that is empty but for a person of each kind."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with catalog.database(request.param, tmp_path_factory.mktemp("collections"), server) as found:
        with writing(found) as connection:
            for seed, content in CONTENT.items():
                catalog.make_property(connection, f"shop-{seed}")
                fill(connection, f"shop-{seed}", content)
                catalog.person(connection, f"shop-{seed}", "ann", TUESDAY_NOON, deeds={"b01": 2, "b02": 1, "b03": 1})
            catalog.make_property(connection, "empty", time_zone="America/Vancouver")
            catalog.person(connection, "empty", "child", TUESDAY_NOON, birthday="2014-03-11")
            catalog.person(connection, "empty", "adult", TUESDAY_NOON, birthday="1990-01-01", plan="gold")
            catalog.person(connection, "empty", "checked", TUESDAY_NOON, state="verified", birthday="1990-01-01")
        yield found


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as found, found.begin() as transaction:
        yield found
        transaction.rollback()


def fill(connection: Connection, property_id: str, content: dict[str, Any]) -> None:
    """Put what was drawn."""
    for category in content["categories"]:
        catalog.put(connection, property_id, "categories", category["id"], {**category})
    for business in content["businesses"]:
        kept = {name: value for name, value in business.items() if name != "places"}
        catalog.put(connection, property_id, "businesses", business["id"], kept)
        for number, ((longitude, latitude), enabled) in enumerate(business["places"]):
            place: dict[str, Any] = {"business_id": business["id"], "name": "P", "enabled": enabled}
            place |= {"longitude": longitude, "latitude": latitude}
            catalog.put(connection, property_id, "locations", f"{business['id']}-{number}", place)


REGIONS = st.one_of(
    st.builds(
        lambda centre, radius_m: {"centre": centre, "radius_m": radius_m},
        st.sampled_from(POINTS),
        st.sampled_from([1, 5_000, 8_000, 12_000, 30_000, 400_000]),
    ),
    st.builds(
        lambda west, south, wide, high: {
            "ring": [[west, south], [west + wide, south], [west + wide, south + high], [west, south + high]]
        },
        st.sampled_from([-124.0, -119.45, -119.55, -1.0]),
        st.sampled_from([49.0, 49.85, 80.0]),
        st.sampled_from([0.1, 1.0, 5.0]),
        st.sampled_from([0.1, 1.0, 9.99]),
    ),
)
COLLECTIONS = st.fixed_dictionaries(
    {
        "business_ids": st.lists(st.sampled_from([f"b{number:02}" for number in range(30)]), max_size=3),
        "filter": st.none()
        | st.fixed_dictionaries(
            {
                "categories": st.lists(st.sampled_from([*CATEGORIES, "c-food", "unknown"]), max_size=2),
                "tags": st.lists(st.sampled_from([*TAGS, "unknown"]), max_size=2),
                "region": st.none() | REGIONS,
            }
        ),
    }
)


def expected(seed: int, which: dict[str, Any]) -> list[str]:
    """Answer in Python, one business at a time."""
    collection, area, point = which["collection"], geo.region_of(which["area"]), which["point"]
    found = []
    for business in CONTENT[seed]["businesses"]:
        places = [place for place, enabled in business["places"] if enabled]
        kinds = {each.removeprefix("c-") for each in business["categories"]}
        if not business["enabled"] or (which["tags"] and not set(which["tags"]) & set(business["tags"])):
            continue
        if area is not None and not any(area.holds(place) for place in places):
            continue
        if collection is not None and not holds(collection, business, places, kinds, area):
            continue
        near = min((geo.distance_m(point, place) for place in places), default=float("inf")) if point else 0.0
        liked = interest(seed, kinds)
        found.append((business, near, liked))
    names = {business["id"]: (folded(business["name"]), business["name"], business["id"]) for business, _, _ in found}

    def key(item: tuple[dict[str, Any], float, int]) -> tuple[Any, ...]:
        business, near, liked = item
        usual = (near, business["id"]) if point else names[business["id"]]
        first: tuple[Any, ...] = {"priority": (-business["priority"],), "relevance": (-liked,)}.get(which["order"], ())
        return names[business["id"]] if which["order"] == "name" else (*first, *usual)

    return [item[0]["id"] for item in sorted(found, key=key)]


def folded(name: str) -> str:
    """The names of this test without case and accents."""
    return name.lower().replace("ä", "a").replace("ë", "e")


def interest(seed: int, kinds: set[str]) -> int:
    """Of Ann, who looked at three businesses."""
    points = dict.fromkeys(CATEGORIES, 0)
    for business in CONTENT[seed]["businesses"][1:4]:
        for each in {name.removeprefix("c-") for name in business["categories"]}:
            points[each] += 2 if business["id"] == "b01" else 1
    return sum(points[each] for each in kinds)


def holds(collection: dict[str, Any], business: dict[str, Any], places: Any, kinds: set[str], area: Any) -> bool:
    """What a collection is."""
    if business["id"] in collection["business_ids"]:
        return True
    rule = collection["filter"]
    if rule is None:
        return False
    wanted, tags, region = {each.removeprefix("c-") for each in rule["categories"]}, set(rule["tags"]), rule["region"]
    labelled = bool(kinds & wanted or set(business["tags"]) & tags)
    if region is None:
        return labelled
    inside = any(geo.region_of(region).holds(place) and (area is None or area.holds(place)) for place in places)
    return inside and (labelled or not (wanted or tags))


@given(
    which=st.fixed_dictionaries(
        {
            "collection": st.none() | COLLECTIONS,
            "tags": st.just([]) | st.lists(st.sampled_from(TAGS), max_size=2),
            "area": st.none() | REGIONS,
            "point": st.none() | st.sampled_from(POINTS),
            "order": st.sampled_from([None, *finding.ORDERS]),
        }
    ),
    seed=st.integers(0, SHOPS - 1),
)
@search(250)
def test_filters_and_orders_are_what_python_finds(engine: Engine, which: dict[str, Any], seed: int) -> None:
    """Random filters over random content."""
    wanted = finding.Filter(
        tags=which["tags"],
        region=geo.region_of(which["area"]),
        collection=which["collection"],
        point=which["point"],
        order=which["order"],
    )
    with engine.connect() as connection:
        asker = catalog.asker(connection, f"shop-{seed}", TUESDAY_NOON, "ann")
        found = finding.business_ids(connection, f"shop-{seed}", asker, wanted)

    assert expected(seed, which) == found


def ask(
    connection: Connection, query: str, user_id: str | None = None, now_ms: int = TUESDAY_NOON, verified: bool = False,
    property_id: str = "empty", **variables: Any,
) -> Any:  # fmt: skip
    """Run a query as a session would, and return the data of its only field."""
    state = "anonymous" if user_id is None else "verified" if verified else "identified"
    hashed = None if user_id is None else user_hash(user_id)
    session = session_of(property_id, user_id, hashed, state)
    context = RequestContext(
        connection, properties.get(connection, property_id), "i", session, None, now_ms, "http://127.0.0.1", 3600
    )
    (answer,) = EXECUTOR.run(EXECUTOR.operation(query, None), variables, context).values()
    return answer


def session_of(property_id: str, user_id: str | None, hashed: int | None, state: str) -> Session:
    """A session that nobody opened."""
    known: dict[str, Any] = {"user_id": user_id, "user_hash": hashed, "state": state, "property_id": property_id}
    return Session(**{name: known.get(name) for name in Session.__dataclass_fields__})


def listed(connection: Connection, user_id: str | None = None, **options: Any) -> list[str]:
    """Return the ids of the collections that somebody finds."""
    query = """query ($area: [[Float!]!], $point: [Float!], $tags: [String!]) {
        collectionFeed(contextGeoArea: $area, orderingGeoPoint: $point, tagNames: $tags) { collections { id } } }"""
    return [each["id"] for each in ask(connection, query, user_id, **options)["collections"]]


def collection(connection: Connection, name: str, **document: Any) -> None:
    """Put a collection."""
    catalog.put(connection, "empty", "collections", name, {"name": name, **document})


def test_higher_priority_is_first_and_then_the_name(connection: Connection) -> None:
    """Whatever the case of letters, and only what is enabled and has the tag."""
    for name, priority in (("b", 0), ("A", 0), ("c", 5), ("d", -1)):
        collection(connection, name, priority=priority, tags=["t"])
    collection(connection, "off", enabled=False, tags=["t"])
    collection(connection, "other")

    assert ["c", "A", "b", "d"] == listed(connection, tags=["t"])
    assert ["c", "A", "b", "other", "d"] == listed(connection)


def test_age_limits(connection: Connection) -> None:
    """The child is 11 until tomorrow. Who is unknown, or merely claims a verified name, sees what has no limit."""
    collection(connection, "all")
    collection(connection, "bars", filter={"tags": ["bar"], "age": {"min": 19}})
    collection(connection, "kids", filter={"tags": ["kid"], "age": {"max": 11}})
    collection(connection, "teens", filter={"tags": ["kid"], "age": {"min": 12, "max": 12}})
    get = 'query { collection(collectionId: "bars") { id } }'

    assert ["all"] == listed(connection)
    assert ["all", "kids"] == listed(connection, "child")
    assert ["all", "teens"] == listed(connection, "child", now_ms=TUESDAY_NOON + 24 * 3_600_000)
    assert ["all", "bars"] == listed(connection, "adult")
    assert (["all"], ["all", "bars"]) == (listed(connection, "checked"), listed(connection, "checked", verified=True))
    assert {"id": "bars"} == ask(connection, get, "adult")
    with pytest.raises(AudienceError, match="collection"):
        ask(connection, get, "child")


def test_schedules_go_by_the_property_or_the_collection(connection: Connection) -> None:
    """At noon UTC it is five in the morning in Vancouver, and evening in Tokyo; 22 hours later Wednesday in both."""
    evening = {"opens": "18:00", "closes": "23:00"}
    collection(connection, "early", discoverability={"schedule": {"opens": "05:00", "closes": "06:00"}})
    collection(connection, "tokyo", discoverability={"schedule": {**evening, "time_zone": "Asia/Tokyo"}})
    collection(connection, "vancouver", discoverability={"schedule": evening})
    collection(connection, "wednesdays", discoverability={"schedule": {"days": ["wednesday"]}})

    assert ["early", "tokyo"] == listed(connection)
    assert ["tokyo", "wednesdays"] == listed(connection, now_ms=TUESDAY_NOON + 22 * 3_600_000)
    get = 'query { collection(collectionId: "vancouver") { id } }'
    assert {"id": "vancouver"} == ask(connection, get)


def test_regions_of_discovery_and_of_content(connection: Connection) -> None:
    """Asked from a point or over an area; in an area, only collections with a business there."""
    here, far = POINTS[0], POINTS[3]
    around = [[-119.6, 49.7], [-119.3, 49.7], [-119.3, 50.0], [-119.6, 50.0], [-119.6, 49.7]]
    elsewhere = [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 1.0]]
    fill(connection, "empty", CONTENT[0])
    ids = [business["id"] for business in CONTENT[0]["businesses"]]
    in_kelowna = {"region": {"centre": here, "radius_m": 20_000}}
    collection(connection, "everywhere", business_ids=ids)
    collection(connection, "kelowna", business_ids=ids, discoverability=in_kelowna)
    collection(connection, "filtered", filter={"region": {"centre": far, "radius_m": 20_000}})
    collection(connection, "nothing", filter={"tags": ["unknown"]})
    collection(connection, "food", filter={"categories": ["food"]})

    assert ["everywhere", "filtered", "food", "nothing"] == listed(connection)
    assert "kelowna" in listed(connection, point=here) and "kelowna" not in listed(connection, point=far)
    assert ["everywhere", "food", "kelowna"] == listed(connection, area=around)
    assert [] == listed(connection, area=elsewhere)


def test_segments_are_asked_live(connection: Connection) -> None:
    """For one person; a segment that is gone has no members."""
    segments.put(connection, "empty", "gold", "Gold", {"trait": "plan", "op": "==", "value": "gold"}, 0)
    segments.put(connection, "empty", "known", "Known", {"attribute": "birthday", "op": "exists"}, 0)
    collection(connection, "all")
    collection(connection, "gold", discoverability={"segments": ["gold", "gone"]})
    collection(connection, "known", discoverability={"segments": ["known"]})
    collection(connection, "gone", discoverability={"segments": ["gone"]})

    assert (["all"], ["all", "known"]) == (listed(connection), listed(connection, "child"))
    assert ["all", "gold", "known"] == listed(connection, "adult")
    table = tables.profile_values
    connection.execute(
        update(table).where(table.c.attribute == "plan").values(value=json.dumps("silver"), word='"silver')
    )
    assert ["all", "known"] == listed(connection, "adult")
    assert (["all"], ["all", "known"]) == (listed(connection, "checked"), listed(connection, "checked", verified=True))


def test_pages_of_a_collection_follow_its_order(connection: Connection) -> None:
    """Every business once, with what belongs to it."""
    fill(connection, "empty", CONTENT[1])
    for number in range(25):
        offer = {"business_id": f"b{number:02}", "headline": f"Offer {number}"}
        catalog.put(connection, "empty", "offers", f"o{number:02}", offer)
    collection(connection, "all", filter={"categories": list(CATEGORIES), "tags": list(TAGS)}, order="priority")
    query = """query ($cursor: String) { collection(collectionId: "all") {
        businessFeed(limit: 4, cursor: $cursor) {
            businesses { id offers { id business { id } } locations { business { id } } }
            cursor { next } } } }"""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        feed = ask(connection, query, cursor=cursor)["businessFeed"]
        found += feed["businesses"]
        cursor = feed["cursor"]["next"]
        if cursor is None:
            break
    shown = [each for each in CONTENT[1]["businesses"] if each["enabled"] and (each["categories"] or each["tags"])]
    usual = sorted(shown, key=lambda each: (-each["priority"], folded(each["name"]), each["name"], each["id"]))

    assert [each["id"] for each in usual] == [each["id"] for each in found]
    assert all([{"id": f"o{each['id'][1:]}", "business": {"id": each["id"]}}] == each["offers"] for each in found)
    assert all(place["business"]["id"] == each["id"] for each in found for place in each["locations"])


def test_a_search_shows_the_offer_it_was_for_first_and_saved_ones_before_it(connection: Connection) -> None:
    """Words, tags, bookmarks and area hold together."""
    catalog.put(connection, "empty", "businesses", "cafe", {"name": "Cafe", "tags": ["t"]})
    for key, headline in (("o1", "Apple pie"), ("o2", "Banana split"), ("o3", "Cherry cake")):
        catalog.put(connection, "empty", "offers", key, {"business_id": "cafe", "headline": headline})
    row = {"property_id": "empty", "user_hash": user_hash("adult"), "user_id": "adult", "offer_id": "o1", "saved": True}
    origin = {"location_ids": "[]", "device_id": "d", "session_id": "s", "entry_id": "e", "occurred_at": 1}
    connection.execute(insert(tables.bookmarks).values(**row, **origin))
    query = """query ($q: String, $saved: Boolean) { businessFeed(q: $q, bookmarkedOffersOnly: $saved) {
        businesses { offers { id } } } }"""

    def offers(**variables: Any) -> list[list[str]]:
        found = ask(connection, query, "adult", **variables)["businesses"]
        return [[offer["id"] for offer in each["offers"]] for each in found]

    assert [["o2", "o1", "o3"]] == offers(q="banana")
    assert [["o1", "o2", "o3"]] == offers(q="banana", saved=True)
    assert [] == offers(q="banana durian")
    with pytest.raises(AudienceError, match="Identify"):
        ask(connection, query, saved=True)


def test_what_a_point_or_a_ring_is(connection: Connection) -> None:
    """Refused in words, not by a failure."""
    for variables in ({"point": [1.0]}, {"area": [[1.0, 2.0], [3.0]]}):
        with pytest.raises(AudienceError, match="longitude"):
            listed(connection, **variables)
    assert [] == find.question(connection, "empty", "")
