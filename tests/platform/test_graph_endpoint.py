"""The GraphQL endpoints over HTTP: what is refused, and how."""

from __future__ import annotations

import gzip
import json

import pytest
from kiosk import START, Kiosk, Site, lane, track

from lmg_offline.protocol.replay import DOCUMENT

QUERY = json.dumps({"query": "{ locationFeed { cursor { next } } }"}).encode()


def post(site: Site, content: bytes, path: str = "/graph/default", **headers: str) -> tuple[int, str | None]:
    """Post bytes and return the status and the id of the error, if it is one."""
    sent = {"Content-Type": "application/json", "X-Integration-Write-Key": site.keys.write_key}
    answer = site.http.post(path, content=content, headers={**sent, **headers})
    body = answer.json()
    if "errors" not in body:
        return answer.status_code, None
    error = body["errors"][0]
    assert answer.status_code == error["statusCode"]
    return answer.status_code, error["messageId"]


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        pytest.param(QUERY, {}, (200, None), id="a query"),
        pytest.param(gzip.compress(QUERY), {"Content-Encoding": "gzip"}, (200, None), id="gzip"),
        pytest.param(QUERY, {"Content-Encoding": "gzip"}, (400, "lmg-malformed"), id="not gzip"),
        pytest.param(gzip.compress(QUERY)[:-4], {"Content-Encoding": "gzip"}, (400, "lmg-malformed"), id="cut gzip"),
        pytest.param(QUERY, {"Content-Encoding": "br"}, (415, "lmg-not-gzip"), id="another encoding"),
        pytest.param(
            gzip.compress(b" " * (5 << 20)), {"Content-Encoding": "gzip"}, (413, "lmg-too-large"), id="a bomb"
        ),
        pytest.param(b" " * (5 << 20), {}, (413, "lmg-too-large"), id="too large"),
        pytest.param(b"{", {}, (400, "lmg-malformed"), id="no JSON"),
        pytest.param(b"\xff", {}, (400, "lmg-malformed"), id="no UTF-8"),
        pytest.param(b"[]", {}, (400, "lmg-malformed"), id="no object"),
        pytest.param(b"{}", {}, (400, "lmg-malformed"), id="no query"),
        pytest.param(b"[" * 100_000, {}, (400, "lmg-malformed"), id="nested too deep"),
        pytest.param(b'{"query": "{ a", "variables": []}', {}, (400, "lmg-malformed"), id="variables that are a list"),
        pytest.param(QUERY, {"Content-Type": "text/plain"}, (415, "lmg-not-json"), id="another type"),
        pytest.param(
            QUERY, {"X-Integration-Write-Key": "wk_unknown"}, (401, "lmg-write-key-refused"), id="an unknown key"
        ),
        pytest.param(QUERY, {"X-Integration-Write-Key": ""}, (401, "lmg-write-key-refused"), id="no key"),
    ],
)
def test_a_body_is_answered_or_refused_in_one_shape(
    site: Site, content: bytes, headers: dict[str, str], expected: tuple[int, str | None]
) -> None:
    """The status of the answer is that of its first error."""
    assert expected == post(site, content, **headers)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ nothing }", id="an unknown field"),
        pytest.param("{", id="no GraphQL"),
        pytest.param("{ a" * 3000 + "}" * 3000, id="too many tokens"),
        pytest.param("{ " * 2400, id="brackets"),
        pytest.param(
            '{ offer(offerId: "1") { ' + "business { offers { " * 6 + "id" + " } }" * 6 + " } }", id="too deep"
        ),
        pytest.param("{ " + " ".join(f"a{n}: locationFeed {{ __typename }}" for n in range(40)) + " }", id="aliases"),
        pytest.param(
            "{ ...a } "
            + " ".join(
                f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} ...f{n + 1} ...f{n + 1} }}" for n in range(7)
            )
            + " fragment f7 on Query { locationFeed { __typename } } fragment a on Query { ...f0 }",
            id="fragments that multiply",
        ),
        pytest.param("query a { __typename } query b { __typename }", id="two operations and no name"),
        pytest.param("# " + "x" * 70_000, id="too long"),
    ],
)
def test_a_query_that_is_wrong_or_asks_too_much_is_refused(site: Site, query: str) -> None:
    """Before anything of it is resolved."""
    assert (400, "lmg-query-invalid") == post(site, json.dumps({"query": query}).encode())


def test_one_operation_of_several_is_chosen_by_name(site: Site) -> None:
    """As GraphQL has it."""
    body = {"query": "query a { __typename } mutation b { __typename }", "operationName": "a"}

    assert (200, None) == post(site, json.dumps(body).encode())


def test_an_unchanged_answer_is_not_sent_again(site: Site) -> None:
    """304 for the same ETag, and never for a mutation."""
    headers = {"X-Integration-Write-Key": site.keys.write_key, "Content-Type": "application/json"}
    first = site.http.post("/graph/default", content=QUERY, headers=headers)

    again = site.http.post(
        "/graph/default", content=QUERY, headers={**headers, "If-None-Match": f'"x", W/{first.headers["ETag"]}'}
    )
    mutation = site.post("/graph/auth", {"query": "mutation { createSession { token } }"})

    assert (304, b"", first.headers["ETag"]) == (again.status_code, again.content, again.headers["ETag"])
    assert "ETag" not in mutation.headers
    assert "no-store" == mutation.headers["Cache-Control"]


def test_a_malformed_replay_is_named_by_its_field(site: Site, kiosk: Kiosk) -> None:
    """The whole request is refused, nothing of it is applied."""
    entries = [track(2, "a"), track(1, "b")]

    answer = kiosk.send(lane(entries))
    empty = kiosk.send({"session_id": "s1", "after": START})

    assert (400, "lmg-malformed") == (answer.status_code, answer.json()["errors"][0]["messageId"])
    assert "lanes.0.entries.1.seq" in answer.json()["errors"][0]["message"]
    assert 400 == empty.status_code
    assert [] == site.log("s1")


def test_variables_that_do_not_fit_are_refused(site: Site) -> None:
    """A replay without its variables is no replay."""
    assert (400, "lmg-query-invalid") == post(site, json.dumps({"query": DOCUMENT}).encode(), "/graph/auth")


def test_the_page_for_queries_needs_no_other_host(site: Site) -> None:
    """In development only, and complete in itself."""
    page = site.http.get("/graph/default")

    assert 200 == page.status_code
    assert "/graph/default" in page.text
    assert "http://" not in page.text and "https://" not in page.text


def test_the_platform_says_that_it_is_well(site: Site) -> None:
    """For whatever watches over it."""
    assert {"status": "ok"} == site.http.get("/healthz").json()


def test_an_unknown_path_is_an_error_in_the_same_shape(site: Site) -> None:
    """404 as JSON; a problem where the Admin API is asked."""
    answer = site.http.get("/nowhere")
    problem = site.http.get("/admin/nowhere")

    assert (404, "lmg-http-404") == (answer.status_code, answer.json()["errors"][0]["messageId"])
    assert (404, "application/problem+json") == (problem.status_code, problem.headers["Content-Type"])


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["NUL", "lone surrogate"])
@pytest.mark.parametrize(
    "query",
    [
        "query ($id: ID!) { offer(offerId: $id) { id } }",
        'query ($id: ID!) { offerStatus(offerId: $id, locationId: "l") { redeemable } }',
        'query ($id: ID!) { offerState(offerId: "o", locationId: $id) { state } }',
        """mutation ($id: ID!) { transitionOfferState(offerId: $id, locationId: "l", currentState: "default",
            transitionIndex: 0, clientArgs: "{}") { state } }""",
        "query ($id: String) { businessFeed(q: $id) { cursor { next } } }",
        "query ($id: String!) { collectionFeed(tagNames: [$id]) { cursor { next } } }",
    ],
)
def test_a_text_that_not_every_database_takes_is_looked_for_in_none(site: Site, query: str, text: str) -> None:
    """PostgreSQL refuses it with an error of its own, which nobody asked for: the answer is the same on all."""
    body = json.dumps({"query": query, "variables": {"id": text}}).encode()

    assert (400, "lmg-malformed") == post(site, body)


@pytest.mark.parametrize("point", ["[]", "[1.0]", "[1.0, 2.0, 3.0]", "[181.0, 0.0]", "[0.0, -90.5]", "[0.0, 1e300]"])
@pytest.mark.parametrize("feed", ["businessFeed", "collectionFeed", "locationFeed"])
def test_an_area_or_a_point_that_is_none_is_refused(site: Site, feed: str, point: str) -> None:
    """A point is [longitude, latitude] in degrees; it is not for the geometry to stumble over others."""
    headers = {"Authorization": f"Bearer {site.keys.admin_key}"}
    site.http.put("/admin/v1/businesses/b", json={"name": "B"}, headers=headers)
    place = {"business_id": "b", "name": "L", "latitude": 1, "longitude": 1}
    site.http.put("/admin/v1/locations/l", json=place, headers=headers)
    area = f"{{ {feed}(contextGeoArea: [[0.0, 0.0], {point}, [0.0, 0.0]]) {{ cursor {{ next }} }} }}"
    ordered = f"{{ {feed}(orderingGeoPoint: {point}) {{ cursor {{ next }} }} }}"

    assert (400, "bad-area") == post(site, json.dumps({"query": area}).encode())
    if feed != "collectionFeed" and point != "[]":  # an empty point is none
        assert (400, "bad-point") == post(site, json.dumps({"query": ordered}).encode())
