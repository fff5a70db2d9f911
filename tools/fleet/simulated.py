"""
Devices that are the sync of a Client, without its journal, its thread and its urllib3.

A step of the SDK's own `Runner` decides everything: what is sent, what an answer
means, when it is tried again. It stands on a queue in memory, and one event loop
turns the steps of thousands. A step that wants to send something is broken off
there, and taken again from its beginning when the answer has come: up to the
first request a step changes nothing that it would not change again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import urlsplit

import h11
import urllib3

from lmg_offline._core.schedule import Retry
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.records import EntryRow
from lmg_offline._support.clock import SystemClock
from lmg_offline._support.ids import new_id
from lmg_offline._sync.events import Events
from lmg_offline._sync.runner import Runner
from lmg_offline._transport.http import HttpTransport, _Channel
from lmg_offline._transport.port import nothing
from lmg_offline.config import Config, make_config
from lmg_offline.device import Device
from lmg_offline.verification import sign_user_id
from tools.faults import wire

from . import backlog
from .memory import MemoryJournal, MemoryOutbox
from .records import Answered, Attempt, DeviceRecord, Job, attempt_of, jitter_of

# Of one process, when the fleet meets the platform: that is no part of what is measured.
MEETING_AT_ONCE = 8
_UNUSED = _Channel("lmg-fleet.unused")


class _Asked(Exception):
    """A step wants this sent."""

    def __init__(self, url: str, headers: Mapping[str, str], body: bytes, deadline_s: float) -> None:
        super().__init__(url)
        self.url = url
        self.headers = headers
        self.body = body
        self.deadline_s = deadline_s


class _Transport(HttpTransport):
    """The transport of the SDK down to the bytes; what it sends is sent by others, who put the answers here."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.endpoint, config.write_key, deadline_s=config.request_deadline_s)
        self.answers: list[Answered] = []
        self.taken = 0

    def renew(self) -> None:
        """Open no channel."""
        self._replays = _UNUSED

    def _exchange(
        self,
        channel: _Channel,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline_s: float,
        meanwhile: Callable[[], None] = nothing,
    ) -> Answered:
        if self.taken == len(self.answers):
            raise _Asked(url, headers, body, deadline_s)
        self.taken += 1
        return self.answers[self.taken - 1]


class SimulatedDevice:
    """One device in a process of many."""

    def __init__(self, number: int, job: Job, clock: SystemClock, about: Device) -> None:
        self._number = number
        self._job = job
        self._clock = clock
        self._outbox = MemoryOutbox(clock)
        self._transport = _Transport(_config(job))
        self._drained_s: float | None = None
        self._entry_ids: tuple[str, ...] = ()
        self._attempts: list[Attempt] = []
        events = Events()
        events.on("synced", self._synced)
        self._runner = Runner(
            cast(Journal, MemoryJournal(clock, self._outbox)),
            self._outbox,
            self._transport,
            events,
            endpoint=job.facts.endpoint,
            write_key=job.facts.write_key,
            token_provider=None,
            device=about,
            jitter=jitter_of(job.seed, number).random,
        )

    def write(self, entries: tuple[EntryRow, ...]) -> None:
        """Have the template's entries in the queue, as this device's own and of this instant."""
        person, clock = backlog.user_id(self._number), self._clock
        token = sign_user_id(self._job.facts.verification_key, person)
        own = tuple(
            entry._replace(
                id=new_id(clock.wall_ms()),
                body=entry.body.replace(backlog.SOMEBODY, person),
                made_at=clock.wall_ms(),
                boot_id=clock.boot_id(),
                since_boot_ms=clock.since_boot_ms(),
            )
            for entry in entries
        )
        self._entry_ids = tuple(entry.id for entry in own)
        self._outbox.fill(person, token, own)

    async def live(self) -> None:
        """Do as the sync thread does, until there is nothing to do."""
        while (wait_s := await self._step()) is not None:
            if wait_s > 0:
                await asyncio.sleep(wait_s)

    async def meet(self, turns: asyncio.Semaphore) -> None:
        """Open the session, when it is this device's turn."""
        async with turns:
            await self.live()

    def record(self) -> DeviceRecord:
        """Say how it was."""
        return DeviceRecord(
            self._number,
            False,
            self._outbox.session_id,
            self._entry_ids,
            tuple(self._attempts),
            len(self._outbox.queue),
            self._drained_s,
        )

    async def _step(self) -> float | None:
        transport = self._transport
        transport.answers = []
        while True:
            transport.taken = 0
            try:
                return self._runner.step()
            except _Asked as asked:
                at_s = time.monotonic()
                found = await _answer(asked)
                self._attempts.append(attempt_of(at_s, time.monotonic(), found))
                transport.answers.append(found)

    def _synced(self, _details: Mapping[str, object]) -> None:
        self._drained_s = time.monotonic()


def _config(job: Job) -> Config:
    """Return the settings that a Client would have."""
    facts = job.facts
    return make_config(
        facts.write_key,
        endpoint=facts.endpoint,
        app_name="fleet",
        data_dir=job.folder,
        durability="normal",
        sync=True,
    )


async def _answer(asked: _Asked) -> Answered:
    """Send one request on a connection of its own: kept ones would be thousands."""
    parts = urlsplit(asked.url)
    headers = {"Host": parts.netloc, **asked.headers, "Content-Length": str(len(asked.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        async with asyncio.timeout(asked.deadline_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                writer.write(f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + asked.body)
                await writer.drain()
                reply = await wire.read_reply(reader, "POST")
            finally:
                writer.close()
    except TimeoutError:
        return Retry("the platform did not answer in time")
    except (OSError, h11.ProtocolError, wire.Overlong):
        return Retry("no connection to the platform")
    return reply.status, urllib3.HTTPHeaderDict(reply.headers), reply.body


def live(job: Job, pipe: Connection) -> None:
    """Be a process of such devices: meet the platform, write at the named instant, hand over the records."""
    asyncio.run(_live(job, pipe))


async def _live(job: Job, pipe: Connection) -> None:
    clock = SystemClock()
    about = Device(clock, None, None)
    entries = backlog.template(job.backlog)
    devices = [SimulatedDevice(number, job, clock, about) for number in job.numbers]
    turns = asyncio.Semaphore(MEETING_AT_ONCE)
    await _all([asyncio.create_task(device.meet(turns)) for device in devices], job.within_s)
    pipe.send("met")
    begin_s = cast(float, await asyncio.to_thread(pipe.recv))
    for device in devices:
        device.write(entries)
    await asyncio.sleep(max(0.0, begin_s - time.monotonic()))
    await _all([asyncio.create_task(device.live()) for device in devices], job.within_s)
    pipe.send([device.record() for device in devices])


async def _all(tasks: list[asyncio.Task[None]], within_s: float) -> None:
    """Wait until all are done, or the time is up; what one of them raises ends the process."""
    done, late = await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_EXCEPTION)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()
