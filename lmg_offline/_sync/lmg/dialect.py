"""
The next operation of one lane in the LMG dialect.

Why repeating an operation whose answer was lost does no harm is said at each of them.

Races, and who wins them:
1. A session that expires between two entries: it is extended; if the platform
   has lost it, a new one is opened and identified again before the next entry.
2. A reset while an operation is in flight: its result is recorded on its lane.
3. A crash after the platform acted: the same operation is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, assert_never

from ..._core.lmg import Op, Redeem, View, next_op, redeem, refusal_code
from ..._core.schedule import Retry, Suspend
from ..._journal.records import EntryRow, LaneBatch, LmgSession
from ..._transport.port import GraphData, GraphOutcome, NotSpoken, Refused, SessionExpired
from ...config import LmgSettings
from ...device import Device
from ...errors import ValidationError
from ...protocol import lmg as wire
from ...protocol.canonical import encode
from ...protocol.replay import AUTH_PATH, DEFAULT_PATH, TOKEN_MISSING
from ..parts import Parts
from .activity import Activity
from .calls import Calls
from .sessions import Sessions

Payload = Mapping[str, Any]


class LmgDialect:
    """Sends one operation a call. Used by the sync thread alone."""

    def __init__(self, parts: Parts, settings: LmgSettings, device: Device, *, app_id: str, version: str) -> None:
        self._parts = parts
        self._settings = settings
        self._calls = Calls(parts, settings)
        self._sessions = Sessions(self._calls)
        self._activity = Activity(self._calls, self._sessions, device, app_id, version)
        self.hurry = self._activity.hurry

    def send(self, batch: LaneBatch) -> None:
        """Do the next operation for one lane and settle what comes back."""
        session = self._parts.outbox.lmg_session(batch.lane.lane_id)
        op = next_op(self._view(batch, session))
        if op is Op.NOTHING:
            return
        if session is None:
            self._sessions.open(batch)
        elif op is Op.EXTEND:
            self._sessions.extend(batch, session)
        elif op is Op.CLAIM_AGAIN:
            self._sessions.claim_again(batch, session)
        else:
            self._write(op, batch, session)

    def wants(self, batch: LaneBatch) -> bool:
        """Say whether there is anything to do for a lane; for one without entries, to keep its session alive."""
        session = self._parts.outbox.lmg_session(batch.lane.lane_id)
        return next_op(self._view(batch, session)) is not Op.NOTHING

    def _view(self, batch: LaneBatch, session: LmgSession | None) -> View:
        lane = batch.lane
        age_s = 0.0 if session is None else (self._parts.clock.wall_ms() - session.token_at) / 1000
        return View(
            claim=None if session is None else session.claim,
            state=lane.state,
            was_claimed=lane.claimed_position is not None and lane.user_id is not None,
            is_token_doubtful=lane.sealed_at is None and lane.session_token is None,
            # A clock that was set back makes an age negative: the token may be of any age then.
            is_token_old=not 0 <= age_s < self._settings.extend_after_s,
            head=batch.entries[0].kind if batch.entries else None,
        )

    def _write(self, op: Op, batch: LaneBatch, session: LmgSession) -> None:
        entry = batch.entries[0]
        self._parts.progress.sending(entry.position)
        payload = json.loads(entry.body)
        match op:
            case Op.IDENTIFY:
                self._identify(batch, session, entry, payload)
            case Op.UPDATE:
                self._set_traits(batch, session, entry, payload["profile"])
            case Op.BOOKMARK:
                self._bookmark(wire.CREATE_BOOKMARK, op.value, batch, session, entry, payload)
            case Op.UNBOOKMARK:
                self._bookmark(wire.DELETE_BOOKMARK, op.value, batch, session, entry, payload)
            case Op.REDEEM:
                self._redeem(batch, session, entry, payload)
            case Op.COLLECT:
                self._activity.send(batch, session)
            case Op.FORGET:
                self._forget(batch, session, entry)
            case Op.UNKNOWN:
                message = "This version does not know the kind of the entry."
                self._calls.refuse(batch, entry, "unknown_kind", message)
            case Op.OPEN | Op.EXTEND | Op.CLAIM_AGAIN | Op.NOTHING:
                raise AssertionError("unreachable: these are no entries")
            case _:
                assert_never(op)

    def _identify(self, batch: LaneBatch, session: LmgSession, entry: EntryRow, payload: Payload) -> None:
        """Repeating it sets the same user and the same values: no harm, also after half of it."""
        token = batch.token if payload["verify"] else None
        if payload["verify"] and token is None:
            message = "The identify asks to be verified, and no token is kept."
            self._sessions.park(batch, None, TOKEN_MISSING, message)
            return
        kept = self._sessions.identify(batch, session, payload["user_id"], token, entry)
        if kept is None:
            return
        if payload.get("profile"):
            self._set_traits(batch, kept, entry, payload["profile"])
        else:
            self._calls.acknowledge(batch, entry, kept.claim)

    def _set_traits(self, batch: LaneBatch, session: LmgSession, entry: EntryRow, profile: object) -> None:
        """It sets values: repeating it sets them again, before anything later of this lane."""
        named = entry if entry.kind == "update" else None
        outcome = self._calls.ask(AUTH_PATH, wire.UPDATE_TRAITS, {"traits": encode(profile)}, session, named)
        if not isinstance(outcome, GraphData):
            self._not_done(batch, session, entry, outcome)
            return
        try:
            _, warnings = wire.load_traits(outcome.data, "updateSessionTraits")
        except ValidationError:
            self._calls.misfit(batch)
            return
        self._calls.acknowledge(batch, entry, session.claim)
        self._calls.warn("updateSessionTraits", warnings, entry.id)

    def _bookmark(
        self, document: str, operation: str, batch: LaneBatch, session: LmgSession, entry: EntryRow, payload: Payload
    ) -> None:
        """An offer is saved or is not: repeating it changes nothing."""
        outcome = self._calls.ask(DEFAULT_PATH, document, {"offerId": payload["offer_id"]}, session, entry)
        if not isinstance(outcome, GraphData):
            self._not_done(batch, session, entry, outcome)
            return
        try:
            wire.load_truth(outcome.data, operation)
        except ValidationError:
            self._calls.misfit(batch)
            return
        self._calls.acknowledge(batch, entry, session.claim)

    def _redeem(self, batch: LaneBatch, session: LmgSession, entry: EntryRow, payload: Payload) -> None:
        """
        The state is asked for before each try, and that there was a try is on disk before it is sent.

        So the first try is made only from the state it was decided on, and a
        later one not if the earlier came through: see `redeem` in _core/lmg.py.
        """
        which = {"offerId": payload["offer_id"], "locationId": payload["location_id"]}
        outcome = self._calls.ask(DEFAULT_PATH, wire.OFFER_NOW, which, session)
        if not isinstance(outcome, GraphData):
            self._not_done(batch, session, entry, outcome)
            return
        try:
            now = wire.load_offer_now(outcome.data)
        except ValidationError:
            self._calls.misfit(batch)
            return
        before, target = payload["current_state"], payload["target"]
        tried_from = batch.lane.tried_from if batch.lane.tried_position == entry.position else None
        what = redeem(now.state, now.standing, before=before, target=target, tried_from=tried_from)
        if what is Redeem.DONE:
            self._calls.acknowledge(batch, entry, session.claim)
        elif what is Redeem.OVERTAKEN:
            message = "The offer is in another state now than when it was redeemed here."
            self._calls.refuse(batch, entry, "redemption_state_changed", message)
        else:
            transition = {
                **which,
                "currentState": before,
                "transitionIndex": payload["transition_index"],
                "clientArgs": encode(payload["client_args"]),
            }
            if tried_from is None:
                self._parts.outbox.note_try(entry.position, now.standing)
            outcome = self._calls.ask(DEFAULT_PATH, wire.TRANSITION, transition, session, entry)
            if isinstance(outcome, GraphData):
                self._calls.acknowledge(batch, entry, session.claim)
            else:
                self._not_done(batch, session, entry, outcome)

    def _forget(self, batch: LaneBatch, session: LmgSession, entry: EntryRow) -> None:
        """
        Clear every value the session may see: there is no operation that erases a person.

        The entry becomes a dead letter that says so. Repeating it clears what is clear.
        """
        outcome = self._calls.ask(AUTH_PATH, wire.GET_TRAITS, {}, session)
        if isinstance(outcome, GraphData):
            try:
                text, _ = wire.load_traits(outcome.data, "getSessionTraits")
                known = json.loads(text)
            except ValueError:  # ValidationError among them
                self._calls.misfit(batch)
                return
            if isinstance(known, dict) and known:
                cleared = {"traits": encode(dict.fromkeys(known))}
                outcome = self._calls.ask(AUTH_PATH, wire.UPDATE_TRAITS, cleared, session, entry)
        if not isinstance(outcome, GraphData):
            self._not_done(batch, session, entry, outcome)
            return
        message = (
            "The platform's own API can't erase a person: the profile was cleared. "
            "Ask those who run the property to erase the rest."
        )
        self._calls.refuse(batch, entry, "erasure_not_offered", message)

    def _not_done(self, batch: LaneBatch, session: LmgSession, entry: EntryRow, outcome: GraphOutcome) -> None:
        """An entry's operation ended without data: settle it."""
        match outcome:
            case SessionExpired() | Refused(status=401):
                self._sessions.expired(batch, session)
            case Refused(status=status, message_id=message_id, message=message):
                if self._calls.is_believed(batch, outcome):
                    self._calls.refuse(batch, entry, refusal_code(message_id, status), message)
            case NotSpoken():
                message = "The platform does not know the operation."
                self._calls.refuse(batch, entry, "not_offered", message)
            case GraphData():
                raise AssertionError("unreachable: data is handled where it is asked for")
            case Retry() | Suspend():
                self._calls.failed(batch, outcome)
            case _:
                assert_never(outcome)
