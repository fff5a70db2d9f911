"""Devices that are Clients, with their journals, threads and connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from lmg_offline import Client
from lmg_offline._transport import http
from lmg_offline._transport.port import nothing
from lmg_offline.verification import sign_user_id

from . import backlog
from .records import Answered, Attempt, DeviceRecord, Job, attempt_of

LOOK_EVERY_S = 0.05
_Transport = http.HttpTransport


class _Counting(_Transport):
    """The transport of the SDK, which keeps when it sent what."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.attempts: list[Attempt] = []
        super().__init__(*args, **more)

    def _exchange(
        self,
        channel: http._Channel,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        deadline_s: float,
        meanwhile: Callable[[], None] = nothing,
    ) -> Answered:
        at_s = time.monotonic()
        found = super()._exchange(channel, url, headers, body, deadline_s, meanwhile)
        self.attempts.append(attempt_of(at_s, time.monotonic(), found))
        return found


class _Device:
    """One client, and what it was promised."""

    def __init__(self, number: int, job: Job) -> None:
        self._number = number
        self._job = job
        folder = job.folder / f"device-{number}"
        self.client = Client(job.facts.write_key, endpoint=job.facts.endpoint, data_dir=folder, durability="normal")
        self.drained_s: float | None = None
        self.client.on("synced", self._synced)
        self._entry_ids: tuple[str, ...] = ()

    @property
    def has_met(self) -> bool:
        """The platform has answered in the protocol."""
        return self.client.status().last_synced_at is not None

    def write(self) -> None:
        """Make the calls. The sync wakes at the first."""
        person = backlog.user_id(self._number)
        token = sign_user_id(self._job.facts.verification_key, person)
        receipts = backlog.write(self.client, person, token, self._job.backlog)
        self._entry_ids = tuple(receipt.split(".", 2)[2] for receipt in receipts)

    def end(self) -> DeviceRecord:
        """Close, and say how it was."""
        audit = self.client.audit()
        session_id, late = self.client.user.session_id, self.client._transport
        transport = None if late is None else late.made
        self.client.close()
        if not isinstance(transport, _Counting):
            raise AssertionError("unreachable: every client of this process has a transport that counts")
        return DeviceRecord(
            self._number,
            True,
            session_id,
            self._entry_ids,
            tuple(transport.attempts),
            audit.accepted - audit.acknowledged,
            self.drained_s,
        )

    def _synced(self, _details: Mapping[str, object]) -> None:
        self.drained_s = time.monotonic()


def live(job: Job, pipe: Connection) -> None:
    """Be a process of such devices: meet the platform, write at the named instant, hand over the records."""
    http.HttpTransport = _Counting  # type: ignore[misc]  # Client makes its transport itself, from this name
    devices = [_Device(number, job) for number in job.numbers]
    _wait(lambda: all(device.has_met for device in devices), job.within_s)
    pipe.send("met")
    begin_s: float = pipe.recv()
    time.sleep(max(0.0, begin_s - time.monotonic()))
    for device in devices:
        device.write()
    _wait(lambda: all(device.drained_s is not None for device in devices), job.within_s)
    pipe.send([device.end() for device in devices])


def _wait(is_met: Callable[[], bool], within_s: float) -> None:
    """Look now and then until it is so, or the time is up: the verdict says what that means."""
    deadline = time.monotonic() + within_s
    while not is_met() and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
