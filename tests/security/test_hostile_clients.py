"""
Clients that mean harm, against the real server over a socket.

Elsewhere: bodies and queries that are too large or too deep (gzip bombs, 100,000
brackets, aliases, fragments that multiply) in tests/platform/test_graph_endpoint.py;
the keys of one property on another's data in test_properties_apart.py.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import update

from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.replay import AUTH_PATH, DOCUMENT
from lmg_offline.verification import VerificationKey, sign_user_id
from tests.platform.kiosk import DAY_MS, Kiosk, Site, ago, identify, lane, position, track, update_of
from tests.security.neighbours import OPENED

CLAIM = """mutation ($id: String!, $proof: String) {
    identifySession(externalId: $id, externalIdSignature: $proof) { token }
}"""
TRAITS = "{ getSessionTraits { traits } }"
SLOW_S = 0.5
HUNG_AFTER_S = 20.0


@pytest.fixture(scope="module")
def site(shared_platform: Running) -> Iterator[Site]:
    """A property; each test has people and devices of its own."""
    with httpx.Client(base_url=shared_platform.endpoint, trust_env=False, timeout=30) as http:
        keys = (shared_platform.write_key, shared_platform.verification_key, shared_platform.admin_key)
        yield Site(http, shared_platform.engine, Keys(*keys))


def session_of(site: Site, user_id: str | None = None, proof: str | None = None) -> str:
    """Open a session, of a user if one is named, and return its token."""
    token: str = site.ask(AUTH_PATH, OPENED)["data"]["createSession"]["token"]
    if user_id is not None:
        claimed = site.ask(AUTH_PATH, CLAIM, token, id=user_id, proof=proof)
        token = claimed["data"]["identifySession"]["token"]
    return token


def state_of(site: Site, user_id: str) -> str | None:
    """Return how sure the platform is of a user, None when it does not know one."""
    rows = site.rows(tables.users, user_id=user_id)
    return rows[0]["state"] if rows else None


# Tokens


def key_of(site: Site) -> VerificationKey:
    """Return the property's key, as an insider knows it, to forge something that is nearly right."""
    return VerificationKey.parse(site.keys.verification_key)


def refit(token: str, **parts: str) -> str:
    """Return a token with one of its parts replaced."""
    key_id, stamp, digest = base64.b64decode(token).decode().split(";")
    found = {"key_id": key_id, "stamp": stamp, "digest": digest, **parts}
    return base64.b64encode(";".join(found.values()).encode()).decode()


def late() -> str:
    """A time stamp of tomorrow, in milliseconds."""
    return str(round((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1000))


FORGED: dict[str, Any] = {
    "signed with a guessed secret": lambda site, user: sign_user_id(VerificationKey(key_of(site).id, "guess"), user),
    "of another user": lambda site, user: site.token(user + "-else"),
    "of a user who differs in case": lambda site, user: site.token(user.upper()),
    "of another property": lambda site, user: sign_user_id(VerificationKey("vk_else", "x" * 43), user),
    "under an id that does not exist": lambda site, user: refit(signed(site, user), key_id="vk_nobody"),
    "expired": lambda site, user: site.token(user, at=ago(3 * DAY_MS)),
    "expired and made younger": lambda site, user: refit(site.token(user, at=ago(3 * DAY_MS)), stamp=late()),
    "from the future": lambda site, user: site.token(user, at=datetime.now(UTC) + timedelta(days=30)),
    "with its stamp taken out": lambda site, user: without_stamp(signed(site, user)),
    "with half a digest": lambda site, user: refit(signed(site, user), digest="ab"),
    "with an empty digest": lambda site, user: refit(signed(site, user), digest=""),
    "the key itself": lambda site, user: site.keys.verification_key,
    "no base64": lambda site, user: "!" * 40,
    "NUL": lambda site, user: base64.b64encode(b"a\0;b;c").decode(),
    "a thousand parts": lambda site, user: base64.b64encode(b";" * 1000).decode(),
    "as long as may be": lambda site, user: "A" * 4096,
}


def signed(site: Site, user: str) -> str:
    """A good token, with its time stamp."""
    return site.token(user, at=datetime.now(UTC))


def without_stamp(token: str) -> str:
    """Turn a token of the newer format into the older one, which does not expire."""
    key_id, _, digest = base64.b64decode(token).decode().split(";")
    return base64.b64encode(f"{key_id};{digest}".encode()).decode()


@pytest.mark.parametrize("forgery", FORGED)
def test_a_token_that_was_not_made_for_this_user_verifies_nobody(site: Site, forgery: str) -> None:
    """In both dialects: the user is not verified, and nothing that came with the claim is theirs."""
    user = f"victim of {forgery}"
    token = FORGED[forgery](site, user)
    session = session_of(site)
    answer = site.ask(AUTH_PATH, CLAIM, session, id=user, proof=token)
    kiosk = Kiosk(site, f"dev {forgery}"[:60])
    entries = [identify(1, user, verify=True), update_of(2, {"name": "Mallory"})]
    reply = kiosk.one(entries, session=f"s {forgery}"[:60], token=token)

    assert [True] == [400 <= error["statusCode"] < 500 for error in answer["errors"]]
    assert ("parked", "anonymous", None) == (reply["status"], reply["state"], reply["session_token"])
    assert {} == site.profile(user)
    assert state_of(site, user) in (None, "anonymous")


def test_a_token_of_a_key_that_was_taken_back_is_refused(site: Site) -> None:
    """Kept by a thief and sent again after the rotation. As long as both keys are good, both work."""
    table, old = tables.verification_keys, VerificationKey("vk_old", "an old secret of the property")
    with writing(site.engine) as connection:
        row = {"property_id": "dev", "key_id": old.id, "secret": old.secret, "message": old.message, "created_at": 1}
        connection.execute(table.insert().values(row))
    token = sign_user_id(old, "rotated")
    before = site.ask(AUTH_PATH, CLAIM, session_of(site), id="rotated", proof=token)
    with writing(site.engine) as connection:
        connection.execute(update(table).where(table.c.key_id == old.id).values(active=False))
    after = site.ask(AUTH_PATH, CLAIM, session_of(site), id="rotated", proof=token)
    reply = Kiosk(site, "rotated").one([identify(1, "rotated", verify=True)], session="rotated", token=token)

    assert "errors" not in before
    assert "errors" in after
    assert "parked" == reply["status"]


# Sessions and devices of others


def test_a_session_token_that_was_replaced_is_good_until_the_new_one_is_used_and_no_longer(site: Site) -> None:
    """The answer may have been lost; once the new one was seen, whoever kept the old one has nothing."""
    old = session_of(site)
    new = site.ask(AUTH_PATH, "mutation { extendSession { token } }", old)["data"]["extendSession"]["token"]
    newer = site.ask(AUTH_PATH, "mutation { extendSession { token } }", new)["data"]["extendSession"]["token"]
    answers = [site.ask(AUTH_PATH, TRAITS, token) for token in (old, new, newer)]

    assert [True, False, False] == ["errors" in answer for answer in answers]


@pytest.mark.parametrize("token", ["", "guess", "' OR 1=1 --", "A" * 43, "%00", "null", "x" * 8000])
def test_a_guessed_session_token_is_no_session(site: Site, token: str) -> None:
    """Never somebody else's, and never an internal error."""
    answer = site.ask(AUTH_PATH, TRAITS, token)

    assert [401] == [error["statusCode"] for error in answer["errors"]]


def test_a_session_id_is_no_proof(site: Site) -> None:
    """It is in logs and in the Admin API: who sends it as a token, or replays under it, gets nothing."""
    victim = Kiosk(site, "victim-device")
    reply = victim.one(
        [identify(1, "victim", verify=True), update_of(2, {"name": "Vic"})], session="sv", token=site.token("victim")
    )
    thief = Kiosk(site, "thief-device", "another secret")
    as_token = site.ask(AUTH_PATH, TRAITS, "sv")
    stolen = [
        thief.one(entries, session="sv", after=after)
        for after in (None, position(2, "s1-2"), position(9, "s1-9"))
        for entries in ([], [update_of(10, {"name": "Mallory"}, entry_id="m-10")])
    ]

    assert "verified" == reply["state"]
    assert [401] == [error["statusCode"] for error in as_token["errors"]]
    assert {"forked"} == {found["status"] for found in stolen}
    assert {("anonymous", None, 0)} == {
        (found["state"], found["session_token"], found["applied_through"]["seq"]) for found in stolen
    }
    assert {"name": "Vic"} == site.profile("victim")


def test_a_device_id_without_its_secret_is_refused_whole(site: Site) -> None:
    """Nothing is applied, not even in a session of one's own; the device itself goes on."""
    victim = Kiosk(site, "known-device")
    victim.one([track(1, "a", lane="known")], session="known")
    before = site.rows(tables.devices, device_id="known-device")
    answers = [
        Kiosk(site, "known-device", secret).send(lane([track(1, "b", entry_id=f"x{n}")], session="new"))
        for n, secret in enumerate(("guess", "S3CRET", "s3cret ", "s3cre"))
    ]
    after = site.rows(tables.devices, device_id="known-device")
    goes_on = victim.one([track(2, "c", lane="known")], session="known", after=position(1, session="known"))

    assert [403] * 4 == [answer.status_code for answer in answers]
    assert before == after
    assert [] == site.rows(tables.sessions, session_id="new")
    assert "ok" == goes_on["status"]


def test_a_device_with_its_secret_is_still_nobody_without_a_token(site: Site) -> None:
    """A thief of the device can say what its lanes were, and can't make anybody verified by saying so."""
    thief = Kiosk(site, "stolen-device")
    claimed = thief.one([update_of(1, {"name": "Mallory"})], session="st1", was=("owner-of-all", True))
    asked = thief.one([identify(1, "owner-of-all", verify=True)], session="st2")
    other = thief.one([identify(1, "owner-of-all")], session="st3")

    assert {"parked"} == {claimed["status"], asked["status"]}
    assert "identified" == other["state"]
    assert {} == site.profile("owner-of-all")
    assert "verified" != state_of(site, "owner-of-all")


def test_who_merely_claims_a_user_neither_reads_nor_overwrites_nor_erases_what_is_verified(site: Site) -> None:
    """The claim is kept apart; docs/security.md says what an operator sees of it."""
    proof = site.token("real")
    real = session_of(site, "real", proof)
    site.ask(
        AUTH_PATH, "mutation ($t: String!) { updateSessionTraits(traits: $t) { traits } }", real, t='{"name":"Real"}'
    )
    claimant = session_of(site, "real")
    seen = site.ask(AUTH_PATH, TRAITS, claimant)["data"]["getSessionTraits"]["traits"]
    site.ask(
        AUTH_PATH, "mutation ($t: String!) { updateSessionTraits(traits: $t) { traits } }", claimant, t='{"name":"M"}'
    )
    erasing = {"user_id": "real", "token": None}
    Kiosk(site, "eraser").one(
        [identify(1, "real", lane="er"), {**track(2, "x", lane="er"), "kind": "forget", "payload": erasing}],
        session="er",
    )

    assert {} == json.loads(seen)
    assert {"name": "Real"} == site.profile("real")


def test_a_write_key_that_was_revoked_ends_every_session_of_its_integration(platform: Running) -> None:
    """Whatever good token comes with it: reads, writes, replays, and the address for activity."""
    with httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=30) as http:
        site = Site(http, platform.engine, Keys(platform.write_key, platform.verification_key, platform.admin_key))
        opened = site.ask(AUTH_PATH, "mutation { createSession { token meta { stats { ingestionUrl } } } }")
        session = opened["data"]["createSession"]
        kiosk = Kiosk(site, "dev")
        kiosk.one([track(1, "a")])
        with writing(platform.engine) as connection:
            connection.execute(update(tables.integrations).values(revoked_at=1))
        answers = [
            site.post(AUTH_PATH, {"query": TRAITS}, **{"X-Session-Token": session["token"]}),
            site.post(AUTH_PATH, {"query": OPENED}),
            kiosk.send(lane([track(2, "b")], after=position(1))),
        ]
        pixel = http.get(urlsplit(session["meta"]["stats"]["ingestionUrl"]).path + "/i?e=pv&eid=1")

        assert [401, 401, 401] == [answer.status_code for answer in answers]
        assert 404 == pixel.status_code
        assert 1 == len(site.log("s1"))


# Sizes


def test_a_replay_of_more_than_may_be_is_refused_whole(site: Site) -> None:
    """501 entries; 501 lanes, which cost as much without them; a gzip that grows; an entry beyond 32 KiB."""
    kiosk = Kiosk(site, "huge")
    many = kiosk.send(lane([track(n, "x", lane="huge") for n in range(1, 502)], session="huge"))
    lanes = kiosk.send(*(lane([], session=f"huge-{n}") for n in range(501)))
    device = {"id": "huge", "secret": "s3cret", "sent_at": 1}
    bomb = gzip.compress(
        json.dumps({"query": DOCUMENT, "variables": {"device": device, "lanes": "x" * 40_000_000}}).encode()
    )
    grown = site.http.post(
        AUTH_PATH,
        content=bomb,
        headers={
            "X-Integration-Write-Key": site.keys.write_key,
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )
    large = kiosk.one(
        [track(1, "x", lane="large") | {"payload": {"name": "x", "properties": {"a": "y" * 40_000}}}], session="large"
    )

    assert (400, 400) == (many.status_code, lanes.status_code)
    assert 413 == grown.status_code
    assert len(bomb) < 100_000
    assert ["invalid_payload"] == [refused["code"] for refused in large["refused"]]
    assert [] == site.log("huge") and [] == site.rows(tables.sessions, session_id="huge-1")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ " + "__typename " * 4900 + "}", id="one field again and again"),
        pytest.param("{ " + "__typename @skip(if: false) " * 700 + "}", id="directives"),
        pytest.param("query (" + " ".join(f"$v{n}: Int" for n in range(1200)) + ") { __typename }", id="variables"),
        pytest.param("{ __schema { types { " + "fields { type { " * 8 + "name" + " } }" * 8 + " } } }", id="schema"),
        pytest.param(
            "{ " + " ".join(f"...f{n}" for n in range(300)) + " } "
            + " ".join(f"fragment f{n} on Query {{ a: __typename }}" for n in range(300)),
            id="fragments that overlap",
        ),
        pytest.param("{ a: " + "{ a: " * 900, id="braces that do not close"),
        pytest.param('{ business(businessId: "' + "\\u0061" * 9000 + '") { id } }', id="escapes"),
    ],
)  # fmt: skip
def test_a_query_that_is_dear_to_check_does_not_hold_the_server(site: Site, query: str) -> None:
    """Whatever the answer is, it comes, and it is no internal error."""
    began = time.monotonic()
    answer = site.post("/graph/default", {"query": query})
    took_s = time.monotonic() - began

    assert answer.status_code < 500
    assert took_s < HUNG_AFTER_S


# Slow clients, and bytes that are no HTTP


@pytest.fixture(scope="module")
def impatient() -> Iterator[Running]:
    """A platform that waits half a second where others wait half a minute."""
    with running(settings=Settings(dev=True, head_within_s=SLOW_S, body_within_s=SLOW_S)) as found:
        yield found


def connect(platform: Running) -> socket.socket:
    """Open a connection."""
    address = urlsplit(platform.endpoint)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=HUNG_AFTER_S)


def answer_of(connection: socket.socket) -> bytes:
    """Return what is sent until the connection ends; fails when it does not end."""
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


HEAD = "POST /graph/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param("", b"", id="nothing"),
        pytest.param("POST /gra", b"", id="half a line"),
        pytest.param(HEAD, b"", id="half a head"),
        pytest.param(HEAD + "Content-Length: 100\r\n\r\n{", b"HTTP/1.1 408", id="half a body"),
        pytest.param(HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", b"HTTP/1.1 408", id="half a chunk"),
        pytest.param(
            "PUT /admin/v1/offers/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            b"HTTP/1.1 401",  # who has no key is not waited for
            id="half a document",
        ),
    ],
)
def test_a_client_that_stops_in_the_middle_is_given_up(impatient: Running, sent: str, status: bytes) -> None:
    """With the status that means: send it again."""
    with connect(impatient) as connection:
        connection.sendall(sent.encode())
        answer = answer_of(connection) if not status else connection.recv(65536)

    assert answer.startswith(status)
    assert status or not answer


def test_a_second_request_on_a_connection_is_given_up_too(impatient: Running) -> None:
    """Its first one was whole, so that nobody waited for a head any more."""
    with connect(impatient) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(65536)
        connection.sendall(b"GET /healthz HTT")
        rest = answer_of(connection)

    assert first.startswith(b"HTTP/1.1 200")
    assert b"HTTP" not in rest


def test_a_head_without_end_is_cut_off(shared_platform: Running) -> None:
    """After some 64 KiB, not when memory is used up."""
    with connect(shared_platform) as connection:
        connection.sendall(HEAD.encode())
        sent = 0
        try:
            while sent < 50_000_000:
                connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
                sent += 1010
        except OSError:
            pass

    assert sent < 50_000_000


def test_slow_clients_keep_nobody_else_waiting(shared_platform: Running) -> None:
    """More of them than the server has workers: somebody else is answered while all of them hang."""
    with ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(connect(shared_platform))
            connection.sendall((HEAD + ("Content-Length: 100\r\n\r\n{" if number % 2 else "")).encode())
        answer = httpx.get(shared_platform.endpoint + "/healthz", trust_env=False, timeout=HUNG_AFTER_S)

    assert 200 == answer.status_code


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("Content-Length: 3\r\nContent-Length: 30\r\n", id="two lengths"),
        pytest.param("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", id="length and chunks"),
        pytest.param("Transfer-Encoding: chunked, identity\r\n", id="chunks that are not last"),
        pytest.param("Content-Length: -1\r\n", id="a negative length"),
        pytest.param("Content-Length: 0x10\r\n", id="a length in hexadecimal"),
        pytest.param("Content-Length : 3\r\n", id="a space before the colon"),
        pytest.param("X-A: a\r\n b: folded\r\nContent-Length: nan\r\n", id="a folded line"),
        pytest.param("X-A: a\0b\r\n", id="NUL"),
    ],
)
def test_a_request_that_two_servers_could_read_differently_is_refused(shared_platform: Running, head: str) -> None:
    """Nothing is smuggled behind it: one answer, and the connection ends."""
    with connect(shared_platform) as connection:
        smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall((HEAD + head + "\r\nabc" + smuggled).encode())
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 400")
    assert 1 == answer.count(b"HTTP/1.1 ")


def test_nothing_that_was_sent_comes_back_in_a_head(site: Site) -> None:
    """Line breaks in an address, however written, end nobody's header; no header of a request is told back."""
    odd = "x%0d%0aX-Injected:%20yes%0d%0a"
    headers = {
        "Authorization": f"Bearer {site.keys.admin_key}",
        "X-LMG-Locale": "marked-locale",
        "Accept-Language": "marked",
    }
    answers = [
        site.http.get(path, headers=headers)
        for path in (
            f"/admin/v1/users/{odd}",
            f"/admin/v1/offers/{odd}",
            f"/{odd}",
            f"/graph/auth/{odd}",
            f"/ingest/{odd}/i",
        )
    ]

    assert not any("x-injected" in answer.headers or "marked" in str(answer.headers) for answer in answers)
    assert all(answer.status_code in (404, 422) for answer in answers)


@pytest.mark.parametrize(
    "path",
    [
        "users/../../admin/v1/users",
        "users/%2e%2e/%2e%2e/healthz",
        "offers/..%2f..%2f..%2fetc%2fpasswd",
        "offers/%2e%2e%2f%2e%2e",
        "offers/....//....//etc/passwd",
        "offers/..%5c..%5cwindows",
        "offers/file:%2f%2f%2fetc%2fpasswd",
        "..;/users",
        "%2e%2e/openapi.json",
    ],
)
def test_a_path_leads_nowhere_but_to_what_it_names(site: Site, path: str) -> None:
    """No file is ever opened by a name from outside, and no role is passed by."""
    base = urlsplit(str(site.http.base_url))
    with socket.create_connection((base.hostname or "", base.port or 0), timeout=HUNG_AFTER_S) as connection:
        head = f"GET /admin/v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        connection.sendall(f"{head}Authorization: Bearer ak_wrong\r\n\r\n".encode())
        without = answer_of(connection)
    with socket.create_connection((base.hostname or "", base.port or 0), timeout=HUNG_AFTER_S) as connection:
        connection.sendall(f"{head}Authorization: Bearer {site.keys.admin_key}\r\n\r\n".encode())
        answer = answer_of(connection)

    assert without[9:12] in (b"401", b"404")
    assert answer[9:12] in (b"404", b"422")
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "query",
    ["limit=000001000000", "limit=1001", "limit=0", "limit=-1", "limit=1e2", "limit=%EF%BC%91", "limit=5&limit=9999"]
    + [f"cursor={base64.urlsafe_b64encode(json.dumps(each).encode()).decode()}" for each in (
        [2**70], [-(2**63) - 1], ["\0"], ["\ud800"], [1, "\ud800", 1], [2**64, "a", 1], [[]], {}, [True], [1.5])]
    + ["cursor=AAAA", "cursor=%00", "cursor=" + "W" * 4000],
)  # fmt: skip
@pytest.mark.parametrize("path", ["users", "devices", "entries", "offers"])
def test_a_page_is_one_of_at_most_a_thousand_whatever_is_asked_for(site: Site, path: str, query: str) -> None:
    """A limit written in another way does not pass; a cursor that was made up is a problem, and no internal error."""
    answer = site.http.get(f"/admin/v1/{path}?{query}", headers={"Authorization": f"Bearer {site.keys.admin_key}"})

    assert 422 == answer.status_code, answer.text


def test_a_document_is_not_read_beyond_its_bound(shared_platform: Running) -> None:
    """By whomever: the body was read whole before the key was looked at."""
    head = "PUT /admin/v1/offers/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    sent = 0
    with connect(shared_platform) as connection:
        try:
            connection.sendall(head.encode())
            while sent < 200_000_000:
                connection.sendall(b" " * 65536)
                sent += 65536
        except OSError:
            pass

    assert sent < 200_000_000
