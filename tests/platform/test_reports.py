"""Reports over people put straight into both databases, next to a count in Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import audience as people
import databases
import pytest
from sqlalchemy import Engine, update

from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.interests import DAY_MS, Question
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import AGE_BANDS, bin_edges, demographics, percentages
from lmg_offline.platform.reports.growth import growth
from lmg_offline.platform.segments import rules
from lmg_offline.platform.segments.conditions import Scope, holds
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.migrate import upgrade

SEED = 77
HOUR_MS = 60 * 60 * 1000
PEOPLE = people.population(SEED, 120)
NUMBERED = [
    people.Somebody(f"numbered {n}", "verified" if n % 3 else "identified", {"wage": n * 1.7, "few": n % 4})
    for n in range(90)
]
SEGMENT = {"any": [{"state": "verified"}, {"not": {"attribute": "gender", "op": "exists"}}]}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with two properties."""
    if request.param == "postgresql":
        server: databases.Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('reports') / 'platform.db'}"
    found = make_engine(url)
    upgrade(found)
    with writing(found) as connection:
        people.put(connection, "mixed", PEOPLE)
        people.put(connection, "numbered", NUMBERED)
    yield found
    close_engine(found)


def asked(engine: Engine, property_id: str, by: str, segment: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask for a demographic report."""
    condition = None
    if segment is not None:
        condition = holds(rules.parse(segment), Scope(property_id, people.NOW_MS, people.HALF_LIFE_DAYS))
    with engine.begin() as connection:
        return demographics(connection, Audience(property_id, condition), by, people.NOW_MS)


def band(age: int) -> str:
    """The name of an age's band."""
    return next(name for low, high, name in AGE_BANDS if age <= high)


@pytest.mark.parametrize("segment", [None, SEGMENT], ids=["everybody", "segment"])
@pytest.mark.parametrize("by", ["gender", "age_band"])
def test_a_report_is_what_python_counts(engine: Engine, by: str, segment: dict[str, Any] | None) -> None:
    """By value and state, the missing too, over everybody and a segment."""
    members = [person for person in PEOPLE if segment is None or people.holds(segment, person)]
    wanted: Counter[tuple[str | None, str]] = Counter()
    for person in members:
        age = people.age(person.profile.get("birthday"))
        value = person.profile.get("gender") if by == "gender" else None if age is None else band(age)
        wanted[value, person.state] += 1
    report = asked(engine, "mixed", by, segment)
    found = {(row["value"], state): row[state] for row in report["rows"] for state in ("identified", "verified")}

    assert {key: count for key, count in found.items() if count} == {
        key: count for key, count in wanted.items() if key[0] is not None
    }
    missing = sum(count for (value, _), count in wanted.items() if value is None)
    assert (len(members), missing) == (report["total"], report["missing"])
    assert all(row["count"] == row["identified"] + row["verified"] for row in report["rows"])
    assert round(sum(row["percent"] for row in report["rows"]) + report["missing_percent"], 1) == 100


def test_a_trait_of_every_type_is_counted_by_value(engine: Engine) -> None:
    """True is not 1, 1.0 is; members of lists one by one, each person once; long texts by their beginning."""
    wanted: Counter[tuple[str, Any]] = Counter()
    for person in PEOPLE:
        value = person.profile.get("t")
        for member in set(value) if isinstance(value, list) else [] if value is None else [value]:
            shown = member if not isinstance(member, str) or len(member) < 129 else member[:129] + "..."
            wanted[people.kind(member).__name__, shown] += 1
    report = asked(engine, "mixed", "trait:t")

    assert {(people.kind(row["value"]).__name__, row["value"]): row["count"] for row in report["rows"]} == wanted
    assert sum("t" not in person.profile for person in PEOPLE) == report["missing"]


def test_many_numbers_are_counted_in_bins_and_few_by_themselves(engine: Engine) -> None:
    """A bin holds its lower edge and not its upper one, and every number is in one."""
    edges = bin_edges(0, 89 * 1.7)
    names = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    wanted = Counter(names[sum(n * 1.7 >= edge for edge in edges) - 1] for n in range(90))
    binned, few = asked(engine, "numbered", "trait:wage"), asked(engine, "numbered", "trait:few")

    assert dict(wanted) == {row["value"]: row["count"] for row in binned["rows"]}
    assert [0, 1, 2, 3] == [row["value"] for row in few["rows"]]
    assert [23, 23, 22, 22] == [row["count"] for row in few["rows"]]


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 2), (-7.5, 3), (0.1, 0.3), (5, 1e9), (-1e300, 1e300)])
def test_the_edges_of_bins_hold_every_number(low: float, high: float) -> None:
    """From below the least to above the greatest, at most a dozen, evenly apart."""
    edges = bin_edges(low, high)

    assert edges[0] <= low
    assert high < edges[-1]
    assert 2 <= len(edges) <= 13
    assert edges == sorted(set(edges))


def test_percentages_add_up() -> None:
    """To 100, however they are rounded; nothing to nothing."""
    for counts in ([1, 1, 1], [2, 1, 0], [333, 333, 334], [1] * 7, [0, 5], [1, 10_000]):
        assert 100 == round(sum(percentages(counts, sum(counts))), 1)
    assert [33.4, 33.3, 33.3] == percentages([1, 1, 1], 3)
    assert [0.0] == percentages([0], 0)


def test_what_no_report_is_by_is_said(engine: Engine) -> None:
    """With what there is."""
    for by in ("", "trait:", "trait", "gender:x", "email"):
        with pytest.raises(ValueError, match="by is gender, age_band or trait:NAME"):
            asked(engine, "mixed", by)


def test_a_person_s_interests_are_explained(engine: Engine) -> None:
    """Shares that add up to 1, each from what gave it; nobody's interests are none."""
    for person in PEOPLE[:40]:
        wanted = people.points(person)
        question = Question("mixed", people.NOW_MS, people.HALF_LIFE_DAYS, user_hash(person.user_id))
        with engine.begin() as connection:
            report = interests.of_person(connection, question, explain=True)

        assert dict(wanted) == {row["category"]: row["points"] for row in report["rows"]}
        assert all(row["points"] == sum(each["points"] for each in row["sources"]) for row in report["rows"])
        scores = [row["score"] for row in report["rows"]]
        assert scores == sorted(scores, reverse=True)
        assert not scores or sum(scores) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("segment", [None, SEGMENT], ids=["everybody", "segment"])
def test_interests_of_many_are_the_mean_of_each(engine: Engine, segment: dict[str, Any] | None) -> None:
    """Over those who have any."""
    members = [person for person in PEOPLE if segment is None or people.holds(segment, person)]
    profiles = [people.points(person) for person in members]
    keen = [profile for profile in profiles if profile.total()]
    wanted: Counter[str] = Counter()
    for profile in keen:
        for category, count in profile.items():
            wanted[category] += count / profile.total() / len(keen)  # type: ignore[assignment]  # shares, not counts
    condition = None
    if segment is not None:
        condition = holds(rules.parse(segment), Scope("mixed", people.NOW_MS, people.HALF_LIFE_DAYS))
    question = Question("mixed", people.NOW_MS, people.HALF_LIFE_DAYS)
    with engine.begin() as connection:
        report = interests.of_audience(connection, Audience("mixed", condition), question)

    assert len(keen) == report["people"]
    assert dict(wanted) == pytest.approx({row["category"]: row["score"] for row in report["rows"]}, abs=1e-4)


def test_new_people_are_counted_by_the_day_of_the_time_zone(engine: Engine) -> None:
    """A day is as long as it is there: 23 hours in Vancouver on 8 March 2026."""
    zone = ZoneInfo("America/Vancouver")
    now_ms = int(datetime(2026, 3, 10, 1, tzinfo=UTC).timestamp() * 1000)  # the 9th there
    instants = {"numbered 0": (2026, 3, 8, 8, 0), "numbered 1": (2026, 3, 9, 6, 59), "numbered 2": (2026, 3, 9, 7, 0)}
    users = tables.users
    with writing(engine) as connection:
        connection.execute(
            update(users).where(users.c.property_id == "numbered").values(first_seen_at=now_ms - 400 * DAY_MS)
        )
        for user_id, when in instants.items():
            at_ms = int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]
            connection.execute(update(users).where(users.c.user_id == user_id).values(first_seen_at=at_ms))
    with engine.begin() as connection:
        report = growth(connection, Audience("numbered"), zone, 3, now_ms)

    assert (90, 30, 60) == (report["total"], report["identified"], report["verified"])
    assert [("2026-03-07", 0), ("2026-03-08", 2), ("2026-03-09", 1)] == [
        (row["day"], row["new"]) for row in report["days"]
    ]


@pytest.mark.parametrize("zone", [ZoneInfo("America/Vancouver"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")])
def test_a_year_of_new_people_has_each_on_their_day(engine: Engine, zone: ZoneInfo) -> None:
    """Across the days on which clocks change, by half an hour on Lord Howe Island."""
    now_ms = int(datetime(2026, 11, 20, 3, tzinfo=UTC).timestamp() * 1000)
    rng = random.Random(5)
    hours = range(366 * 24)
    instants = [now_ms - rng.choice(hours) * HOUR_MS - rng.choice((0, 1, 1_800_000)) for _ in range(90)]
    users = tables.users
    with writing(engine) as connection:
        for number, at_ms in enumerate(instants):
            connection.execute(
                update(users).where(users.c.user_id == f"numbered {number}").values(first_seen_at=at_ms)
            )
    with engine.begin() as connection:
        report = growth(connection, Audience("numbered"), zone, 366, now_ms)

    days = Counter(datetime.fromtimestamp(at_ms / 1000, zone).date().isoformat() for at_ms in instants)
    found = {row["day"]: row["new"] for row in report["days"]}
    assert {day: days[day] for day in found} == found
    assert sum(found.values()) > 80
