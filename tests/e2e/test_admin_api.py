"""The Admin API of a real platform."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lmg_offline.platform.server import Running
from tests.e2e.support import Admin, client_of

TODAY = datetime.now(UTC).date()


def born(age: int, days: int = 0) -> date:
    """Somebody who turned `age` on this day, or turns it in `days` days."""
    return TODAY.replace(year=TODAY.year - age, day=min(TODAY.day, 28)) + timedelta(days=days)


def test_demographics_equal_an_independent_count(platform: Running, tmp_path: Path) -> None:
    """Gender, age bands at their edges, numbers, bins, lists, bools; missing counted."""
    ages = [12, 13, 17, 18, 24, 25, 34, 35, 44, 45, 54, 55, 64, 65, 90]
    with client_of(platform, tmp_path / "j") as client:
        for number, age in enumerate(ages):
            client.user.identify(f"user/{number}")
            traits = {
                "spend": number * 10,
                "likes": ["a", "b"][: number % 3],
                "paid": number % 2 == 0,
                "few": number % 3,
            }
            profile = {"birthday": born(age), "traits": traits, "gender": ["male", "female", "pnts"][number % 3]}
            client.user.update(profile if number else {})
            client.user.reset_session()
        for number in range(10):
            client.user.identify(f"more-{number}", profile={"traits": {"spend": 1000 + number * 7}})
        assert client.flush(30)
    admin = Admin(platform)

    def counts(by: str) -> tuple[dict[object, int], int, int]:
        report = admin.get(f"reports/demographics?by={by}")
        assert all(row["share"] == pytest.approx(row["count"] / report["total"], abs=1e-6) for row in report["rows"])
        return {row["value"]: row["count"] for row in report["rows"]}, report["missing"], report["total"]

    assert ({"male": 4, "female": 5, "pnts": 5}, 11, 25) == counts("gender")
    bands = ["13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"]
    assert (dict.fromkeys(bands, 2), 11, 25) == counts("age_band")
    assert ({0: 4, 1: 5, 2: 5}, 11, 25) == counts("trait:few")
    assert ({False: 7, True: 7}, 11, 25) == counts("trait:paid")
    assert ({"a": 10, "b": 5}, 11, 25) == counts("trait:likes")
    spend = [n * 10 for n in range(1, 15)] + [1000 + n * 7 for n in range(10)]
    expected = Counter(f"{n // 200 * 200}-{n // 200 * 200 + 200}" for n in spend)
    assert (dict(expected), 1, 25) == counts("trait:spend")
    assert ({}, 25, 25) == counts("trait:unheard")
    assert 422 == admin.ask("GET", "reports/demographics?by=shoe")[0]


def test_a_person_devices_activity_and_the_log(platform: Running, dialect: str, tmp_path: Path) -> None:
    """Shapes of the contract, ids with any character, pages that join up. Only a replay tells of its device."""
    user_id = "a/b ü?%2F\U0001f600"
    with client_of(platform, tmp_path / "j") as client:
        client.activity.track("before")
        client.user.identify(user_id, profile={"name": "Ann"})
        for number in range(5):
            client.activity.track("seen", {"number": number})
        assert client.flush(20)
        session_id = client.user.session_id
    admin = Admin(platform)
    person = admin.user(user_id)
    if dialect == "lmg":
        session_id = person["sessions"][0]["session_id"]
    path = f"users/{urllib.request.quote(user_id, safe='')}"
    first = admin.get(f"{path}/activity?limit=4")
    rest = admin.get(f"{path}/activity?limit=4&cursor={first['next_cursor']}")
    devices = admin.get("devices")["items"]
    log = admin.entries()

    assert (user_id, "IDENTIFIED") == (person["user_id"], person["state"])
    assert [session_id] == [session["session_id"] for session in person["sessions"]]
    assert ["before"] + ["seen"] * 5 == [item["name"] for item in first["items"] + rest["items"]]
    assert {"id", "name", "properties", "occurred_at", "session_id", "device_id", "seq"} == set(first["items"][0])
    assert rest["next_cursor"] is None
    lane = {"session_id": session_id, "applied_seq": 7, "applied_id": log[-1]["id"]}
    assert ([[lane]] if dialect == "replay" else []) == [device["lanes"] for device in devices]
    assert [] == [device for device in devices if abs(device["clock_offset_s"]) >= 5]
    assert list(range(1, 8)) == [row["seq"] for row in log]
    assert [] == admin.get("entries?device_id=unknown")["items"]
    assert [user_id] == [item["user_id"] for item in admin.get("users")["items"]]
    exported = admin.get(f"{path}/export")
    assert (6, 1) == (len(exported["activity"]), len(exported["session_values"]))
    assert 204 == admin.ask("DELETE", path)[0]
    assert 404 == admin.ask("GET", path)[0] == admin.ask("DELETE", path)[0]
    assert [] == admin.get("users")["items"]
    assert user_id not in json.dumps(admin.entries(), ensure_ascii=False)


def test_content_is_put_read_listed_and_deleted(platform: Running) -> None:
    """Create 201, replace 200, pages by id, 204, then 404."""
    admin = Admin(platform)
    admin.content()

    assert 200 == admin.ask("PUT", "offers/o1", {"business_id": "b1", "headline": "New"})[0]
    assert 201 == admin.ask("PUT", "offers/o3", {"business_id": "b1", "headline": "Third"})[0]
    page = admin.get("offers?limit=2")
    assert ["o1", "o2"] == [item["id"] for item in page["items"]]
    assert ["o3"] == [item["id"] for item in admin.get(f"offers?cursor={page['next_cursor']}")["items"]]
    assert "New" == admin.get("offers/o1")["headline"]
    assert 204 == admin.ask("DELETE", "offers/o1")[0]
    assert [404, 404] == [admin.ask(method, "offers/o1")[0] for method in ("GET", "DELETE")]
    assert 404 == admin.ask("GET", "shoes")[0]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("businesses/b", {}, 422, id="no name"),
        pytest.param("businesses/b", {"name": "x", "colour": "red"}, 422, id="unknown field"),
        pytest.param("businesses/b", {"name": "x", "id": "c"}, 422, id="another id"),
        pytest.param("businesses/b", [], 422, id="a list"),
        pytest.param("businesses/b", {"name": "a\x00"}, 422, id="NUL"),
        pytest.param(f"businesses/{'x' * 200}", {"name": "x"}, 422, id="long id"),
        pytest.param("locations/l", {"business_id": "b", "name": "x", "latitude": 91}, 422, id="latitude"),
    ],
)
def test_wrong_content_is_a_problem(platform: Running, path: str, body: object, status: int) -> None:
    """RFC 9457, naming the field."""
    found, problem = Admin(platform).ask("PUT", path, body)

    assert (status, status, True) == (found, problem["status"], bool(problem["detail"]))


@pytest.mark.parametrize(
    "query", ["users?limit=0", "users?limit=x", "users?cursor=x", "entries?cursor=W10=", "devices?cursor=WzFd"]
)
def test_wrong_paging_is_a_problem(platform: Running, query: str) -> None:
    """Never a server error."""
    assert 422 == Admin(platform).ask("GET", query)[0]


def test_without_a_key_nothing_is_shown(platform: Running) -> None:
    """Wrong, missing, and of another role."""
    assert 401 == Admin(platform, key="ak_wrong").ask("GET", "users")[0]
    assert 401 == Admin(platform, key="").ask("GET", "users")[0]
