"""The row `bad-answers`, small; the corpus itself; and what single answers once did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lmg_offline import Client
from lmg_offline.errors import PlatformError
from lmg_offline.platform.server import running
from tests.e2e.support import Admin
from tools.faults import network
from tools.faults.answers import JSON, BadAnswer, corpus
from tools.faults.exchanges import Answer, AnswerAfterForward, CutBeforeForward, Exchange, Flood, Pass, Raw, Reply
from tools.faults.oracle import Report
from tools.faults.proxy import FaultProxy
from tools.faults.stage import QuickClient, Stage

CORPUS = corpus("http://elsewhere.test")
MIB = 1 << 20
REFUSALS = {
    "400 malformed, in our shape",
    "400 of a server without replay",
    "400 with an id of nobody",
    "401 in our shape",
    "403 in our shape",
    "403 of a device",
    "404 in our shape",
    "413 in our shape",
}


def test_no_bad_answer_costs_anything(stage: Stage) -> None:
    """A part of the corpus in places drawn by chance; `dev.py faults` tries all of it."""
    report = network.bad_answers(stage, 11, 30)

    assert Report("bad-answers", tries=30) == report


def test_the_corpus_names_each_answer_once() -> None:
    """A finding must lead to one answer."""
    names = [answer.name for answer in CORPUS]

    assert len(names) == len(set(names))
    assert 150 < len(names)


@pytest.mark.parametrize("answer", [answer for answer in CORPUS if "before" in answer.moments], ids=lambda a: a.name)
def test_an_answer_can_be_given_without_the_platform(answer: BadAnswer) -> None:
    """To any request it is an answer to."""
    exchange = replay_of({"seq": 1, "id": "e1"})

    assert answer.fits(exchange)
    assert isinstance(answer.fault(exchange, "before"), Answer | Raw)


@pytest.mark.parametrize("answer", [answer for answer in CORPUS if "after" in answer.moments], ids=lambda a: a.name)
def test_an_answer_can_take_the_place_of_the_platforms(answer: BadAnswer) -> None:
    """It is made of the request and the right answer, and is not the right answer."""
    exchange = replay_of({"seq": 1, "id": "e1"}, {"seq": 2, "id": "e2"})
    lane = {"session_id": "s", "status": "ok", "applied_through": {"seq": 2, "id": "e2"}, "state": "anonymous"}
    told = {"protocol": 1, "time": 1, "settings": {}, "lanes": [{**lane, "session_token": "t", "refused": []}]}
    right = Reply(200, "OK", (JSON,), json.dumps({"data": {"replay": told}}).encode())
    fault = answer.fault(exchange, "after")

    assert isinstance(fault, AnswerAfterForward) and callable(fault.answer)
    made = fault.answer(right)
    assert isinstance(made, Raw) or (made.status, made.headers, made.body) != (right.status, right.headers, right.body)


def replay_of(*entries: dict[str, object]) -> Exchange:
    lanes = [{"session_id": "s", "after": {"seq": 0, "id": None}, "token": None, "entries": list(entries)}]
    body = {"query": "mutation Replay($device: JSON!) { replay }", "variables": {"device": {}, "lanes": lanes}}
    return Exchange(1, "POST", "/graph/auth", (), json.dumps(body).encode())


@contextmanager
def kiosk(folder: Path) -> Iterator[tuple[Client, FaultProxy]]:
    """A platform with two businesses, and a client of it through a proxy."""
    with running() as platform, FaultProxy(platform.endpoint) as proxy:
        Admin(platform).content()
        with QuickClient(platform.write_key, endpoint=proxy.endpoint, data_dir=folder / "j") as client:
            yield client, proxy


@pytest.mark.parametrize("framing", ["length", "close"])
def test_of_a_huge_reply_little_more_than_a_mebibyte_is_read(tmp_path: Path, framing: str) -> None:
    """Fifty megabytes are offered; what lies in the sockets' buffers comes on top."""
    flood = Answer(200, (JSON,), Flood(50_000_000), framing=framing)  # type: ignore[arg-type]
    with kiosk(tmp_path) as (client, proxy):
        client.activity.track("before")
        assert client.flush(20)
        faults = [flood]
        proxy.script = lambda exchange: faults.pop() if faults else Pass()
        client.activity.track("seen")
        assert client.flush(20)
    taken = [seen.delivered_bytes for seen in proxy.seen() if seen.fault is flood]

    assert 1 == len(taken)
    assert MIB < taken[0] < 12 * MIB


@pytest.mark.parametrize(
    "data",
    [{}, {"replay": {}}, {"businessFeed": None}, {"businessFeed": []}],
    ids=["nothing", "another", "null", "list"],
)
def test_an_answer_to_another_question_does_not_take_the_place_of_a_good_one(
    tmp_path: Path, data: dict[str, object]
) -> None:
    """What was read before is still there when the network is gone afterwards."""
    wrong = Answer(200, (JSON,), json.dumps({"data": data}).encode())
    with kiosk(tmp_path) as (client, proxy):
        assert ["Cafe", "Rink"] == [business.name for business in client.business.list(timeout=20)]
        for script in (lambda exchange: wrong, lambda exchange: CutBeforeForward()):
            proxy.script = script
            page = client.business.list(timeout=20)
            assert (["Cafe", "Rink"], True) == ([business.name for business in page], page.stale)


@pytest.mark.parametrize("answer", CORPUS, ids=lambda answer: answer.name)
def test_a_read_says_what_it_has_or_that_it_was_refused(
    shared_kiosk: tuple[Client, FaultProxy], answer: BadAnswer
) -> None:
    """Whatever comes back: the right content, from before if need be, or the platform's refusal."""
    client, proxy = shared_kiosk
    proxy.script = lambda exchange: answer.fault(exchange, answer.moments[-1]) if answer.fits(exchange) else Pass()
    try:
        names = [business.name for business in client.business.list(timeout=20)]
    except PlatformError:
        names = ["refused"]

    assert names == (["refused"] if answer.name in REFUSALS else ["Cafe", "Rink"])


@pytest.fixture(scope="module")
def shared_kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, FaultProxy]]:
    """One client for all answers, with the list in its cache: what one of them leaves behind meets the next."""
    with kiosk(tmp_path_factory.mktemp("kiosk")) as found:
        assert 2 == len(found[0].business.list(timeout=20))
        yield found
