"""What an event of the tracker protocol means: which activity, when, and why it is set aside."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lmg_offline.platform.collector.events import happened_at, read_payload, sort_events
from lmg_offline.platform.collector.mapping import Place

NOW = 1_790_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000
OWN = "iglu:com.loopmediagroup/activity/jsonschema/1-0-0"
VIEWED = "iglu:com.acme/viewed_product/jsonschema/2-0-1"
PAYLOAD = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
UNSTRUCT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"


def parameters(**given: Any) -> dict[str, Any]:
    """Return an event with what the protocol requires; None takes a parameter away."""
    values = {"e": "ue", "tv": "py-1.1.0", "p": "pc", "eid": "e1", **given}
    return {name: value for name, value in values.items() if value is not None}


def described(schema: object, data: object, outer: object = UNSTRUCT) -> str:
    """Return the JSON of a self-describing event."""
    return json.dumps({"schema": outer, "data": {"schema": schema, "data": data}})


def packed(text: str, *, url_safe: bool = True, padded: bool = True) -> str:
    """Return the Base64 form."""
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    found = encode(text.encode()).decode()
    return found if padded else found.rstrip("=")


SPECIAL = described(VIEWED, {"title": "??>>~~ é"})


@pytest.mark.parametrize(
    ("given", "name", "properties"),
    [
        pytest.param({"ue_pr": described(OWN, {"event": "offer_viewed", "session_id": "s", "properties": {"a": [1]}})},
                     "offer_viewed", {"a": [1]}, id="our own"),
        pytest.param({"ue_pr": described(OWN, {"event": "opened"})}, "opened", {}, id="our own, bare"),
        pytest.param({"ue_pr": described("iglu:com.loopmediagroup/activity/jsonschema/2-0-0", {"event": "x"})},
                     "activity", {"event": "x"}, id="another model of our own"),
        pytest.param({"ue_pr": described(VIEWED, {"sku": "7"})}, "viewed_product", {"sku": "7"}, id="any other"),
        pytest.param({"ue_px": packed(SPECIAL)}, "viewed_product", {"title": "??>>~~ é"}, id="Base64"),
        pytest.param({"ue_px": packed(SPECIAL, padded=False)}, "viewed_product", {"title": "??>>~~ é"},
                     id="Base64 without padding"),
        pytest.param({"ue_px": packed(SPECIAL, url_safe=False)}, "viewed_product", {"title": "??>>~~ é"},
                     id="Base64 in the other alphabet"),
        pytest.param({"e": "se", "se_ca": "media", "se_ac": "play", "se_la": "dog", "se_pr": "hd", "se_va": "13.5"},
                     "play", {"category": "media", "action": "play", "label": "dog", "property": "hd", "value": 13.5},
                     id="structured"),
        pytest.param({"e": "se", "se_ca": "media", "se_ac": "play", "se_va": "-3", "se_la": ""},
                     "play", {"category": "media", "action": "play", "value": -3}, id="structured, in part"),
        pytest.param({"e": "pv", "url": "http://a/", "page": "A", "refr": "http://b/"},
                     "page_view", {"url": "http://a/", "title": "A", "referrer": "http://b/"}, id="a page view"),
        pytest.param({"e": "pp", "url": "http://a/", "pp_mix": "0", "pp_max": "10", "pp_miy": "5", "pp_may": "60"},
                     "page_ping", {"url": "http://a/", "min_x": 0, "max_x": 10, "min_y": 5, "max_y": 60},
                     id="a page ping"),
        pytest.param({"e": "pv", "unheard_of": "x", "co": "{", "uid": "mallory"}, "page_view", {},
                     id="what is not kept is not read"),
    ],
)  # fmt: skip
def test_an_event_becomes_a_name_and_properties(given: dict[str, Any], name: str, properties: dict[str, Any]) -> None:
    """Whatever kind it is; a user id among the parameters identifies nobody."""
    found = sort_events([parameters(**given)], NOW)

    assert {} == found.bad
    assert [{"name": name, "properties": properties}] == [each.payload for each in found.good]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"e": "tr"}, "kind", id="a transaction"),
        pytest.param({"e": None}, "incomplete", id="no kind"),
        pytest.param({"p": None}, "incomplete", id="no platform"),
        pytest.param({"tv": ""}, "incomplete", id="no tracker"),
        pytest.param({"e": "pv", "dtm": NOW}, "not_text", id="a number that is not written as text"),
        pytest.param({}, "envelope", id="nothing described"),
        pytest.param({"ue_pr": "{"}, "envelope", id="no JSON"),
        pytest.param({"ue_pr": "[1]"}, "envelope", id="no object"),
        pytest.param({"ue_px": "é"}, "envelope", id="no Base64"),
        pytest.param({"ue_px": "A"}, "envelope", id="a cut Base64"),
        pytest.param({"ue_px": packed("\ufffe") + "_w"}, "envelope", id="no UTF-8"),
        pytest.param({"ue_pr": described(VIEWED, {}, outer=VIEWED)}, "envelope", id="another envelope"),
        pytest.param({"ue_pr": json.dumps({"schema": UNSTRUCT, "data": []})}, "envelope", id="an empty envelope"),
        pytest.param({"ue_pr": described("com.acme/x/jsonschema/1-0-0", {})}, "envelope", id="no Iglu address"),
        pytest.param({"ue_pr": described(7, {})}, "envelope", id="a number for a schema"),
        pytest.param({"ue_pr": described(OWN, [])}, "envelope", id="our own, without an object"),
        pytest.param({"ue_pr": described(OWN, {"properties": {}})}, "limits", id="our own, without a name"),
        pytest.param({"ue_pr": described(OWN, {"event": "x" * 257})}, "limits", id="too long a name"),
        pytest.param({"ue_pr": described(OWN, {"event": "a", "properties": None})}, "limits", id="no properties"),
        pytest.param({"ue_pr": described(OWN, {"event": "a", "properties": {"b": "x" * 33_000}})}, "limits",
                     id="too large"),
        pytest.param({"ue_pr": described(OWN, {"event": "a", "properties": {"b": [[[[[[[1]]]]]]]}})}, "limits",
                     id="too deep"),
        pytest.param({"ue_pr": described(OWN, {"event": "a", "properties": {"b": 2**53 + 1}})}, "limits",
                     id="an integer beyond 2**53"),
        pytest.param({"ue_pr": described(VIEWED, [1])}, "limits", id="a list for properties"),
        pytest.param({"e": "pv", "url": "http://a/\0"}, "limits", id="NUL"),
        pytest.param({"e": "se", "se_ca": "media"}, "limits", id="no action"),
        pytest.param({"e": "se", "se_ac": "play", "se_va": "nan"}, "number", id="no number"),
        pytest.param({"e": "se", "se_ac": "play", "se_va": "1e999"}, "limits", id="an infinite number"),
        pytest.param({"e": "pp", "pp_max": "1_0"}, "number", id="an offset that is no number"),
        pytest.param({"e": "pv", "eid": "x" * 65}, "event_id", id="too long an id"),
        pytest.param({"e": "pv", "eid": "a\0"}, "event_id", id="an id with NUL"),
    ],
)  # fmt: skip
def test_a_bad_event_is_set_aside_with_a_reason(given: dict[str, Any], reason: str) -> None:
    """And does not cost the good one beside it."""
    found = sort_events([parameters(**given), parameters(e="pv", eid="good")], NOW)

    assert ({reason: 1}, ["good"]) == (found.bad, [each.event_id for each in found.good])


@pytest.mark.parametrize("event", [None, 7, "pv", ["e", "pv"]])
def test_what_is_no_event_is_set_aside(event: object) -> None:
    """A list may hold anything."""
    assert {"not_text": 1} == sort_events([event], NOW).bad


def test_an_event_without_an_id_gets_one() -> None:
    """As in the published pipeline; repeated, it is another event."""
    first, second = sort_events([parameters(e="pv", eid=None)] * 2, NOW).good

    assert first.event_id != second.event_id


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({"device_id": "kiosk-1", "seq": 7}, Place("kiosk-1", 7), id="both"),
        pytest.param({"device_id": "kiosk-1"}, Place("kiosk-1", None), id="the device alone"),
        pytest.param({"device_id": "", "seq": 2**32}, Place("", None), id="beyond a journal's numbers"),
        pytest.param({"device_id": "x" * 65, "seq": 0}, Place("", None), id="no device, no number"),
        pytest.param({"device_id": "a\0", "seq": True}, Place("", None), id="NUL, a flag"),
        pytest.param({"device_id": 7, "seq": "7"}, Place("", None), id="of the wrong types"),
        pytest.param([], Place("", None), id="no object"),
    ],
)
def test_the_place_in_the_senders_journal(entry: object, expected: Place) -> None:
    """Taken when it can be one, else left out; the event counts either way."""
    text = described(OWN, {"event": "a", "properties": {}, "entry": entry})

    assert [expected] == [each.place for each in sort_events([parameters(ue_pr=text)], NOW).good]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, NOW, id="nothing said"),
        pytest.param({"dtm": f"{NOW - 5000}", "stm": f"{NOW}"}, NOW - 5000, id="a clock that is right"),
        pytest.param({"dtm": "1000", "stm": "6000"}, NOW - 5000, id="a clock of 1970"),
        pytest.param({"dtm": f"{NOW + YEAR_MS}", "stm": f"{NOW + YEAR_MS + 5000}"}, NOW - 5000, id="a clock ahead"),
        pytest.param({"dtm": f"{NOW}", "stm": f"{NOW}"}, NOW, id="at once"),
        pytest.param({"dtm": f"{NOW}", "stm": f"{NOW - 1}"}, NOW, id="sent before it was made"),
        pytest.param({"dtm": f"{NOW - 5000}"}, NOW, id="no time of sending"),
        pytest.param({"stm": f"{NOW}"}, NOW, id="no time of the event"),
        pytest.param({"dtm": "1000", "stm": f"{NOW}"}, NOW, id="a clock that was set in between"),
        pytest.param({"dtm": "yesterday", "stm": f"{NOW}"}, NOW, id="a word"),
        pytest.param({"dtm": f"-{NOW}", "stm": f"{NOW}"}, NOW, id="a negative time"),
        pytest.param({"dtm": "1" * 5000, "stm": "1" * 5000}, NOW, id="more digits than a time has"),
        pytest.param({"dtm": "٣", "stm": "٤"}, NOW, id="other digits"),
        pytest.param({"ttm": f"{NOW - 9000}", "dtm": f"{NOW - 5000}", "stm": f"{NOW}"}, NOW - 9000, id="a true time"),
        pytest.param({"ttm": f"{NOW + 1}"}, NOW, id="a true time that is not yet"),
        pytest.param({"ttm": f"{NOW // 1000}"}, NOW, id="a true time in seconds"),
        pytest.param({"ttm": "", "dtm": f"{NOW - 5000}", "stm": f"{NOW}"}, NOW - 5000, id="an empty true time"),
    ],
)
def test_when_an_event_happened(given: dict[str, str], expected: int) -> None:
    """By the platform's clock; never in the future, and now when there is no telling."""
    assert expected == happened_at(given, NOW)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"data": [{}]}', id="no schema"),
        pytest.param(json.dumps({"schema": VIEWED, "data": [{}]}).encode(), id="another schema"),
        pytest.param(json.dumps({"schema": PAYLOAD}).encode(), id="no data"),
        pytest.param(json.dumps({"schema": PAYLOAD, "data": []}).encode(), id="no event"),
    ],
)
def test_a_body_that_is_no_payload_is_refused(body: bytes) -> None:
    """The whole request, with a reason that repeats nothing of it."""
    with pytest.raises(ValueError, match=r"^(not|data)"):
        read_payload(body)
