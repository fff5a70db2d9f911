"""One property's keys on another's data: every endpoint, found by walking the routes and the schemas."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import create_engine, insert, update
from sqlalchemy.exc import IntegrityError

from lmg_offline.platform.app import create_app
from lmg_offline.platform.audience_api.executor import Executor, read_sdl
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.replay import AUTH_PATH, DEFAULT_PATH
from tests.portal.visitor import Visitor
from tests.security.neighbours import (
    MARK,
    OPENED,
    THEIR_DEVICE,
    THEIR_OFFER,
    THEIR_SEGMENT,
    THEIR_SESSION,
    THEIR_USER,
    Neighbours,
    documents,
    settle,
    walk,
)

QUERY = "?by=gender&limit=10"


def endpoints() -> list[tuple[str, str]]:
    """Return every endpoint of the application."""
    engine = create_engine("sqlite://")  # never opened
    return list(walk(create_app(engine).routes))


EVERY = endpoints()
ADMIN = [(method, path) for method, path in EVERY if path.startswith("/admin/v1")]
PORTAL_OPEN = ("/portal/sign-in", "/portal/sign-out", "/portal/static/{name}")
PORTAL = [(method, path) for method, path in EVERY if path.startswith("/portal") and path not in PORTAL_OPEN]
# All that a page may be asked by, and whose id `id` is; each page takes what it knows.
ASKED = {"user": THEIR_USER, "device": THEIR_DEVICE, "name": "ours", "sure": "yes"}
IDS = {"segment": THEIR_SEGMENT, "content": THEIR_OFFER}
SCHEMAS = {AUTH_PATH: "auth.graphql", DEFAULT_PATH: "default.graphql"}
OPERATIONS = [
    pytest.param(path, document, variables, id=f"{path} {name}")
    for path, file in SCHEMAS.items()
    for name, document, variables in documents(Executor(read_sdl(file)).schema)
]


@pytest.fixture(scope="module")
def neighbours(shared_platform: Running) -> Iterator[Neighbours]:
    """Our property, and one beside it."""
    with httpx.Client(base_url=shared_platform.endpoint, trust_env=False, timeout=30) as http:
        yield settle(shared_platform, http)


def test_every_endpoint_belongs_to_an_interface_that_is_tried_here() -> None:
    """A new one elsewhere needs a test of its own."""
    public = {"/healthz", "/admin/openapi.json", *PORTAL_OPEN, *SCHEMAS}
    ingest = {"/ingest/{key}/com.snowplowanalytics.snowplow/tp2", "/ingest/{key}/i"}
    elsewhere = {path for _, path in EVERY if path not in public | ingest | {p for _, p in ADMIN + PORTAL}}

    assert set() == elsewhere
    assert 10 < len(ADMIN)


@pytest.mark.parametrize(("method", "path"), ADMIN)
def test_a_key_of_one_property_neither_shows_nor_changes_another(
    neighbours: Neighbours, method: str, path: str
) -> None:
    """With the owner's key of ours and the ids of theirs: nothing of theirs comes back, and every row stays."""
    before = neighbours.rows_of_theirs()
    address = neighbours.address(path) + QUERY
    answer = neighbours.admin(method, address, neighbours.ours.keys.admin_key)

    assert answer.status_code < 500
    assert MARK not in answer.text
    assert before == neighbours.rows_of_theirs()
    if method == "GET":
        shown = neighbours.admin(method, address, neighbours.theirs.keys.admin_key)
        assert 200 == shown.status_code, "with their own key the same address answers"


@pytest.mark.parametrize(("method", "path"), ADMIN)
def test_without_a_good_key_nothing_is_answered(neighbours: Neighbours, method: str, path: str) -> None:
    """None, a guess, one that differs in its last letter, a key of another kind, one that was revoked."""
    ours = neighbours.ours.keys
    with writing(neighbours.ours.engine) as connection:
        connection.execute(
            insert(tables.admin_keys).values(
                id=f"revoked {method} {path}"[:64], property_id="dev", key_hash=key_hash(f"gone {method} {path}"),
                role="owner", name="gone", created_at=1, revoked_at=2,
            )
        )  # fmt: skip
    tried = [
        None,
        "ak_guess",
        ours.admin_key[:-1] + ("A" if ours.admin_key[-1] != "A" else "B"),
        ours.admin_key.upper(),
        ours.write_key,
        ours.verification_key,
        f"gone {method} {path}",
        "' OR '1'='1",
        key_hash(ours.admin_key),
    ]
    before = neighbours.rows_of_theirs()
    answers = [neighbours.admin(method, neighbours.address(path) + QUERY, key) for key in tried]

    assert [401] * len(tried) == [answer.status_code for answer in answers]
    assert before == neighbours.rows_of_theirs()


def test_there_is_no_other_role(neighbours: Neighbours) -> None:
    """The database itself knows no others."""
    row = {"id": "x", "property_id": "dev", "key_hash": "x", "role": "intruder", "name": "x", "created_at": 1}

    with pytest.raises(IntegrityError), writing(neighbours.ours.engine) as connection:
        connection.execute(insert(tables.admin_keys).values(row))


@pytest.mark.parametrize(("method", "path"), PORTAL)
def test_who_is_signed_in_for_one_property_neither_sees_nor_changes_another(
    neighbours: Neighbours, method: str, path: str
) -> None:
    """Every page and form of the portal, with the ids of theirs."""
    guest = Visitor(str(neighbours.ours.http.base_url).rstrip("/"), neighbours.ours.http)
    guest.sign_in(neighbours.ours.keys.admin_key)
    before = neighbours.rows_of_theirs()
    address = neighbours.address(path).removeprefix("/portal")
    asked = {**ASKED, "id": next((found for part, found in IDS.items() if part in path), THEIR_USER)}
    answer = guest.get(address, **asked) if method == "GET" else guest.post(address, **asked)
    shown = answer.text
    for theirs in (THEIR_USER, THEIR_DEVICE):
        shown = shown.replace(theirs, "")  # a page may repeat what it was asked for

    assert answer.status_code < 500
    assert MARK not in shown
    assert before == neighbours.rows_of_theirs()


@pytest.mark.parametrize(("path", "document", "variables"), OPERATIONS)
def test_an_operation_with_our_write_key_shows_and_changes_nothing_of_theirs(
    neighbours: Neighbours, path: str, document: str, variables: dict[str, object]
) -> None:
    """Every query and mutation there is, with the ids of theirs: under no session, under ours, and under theirs."""
    opened = neighbours.ours.ask(AUTH_PATH, OPENED)["data"]["createSession"]
    before = neighbours.rows_of_theirs()
    answers = {
        whose: neighbours.ours.ask(path, document, token, **variables)
        for whose, token in {"nobody": None, "ours": opened["token"], "theirs": neighbours.their_session_token}.items()
    }

    assert before == neighbours.rows_of_theirs()
    assert [401] == [error["statusCode"] for error in answers["theirs"]["errors"]], "a session of another property"
    for answer in answers.values():
        assert all(error["statusCode"] < 500 for error in answer.get("errors", ()))
        assert MARK not in str(answer.get("data")).replace(THEIR_SESSION, ""), "a replay names the session it was sent"


@pytest.mark.parametrize(("path", "document", "variables"), OPERATIONS)
def test_without_a_good_write_key_no_operation_is_run(
    neighbours: Neighbours, path: str, document: str, variables: dict[str, object]
) -> None:
    """None, a guess, a key of another kind, one that was revoked: whatever session comes with it."""
    keys = neighbours.theirs.keys
    with writing(neighbours.theirs.engine) as connection:
        connection.execute(
            insert(tables.integrations).values(
                id=key_hash(path + document), property_id=neighbours.their_property, name="gone",
                write_key_hash=key_hash(path + document), created_at=1,
            )
        )  # fmt: skip
        connection.execute(update(tables.integrations).where(tables.integrations.c.name == "gone").values(revoked_at=2))
    before = neighbours.rows_of_theirs()
    statuses = [
        neighbours.theirs.post(
            path,
            {"query": document, "variables": variables},
            **{"X-Integration-Write-Key": key, "X-Session-Token": neighbours.their_session_token},
        ).status_code
        for key in ("", "wk_guess", keys.write_key[:-1], keys.admin_key, key_hash(keys.write_key), path + document)
    ]

    assert [401] * 6 == statuses
    assert before == neighbours.rows_of_theirs()
