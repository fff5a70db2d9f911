"""A platform with more to do than it can do: who comes too many is told so at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.server import Running, running
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.shedding import Shedder
from lmg_offline.platform.store.engine import writing

OPEN = '{"query": "mutation { createSession { token } }"}'


def test_a_place_is_free_again_however_a_request_ended() -> None:
    shedder = Shedder(1)
    with pytest.raises(ZeroDivisionError), shedder.admitted():
        raise ZeroDivisionError
    with shedder.admitted(), pytest.raises(AudienceError) as refusal, shedder.admitted():
        pytest.fail("there was no place")
    with shedder.admitted():
        pass

    assert (503, "lmg-unavailable", 2) == (
        refusal.value.status_code,
        refusal.value.message_id,
        refusal.value.retry_after_s,
    )


def test_no_number_of_requests_below_one_is_a_bound() -> None:
    with pytest.raises(ValueError, match="most_waiting"):
        Settings(most_waiting=0)


def ask(platform: Running, path: str, body: str) -> httpx.Response:
    headers = {"X-Integration-Write-Key": platform.write_key, "Content-Type": "application/json"}
    return httpx.post(platform.endpoint + path, content=body, headers=headers, timeout=30, trust_env=False)


@pytest.mark.parametrize("path", ["/graph/auth", "/ingest/any/com.snowplowanalytics.snowplow/tp2"])
def test_who_comes_when_all_places_are_taken_is_told_when_to_come_again(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request that has the place waits for the database all the while, and is answered in the end."""
    answers: list[httpx.Response] = []
    taken, admitted = threading.Event(), Shedder.admitted

    @contextmanager
    def telling(shedder: Shedder) -> Iterator[None]:
        with admitted(shedder):
            taken.set()
            yield

    monkeypatch.setattr(Shedder, "admitted", telling)
    with running(settings=Settings(dev=True, most_waiting=1)) as platform:
        with writing(platform.engine):
            first = threading.Thread(target=lambda: answers.append(ask(platform, "/graph/auth", OPEN)))
            first.start()
            assert taken.wait(10)
            found = ask(platform, path, OPEN)
            assert first.is_alive()
        first.join()
        again = ask(platform, "/graph/auth", OPEN)

    assert (503, "2", "lmg-unavailable") == (
        found.status_code,
        found.headers["Retry-After"],
        found.json()["errors"][0]["messageId"],
    )
    assert [200, 200] == [answers[0].status_code, again.status_code]
