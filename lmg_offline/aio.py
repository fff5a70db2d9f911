"""
The client for asyncio: the same surface, and the loop never waits.

    async with AsyncClient("wk_...") as client:
        receipt = await client.activity.track("offer_viewed", {"offer_id": "..."})

Whatever may touch the disk or the network is awaited, attributes such as
`client.user.id` included, and runs on a few threads: some for what is done at
once, others for what may wait long, so that a hundred waits hold up no write.
To cancel an await gives up its answer, never the write. What does neither is
called as it is.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ._core.identity import AudienceState
from ._support.log import log
from ._support.pool import Pool
from .client import Client
from .config import MAX_BYTES, MAX_ENTRIES, LmgSettings
from .errors import ClientClosed
from .receipts import FINAL_STATES, Identification, Receipt

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ._support.clock import Clock
    from .controller import RedemptionController
    from .protocol.profile import Profile
    from .redemption import OfferState, OfferStatus

    AsyncTokenProvider = Callable[[str], str | Awaitable[str | None] | None]

P = ParamSpec("P")
T = TypeVar("T")
Future = Coroutine[Any, Any, T]

QUICK_THREADS = 4
SLOW_THREADS = 16
SLICE_S = 1.0  # after so long a wait whose await was cancelled lets its thread go
PROVIDER_TIMEOUT_S = 30.0


class AsyncReceipt:
    """
    As `Receipt`: says what became of one write.

    Attributes:
        id: Text that can be stored; `client.journal.receipt(id)` answers for it.
    """

    def __init__(self, receipt: Receipt | Identification, run: _Run) -> None:
        self._receipt = receipt
        self._run = run
        self.id = receipt.id

    @property
    def state(self) -> Future[str]:
        """As `Receipt.state`; await it."""
        return self._run.quickly(lambda: self._receipt.state)

    async def wait(self, timeout: float | None = None) -> str:
        """As `Receipt.wait`."""
        for slice_s in _slices(timeout):
            state = await self._run.slowly(self._receipt.wait, slice_s)
            if state in FINAL_STATES:
                break
        return state

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class AsyncIdentification(AsyncReceipt):
    """As `Identification`: the receipt of an identify. Await it for the accepted state, or `IdentifyRejected`."""

    def __init__(self, receipt: Identification, run: _Run) -> None:
        super().__init__(receipt, run)
        self._future = receipt

    def done(self) -> Future[bool]:
        """As `Identification.done`."""
        return self._run.quickly(self._future.done)

    async def result(self, timeout: float | None = None) -> AudienceState:
        """As `Identification.result`."""
        return await self._settled(self._future.result, timeout)

    async def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `Identification.exception`."""
        return await self._settled(self._future.exception, timeout)

    def add_done_callback(self, callback: Callable[[AsyncIdentification], object]) -> None:
        """Call `callback` with this, on the loop, once there is an answer."""
        hop = self._run.hop(callback)
        self._future.add_done_callback(lambda _: hop(self))

    async def _settled(self, ask: Callable[[float], T], timeout: float | None) -> T:
        for slice_s in _slices(timeout):
            try:
                return await self._run.slowly(ask, slice_s)
            except FutureTimeoutError:
                pass  # for this slice
        raise FutureTimeoutError

    def __await__(self) -> Generator[Any, None, AudienceState]:
        return self.result().__await__()


class AsyncUser:
    """As `User`. `id`, `session_id`, `state` and `profile` are awaited."""

    def __init__(self, client: Client, run: _Run) -> None:
        user = self._user = client.user
        self._run = run
        self.genders = user.genders
        self.identify = run.identification(user.identify)
        self.update = run.receipt(user.update)
        self.reset_session = self.logout = run.quick(user.reset_session)
        self.forget = run.receipt(user.forget)

    @property
    def id(self) -> Future[str | None]:
        """As `User.id`; await it."""
        return self._run.quickly(lambda: self._user.id)

    @property
    def session_id(self) -> Future[str]:
        """As `User.session_id`; await it."""
        return self._run.quickly(lambda: self._user.session_id)

    @property
    def state(self) -> Future[AudienceState]:
        """As `User.state`; await it."""
        return self._run.quickly(lambda: self._user.state)

    @property
    def profile(self) -> Future[Profile]:
        """As `User.profile`; await it."""
        return self._run.quickly(lambda: self._user.profile)


class AsyncActivity:
    """As `Activity`."""

    def __init__(self, client: Client, run: _Run) -> None:
        activity = client.activity
        self.track = run.receipt(activity.track)
        self.offer_shown = run.receipt(activity.offer_shown)
        self.offer_viewed = run.receipt(activity.offer_viewed)
        self.offer_card_swiped = run.receipt(activity.offer_card_swiped)
        self.offer_shared = run.receipt(activity.offer_shared)
        self.offer_state_change_error = run.receipt(activity.offer_state_change_error)
        self.business_shown = run.receipt(activity.business_shown)
        self.business_viewed = run.receipt(activity.business_viewed)
        self.business_called = run.receipt(activity.business_called)
        self.business_shared = run.receipt(activity.business_shared)
        self.business_website_visited = run.receipt(activity.business_website_visited)
        self.collection_viewed = run.receipt(activity.collection_viewed)
        self.collections_listed = run.receipt(activity.collections_listed)
        self.sdk_initialized = run.receipt(activity.sdk_initialized)
        self.session_error = run.receipt(activity.session_error)


class AsyncBusinessApi:
    """As `BusinessApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        self.list = run.slow(client.business.list)
        self.get = run.slow(client.business.get)


class AsyncOfferApi:
    """As `OfferApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        offer = client.offer
        self.get = run.slow(offer.get)
        self.bookmark = run.receipt(offer.bookmark)
        self.unbookmark = run.receipt(offer.unbookmark)
        self.join_rewards = run.receipt(offer.join_rewards)
        self.get_redemption_controller = run.mapped(
            offer.get_redemption_controller, run.slowly, lambda found: AsyncRedemptionController(found, run)
        )


class AsyncLocationApi:
    """As `LocationApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        self.list = run.slow(client.location.list)
        self.get = run.slow(client.location.get)


class AsyncCollectionBusinessApi:
    """As `CollectionBusinessApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        self.list = run.slow(client.collection.business.list)


class AsyncCollectionApi:
    """As `CollectionApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        self.business = AsyncCollectionBusinessApi(client, run)
        self.list = run.slow(client.collection.list)
        self.get = run.slow(client.collection.get)


class AsyncSearchApi:
    """As `SearchApi`."""

    def __init__(self, client: Client, run: _Run) -> None:
        self.recent_terms = run.quick(client.search.recent_terms)
        self.save_term = run.quick(client.search.save_term)


class AsyncDesk:
    """As `client.journal`: the queue, its dead letters and ledger, for operators."""

    def __init__(self, client: Client, run: _Run) -> None:
        desk = client.journal
        self.entries = run.quick(desk.entries)
        self.lanes = run.quick(desk.lanes)
        self.dead_letters = run.quick(desk.dead_letters)
        self.ledger = run.quick(desk.ledger)
        self.retry = run.quick(desk.retry)
        self.discard = run.quick(desk.discard)
        self.receipt = run.quick(desk.receipt)
        self.place = desk.place
        self.audit = run.quick(desk.audit)
        self.counts = run.quick(desk.counts)


class AsyncRedemptionController:
    """
    As `RedemptionController`. Callbacks run on the loop, and may be coroutine functions.

    Attributes:
        offer_id, business_id, location_id: What it was made for.
    """

    def __init__(self, controller: RedemptionController, run: _Run) -> None:
        self._controller = controller
        self._run = run
        self.offer_id = controller.offer_id
        self.business_id = controller.business_id
        self.location_id = controller.location_id
        self.refresh = run.slow(controller.refresh)
        self.redeem = run.mapped(
            controller.redeem, run.slowly, lambda found: None if found is None else AsyncReceipt(found, run)
        )
        self.on_error = run.hopping(controller.on_error)
        self.on_cancelled = run.hopping(controller.on_cancelled)
        self.on_prompt_required = run.hopping(controller.on_prompt_required)

    async def on_state_changed(self, callback: Callable[[OfferState], object]) -> Callable[[], None]:
        """As `RedemptionController.on_state_changed`; awaited, because it looks whose session it is."""
        return await self._run.quickly(self._controller.on_state_changed, self._run.hop(callback))

    @property
    def state(self) -> Future[OfferState | None]:
        """As `RedemptionController.state`; await it."""
        return self._run.quickly(lambda: self._controller.state)

    @property
    def status(self) -> Future[OfferStatus | None]:
        """As `RedemptionController.status`; await it."""
        return self._run.quickly(lambda: self._controller.status)

    @property
    def needs_refresh(self) -> Future[bool]:
        """As `RedemptionController.needs_refresh`; await it."""
        return self._run.quickly(lambda: self._controller.needs_refresh)

    @property
    def unconfirmed(self) -> Future[AsyncReceipt | None]:
        """As `RedemptionController.unconfirmed`; await it."""
        return self._unconfirmed()

    async def _unconfirmed(self) -> AsyncReceipt | None:
        found = await self._run.quickly(lambda: self._controller.unconfirmed)
        return None if found is None else AsyncReceipt(found, self._run)


class AsyncClient:
    """
    As `Client`, for one event loop. Open it with `async with`, or by awaiting it.

    Events and `token_provider` may be coroutine functions: they run on the loop.
    """

    user: AsyncUser
    activity: AsyncActivity
    business: AsyncBusinessApi
    offer: AsyncOfferApi
    location: AsyncLocationApi
    collection: AsyncCollectionApi
    search: AsyncSearchApi
    journal: AsyncDesk

    def __init__(
        self,
        write_key: str | None = None,
        *,
        endpoint: str | None = None,
        app_name: str = "lmg-offline",
        data_dir: str | os.PathLike[str] | None = None,
        durability: str = "full",
        max_entries: int | None = MAX_ENTRIES,
        max_bytes: int | None = MAX_BYTES,
        token_provider: AsyncTokenProvider | None = None,
        sync: bool = True,
        language: str | None = None,
        timezone: str | None = None,
        lmg: LmgSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """
        Keep the settings; nothing is opened yet.

        Args:
            As of `Client`.
        """
        self._run = _Run()
        self._client: Client | None = None
        self._make = functools.partial(
            Client,
            write_key,
            endpoint=endpoint,
            app_name=app_name,
            data_dir=data_dir,
            durability=durability,
            max_entries=max_entries,
            max_bytes=max_bytes,
            token_provider=None if token_provider is None else self._run.provider(token_provider),
            sync=sync,
            language=language,
            timezone=timezone,
            lmg=lmg,
            clock=clock,
        )

    async def open(self) -> AsyncClient:
        """Open the journal and begin to send. Raises what `Client` raises. Safe to call twice."""
        if self._client is None:
            self._run.loop = asyncio.get_running_loop()
            self._build(await self._run.quickly(self._make))
        return self

    def _build(self, client: Client) -> None:
        run = self._run
        self._client = client
        self.user = AsyncUser(client, run)
        self.activity = AsyncActivity(client, run)
        self.business = AsyncBusinessApi(client, run)
        self.offer = AsyncOfferApi(client, run)
        self.location = AsyncLocationApi(client, run)
        self.collection = AsyncCollectionApi(client, run)
        self.search = AsyncSearchApi(client, run)
        self.journal = AsyncDesk(client, run)
        self.identify = self.user.identify
        self.data_dir = client.data_dir
        self.set_ordering_point = client.set_ordering_point
        self.set_context_geo_area = client.set_context_geo_area
        self.set_context_geo_circle = client.set_context_geo_circle
        self.set_device_location = client.set_device_location
        self.on = run.hopping_on(client.on)
        self.status = run.quick(client.status)
        self.explain = run.quick(client.explain)
        self.audit = run.quick(client.audit)

    async def flush(self, timeout: float | None = None) -> bool:
        """As `Client.flush`. A cancelled one waits no longer."""
        client, wanted = self._opened(), True
        try:
            return await self._run.slowly(client._flush, timeout, lambda: wanted)
        finally:
            wanted = False

    async def close(self, timeout: float = 2.0) -> bool:
        """As `Client.close`."""
        if self._client is None:
            return True
        try:
            return await self._run.quickly(self._client.close, timeout)
        finally:
            self._run.close()

    def _opened(self) -> Client:
        if self._client is None:
            raise ClientClosed("the client is not open: use `async with`, or await it")
        return self._client

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            if not name.startswith("_") and self.__dict__.get("_client") is None:
                self._opened()
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self.open().__await__()

    async def __aenter__(self) -> AsyncClient:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient, {'not open yet' if self._client is None else repr(self._client)}>"


class _Run:
    """The way from the loop to the threads and back."""

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

    def quick(self, method: Callable[P, T]) -> Callable[P, Future[T]]:
        """Return a method as one that is awaited."""
        return self.mapped(method, self.quickly, lambda found: found)

    def slow(self, method: Callable[P, T]) -> Callable[P, Future[T]]:
        """As `quick`, for one that may wait."""
        return self.mapped(method, self.slowly, lambda found: found)

    def receipt(self, method: Callable[P, Receipt]) -> Callable[P, Future[AsyncReceipt]]:
        """As `quick`, for one that writes."""
        return self.mapped(method, self.quickly, lambda found: AsyncReceipt(found, self))

    def identification(self, method: Callable[P, Identification]) -> Callable[P, Future[AsyncIdentification]]:
        """As `quick`, for one that identifies."""
        return self.mapped(method, self.quickly, lambda found: AsyncIdentification(found, self))

    def mapped(
        self, method: Callable[P, T], how: Callable[..., Future[T]], made: Callable[[T], Made]
    ) -> Callable[P, Future[Made]]:
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


Callback = Callable[[Mapping[str, object]], object]
Made = TypeVar("Made")


def _name(error: BaseException) -> None:
    log.error("callback raised", extra={"event": "asyncio", "error": type(error).__name__})


def _slices(timeout: float | None) -> Generator[float, None, None]:
    """Yield how long to wait, again and again until the time is up; once at least."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left_s = SLICE_S if deadline is None else deadline - time.monotonic()
        yield max(0.0, min(left_s, SLICE_S))
        if deadline is not None and time.monotonic() >= deadline:
            return
