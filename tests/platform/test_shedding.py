"""A platform with more to do than it can do: who comes too many is told so at once."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

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

    async def two_at_once() -> list[object]:
        with pytest.raises(ZeroDivisionError):
            await shedder.run(lambda: 1 // 0)
        return await asyncio.gather(shedder.run(time.sleep, 0.1), shedder.run(int), return_exceptions=True)

    slow, turned_away = asyncio.run(two_at_once())

    assert slow is None
    assert isinstance(turned_away, AudienceError)
    assert (503, "lmg-unavailable", 2) == (turned_away.status_code, turned_away.message_id, turned_away.retry_after_s)


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
    taken, run = threading.Event(), Shedder.run

    async def telling(shedder: Shedder, work: Any, *args: Any) -> Any:
        asyncio.get_running_loop().call_later(0.01, taken.set)
        return await run(shedder, work, *args)

    monkeypatch.setattr(Shedder, "run", telling)
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


def test_however_many_devices_wait_the_platform_says_that_it_is_well() -> None:
    """Who asks is the load balancer, which takes a server out that does not answer; and the people of the portal."""
    asked = 60  # more than there are threads for requests
    with running() as platform:
        with writing(platform.engine):
            devices = [threading.Thread(target=ask, args=(platform, "/graph/auth", OPEN)) for _ in range(asked)]
            for device in devices:
                device.start()
            time.sleep(0.5)
            found = httpx.get(f"{platform.endpoint}/healthz", timeout=2, trust_env=False)
            assert asked == sum(device.is_alive() for device in devices)
        for device in devices:
            device.join()

    assert 200 == found.status_code
