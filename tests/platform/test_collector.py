"""The collector over HTTP: activity from any tracker that speaks Snowplow's published protocol."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import requests
from httpx import Response
from kiosk import DAY_MS, Kiosk, Site, forget, identify, lane, position, track
from sqlalchemy import update

from lmg_offline._core import snowplow as sdk
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

SCHEMA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
UNSTRUCT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
OWN = "iglu:com.loopmediagroup/activity/jsonschema/1-0-0"
SESSION = "token content { sessionId } meta { stats { ingestionUrl } }"


@dataclass(frozen=True, slots=True)
class Visit:
    """A session of the Audience API, and where its activity goes."""

    site: Site
    session_id: str
    token: str = field(repr=False)
    url: str = field(repr=False)

    def ask(self, mutation: str) -> Visit:
        """Run a mutation that answers with a session, and return that session."""
        return visit(self.site, mutation, self.token)

    def post(self, content: bytes, **headers: str) -> Response:
        """Post bytes to the collector."""
        return self.site.http.post(
            sdk.request_path(self.url), content=content, headers={"Content-Type": "application/json", **headers}
        )

    def send(self, *events: dict[str, Any]) -> Response:
        """Post events."""
        return self.post(json.dumps({"schema": SCHEMA, "data": list(events)}).encode())

    def names(self) -> list[str]:
        """Return the names of the session's activity, oldest first."""
        rows = self.site.rows(tables.activity, "occurred_at", "entry_id", session_id=self.session_id)
        return [row["name"] for row in rows]


def visit(site: Site, mutation: str = "createSession", token: str | None = None) -> Visit:
    """Open a session, or ask for that of a token."""
    found = site.ask("/graph/auth", f"mutation {{ {mutation} {{ {SESSION} }} }}", token)["data"]
    answer = found[mutation.split("(")[0]]
    return Visit(site, answer["content"]["sessionId"], answer["token"], answer["meta"]["stats"]["ingestionUrl"])


def seen(site: Site, user_id: str) -> list[dict[str, Any]]:
    """Return a user's activity as the Admin API shows it."""
    headers = {"Authorization": f"Bearer {site.keys.admin_key}"}
    answer = site.http.get(f"/admin/v1/users/{user_id}/activity", headers=headers)
    assert 200 == answer.status_code, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def view(event_id: str, **given: str) -> dict[str, str]:
    """Return a page view."""
    return {"e": "pv", "tv": "js-3.5.0", "p": "web", "eid": event_id, **given}


def own(event_id: str, name: str = "seen", **data: Any) -> dict[str, str]:
    """Return an event in our own schema."""
    described = {"schema": UNSTRUCT, "data": {"schema": OWN, "data": {"event": name, "properties": {}, **data}}}
    return {"e": "ue", "tv": "t", "p": "app", "eid": event_id, "ue_pr": json.dumps(described)}


def error_of(answer: Response) -> tuple[int, str]:
    """Return the status and the id of an error."""
    error = answer.json()["errors"][0]
    assert {"name", "message", "statusCode", "messageId"} == set(error)
    assert answer.status_code == error["statusCode"]
    return answer.status_code, error["messageId"]


class Wire(requests.Session):
    """What a tracker sends through; remembers the bytes, and can lose answers."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.sent: list[tuple[str, str]] = []
        self.answers_to_lose = 0

    def post(self, url: Any, data: Any = None, json: Any = None, **options: Any) -> requests.Response:
        self.sent.append((url, data))
        answer = super().post(url, data=data, json=json, **options)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise requests.ConnectionError
        return answer


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire, closed afterwards."""
    with Wire() as session:
        yield session


def test_the_public_tracker_reaches_the_user_whose_session_it_is(site: Site, wire: Wire) -> None:
    """Self-describing, structured and page-view events of its own emitter, in batches, repeated: each counts once."""
    import snowplow_tracker as public

    ann = visit(site).ask('identifySession(externalId: "ann")')
    emitter = public.Emitter(ann.url, batch_size=3, session=wire)
    for encoded in (True, False):
        tracker = public.Tracker("kiosk", emitter, app_id="acme", encode_base64=encoded)
        sku = public.SelfDescribingJson("iglu:com.acme/viewed_product/jsonschema/1-0-0", {"sku": "7", "title": "é"})
        tracker.track(public.SelfDescribing(sku))
        tracker.track(public.StructuredEvent("media", "play", label="dog", property_="hd", value=13.5))
        tracker.track(public.PageView("http://acme.example/offers", page_title="Offers"))
    tracker.track(public.ScreenView("1", "Home", context=[sku], event_subject=public.Subject().set_user_id("mallory")))
    tracker.flush()
    for url, body in wire.sent:
        assert "ok" == site.http.post(url, content=body, headers={"Content-Type": "application/json"}).text

    found = [(item["name"], item["properties"]) for item in seen(site, "ann")]
    each = [
        ("viewed_product", {"sku": "7", "title": "é"}),
        ("play", {"category": "media", "action": "play", "label": "dog", "property": "hd", "value": 13.5}),
        ("page_view", {"url": "http://acme.example/offers", "title": "Offers"}),
    ]
    assert 3 == len(wire.sent)
    assert sorted(map(str, [*each, *each, ("screen_view", {"id": "1", "name": "Home"})])) == sorted(map(str, found))


def test_an_emitter_that_never_heard_the_answer_sends_again_and_counts_once(site: Site, wire: Wire) -> None:
    """The network breaks after the platform has stored the events."""
    import snowplow_tracker as public

    ann = visit(site).ask('identifySession(externalId: "ann")')
    wire.answers_to_lose = 1
    emitter = public.Emitter(ann.url, batch_size=10, session=wire)
    tracker = public.Tracker("kiosk", emitter)
    ids = {tracker.track(public.PageView(f"http://acme.example/{number}")) for number in range(4)}
    tracker.flush()
    emitter.retry_timer.cancel()
    tracker.flush()

    assert 2 == len(wire.sent)
    assert ids == {item["id"] for item in seen(site, "ann")}
    assert 4 == len(ann.names())


def test_the_public_tracker_can_use_the_pixel(site: Site, wire: Wire) -> None:
    """One event a GET, answered with an image that is never cached."""
    import snowplow_tracker as public

    ann = visit(site)
    emitter = public.Emitter(ann.url, method="get", session=wire)
    public.Tracker("kiosk", emitter).track(public.PageView("http://acme.example/?a=é&b"))
    answer = site.http.get(f"{ann.url}/i", params=view("e2", url="http://b/"))

    rows = site.rows(tables.activity, "occurred_at", "seq")
    assert ["http://acme.example/?a=é&b", "http://b/"] == [json.loads(row["properties"])["url"] for row in rows]
    assert (200, "image/gif", b"GIF89a") == (answer.status_code, answer.headers["Content-Type"], answer.content[:6])
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_sdks_own_request_is_taken_whole(site: Site) -> None:
    """What the SDK says and what the platform reads are the same format."""
    ann = visit(site)
    event = sdk.CollectedEvent("e1", "offer_viewed", '{"offer_id":"é"}', 60_000, 1, None, "lane-1", "kiosk-1", 42)
    options = {"app_id": "acme", "tracker": "lmg-1.0", "timezone": "America/Vancouver", "language": "en"}
    answer = ann.post(sdk.collector_body([event], sent_at_ms=1000, **options))

    [row], [logged] = site.rows(tables.activity), site.rows(tables.entries)
    assert sdk.is_accepted(answer.status_code, answer.headers["Content-Type"], answer.content)
    assert ("e1", "offer_viewed", '{"offer_id":"é"}') == (row["entry_id"], row["name"], row["properties"])
    assert logged["applied_at"] - 60_000 == row["occurred_at"] == logged["occurred_at"]
    assert ("e1", "kiosk-1", ann.session_id, 42) == tuple(
        logged[name] for name in ("entry_id", "device_id", "session_id", "seq")
    )


def test_each_session_has_an_address_of_its_own_and_keeps_it(site: Site) -> None:
    """Extended and identified, it is the same one; another session's is another."""
    first, second = visit(site), visit(site)
    extended = first.ask("extendSession")
    identified = extended.ask('identifySession(externalId: "ann")')

    assert first.url == extended.url == identified.url
    assert first.url != second.url
    assert [first.session_id] == [extended.session_id]


def test_a_session_of_before_gets_its_address_with_its_next_token(site: Site, kiosk: Kiosk) -> None:
    """Also one that a device replays."""
    opened = visit(site)
    kiosk.one([track(1, "a")])
    with writing(site.engine) as connection:
        connection.execute(update(tables.sessions).values(ingest_key=None))

    reply = kiosk.one([], after=position(1))
    extended = opened.ask("extendSession")
    replayed = visit(site, "extendSession", reply["session_token"])
    answers = [extended.send(view("e1")).text, replayed.send(view("e2")).text]

    assert ["ok", "ok"] == answers
    assert (["page_view"], {"a", "page_view"}) == (extended.names(), set(replayed.names()))


def test_the_address_survives_the_session_token(site: Site) -> None:
    """An old token that has expired takes nothing from the collector."""
    ann = visit(site)
    with writing(site.engine) as connection:
        connection.execute(update(tables.sessions).values(token_expires_at=1))

    assert "ok" == ann.send(view("e1")).text
    assert ["page_view"] == ann.names()


@pytest.mark.parametrize("key", ["nonsense", "%00", "%ED%A0%80", "x" * 300])
def test_an_unknown_address_is_answered_like_an_expired_session(site: Site, key: str) -> None:
    """A client that renews its session is told the right one."""
    body = json.dumps({"schema": SCHEMA, "data": [view("e1")]}).encode()
    posted = site.http.post(
        f"/ingest/{key}/com.snowplowanalytics.snowplow/tp2", content=body, headers={"Content-Type": "application/json"}
    )

    assert (404, "09-65-002") == error_of(posted)
    assert (404, "09-65-002") == error_of(site.http.get(f"/ingest/{key}/i", params=view("e1")))
    assert [] == site.rows(tables.activity)


def test_the_address_ends_with_the_integration(site: Site) -> None:
    """A write key that is revoked takes its sessions' addresses with it."""
    ann = visit(site)
    with writing(site.engine) as connection:
        connection.execute(update(tables.integrations).values(revoked_at=1))

    assert (404, "09-65-002") == error_of(ann.send(view("e1")))


BODY = json.dumps({"schema": SCHEMA, "data": [view("e1")]}).encode()


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        pytest.param(b"{", {}, (400, "lmg-malformed"), id="no JSON"),
        pytest.param(b"\xff", {}, (400, "lmg-malformed"), id="no UTF-8"),
        pytest.param(b'{"schema": "x", "data": []}', {}, (400, "lmg-malformed"), id="another schema"),
        pytest.param(b"[" * 100_000, {}, (400, "lmg-malformed"), id="nested too deep"),
        pytest.param(BODY, {"Content-Encoding": "gzip"}, (400, "lmg-malformed"), id="not gzip"),
        pytest.param(BODY, {"Content-Encoding": "br"}, (415, "lmg-not-gzip"), id="another encoding"),
        pytest.param(BODY, {"Content-Type": "text/plain"}, (415, "lmg-not-json"), id="another type"),
        pytest.param(b" " * (5 << 20), {}, (413, "lmg-too-large"), id="too large"),
        pytest.param(
            gzip.compress(b" " * (5 << 20)), {"Content-Encoding": "gzip"}, (413, "lmg-too-large"), id="a bomb"
        ),
    ],
)
def test_a_request_that_is_none_is_refused_whole(
    site: Site, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    """In the shape of every other error."""
    assert expected == error_of(visit(site).post(content, **headers))
    assert [] == site.rows(tables.platform_log)


def test_a_request_may_be_gzip(site: Site) -> None:
    """As a replay may, and with a charset beside its type, as trackers write it."""
    ann = visit(site)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json; charset=utf-8"}
    answer = ann.post(gzip.compress(BODY), **headers)

    assert (200, "ok", "text/plain") == (answer.status_code, answer.text, answer.headers["Content-Type"].split(";")[0])
    assert ["page_view"] == ann.names()


def test_bad_events_are_counted_and_the_good_ones_beside_them_kept(site: Site) -> None:
    """The answer is the collector's, and the operator's log says how many and why, of whom nothing."""
    ann = visit(site)
    secret = "ann@example.com"
    answer = ann.send(view("e1"), view("e2", e="tr", uid=secret), {"e": secret}, view("e4", ue_pr=secret, e="ue"))
    pixel = site.http.get(f"{ann.url}/i", params={"uid": secret})

    log = site.rows(tables.platform_log)
    details = sorted((row["details"] for row in log), key=lambda found: -found["events"])
    assert ["ok", 200] == [answer.text, pixel.status_code]
    assert ["page_view"] == ann.names()
    assert ["events_set_aside"] * 2 == [row["event"] for row in log]
    assert [
        {"events": 3, "reasons": {"kind": 1, "incomplete": 1, "envelope": 1}},
        {"events": 1, "reasons": {"incomplete": 1}},
    ] == details
    assert secret not in str(log)


def test_an_id_counts_once_whatever_comes_with_it(site: Site) -> None:
    """In the same request, in a later one, in another session's: the first stays."""
    ann, bob = visit(site), visit(site)
    ann.send(own("e1", "first"), own("e1", "second"))
    ann.send(own("e1", "third"), own("e2", "new"))
    bob.send(own("e1", "fourth"), own("e2", "fifth"))

    assert {"first", "new"} == set(ann.names())
    assert [] == bob.names()
    assert [(1, "e1"), (2, "e2")] == [(seq, entry_id) for seq, entry_id, _, _ in site.log(ann.session_id)]
    assert [] == site.log(bob.session_id)


def test_what_a_replay_delivered_is_not_counted_again(site: Site, kiosk: Kiosk) -> None:
    """An entry that went by the replay first, then by the collector, of the same session or another."""
    reply = kiosk.one([track(1, "replayed", entry_id="e1")])
    replayed, other = visit(site, "extendSession", reply["session_token"]), visit(site)

    assert ["ok", "ok"] == [replayed.send(own("e1", "again")).text, other.send(own("e1", "again")).text]
    assert ["replayed"] == [row["name"] for row in site.rows(tables.activity)]
    assert [(1, "e1", "applied", None)] == site.log("s1")


def test_what_the_collector_counted_a_replay_does_not_count_again(site: Site, kiosk: Kiosk) -> None:
    """The replay goes on: the entry is handled, the lane stays in order."""
    reply = kiosk.one([track(1, "a")])
    visit(site, "extendSession", reply["session_token"]).send(own("e2", "collected"))
    visit(site).send(own("e3", "collected elsewhere"))

    answered = kiosk.one(
        [track(2, "replayed", entry_id="e2"), track(3, "replayed", entry_id="e3"), track(4, "b")], after=position(1)
    )

    assert ("ok", position(4), []) == (answered["status"], answered["applied_through"], answered["refused"])
    assert ["a", "b", "collected", "collected elsewhere"] == sorted(row["name"] for row in site.rows(tables.activity))


@pytest.mark.parametrize("sessions", [1, 4])
def test_the_same_events_at_the_same_instant_count_once(site: Site, sessions: int) -> None:
    """Whether one session sends them or several: impatient trackers, a copied page."""
    visits = [visit(site) for _ in range(sessions)]
    events = [own(f"e{number}") for number in range(40)]
    barrier = threading.Barrier(4)
    answers: list[str] = []

    def send(number: int) -> None:
        mine = visits[number % sessions]
        barrier.wait(5)
        answers.append(mine.send(*(events if number % 2 else reversed(events))).text)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert ["ok"] * 4 == answers
    assert 40 == len(site.rows(tables.activity)) == len(site.rows(tables.entries))


def test_a_replay_and_the_collector_at_the_same_instant_count_once(site: Site, kiosk: Kiosk) -> None:
    """Both get the answer they need, and neither fails for the other."""
    reply = kiosk.one([track(1, "a")])
    ways = [visit(site, "extendSession", reply["session_token"]), visit(site)]
    numbers = range(2, 42)
    barrier = threading.Barrier(3)
    answers: list[object] = []

    def collect(way: Visit) -> None:
        barrier.wait(5)
        answers.append(way.send(*(own(f"s1-{number}") for number in numbers)).text)

    def replay() -> None:
        barrier.wait(5)
        answers.append(kiosk.replay(lane([track(number, "b") for number in numbers], after=position(1)))[0]["status"])

    threads = [threading.Thread(target=collect, args=(way,)) for way in ways] + [threading.Thread(target=replay)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert ["ok"] * 3 == answers
    assert 41 == len(site.rows(tables.activity)) == len({row["entry_id"] for row in site.rows(tables.activity)})


def test_more_events_than_fit_one_statement_are_taken(site: Site) -> None:
    """A tracker that was offline for long, with a large buffer."""
    ann = visit(site)

    assert "ok" == ann.send(*(view(f"e{number}") for number in range(1203))).text
    assert 1203 == len(ann.names())
    assert list(range(1, 1204)) == [seq for seq, *_ in site.log(ann.session_id)]


def test_activity_before_an_identify_passes_to_the_user(site: Site) -> None:
    """As activity that is replayed does; what comes after is theirs at once."""
    anonymous = visit(site)
    anonymous.send(view("e1"))
    identified = anonymous.ask('identifySession(externalId: "ann")')
    identified.send(view("e2"))

    assert {"e1", "e2"} == {item["id"] for item in seen(site, "ann")}


def test_the_time_is_the_trackers_distance_on_the_platforms_clock(site: Site) -> None:
    """A clock that is a day ahead does no harm; the log and the activity agree."""
    ann = visit(site)
    ahead = time.time_ns() // 1_000_000 + DAY_MS
    ann.send(view("e1", dtm=str(ahead - 5000), stm=str(ahead)), view("e2"))

    old, new = site.rows(tables.entries, "entry_id")
    assert old["applied_at"] - 5000 == old["occurred_at"] == site.rows(tables.activity, entry_id="e1")[0]["occurred_at"]
    assert new["applied_at"] == new["occurred_at"]


def test_activity_from_before_an_erasure_is_dropped(site: Site) -> None:
    """Late events of a person who asked to be forgotten; what comes after belongs to nobody."""
    ann = visit(site).ask(f'identifySession(externalId: "ann", externalIdSignature: "{site.token("ann")}")')
    ann.send(view("e1"))
    erased = site.http.delete("/admin/v1/users/ann", headers={"Authorization": f"Bearer {site.keys.admin_key}"})

    now = time.time_ns() // 1_000_000
    ann.send(view("e1"), own("e2", "late", entry={"seq": 9}), view("e3", dtm=str(now - DAY_MS), stm=str(now)))

    assert 204 == erased.status_code
    assert ["late"] == ann.names()
    assert [None] == [row["user_id"] for row in site.rows(tables.activity)]
    assert [(1, "e1", "applied", None), (9, "e2", "applied", None), (10, "e3", "refused", "forgotten")] == site.log(
        ann.session_id
    )


def test_activity_of_a_replayed_session_from_before_an_erasure_is_dropped(site: Site, kiosk: Kiosk) -> None:
    """The device erased its user; its old address still works, for nobody."""
    reply = kiosk.one([identify(1, "ann", verify=True)], token=site.token("ann"))
    ann = visit(site, "extendSession", reply["session_token"])
    ann.send(view("e1"))
    kiosk.one([forget(2, age_ms=0)], after=position(1), token=site.token("ann"))

    now = time.time_ns() // 1_000_000
    late = view("e2", dtm=str(now - DAY_MS), stm=str(now))

    assert ["ok", "ok"] == [ann.send(late).text, ann.send(late).text]
    assert [] == site.rows(tables.activity)


def test_each_new_event_is_one_row_of_the_log(site: Site) -> None:
    """Under the number its sender gave it when that is free, else one beyond the others; with the device it names."""
    ann = visit(site).ask('identifySession(externalId: "ann")')
    ann.send(
        own("e1", entry={"device_id": "kiosk-1", "seq": 7}),
        view("e2"),
        own("e3", entry={"device_id": "kiosk-1", "seq": 7}),
        own("e4", entry={"device_id": "kiosk-1", "seq": 3}),
    )
    ann.send(own("e5", entry={"seq": 3}), own("e6", entry={"seq": 10}), view("e7"))

    rows = site.rows(tables.entries, "entry_id")
    assert [("kiosk-1", 7), ("", 8), ("kiosk-1", 9), ("kiosk-1", 3), ("", 11), ("", 10), ("", 12)] == [
        (row["device_id"], row["seq"]) for row in rows
    ]
    assert {("track", "applied", "ann")} == {(row["kind"], row["status"], row["user_id"]) for row in rows}
    assert [row["seq"] for row in rows] == [row["seq"] for row in site.rows(tables.activity, "entry_id")]


def test_a_lane_that_a_device_replays_keeps_its_numbers(site: Site, kiosk: Kiosk) -> None:
    """Collected activity takes none of them, and the replay goes on."""
    reply = kiosk.one([track(1, "a")])
    ann = visit(site, "extendSession", reply["session_token"])
    ann.send(own("e1", "collected", entry={"device_id": "kiosk-1", "seq": 2}))
    kiosk.one([track(2, "b")], after=position(1))

    assert [(1, "s1-1"), (2, "s1-2")] == [(seq, entry_id) for seq, entry_id, _, _ in site.log("s1")]
    assert {"a", "b", "collected"} == set(ann.names())


def test_collected_activity_shows_its_time_as_the_admin_api_writes_it(site: Site) -> None:
    """With its session, and the number it has in the log."""
    ann = visit(site).ask('identifySession(externalId: "ann")')
    ann.send(own("e1", ttm="1790000000000"), view("e2", ttm="1600000000123"))

    [old, new] = seen(site, "ann")
    assert ("2020-09-13T12:26:40.123Z", "e2", 2, ann.session_id) == (
        old["occurred_at"],
        old["id"],
        old["seq"],
        old["session_id"],
    )
    assert datetime.fromisoformat(new["occurred_at"]) > datetime.fromisoformat(old["occurred_at"])
