"""What the collector is sent, and which of its answers count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmg_offline._core.snowplow import CollectedEvent, collector_body, is_accepted, request_path, split_body

NOW = 1_790_000_000_000
TP2 = "/com.snowplowanalytics.snowplow/tp2"


def event(**changed: Any) -> CollectedEvent:
    """Return an event of five seconds ago."""
    values: dict[str, Any] = {
        "event_id": "0192e4a0-0000-7000-8000-000000000001",
        "name": "offer_viewed",
        "properties_json": '{"offer_id":"coffee"}',
        "age_ms": 5000,
        "made_at_ms": NOW - 7000,
        "true_at_ms": None,
        "session_id": "s1",
        "device_id": "kiosk-1",
        "seq": 42,
    }
    return CollectedEvent(**values | changed)


def sent(*events: CollectedEvent, sent_at_ms: int = NOW, **changed: Any) -> list[dict[str, str]]:
    """Return the events of a body."""
    given = {"app_id": "acme", "tracker": "lmg-1.0", "timezone": "America/Vancouver", "language": "en", **changed}
    payload = json.loads(collector_body(events, sent_at_ms=sent_at_ms, **given))
    assert "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4" == payload["schema"]
    found: list[dict[str, str]] = payload["data"]
    return found


def test_an_event_is_said_in_the_parameters_of_the_protocol() -> None:
    """Every value is text; the activity is a self-describing event with its place in the journal."""
    [found] = sent(event())

    described = json.loads(found.pop("ue_pr"))
    assert {
        "e": "ue",
        "p": "app",
        "tv": "lmg-1.0",
        "aid": "acme",
        "tz": "America/Vancouver",
        "lang": "en",
        "eid": "0192e4a0-0000-7000-8000-000000000001",
        "dtm": str(NOW - 5000),
        "stm": str(NOW),
    } == found
    assert {
        "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": {
            "schema": "iglu:com.loopmediagroup/activity/jsonschema/1-0-0",
            "data": {
                "event": "offer_viewed",
                "session_id": "s1",
                "properties": {"offer_id": "coffee"},
                "entry": {"device_id": "kiosk-1", "seq": 42},
            },
        },
    } == described


@pytest.mark.parametrize(
    ("changed", "sent_at_ms", "expected"),
    [
        pytest.param({"age_ms": 0}, NOW, (NOW, NOW, None), id="just now"),
        pytest.param({"age_ms": None}, NOW, (NOW - 7000, NOW, None), id="of unknown age: the wall clock of then"),
        pytest.param({"true_at_ms": NOW - 9000}, NOW, (NOW - 5000, NOW, NOW - 9000), id="by a clock that is right"),
        pytest.param({}, 1000, (0, 5000, None), id="sent by a clock of 1970: the distance still holds"),
    ],
)
def test_the_clocks_of_an_event(
    changed: dict[str, Any], sent_at_ms: int, expected: tuple[int, int, int | None]
) -> None:
    """The distance from event to sending is the age; a true time is told only when there is one."""
    [found] = sent(event(**changed), sent_at_ms=sent_at_ms)

    true = found.get("ttm")
    assert expected == (int(found["dtm"]), int(found["stm"]), None if true is None else int(true))


def test_what_is_not_known_is_left_out() -> None:
    """The protocol knows no null."""
    [found] = sent(event(session_id=None), timezone=None, language=None)

    assert {"tz", "lang"}.isdisjoint(found)
    assert ["event", "properties", "entry"] == list(json.loads(found["ue_pr"])["data"]["data"])


def test_properties_go_as_they_lie_in_the_journal() -> None:
    """Not decoded and encoded again: spaces, escapes and numbers stay as they are."""
    text = '{"title": "Caf\\u00e9 \\"Ö\\"", "price": 1.50, "big": 9007199254740992}'

    [found, second] = sent(event(properties_json=text), event(seq=43))

    assert text in found["ue_pr"]
    assert 43 == json.loads(second["ue_pr"])["data"]["data"]["entry"]["seq"]


def test_an_empty_request_is_a_mistake() -> None:
    """The protocol has none."""
    with pytest.raises(ValueError, match="at least one event"):
        sent()


def test_the_repr_shows_nothing_of_the_properties() -> None:
    """They may be about a person."""
    assert "coffee" not in repr(event())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('{"name":"a","properties":{}}', ("a", "{}"), id="nothing in it"),
        pytest.param('{"name":"a","properties":{"b":{"c":1}}}', ("a", '{"b":{"c":1}}'), id="nested"),
        pytest.param('{"name":"\\",\\"properties\\":{","properties":{"x":"}}"}}', ('","properties":{', '{"x":"}}"}'),
                     id="a name that looks like more"),
    ],
)  # fmt: skip
def test_a_journaled_body_is_cut_in_two(body: str, expected: tuple[str, str]) -> None:
    """The name, and the text of the properties."""
    assert expected == split_body(body)


@pytest.mark.parametrize(
    "body",
    ["", "{}", '{"name":nobody}}', '{"name":1,"properties":{}}', '{"name":"a","profile":{}}', '{"name":"a"}}'],
)
def test_another_body_is_not_cut(body: str) -> None:
    """Whatever it is, it was no activity."""
    with pytest.raises(ValueError, match="not as the journal writes it"):
        split_body(body)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://c.example/ingest/k", f"https://c.example/ingest/k{TP2}", id="a path of its own"),
        pytest.param("https://c.example/ingest/k/", f"https://c.example/ingest/k{TP2}", id="a slash at the end"),
        pytest.param(f"https://c.example{TP2}", f"https://c.example{TP2}", id="there already"),
        pytest.param(f"https://c.example{TP2}/", f"https://c.example{TP2}", id="there already, with a slash"),
        pytest.param("http://127.0.0.1:8642", f"http://127.0.0.1:8642{TP2}", id="no path"),
        pytest.param("https://c.example/i?tenant=7#x", f"https://c.example/i{TP2}?tenant=7", id="a query"),
        pytest.param("c.example", f"https://c.example{TP2}", id="no scheme"),
        pytest.param("c.example:8080/x", f"https://c.example:8080/x{TP2}", id="no scheme, a port"),
        pytest.param("//c.example", f"https://c.example{TP2}", id="the scheme left open"),
    ],
)
def test_the_address_to_post_to(url: str, expected: str) -> None:
    """The protocol's path is put at the end, once."""
    assert expected == request_path(url)


@pytest.mark.parametrize("url", ["", "  ", "ftp://c.example", "https:///x", "/ingest/k", "http://[::1", "https://:80"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """Nothing is sent to a guess."""
    with pytest.raises(ValueError):
        request_path(url)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "expected"),
    [
        pytest.param(200, "text/plain; charset=UTF-8", b"ok", True, id="collector 2"),
        pytest.param(200, "", b"ok", True, id="collector 3.0"),
        pytest.param(200, "text/plain", b"ok", True, id="collector 3"),
        pytest.param(200, "TEXT/Plain", b"ok\n", True, id="a proxy's habits"),
        pytest.param(200, "text/html", b"ok", False, id="a page"),
        pytest.param(200, "text/html", b"<html>Sign in</html>", False, id="a captive portal"),
        pytest.param(200, "text/plain", b"", False, id="empty"),
        pytest.param(200, "text/plain", b"okay", False, id="another word"),
        pytest.param(200, "application/json", b'{"status":"ok"}', False, id="another service"),
        pytest.param(201, "text/plain", b"ok", False, id="another status"),
        pytest.param(302, "text/plain", b"ok", False, id="a redirect"),
        pytest.param(404, "application/json", b"{}", False, id="an error"),
    ],
)
def test_only_the_collectors_own_word_counts(status: int, content_type: str, body: bytes, expected: bool) -> None:
    """What does not speak the protocol is a failed attempt."""
    assert expected is is_accepted(status, content_type, body)
