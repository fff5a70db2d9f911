"""
Replay: what the platform does with the lanes a device sends.

One transaction for the whole request, begun by the caller.

Source: docs/protocol.md, sections 2 to 4.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lmg_offline.errors import ValidationError
from lmg_offline.platform.batch import LaneState, Logged, Touched
from lmg_offline.platform.effects import Applied, Effects, Outcome, Parked, Refused, Stamp
from lmg_offline.platform.entry_log import log_entry
from lmg_offline.platform.identity import key_hash
from lmg_offline.platform.lanes import Apply, Fork, next_exchange, plan
from lmg_offline.platform.properties import Property
from lmg_offline.platform.sessions import new_ingest_key, new_token
from lmg_offline.platform.store import tables
from lmg_offline.protocol import canonical
from lmg_offline.protocol.entries import MAX_ID, Kind, check_payload
from lmg_offline.protocol.replay import FORKED, INVALID_PAYLOAD, OK, PARKED, PROTOCOL, UNKNOWN_KIND, load_request
from lmg_offline.protocol.values import START, Device, Entry, Lane, Position

# A device whose clock is further off than this is not believed when it dates an entry by that clock.
CLOCK_TOLERANCE_MS = 10 * 60 * 1000
# Two deadlines of the SDK's requests: the way of this one, and of the reply by which the device reckons.
LONGEST_WAY_MS = 60 * 1000
_MAX_MESSAGE = 500
_MAX_SDK = 128
_KINDS = {kind.value: kind for kind in Kind}


class DeviceRefused(Exception):
    """The secret is not the one this device was first seen with, or another copy of it goes on. Holds a sentence."""


@dataclass(frozen=True, slots=True)
class Read:
    """
    A replay that was read and whose payloads were checked, which needs no database and no lock.

    Attributes:
        payloads: By `id` of the entry; what is wrong with one in its place.
    """

    device: Device = field(repr=False)
    lanes: list[Lane] = field(repr=False)
    payloads: Mapping[int, dict[str, Any] | ValidationError] = field(repr=False)


def read(device: object, lanes: object) -> Read:
    """Read the two arguments of a replay. Raises ValidationError: the whole request is malformed."""
    sender, sent = load_request(device, lanes)
    payloads: dict[int, dict[str, Any] | ValidationError] = {}
    for lane in sent:
        for entry in lane.entries:
            if entry.kind in _KINDS:
                try:
                    payloads[id(entry)] = check_payload(entry.kind, entry.payload)
                except ValidationError as error:
                    payloads[id(entry)] = error
    return Read(sender, sent, payloads)


def replay(
    connection: Connection,
    property_: Property,
    integration_id: str,
    device: Device,
    lanes: list[Lane],
    *,
    payloads: Mapping[int, dict[str, Any] | ValidationError] = MappingProxyType({}),
    now_ms: int,
    session_ttl_s: int,
    sdk: str | None,
) -> dict[str, Any]:
    """
    Apply the lanes of one request and return the reply, as JSON.

    Args:
        connection: In a transaction that may write. Nothing is committed here.

        property_: The property of the write key.

        integration_id: The integration of the write key.

        device: Who sends.

        lanes: As `load_request` returns them.

        payloads: Of entries that were checked before, as `read` returns them.

        now_ms: The platform's clock, in milliseconds since 1970 UTC.

        session_ttl_s: How long the session tokens in the reply are good.

        sdk: What the SDK calls itself.

    Raises:
        DeviceRefused: The device's secret is wrong, or it is a copy. Nothing was changed.
    """
    _bind_device(connection, property_.id, device, now_ms, sdk)
    effects = Effects(connection, property_, _touched(lanes), now_ms)
    request = _Request(effects, property_, integration_id, device, now_ms, session_ttl_s, payloads)
    replies = [request.replay_lane(lane) for lane in lanes]
    effects.finish()
    return {
        "protocol": PROTOCOL,
        "time": now_ms,
        "settings": {
            "bookmarking": property_.bookmarking,
            "redemption_audience": property_.redemption_audience,
        },
        "lanes": replies,
    }


class _Request:
    """One replay while it is applied."""

    def __init__(
        self,
        effects: Effects,
        property_: Property,
        integration_id: str,
        device: Device,
        now_ms: int,
        session_ttl_s: int,
        payloads: Mapping[int, dict[str, Any] | ValidationError],
    ) -> None:
        self._payloads = payloads
        self._effects = effects
        self._property = property_
        self._integration_id = integration_id
        self._device = device
        self._now_ms = now_ms
        self._session_ttl_s = session_ttl_s
        self._sent_at = _sent_at(device, now_ms)

    def replay_lane(self, lane: Lane) -> dict[str, Any]:
        """Apply one lane as far as it goes, and return its reply."""
        batch = self._effects.batch
        known = batch.lanes.get(lane.session_id)
        what = plan(
            None if known is None else known.kept,
            lane,
            is_owner=known is not None and known.device_id == self._device.id,
            is_logged=lambda entry: self._is_logged(lane.session_id, entry),
        )
        if isinstance(what, Fork):
            self._note("lane_forked", lane.session_id, {"after_seq": lane.after.seq})
            return _forked(lane, what.reason)
        if known is None:
            batch.lanes[lane.session_id] = LaneState(
                lane.session_id,
                self._integration_id,
                self._device.id,
                self._now_ms,
                self._now_ms,
                ingest_key=new_ingest_key(),
            )
        if what.restored:
            kept_seq = 0 if known is None else known.kept.seq
            details = {"kept_seq": kept_seq, "after_seq": lane.after.seq}
            self._note("lane_restored", lane.session_id, details)
        return self._apply(lane, what)

    def _apply(self, lane: Lane, what: Apply) -> dict[str, Any]:
        self._state(lane).kept = what.kept
        self._effects.batch.changed_lanes.add(lane.session_id)
        refused = [found for entry in what.skipped if (found := self._repeated(entry)) is not None]
        conflicts: list[dict[str, Any]] = []
        parked = self._establish(lane, what.fresh)
        for entry in () if parked else what.fresh:
            outcome = self._handle(lane, entry)
            if isinstance(outcome, Parked):
                parked = outcome
                break
            self._state(lane).kept = Position(entry.seq, entry.id)
            if isinstance(outcome, Refused):
                refused.append(_refused(entry, outcome.code, outcome.message))
            elif outcome.conflicts:
                conflicts.append({"seq": entry.seq, "attributes": list(outcome.conflicts)})
        state = self._state(lane)
        self._effects.batch.changed_lanes.add(lane.session_id)
        state.updated_at = self._now_ms
        return {
            "session_id": lane.session_id,
            "status": OK if parked is None else PARKED,
            "applied_through": _position(state.kept),
            "state": state.state,
            "session_token": self._token(state) if parked is None else None,
            "refused": refused,
            "conflicts": conflicts,
            "code": parked and parked.code,
            "message": parked and parked.message,
            "restored": what.restored and state.forgotten_key is None,
        }

    def _establish(self, lane: Lane, fresh: tuple[Entry, ...]) -> Parked | Refused | None:
        """
        See to it that the session is whose the device says it was; else say why nothing can be applied.

        By the session and not by its pair, because a lane that was parked for this comes back with the pair kept.
        """
        if lane.identity is None:
            return None
        before = self._state(lane)
        at_ms = self._now_ms
        if fresh:
            at_ms = self._stamp(before, fresh[0], self._effects.batch.log.get(fresh[0].id)).at_ms
        was = before.state
        parked = self._effects.establish(lane.session_id, lane.identity, lane.token, at_ms)
        if self._state(lane).state != was:
            self._note("identity_restored", lane.session_id, {"after_seq": lane.after.seq})
        return parked

    def _handle(self, lane: Lane, entry: Entry) -> Outcome:
        """Apply one entry and log it, unless the log has it already."""
        batch = self._effects.batch
        logged = batch.log.get(entry.id)
        place = (lane.session_id, entry.seq, entry.id)
        if logged is not None and (logged.status == "applied" or _place(logged, entry.id) == place):
            return self._handle_again(lane, entry, logged, place)
        state = self._state(lane)
        stamp = self._stamp(state, entry, logged)
        outcome = self._effect(lane, entry, stamp)
        if isinstance(outcome, Parked):
            return outcome
        if logged is not None:
            self._effects.batch.new_repeats.add(_place(logged, entry.id))
        self._log(lane, entry, stamp, outcome)
        return outcome

    def _handle_again(self, lane: Lane, entry: Entry, logged: Logged, place: tuple[str, int, str]) -> Outcome:
        """
        Answer for an entry that was handled before, in this lane or another.

        Only what belongs to the session itself is done again: a fork's lane
        begins with an identify that the original may have delivered.
        """
        if logged.status == "refused":
            return Refused(logged.code or INVALID_PAYLOAD, logged.message or "")
        if entry.kind == Kind.IDENTIFY.value and logged.session_id != lane.session_id:
            stamp = Stamp(entry.id, entry.seq, logged.occurred_at, retried=True)
            # Without its profile: at the same instant the newer device would overwrite what followed it.
            outcome = self._effect(lane, replace(entry, payload=_without_profile(entry.payload)), stamp)
            if isinstance(outcome, Parked):
                return outcome
        if _place(logged, entry.id) != place:
            self._effects.batch.new_repeats.add(place)
        return Applied()

    def _effect(self, lane: Lane, entry: Entry, stamp: Stamp) -> Outcome:
        kind = _KINDS.get(entry.kind)
        if kind is None:
            return Refused(UNKNOWN_KIND, "This platform does not know the kind of the entry.")
        payload = self._payloads.get(id(entry))
        if payload is None:
            try:
                payload = check_payload(kind.value, entry.payload)
            except ValidationError as error:
                payload = error
        if isinstance(payload, ValidationError):
            return Refused(INVALID_PAYLOAD, str(payload)[:_MAX_MESSAGE])
        return self._effects.apply(lane.session_id, kind, payload, lane.token, stamp)

    def _stamp(self, state: LaneState, entry: Entry, logged: Logged | None) -> Stamp:
        """
        Say when an entry happened, by the platform's clock.

        One that was refused before keeps the time it had then: raised to that of
        its new neighbours, it would overwrite what was written after it.
        """
        if logged is not None:
            return Stamp(entry.id, entry.seq, logged.occurred_at, logged.uncertain, retried=True)
        # Neither is one raised that we have no log row of: one that the device set aside, or a backup lost.
        before = 0 if entry.retried else state.last_entry_at or 0
        is_clock_right = abs(self._device.sent_at - self._now_ms) <= CLOCK_TOLERANCE_MS
        age_ms = None if entry.by_clock and not is_clock_right else entry.age_ms
        at_ms = before if age_ms is None else self._sent_at - age_ms
        at_ms = min(max(at_ms, before), self._now_ms)
        return Stamp(entry.id, entry.seq, at_ms, uncertain=age_ms is None, retried=entry.retried)

    def _log(self, lane: Lane, entry: Entry, stamp: Stamp, outcome: Applied | Refused) -> None:
        state = self._state(lane)
        state.last_entry_at = max(state.last_entry_at or 0, stamp.at_ms)
        log_entry(self._effects.batch, state, entry.kind, stamp, self._device.id, outcome, self._now_ms)

    def _repeated(self, entry: Entry) -> dict[str, Any] | None:
        logged = self._effects.batch.log.get(entry.id)
        if logged is None or logged.status != "refused":
            return None
        return _refused(entry, logged.code or INVALID_PAYLOAD, logged.message or "")

    def _is_logged(self, session_id: str, entry: Entry) -> bool:
        batch = self._effects.batch
        logged = batch.log.get(entry.id)
        place = (session_id, entry.seq, entry.id)
        if logged is not None and _place(logged, entry.id) == place:
            return True
        return place in batch.repeats or place in batch.new_repeats

    def _state(self, lane: Lane) -> LaneState:
        return self._effects.batch.lanes[lane.session_id]

    def _token(self, state: LaneState) -> str:
        token = new_token()
        state.previous_token_hash, state.token_hash = state.token_hash, key_hash(token)
        state.token_expires_at = self._now_ms + self._session_ttl_s * 1000
        state.ingest_key = state.ingest_key or new_ingest_key()
        return token

    def _note(self, event: str, session_id: str, details: Mapping[str, int]) -> None:
        self._effects.batch.events.append(
            {
                "id": str(uuid.uuid4()),
                "property_id": self._property.id,
                "at": self._now_ms,
                "event": event,
                "device_id": self._device.id,
                "session_id": session_id,
                "details": dict(details),
            }
        )


def _sent_at(device: Device, now_ms: int) -> int:
    """
    Return when the request was sent, by our clock.

    As the device reckons it, if that can be: all that it makes in one boot is then
    dated alike, whatever the request is under way. Else the moment of its arrival.
    """
    reckoned = now_ms if device.server_at is None else device.server_at
    return reckoned if 0 <= now_ms - reckoned <= LONGEST_WAY_MS else now_ms


def _bind_device(connection: Connection, property_id: str, device: Device, now_ms: int, sdk: str | None) -> None:
    """
    Check the device's secret, and that no copy of it went on; the first use binds it.

    Holds the device's row until the end.
    """
    table = tables.devices
    which = (table.c.property_id == property_id, table.c.device_id == device.id)
    hashed = key_hash(device.secret)
    seen = {
        "last_seen_at": now_ms,
        "clock_offset_s": (device.sent_at - now_ms) / 1000,
        "sdk": sdk and sdk[:_MAX_SDK],
    }
    columns = (table.c.secret_hash, table.c.exchange_seq, table.c.exchange_id)
    bound = connection.execute(select(*columns).where(*which).with_for_update()).one_or_none()
    if bound is not None and not hmac.compare_digest(bound.secret_hash, hashed):
        raise DeviceRefused("The device is known under another secret.")
    if device.exchange is not None:
        kept = None if bound is None or bound.exchange_seq is None else Position(bound.exchange_seq, bound.exchange_id)
        expected = next_exchange(kept, device.exchange)
        if expected is None:
            raise DeviceRefused("Another copy of this device's journal has gone on under its id.")
        seen |= {"exchange_seq": expected.seq, "exchange_id": expected.id}
    if bound is None:
        first = {"property_id": property_id, "device_id": device.id, "secret_hash": hashed}
        connection.execute(insert(table).values(**first, first_seen_at=now_ms, **seen))
    else:
        connection.execute(update(table).where(*which).values(**seen))


def _touched(lanes: list[Lane]) -> Touched:
    entries = [entry for lane in lanes for entry in lane.entries]
    return Touched(
        session_ids=[lane.session_id for lane in lanes],
        entry_ids=[entry.id for entry in entries],
        user_ids=_named(entries, "user_id", {Kind.IDENTIFY.value, Kind.FORGET.value}, canonical.MAX_BYTES)
        | {lane.identity.user_id for lane in lanes if lane.identity is not None},
        offer_ids=_named(entries, "offer_id", {Kind.BOOKMARK.value, Kind.UNBOOKMARK.value}, MAX_ID),
        redeemed=_named(entries, "offer_id", {Kind.REDEEM.value}, MAX_ID),
    )


def _named(entries: Iterable[Entry], name: str, kinds: set[str], longest: int) -> set[str]:
    """Return the ids that payloads name. They are not checked yet: what can't be an id is left out."""
    found: set[str] = set()
    for entry in entries:
        if entry.kind in kinds and isinstance(entry.payload, Mapping):
            value = entry.payload.get(name)
            if isinstance(value, str) and len(value) <= longest and canonical.text_fault(value) is None:
                found.add(value)
    return found


def _without_profile(payload: object) -> object:
    return {k: v for k, v in payload.items() if k != "profile"} if isinstance(payload, Mapping) else payload


def _place(logged: Logged, entry_id: str) -> tuple[str, int, str]:
    return logged.session_id, logged.seq, entry_id


def _position(position: Position) -> dict[str, Any]:
    return {"seq": position.seq, "id": position.id}


def _refused(entry: Entry, code: str, message: str) -> dict[str, Any]:
    return {"seq": entry.seq, "id": entry.id, "code": code, "message": message}


def _forked(lane: Lane, reason: str) -> dict[str, Any]:
    return {
        "session_id": lane.session_id,
        "status": FORKED,
        "applied_through": _position(START),
        "state": "anonymous",
        "session_token": None,
        "refused": [],
        "conflicts": [],
        "code": FORKED,
        "message": reason,
        "restored": False,
    }
