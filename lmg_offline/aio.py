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
import os
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._aio.namespaces import (
    AsyncActivity,
    AsyncBusinessApi,
    AsyncCollectionApi,
    AsyncDesk,
    AsyncLocationApi,
    AsyncOfferApi,
    AsyncSearchApi,
    AsyncUser,
)
from ._aio.run import AsyncTokenProvider, Run
from ._support.clock import Clock
from .client import Client
from .config import MAX_BYTES, MAX_ENTRIES, LmgSettings
from .errors import ClientClosed


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
        self._run = Run()
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
