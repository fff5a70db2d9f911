"""Signing in and out, and what a request needs to be let in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.routing import Route
from visitor import Visitor, count, furnish, new_key, signed_in, visitor

from lmg_offline.platform import properties
from lmg_offline.platform.content.tables import offers
from lmg_offline.platform.portal import routes, sessions
from lmg_offline.platform.portal.attempts import FREE, LONGEST_S, Attempts
from lmg_offline.platform.portal.tables import portal_sessions
from lmg_offline.platform.segments.tables import segments
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

OPEN = {"/portal/static/{name}", "/portal/sign-in"}
PATHS = [
    (route.path.format(kind="offers"), method)
    for route in routes
    if isinstance(route, Route) and route.path not in OPEN
    for method in sorted((route.methods or set()) - {"HEAD"})
]
GETS = [path for path, method in PATHS if method == "GET"]
POSTS = [path for path, method in PATHS if method == "POST"]
HOUR_MS = 3600 * 1000


def test_there_are_as_many_paths_as_the_tests_below_think() -> None:
    """A new page is in them."""
    assert (16, 10) == (len(GETS), len(POSTS))


def test_without_a_session_every_page_leads_to_signing_in(house: Running) -> None:
    """And shows nothing."""
    found = visitor(house)
    for path in GETS:
        answer = found.http.get(path)
        assert (303, "/portal/sign-in", "") == (answer.status_code, answer.headers["location"], answer.text)


def test_signing_in_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(platform: Running) -> None:
    """Over plain HTTP it is not `Secure`: the browser would not send it back."""
    found = visitor(platform)
    answer = found.sign_in(platform.admin_key)
    words = re.split("; ", answer.headers["set-cookie"])

    assert (303, "/portal") == (answer.status_code, answer.headers["location"])
    assert words[0].startswith("lmg-portal=") and len(words[0]) > 40
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == set(words[1:])
    assert 200 == found.get().status_code


def test_over_https_the_cookie_is_secure_and_held_to_the_host(platform: Running) -> None:
    """As a proxy that ends TLS says it is."""
    found = visitor(platform)
    found.http.headers["X-Forwarded-Proto"] = "https"
    page = found.get("/sign-in")
    token = re.search(r'form_token" value="(\w+)"', page.text)
    assert token is not None
    headers = {"Cookie": page.headers["set-cookie"].split(";")[0], "Origin": found.endpoint.replace("http", "https")}
    data = {"form_token": token[1], "admin_key": platform.admin_key}
    answer = found.http.post("/portal/sign-in", data=data, headers=headers)
    words = answer.headers["set-cookie"].split("; ")

    assert 303 == answer.status_code
    assert words[0].startswith("__Host-lmg-portal=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} == set(words[1:])


def test_the_database_holds_no_cookie(platform: Running, owner: Visitor) -> None:
    """A copy of it signs nobody in."""
    cookie = owner.http.cookies["lmg-portal"]
    with platform.engine.connect() as connection:
        rows = connection.execute(select(portal_sessions)).all()

    assert 1 == len(rows)
    assert cookie not in str(rows) and platform.admin_key not in str(rows)


def test_each_sign_in_has_a_session_of_its_own(platform: Running) -> None:
    """One that was there before, known to another, is not taken over."""
    found = visitor(platform)
    known = {"Cookie": "lmg-portal=known-to-another"}
    page = found.http.get("/portal/sign-in", headers=known)
    token = re.search(r'form_token" value="(\w+)"', page.text)
    assert token is not None
    form_cookie = page.headers["set-cookie"].split(";")[0]
    data = {"form_token": token[1], "admin_key": platform.admin_key}
    headers = {"Cookie": f"{known['Cookie']}; {form_cookie}", **found.origin}
    answer = found.http.post("/portal/sign-in", data=data, headers=headers)

    assert 303 == answer.status_code
    assert "known-to-another" not in answer.headers["set-cookie"]
    assert 303 == visitor(platform).http.get("/portal", headers=known).status_code


def test_an_unknown_key_is_refused_and_after_five_the_address_has_to_wait(platform: Running) -> None:
    """The right key too: nobody learns which one it is by the answer."""
    found = visitor(platform)
    answers = [found.sign_in("ak_wrong").status_code for _ in range(FREE + 1)]
    late = found.sign_in(platform.admin_key)

    assert [401] * FREE == answers[:FREE]
    assert 429 == late.status_code
    assert 1 <= int(late.headers["retry-after"]) <= LONGEST_S


def test_attempts_wait_twice_as_long_each_time_up_to_a_bound() -> None:
    """And an address that succeeds, or stays away for an hour, begins anew."""
    attempts = Attempts()
    waits = []
    for _ in range(16):
        attempts.failed("192.0.2.1", 0.0)
        waits.append(attempts.wait_s("192.0.2.1", 0.0))

    assert [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] == waits
    assert (1, 0) == (attempts.wait_s("192.0.2.1", 299.5), attempts.wait_s("192.0.2.1", 300.0))
    assert 0 == attempts.wait_s("192.0.2.2", 0.0)
    attempts.failed("192.0.2.1", 4000.0)
    assert 0 == attempts.wait_s("192.0.2.1", 4000.0)
    attempts.succeeded("192.0.2.1")
    assert 0 == attempts.wait_s("192.0.2.1", 4000.0)


def test_addresses_of_one_ipv6_network_are_counted_together() -> None:
    """One machine has all of them."""
    attempts = Attempts()
    for number in range(FREE):
        attempts.failed(f"2001:db8:0:1::{number}", 0.0)

    assert (1, 0) == (attempts.wait_s("2001:db8:0:1:ffff::", 0.0), attempts.wait_s("2001:db8:0:2::", 0.0))


def test_after_signing_out_the_cookie_is_worth_nothing(owner: Visitor) -> None:
    """On the server too, not in the browser alone."""
    cookie = owner.http.cookies["lmg-portal"]
    answer = owner.post("/sign-out")

    assert (303, "/portal/sign-in") == (answer.status_code, answer.headers["location"])
    assert 303 == owner.http.get("/portal", headers={"Cookie": f"lmg-portal={cookie}"}).status_code


@pytest.mark.parametrize(
    ("column", "before_ms", "status"),
    [
        ("seen_at", sessions.IDLE_MS - 60_000, 200),
        ("seen_at", sessions.IDLE_MS, 303),
        ("created_at", sessions.LASTS_MS - 60_000, 200),
        ("created_at", sessions.LASTS_MS, 303),
    ],
)
def test_a_session_ends_after_an_hour_without_use_and_after_eight(
    platform: Running, owner: Visitor, column: str, before_ms: int, status: int
) -> None:
    """Whichever comes first."""
    table = portal_sessions
    with writing(platform.engine) as connection:
        connection.execute(update(table).values({column: table.c[column] - before_ms}))

    assert status == owner.get().status_code


def test_use_puts_the_end_of_a_session_off(platform: Running, owner: Visitor) -> None:
    """What was used half an hour ago still is good in three quarters of one."""
    table = portal_sessions
    for _ in range(3):
        with writing(platform.engine) as connection:
            connection.execute(update(table).values(seen_at=table.c.seen_at - HOUR_MS // 2))
        assert 200 == owner.get().status_code


def test_a_revoked_admin_key_ends_its_sessions(platform: Running, owner: Visitor) -> None:
    """At once."""
    with writing(platform.engine) as connection:
        connection.execute(update(tables.admin_keys).values(revoked_at=1))

    assert 303 == owner.get().status_code


def test_sessions_that_are_over_are_deleted_at_the_next_sign_in(platform: Running, owner: Visitor) -> None:
    """So that they do not pile up."""
    with writing(platform.engine) as connection:
        connection.execute(update(portal_sessions).values(created_at=0))
    visitor(platform).sign_in(platform.admin_key)

    assert 1 == count(platform.engine, portal_sessions)


@pytest.mark.parametrize("wrong", ["origin", "no origin", "null", "no token", "token"])
def test_a_form_that_is_not_ours_is_refused(house: Running, guest: Visitor, wrong: str) -> None:
    """Another origin, none, or not the token of the session: nothing is done, by any of the forms."""
    headers = {"origin": {"Origin": "https://elsewhere.example"}, "no origin": {}, "null": {"Origin": "null"}}
    tables_of = (portal_sessions, tables.users, tables.platform_log, segments, offers)
    before = [count(house.engine, table) for table in tables_of]
    for path in ("/portal/sign-in", *POSTS):
        shown = guest.get("/sign-in" if path == "/portal/sign-in" else "")
        token = re.search(r'form_token" value="(\w+)"', shown.text)
        assert token is not None
        data = {"form_token": token[1], "admin_key": house.admin_key, "id": PAGES_OF.get(path, "person-1")}
        data |= {"sure": "yes", "is_new": "yes", "name": "x", "business_id": "cafe", "headline": "x"}
        if wrong == "no token":
            del data["form_token"]
        if wrong == "token":
            data["form_token"] = sessions.form_token("of another")
        answer = guest.http.post(path, data=data, headers=headers.get(wrong, guest.origin))
        assert (path, 403) == (path, answer.status_code)

    assert before == [count(house.engine, table) for table in tables_of]
    assert 200 == guest.get().status_code


@pytest.mark.parametrize("path", GETS)
def test_every_page_keeps_to_itself(guest: Visitor, path: str) -> None:
    """No style or script inside it, nothing from elsewhere, kept by no cache, shown in no frame."""
    answer = guest.http.get(path, params={"id": PAGES_OF.get(path, "person-0"), "user": "person-0"})
    headers = answer.headers

    assert 200 == answer.status_code
    assert "unsafe" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert ("nosniff", "same-origin", "no-store") == (
        headers["x-content-type-options"],
        headers["referrer-policy"],
        headers["cache-control"],
    )
    assert [] == re.findall(
        r"<style|<script(?! src=\"/portal/static/)|\sstyle=|\son\w+=|javascript:|//[a-z]", answer.text
    )


PAGES_OF = {
    "/portal/users": "",
    "/portal/segment": "grown",
    "/portal/segment/reason": "grown",
    "/portal/segment/edit": "grown",
    "/portal/segment/delete": "grown",
    "/portal/content/offers/edit": "coffee",
    "/portal/content/offers/delete": "coffee",
}


def test_what_is_not_there_is_a_page_too(guest: Visitor) -> None:
    """With the same headers."""
    for answer in (guest.get("/nowhere"), guest.http.put("/portal"), guest.get("/user", id="nobody")):
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_without_its_database_the_portal_says_so_on_a_page(platform: Running, owner: Visitor, tmp_path: Path) -> None:
    """And goes on when it is back."""
    file = tmp_path / "platform.db"
    file.rename(tmp_path / "away.db")
    answer = owner.get()
    (tmp_path / "away.db").rename(file)

    assert 503 == answer.status_code
    assert "database does not answer" in answer.text and "<h1>Service Unavailable</h1>" in answer.text
    assert 200 == owner.get().status_code


def test_files_are_served_with_their_type_and_can_be_kept(house: Running) -> None:
    """Without signing in: the page to sign in needs them. Nothing else of the package is there."""
    found = visitor(house)
    answers = [found.get(f"/static/{name}") for name in ("portal.css", "portal.js", "icon.svg")]

    assert ["text/css", "text/javascript", "image/svg+xml"] == [
        answer.headers["content-type"].split(";")[0] for answer in answers
    ]
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert [404, 404] == [found.get(f"/static/{name}").status_code for name in ("..%2fpages.py", "pages.py")]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=" + b"x" * 1024 * 1024, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=" % number for number in range(2001)), "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_form_that_no_browser_sends_is_refused(guest: Visitor, body: bytes, kind: str, status: int) -> None:
    """Before anything is made of it."""
    answer = guest.http.post("/portal/segment/save", content=body, headers={"Content-Type": kind, **guest.origin})

    assert status == answer.status_code


@pytest.mark.parametrize("query", ["id=%00", "cursor=WzM2ODkzNDg4MTQ3NDE5MTAzMjMyXQ==", "cursor=x"])
def test_an_address_that_no_page_has_is_refused(guest: Visitor, query: str) -> None:
    """NUL, a number beyond the database's, what is no place in a list."""
    assert guest.http.get(f"/portal/users?{query}").status_code in (400, 422)


ROLES = ("owner", "admin", "marketing", "dev", "support")
KEEPS = {"owner", "admin"}
EDITS = {"owner", "admin", "marketing"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_admin_api_lets_it(platform: Running, role: str) -> None:
    """And nothing else, whatever it posts."""
    furnish(platform)
    found = signed_in(platform, role)
    reads = {path for path in GETS if "erase" not in path and "delete" not in path}
    allowed = {
        "/portal/user/erase": KEEPS, "/portal/user/export": KEEPS, "/portal/segment/save": EDITS,
        "/portal/segment/export": EDITS, "/portal/segment/delete": EDITS, "/portal/content/offers/save": EDITS,
        "/portal/content/offers/delete": EDITS,
    }  # fmt: skip
    for path in GETS:
        query = {"id": PAGES_OF.get(path, "person-0"), "user": "person-0"}
        expected = 200 if path in reads or role in allowed[path] else 403
        assert (path, expected) == (path, found.http.get(path, params=query).status_code)
    for path in sorted(POSTS, key=lambda path: path == "/portal/sign-out"):
        status = found.post(path.removeprefix("/portal"), id=PAGES_OF.get(path, "person-1"), sure="no").status_code
        assert (path, role not in allowed.get(path, ROLES)) == (path, status == 403)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_the_buttons_of_what_it_may_do(house: Running, role: str) -> None:
    """No others."""
    found = signed_in(house, role)
    ids = {"user": "person-0", "segment": "grown", "segment/edit": "grown", "content/offers/edit": "coffee"}
    pages = {name: found.get(f"/{name}", id=of).text for name, of in ids.items()}

    assert (role in KEEPS) == ("/portal/user/erase" in pages["user"]) == ("/portal/user/export" in pages["user"])
    assert (role in EDITS) == ("/portal/segment/delete" in pages["segment"])
    assert (role in EDITS) == (">Save<" in pages["segment/edit"]) == (">Save<" in pages["content/offers/edit"])
    assert (role in EDITS) == ('<fieldset class="card plain">' in pages["content/offers/edit"])


def test_one_property_sees_nothing_of_another(furnished: Running) -> None:
    """Its people, segments and content are not there."""
    with writing(furnished.engine) as connection:
        keys = properties.create(connection, "Other", 0)
    found = visitor(furnished)
    assert 303 == found.sign_in(keys.admin_key).status_code

    assert 404 == found.get("/user", id="person-0").status_code
    assert 404 == found.get("/segment", id="grown").status_code
    assert 404 == found.get("/content/offers/edit", id="coffee").status_code
    pages = [found.get(path).text for path in ("", "/users", "/devices", "/entries", "/log", "/segments", "/audience")]
    assert not any(word in page for page in pages for word in ("person-", "kiosk-", "Grown", "kept seq"))


def test_a_key_of_any_role_signs_in(house: Running) -> None:
    """And the page says which."""
    for role, name in (("dev", "Developer"), ("support", "Support")):
        found = visitor(house)
        found.sign_in(new_key(house.engine, role))
        assert f">{name}<" in found.get().text
