"""The way from the loop to the threads and back."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ParamSpec, TypeVar

from .._support.log import log
from .._support.pool import Pool

P = ParamSpec("P")
T = TypeVar("T")
Made = TypeVar("Made")
Later = Coroutine[Any, Any, T]
Callback = Callable[[Mapping[str, object]], object]
AsyncTokenProvider = Callable[[str], str | Awaitable[str | None] | None]

QUICK_THREADS = 4
SLOW_THREADS = 16
PROVIDER_TIMEOUT_S = 30.0


class Run:
    """
    Runs what may block on a few threads, and callbacks on the loop.

    What is done at once and what may wait long have threads of their own, so
    that a hundred waits hold up no write.
    """

    def __init__(self) -> None:
        self._quick = Pool("lmg-offline.async", QUICK_THREADS)
        self._slow = Pool("lmg-offline.async-wait", SLOW_THREADS)
        self._tasks: set[asyncio.Future[Any]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def quickly(self, work: Callable[P, T], *words: P.args, **named: P.kwargs) -> T:
        """Run what is done at once, and return its result."""
        return await self._on(self._quick, functools.partial(work, *words, **named))

    async def slowly(self, work: Callable[P, T], *words: P.args, **named: P.kwargs) -> T:
        """Run what may wait long, and return its result."""
        return await self._on(self._slow, functools.partial(work, *words, **named))

    async def _on(self, pool: Pool, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return  # cancelled: the work was done all the same
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # without error: work's own result

        def run() -> None:
            try:
                found: tuple[T | None, BaseException | None] = (work(), None)
            except BaseException as error:  # handed to the one who awaits
                found = (None, error)
            try:
                loop.call_soon_threadsafe(settle, *found)
            except RuntimeError:
                pass  # the loop is closed: nobody awaits any more

        pool.submit(run)
        return await answer

    def quick(self, method: Callable[P, T]) -> Callable[P, Later[T]]:
        """Return a method as one that is awaited."""
        return self.mapped(method, self.quickly, lambda found: found)

    def slow(self, method: Callable[P, T]) -> Callable[P, Later[T]]:
        """As `quick`, for one that may wait."""
        return self.mapped(method, self.slowly, lambda found: found)

    def mapped(
        self, method: Callable[P, T], how: Callable[..., Later[T]], made: Callable[[T], Made]
    ) -> Callable[P, Later[Made]]:
        """As `quick`, and make something else of the result."""

        @functools.wraps(method)
        async def awaited(*words: P.args, **named: P.kwargs) -> Made:
            return made(await how(method, *words, **named))

        return awaited

    def hop(self, callback: Callable[..., object]) -> Callable[..., None]:
        """Return a function for any thread, which has `callback` called on the loop."""

        def hop(*words: object) -> None:
            loop = self.loop
            try:
                if loop is not None:
                    loop.call_soon_threadsafe(self._call, callback, words)
            except RuntimeError:
                pass  # the loop is closed: there is nobody left to be told

        return hop

    def hopping(self, register: Callable[[Callable[..., object]], T]) -> Callable[[Callable[..., object]], T]:
        """Return a method that takes a callback, so that the callback runs on the loop."""

        @functools.wraps(register)
        def registered(callback: Callable[..., object]) -> T:
            return register(self.hop(callback))

        return registered

    def hopping_on(self, on: Callable[[str, Callback], T]) -> Callable[[str, Callback], T]:
        """As `hopping`, for `Client.on`."""

        @functools.wraps(on)
        def registered(event: str, callback: Callback) -> T:
            return on(event, self.hop(callback))

        return registered

    def provider(self, provider: AsyncTokenProvider) -> Callable[[str], str | None]:
        """Return a token provider for the sync thread; what has to be awaited is awaited on the loop."""

        def provide(user_id: str) -> str | None:
            found = provider(user_id)
            if not inspect.isawaitable(found):
                return found
            if self.loop is None:
                raise AssertionError("unreachable: the sync starts after the loop is known")

            async def awaited() -> str | None:
                return await found

            return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(PROVIDER_TIMEOUT_S)

        return provide

    def close(self) -> None:
        """Let the threads end."""
        self._quick.close()
        self._slow.close()

    def _call(self, callback: Callable[..., object], words: tuple[object, ...]) -> None:
        try:
            found = callback(*words)
        except Exception as error:  # the app's mistake is named, not hidden
            _name(error)
            return
        if inspect.isawaitable(found):
            task = asyncio.ensure_future(found)
            self._tasks.add(task)  # the loop itself keeps no reference
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _name(error)


def _name(error: BaseException) -> None:
    log.error("callback raised", extra={"event": "asyncio", "error": type(error).__name__})
