"""
A platform, or somebody who answers in its place, that means harm to the device.

Elsewhere: 150 bad answers to every request, in tests/faults/test_bad_answers.py
(oversized, deep, cut, of the wrong type, with positions that were never sent);
how each is understood, in tests/transport/test_http.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import AudienceState, Client
from lmg_offline.errors import LMGError
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings
from lmg_offline.verification import sign_user_id
from tests.e2e.support import Admin
from tools.faults.exchanges import Answer, AnswerAfterForward, Exchange, Fault, Pass, Reply
from tools.faults.proxy import FaultProxy
from tools.faults.stage import FastClock, QuickClient

JSON = ("Content-Type", "application/json")
DRAIN_S = 60.0
NOT_SENT = {"seq": 9, "id": "x", "code": "c", "message": "m"}


@pytest.fixture(scope="module", params=["replay", "lmg"])
def either_platform(request: pytest.FixtureRequest) -> Iterator[Running]:
    """One for all tests of a dialect: each has people of its own."""
    with running(settings=Settings(dev=True, lmg_only=request.param == "lmg")) as found:
        yield found


@pytest.fixture
def elsewhere(either_platform: Running) -> Iterator[FaultProxy]:
    """Another host, which would answer like the platform."""
    with FaultProxy(either_platform.endpoint) as found:
        yield found


@pytest.fixture
def proxy(either_platform: Running) -> Iterator[FaultProxy]:
    """Who stands between the device and the platform."""
    with FaultProxy(either_platform.endpoint) as found:
        yield found


def quick(platform: Running, proxy: FaultProxy, folder: Path) -> Client:
    """Return a client behind the proxy, whose waits pass quickly."""
    return QuickClient(platform.write_key, endpoint=proxy.endpoint, data_dir=folder, clock=FastClock())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(301, "absolute"), (302, "without a scheme"), (303, "with a name"), (307, "absolute"), (308, "without a scheme")],
)
def test_a_redirect_takes_nothing_to_another_host(
    either_platform: Running, proxy: FaultProxy, elsewhere: FaultProxy, tmp_path: Path, status: int, kind: str
) -> None:
    """Neither writes nor reads follow it: the other host hears nothing, and what was written waits."""
    person = f"redirected {status}"
    host = elsewhere.endpoint.removeprefix("http://")
    target = {"absolute": f"http://{host}", "without a scheme": f"//{host}", "with a name": f"http://x:y@{host}"}[kind]
    proxy.script = lambda exchange: Answer(status, (JSON, ("Location", target + exchange.target)), b"{}")
    with quick(either_platform, proxy, tmp_path / "j") as client:
        client.user.identify(person, sign_user_id(either_platform.verification_key, person))
        with pytest.raises(LMGError):
            client.business.list(timeout=1)
        tried = proxy.wait_for(3, DRAIN_S)
        proxy.script = lambda exchange: Pass()
        arrived = client.flush(DRAIN_S)

    assert (True, True) == (tried, arrived)
    assert [] == elsewhere.seen()
    assert "VERIFIED" == Admin(either_platform).user(person)["state"]


def test_proxies_of_the_environment_hear_nothing(
    monkeypatch: pytest.MonkeyPatch, either_platform: Running, elsewhere: FaultProxy, tmp_path: Path
) -> None:
    """A variable that somebody set on the device does not send its people's data through another host."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, elsewhere.endpoint)
    with Client(either_platform.write_key, endpoint=either_platform.endpoint, data_dir=tmp_path / "j") as client:
        client.activity.track("seen")
        assert client.flush(DRAIN_S)

    assert [] == elsewhere.seen()


def test_where_activity_goes_no_key_goes_along(
    either_platform: Running, proxy: FaultProxy, elsewhere: FaultProxy, tmp_path: Path
) -> None:
    """The platform names the collector, which may be another host: it gets activity, and neither key nor token."""

    def elsewhere_named(reply: Reply) -> Answer:
        body = reply.body.replace(proxy.endpoint.encode(), elsewhere.endpoint.encode())
        return Answer(reply.status, (JSON,), body)

    def script(exchange: Exchange) -> Fault:
        return AnswerAfterForward(elsewhere_named) if exchange.path == "/graph/auth" else Pass()

    def listen(exchange: Exchange) -> Fault:
        heard.append(exchange)
        return Pass()

    heard: list[Exchange] = []
    proxy.script, elsewhere.script = script, listen
    token = sign_user_id(either_platform.verification_key, "collected")
    with quick(either_platform, proxy, tmp_path / "j") as client:
        client.user.identify("collected", token)
        client.activity.track("seen")
        assert client.flush(DRAIN_S)
    text = repr([(each.headers, each.plain(), each.target) for each in heard])

    assert ["seen"] == [row["name"] for row in Admin(either_platform).get("users/collected/activity")["items"]]
    assert all(each.path.startswith("/ingest/") for each in heard)
    assert heard or Admin(either_platform).user("collected")["sessions"][0]["device_id"], (
        "with the extension it is replayed"
    )
    assert [] == [secret for secret in (either_platform.write_key, token, "X-Session-Token") if secret in text]


def lying(change: Callable[[dict[str, Any]], None]) -> AnswerAfterForward:
    """Return a fault that changes the lanes of the platform's own reply to a replay."""

    def told(reply: Reply) -> Answer:
        body = json.loads(reply.body)
        for lane in ((body.get("data") or {}).get("replay") or {}).get("lanes") or ():
            change(lane)
        return Answer(reply.status, (JSON,), json.dumps(body).encode())

    return AnswerAfterForward(told)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lane: lane.update(session_id="somebody-else"), id="another session"),
        pytest.param(lambda lane: lane.update(applied_through={"seq": 10**9, "id": "x"}), id="more than was sent"),
        pytest.param(lambda lane: lane.update(refused=[NOT_SENT]), id="what was not sent"),
        pytest.param(lambda lane: lane.update(state="administrator"), id="a state that is none"),
        pytest.param(lambda lane: lane.update(session_token=["x"]), id="a token that is none"),
    ],
)  # fmt: skip
def test_an_answer_about_something_else_is_not_believed(
    platform: Running, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Nothing is taken out of the journal, and nobody is verified; the right answer later is."""
    fault = lying(change)
    with (
        FaultProxy(platform.endpoint, lambda exchange: fault) as proxy,
        quick(platform, proxy, tmp_path / "j") as client,
    ):
        client.user.identify("not believed")
        client.user.update({"name": "Kept"})
        tried = proxy.wait_for(4, DRAIN_S)
        before = (client.user.state, client.status().queued, client.journal.dead_letters())
        proxy.script = lambda exchange: Pass()
        assert client.flush(DRAIN_S)

    assert tried
    assert (AudienceState.IDENTIFIED, 2, []) == before
    assert "Kept" == Admin(platform).user("not believed")["profile"]["name"]
