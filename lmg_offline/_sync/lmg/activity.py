"""
Activity in the LMG dialect: runs of `track` entries go to the session's collector.

The collector is a server of its own. When it does not answer, lanes that have
activity next wait for it, and the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import assert_never

from ..._core import schedule, snowplow
from ..._core.ages import ages
from ..._core.lmg import event_run
from ..._core.schedule import Done, Retry, ScheduleState, Split
from ..._journal.records import EntryRow, LaneBatch, LaneResult, LmgSession
from ..._transport.port import Collected, CollectOutcome, SessionExpired
from ...device import Device
from ...protocol.canonical import encode
from ...protocol.replay import SDK_NAME
from .calls import Calls
from .sessions import Sessions


class Activity:
    """Used by the sync thread alone."""

    def __init__(self, calls: Calls, sessions: Sessions, device: Device, app_id: str, version: str) -> None:
        self._calls = calls
        self._parts = calls.parts
        self._sessions = sessions
        self._device = device
        self._app_id = app_id
        self._tracker = f"{SDK_NAME}-{version}"
        self._state = ScheduleState()

    def hurry(self) -> None:
        """Let the collector be tried now; its own floor is still honoured."""
        self._state = schedule.hurried(self._state, self._parts.clock.monotonic_s())

    def send(self, batch: LaneBatch, session: LmgSession) -> None:
        """
        Send the activity at the front of a lane.

        Events carry the ids of their entries, and a collector counts an id once:
        repeating them does no harm.
        """
        parts, lane_id = self._parts, batch.lane.lane_id
        if self._wait_s() > 0:
            parts.progress.skip(lane_id, self._wait_s(), "the activity collector does not answer")
            return
        kinds, sizes = [e.kind for e in batch.entries], [len(e.body.encode()) for e in batch.entries]
        run = batch.entries[: event_run(kinds, sizes, self._state.limit)]
        parts.progress.sending(run[-1].position)
        outcome = self._collect(batch.lane.session_id, run, session.ingestion_url)
        if not isinstance(outcome, SessionExpired):
            known = Done() if isinstance(outcome, Collected) else outcome
            self._state = schedule.after(self._state, known, parts.clock.monotonic_s(), parts.progress.jitter)
        match outcome:
            case Collected():
                last = run[-1]
                result = LaneResult(lane_id, last.position, last.id, batch.lane.state, None)
                self._calls.record(batch, result)
            case SessionExpired():
                self._sessions.expired(batch, session)
            case Split(reason=reason, malformed=malformed):
                if len(run) == 1:
                    parts.outcomes.set_aside(run[0], "malformed" if malformed else "too_large", reason)
                self._calls.done()
            case Retry(reason=reason):
                parts.progress.skip(lane_id, self._wait_s(), f"the activity collector: {reason}")
                parts.progress.noted(f"the activity collector: {reason}")
            case _:
                assert_never(outcome)

    def _wait_s(self) -> float:
        return max(0.0, self._state.not_before_s - self._parts.clock.monotonic_s())

    def _collect(self, session_id: str, run: tuple[EntryRow, ...], ingestion_url: str) -> CollectOutcome:
        parts = self._parts
        now, device_id = parts.now(), parts.outbox.device().device_id
        events = []
        for entry, age in zip(run, ages(run, now), strict=True):
            name, properties = _parts_of(entry.body)
            events.append(
                snowplow.CollectedEvent(
                    entry.id,
                    name,
                    properties,
                    age.ms,
                    entry.made_at,
                    None if age.ms is None else _true_at(entry, now.booted_at),
                    session_id,
                    device_id,
                    entry.seq,
                )
            )
        body = snowplow.collector_body(
            events,
            sent_at_ms=now.wall_ms,
            app_id=self._app_id,
            tracker=self._tracker,
            timezone=self._device.timezone,
            language=self._device.language,
        )
        try:
            url = snowplow.request_path(ingestion_url)
        except ValueError as error:
            return Retry(str(error), reached=True)
        return parts.transport.collect(url, body)


def _parts_of(body: str) -> tuple[str, str]:
    """Return the name and the properties' JSON text of an entry's body."""
    try:
        return snowplow.split_body(body)
    except ValueError:  # not as this version writes it: read and write it anew
        payload = json.loads(body)
        return payload["name"], encode(payload.get("properties") or {})


def _true_at(entry: EntryRow, booted_at: Mapping[str, int]) -> int | None:
    """Return when an entry was made on the platform's time line; None when its boot is not known there."""
    booted = booted_at.get(entry.boot_id)
    return None if booted is None else booted + entry.since_boot_ms
