"""Every endpoint of the Admin API: what it answers is what its description says, and to whom it answers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin import BODIES, MINE, QUERIES, Estate, build
from jsonschema import Draft202012Validator, FormatChecker

from lmg_offline.platform.admin_api.access import ROLES
from lmg_offline.platform.admin_api.endpoints import PREFIX, Endpoint, PathRoute
from lmg_offline.platform.admin_api.routes import DESCRIPTION, ENDPOINTS, may
from lmg_offline.platform.app import create_app
from lmg_offline.platform.store.engine import close_engine, make_engine


def words(text: str) -> list[str]:
    """Names with spaces between them."""
    return text.split()


# Said once more, by hand, from what the real portal says of its roles.
EVERYBODY = words(
    """
    list_users list_activity get_user list_devices list_entries get_property
    report_demographics report_users report_interests
    list_segments preview_segment rule_schema get_segment list_members get_member
    list_businesses get_business list_locations get_location list_offers get_offer
    list_collections get_collection list_categories get_category
"""
)
MARKETING = words("create_segment put_segment delete_segment export_segment put_collection delete_collection")
DEV = words(
    """
    change_property list_integrations create_integration rename_integration rotate_write_key revoke_integration
    list_verification_keys create_verification_key rotate_verification_key retire_verification_key list_admin_keys
"""
)
ADMIN = words(
    """
    export_user erase_user list_privacy_log create_admin_key rotate_admin_key revoke_admin_key
    put_business delete_business put_location delete_location put_offer delete_offer put_category delete_category
"""
)
OWNER = ["delete_property"]
MAY = {
    "support": {*EVERYBODY},
    "marketing": {*EVERYBODY, *MARKETING},
    "dev": {*EVERYBODY, *DEV},
    "admin": {*EVERYBODY, *MARKETING, *DEV, *ADMIN},
    "owner": {*EVERYBODY, *MARKETING, *DEV, *ADMIN, *OWNER},
}
# What is there of a request is written down, though nobody's data is changed.
WRITES_THE_LOG = {"export_user", "export_segment"}

FORMATS = FormatChecker(formats=())
FORMATS.checks("date-time", raises=ValueError)(lambda text: not isinstance(text, str) or datetime.fromisoformat(text))

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """A property with something in every list, and another one."""
    return build(tmp_path_factory.mktemp("estate"))


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    """Return what the description says of an endpoint."""
    path = PREFIX + endpoint.path.replace(":path}", "}")
    found: dict[str, Any] = DESCRIPTION["paths"][path][endpoint.method.lower()]
    return found


def check(endpoint: Endpoint, answer: httpx.Response) -> Any:
    """Hold a reply to its description: the status, the type, and the schema, in which nothing may be missing."""
    content = operation_of(endpoint)["responses"][str(answer.status_code)].get("content")
    if content is None:
        assert b"" == answer.content
        return None
    media_type = answer.headers["content-type"].split(";")[0]
    found = answer.json() if "json" in media_type and "ndjson" not in media_type else answer.text
    schema = {**content[media_type]["schema"], "components": DESCRIPTION["components"]}
    faults = Draft202012Validator(schema, format_checker=FORMATS).iter_errors(found)
    assert [] == [f"{fault.json_path}: {fault.message}" for fault in faults]
    return found


@each_endpoint
def test_each_reply_is_as_it_is_described(estate: Estate, tmp_path: Path, endpoint: Endpoint) -> None:
    """A good request gets what the description promises; of a list there is something to look at."""
    with estate.copy(tmp_path).serving() as http:
        answer = estate.call(http, endpoint)

    assert answer.status_code in endpoint.ok_statuses, answer.text
    found = check(endpoint, answer)
    if isinstance(found, dict) and "next_cursor" in found:
        assert 0 < len(found["items"])


@each_endpoint
def test_each_problem_is_as_it_is_described(estate: Estate, endpoint: Endpoint) -> None:
    """Without a key, with ids of nothing, with parameters and bodies that are none."""
    headers = {"Authorization": f"Bearer {estate.keys['owner']}"}
    path = estate.path_of(endpoint)
    wrong: list[dict[str, Any]] = [{"headers": {}}]
    if endpoint.query:
        wrong.append({"params": {query.name: "\0" for query in endpoint.query}})
    if endpoint.body is not None:
        wrong += [
            {"content": b"{"},
            {"content": b"[]"},
            {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
            {"content": b'{"name": "\\ud800"}'},
            {"content": b" " * 300_000},
            {"content": b"x", "headers": {"Content-Encoding": "gzip"}},
            {"content": b'{"unheard": 1}'},
        ]
    with estate.serving() as http:
        answers = []
        for options in wrong:
            given = {"Content-Type": "application/json"} if "content" in options else {}
            options["headers"] = {**(headers if "headers" not in options or options["headers"] else {}), **given,
                                  **options.get("headers", {})}  # fmt: skip
            answers.append(http.request(endpoint.method, PREFIX + path, **options))
        if endpoint.parameters and not endpoint.body:
            nothing = path.replace(path.split("/")[2], "nothing", 1)
            answers.append(http.request(endpoint.method, PREFIX + nothing, params=QUERIES.get(endpoint.name),
                                        headers=headers))  # fmt: skip

    expected = [401] + [422] * bool(endpoint.query)
    expected += [400, 422, 415, 422, 413, 400, 422] if endpoint.body is not None else []
    expected += [404] if endpoint.parameters and not endpoint.body else []
    assert expected == [answer.status_code for answer in answers]
    for answer in answers:
        assert "application/problem+json" == answer.headers["content-type"]
        assert answer.status_code == check(endpoint, answer)["status"]


@each_endpoint
def test_each_endpoint_answers_the_roles_that_may(estate: Estate, tmp_path: Path, endpoint: Endpoint) -> None:
    """Whoever may gets an answer; 403 for the other roles, 401 without a good key; and nothing is changed by these."""
    before = estate.rows()
    allowed = [role for role in ROLES if endpoint.name in MAY[role]]
    reads = (endpoint.method == "GET" and endpoint.name not in WRITES_THE_LOG) or endpoint.name == "preview_segment"
    with estate.serving() as http:
        asked = [who for who in estate.keys if who not in allowed or reads]
        answers = {who: estate.call(http, endpoint, who) for who in asked if who != "other" or reads}
    after = estate.rows()
    elsewhere = answers.pop("other", None)

    assert before == after
    statuses = {who: answer.status_code for who, answer in answers.items()}
    refused = dict.fromkeys(set(ROLES) - set(allowed), 403) | {"revoked": 401, "unknown": 401, "none": 401}
    assert refused | (dict.fromkeys(allowed, 200) if reads else {}) == statuses
    if elsewhere is not None and endpoint.name != "rule_schema":
        assert not any(word in elsewhere.text for word in ("ann", "kiosk-1", "often", "Cafe", "Mine", estate.write_key))
    for role in () if reads else allowed:
        copy = estate.copy(tmp_path)
        with copy.serving() as http:
            answer = copy.call(http, endpoint, role)
        assert answer.status_code in endpoint.ok_statuses, (role, answer.text)
        assert before != copy.rows(), role


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.method != "GET"], ids=lambda endpoint: endpoint.name
)
def test_the_key_of_another_property_changes_nothing(estate: Estate, tmp_path: Path, endpoint: Endpoint) -> None:
    """Its owner may do everything, in their own property."""
    copy = estate.copy(tmp_path)
    before = copy.rows()
    with copy.serving() as http:
        answer = copy.call(http, endpoint, "other")

    assert before == copy.rows()
    assert answer.status_code in (*endpoint.ok_statuses, 404, 422), answer.text


def test_the_table_of_roles_is_as_it_was_agreed() -> None:
    """Each operation for each role, and no operation that nobody has thought about."""
    assert MAY == {role: {each.name for each in ENDPOINTS if may(role, each.name)} for role in ROLES}


def test_every_route_is_in_the_table_and_every_operation_is_one_of_a_kind(tmp_path: Path) -> None:
    """There is no endpoint that the description does not name; each has a good request in these tests."""
    engine = make_engine(f"sqlite:///{tmp_path / 'platform.db'}")
    routes = create_app(engine).routes
    close_engine(engine)
    paths = [PREFIX * isinstance(route, PathRoute) + getattr(route, "path", "") for route in routes]
    described = {operation["operationId"] for path in DESCRIPTION["paths"].values() for operation in path.values()}

    assert ["/admin/openapi.json", *dict.fromkeys(PREFIX + each.path for each in ENDPOINTS)] == [
        path for path in paths if path.startswith("/admin")
    ]
    assert len(ENDPOINTS) == len(described)
    assert {each.name for each in ENDPOINTS if each.body is not None} == set(BODIES)


def test_the_description_is_served_to_anybody_and_is_one(estate: Estate) -> None:
    """OpenAPI 3.1; its schemas are JSON Schemas; each operation and component says what it is."""
    with estate.serving() as http:
        answer = http.get("/admin/openapi.json")

    assert (200, DESCRIPTION) == (answer.status_code, answer.json())
    assert "3.1.0" == DESCRIPTION["openapi"]
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name == "SegmentRule" or "marshmallow" not in schema["description"]
    for endpoint in ENDPOINTS:
        operation = operation_of(endpoint)
        assert endpoint.summary.endswith(".") and operation["tags"] and operation["x-roles"]
        assert all(parameter["description"] for parameter in operation["parameters"])


def test_a_user_whose_id_looks_like_a_path_is_a_user(estate: Estate, tmp_path: Path) -> None:
    """An encoded slash belongs to the id: `x%2Factivity` is somebody, `x/activity` is what x did."""
    copy = estate.copy(tmp_path)
    headers = {"Authorization": f"Bearer {copy.keys['owner']}"}
    with copy.serving() as http:
        found = [
            http.get(f"{PREFIX}/users/{path}", headers=headers)
            for path in ("x%2Factivity", "ann%2F%C3%A9", "ann/%C3%A9/activity", "ann%2F%C3%A9/activity", "%FF")
        ]

    assert [404, 200, 200, 200, 404] == [answer.status_code for answer in found]
    assert found[2].json() == found[3].json() and "items" in found[2].json()


def test_a_method_that_is_not_there_is_told_which_are(estate: Estate) -> None:
    """405, with all of them."""
    with estate.serving() as http:
        answer = http.request("POST", f"{PREFIX}/segments/often")

    assert 405 == answer.status_code
    assert {"GET", "HEAD", "PUT", "DELETE"} == set(answer.headers["allow"].split(", "))


def test_the_owner_of_the_estate_is_one(estate: Estate) -> None:
    """What these tests look at is there: every table of people, content and keys has rows."""
    filled = {name for name, rows in estate.rows(MINE).items() if rows}
    expected = {"users", "sessions", "activity", "bookmarks", "entries", "profile_values", "profile_members", "devices"}
    expected |= {"businesses", "locations", "offers", "collections", "categories", "segments", "privacy_log"}

    assert expected | {"admin_keys", "integrations", "verification_keys", "properties"} <= filled
