"""The client for asyncio: the same surface, a loop that never waits, and writes that no cancellation loses."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import AsyncClient, AudienceState, Client, ClientClosed
from lmg_offline._support.pool import Pool
from lmg_offline.platform.server import Running, running

LIMIT_S = 20.0
NAMESPACES = ("user", "activity", "business", "offer", "location", "collection", "collection.business", "search")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine; it ends in time."""
    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


def offline(tmp_path: Path) -> AsyncClient:
    """A client that sends nothing."""
    return AsyncClient("key", endpoint="http://127.0.0.1:9", data_dir=tmp_path / "journal", sync=False)


def online(platform: Running, tmp_path: Path) -> AsyncClient:
    """A client of a platform."""
    return AsyncClient(platform.write_key, endpoint=platform.endpoint, data_dir=tmp_path / "journal")


def at(client: object, path: str) -> object:
    """Return what a dotted path names."""
    for name in path.split("."):
        client = getattr(client, name)
    return client


def names(thing: object) -> set[str]:
    """Return the public names of an object."""
    return {name for name in dir(thing) if not name.startswith("_")}


def test_the_surface_is_the_clients(tmp_path: Path) -> None:
    """Every public name of every namespace, and every method takes the same arguments."""

    async def main() -> None:
        async with offline(tmp_path) as client:
            inner = client._client
            for path in ("", *NAMESPACES, "journal"):
                mine, theirs = (at(each, path) if path else each for each in (client, inner))

                assert names(theirs) == names(mine) - {"open"}, path
                for name in names(theirs):
                    if callable(getattr(theirs, name)) and inspect.ismethod(getattr(theirs, name)):
                        theirs_form, mine_form = (inspect.signature(getattr(each, name)) for each in (theirs, mine))
                        assert list(theirs_form.parameters.items()) == list(mine_form.parameters.items()), name

    run(main)

    assert _settings(Client) == _settings(AsyncClient)


def _settings(kind: type) -> dict[str, object]:
    parameters = inspect.signature(kind).parameters
    return {name: (each.kind, each.default) for name, each in parameters.items()}


def test_what_touches_the_disk_is_awaited(tmp_path: Path) -> None:
    """Attributes too; what only keeps a value in memory is called as it is."""

    async def main() -> None:
        async with offline(tmp_path) as client:
            session = await client.user.session_id
            receipt = await client.activity.track("seen", {"n": 1})
            update = await client.user.update({"name": "Ann"})
            client.set_ordering_point(47.0, 8.0)

            assert (None, AudienceState.ANONYMOUS) == (await client.user.id, await client.user.state)
            assert {"name": "Ann"} == await client.user.profile
            assert ["journaled", "journaled"] == [await receipt.state, await update.wait(0.01)]
            assert [receipt.id, update.id] == [entry.receipt_id for entry in await client.journal.entries()]
            assert session != await client.user.reset_session()
            assert 2 == (await client.status()).queued
            assert (await client.audit()).adds_up
            assert not await client.flush(0.01)

    run(main)


def test_an_identification_is_awaited(tmp_path: Path) -> None:
    """It gives the state that the platform accepted, and tells who asked, on the loop."""

    async def main() -> None:
        with running() as platform:
            async with online(platform, tmp_path) as client:
                identification = await client.identify("user-1", profile={"name": "Ann"})
                told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
                identification.add_done_callback(told.set_result)

                assert AudienceState.IDENTIFIED is await identification
                assert identification is await told
                assert "acknowledged" == await identification.wait()
                assert await client.flush(LIMIT_S)
                assert 0 == len(await client.business.list())

    run(main)


def test_events_come_on_the_loop(tmp_path: Path) -> None:
    """To functions and to coroutine functions; one that raises stops nobody."""

    async def main() -> None:
        here, came = threading.get_ident(), asyncio.Event()
        threads: list[int] = []

        async def later(details: object) -> None:
            threads.append(threading.get_ident())
            came.set()

        def raises(details: object) -> None:
            threads.append(threading.get_ident())
            raise ValueError

        with running() as platform:
            async with online(platform, tmp_path) as client:
                client.on("identified", raises)
                client.on("identified", later)
                await client.user.identify("user-1")
                await came.wait()

        assert [here, here] == threads

    run(main)


def test_the_loop_runs_while_calls_wait(tmp_path: Path) -> None:
    """More of them than there are threads to wait on: writes and the loop go on."""

    async def main() -> None:
        async with offline(tmp_path) as client:
            receipt = await client.activity.track("first")
            waits = [asyncio.create_task(receipt.wait()) for _ in range(40)]
            for n in range(20):
                await client.activity.track("seen", {"n": n})
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

            assert 21 == (await client.status()).queued

    run(main)


def test_a_cancelled_write_is_written(tmp_path: Path) -> None:
    """To cancel an await gives up its answer: whatever was asked for is on disk, also what had no thread yet."""

    async def main() -> None:
        async with offline(tmp_path) as client:
            tasks = [asyncio.create_task(client.activity.track("seen", {"n": n})) for n in range(20)]
            await asyncio.sleep(0)  # each has begun
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.activity.track("last")
            while (await client.status()).queued < 21:  # two threads may have passed the last one
                await asyncio.sleep(0)

            assert 21 == (await client.audit()).accepted

    run(main)


def test_a_coroutine_may_provide_tokens(tmp_path: Path) -> None:
    """It runs on the loop, and the sync thread waits for it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def provide(user_id: str) -> str:
            assert loop is asyncio.get_running_loop()
            return f"token of {user_id}"

        client = AsyncClient("key", data_dir=tmp_path / "journal", sync=False, token_provider=provide)
        async with client:
            provider = client._make.keywords["token_provider"]

            assert "token of ann" == await loop.run_in_executor(None, provider, "ann")

    run(main)


def test_a_client_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Before `async with`, and after."""

    async def main() -> None:
        client = offline(tmp_path)
        with pytest.raises(ClientClosed):
            _ = client.user
        await client
        await client.close()
        with pytest.raises(ClientClosed):
            await client.activity.track("late")
        assert await client.close()

    run(main)


def test_a_pool_has_no_more_threads_than_it_may() -> None:
    """What comes while all of them work waits, and is done."""
    pool, gate, done = Pool("test-pool", 2), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        gate.wait(LIMIT_S)
        done.release()

    for _ in range(5):
        pool.submit(work)
    threads = [each for each in threading.enumerate() if each.name == "test-pool"]
    gate.set()

    assert all(done.acquire(timeout=LIMIT_S) for _ in range(5))
    assert 2 == len(threads)
    pool.close()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in threads)
    pool.submit(work)
    assert done.acquire(timeout=LIMIT_S)
