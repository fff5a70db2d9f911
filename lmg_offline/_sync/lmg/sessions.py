"""
The platform's sessions in the LMG dialect: opened, kept alive, opened anew when lost, identified.

A lane has one session of the platform at a time. When the platform no longer
takes its token it is extended; when that fails another is opened, and what the
lane was identified as is said again before its next entry.
"""

from __future__ import annotations

from ..._core.identity import AudienceState
from ..._core.lmg import refusal_code, token_code
from ..._core.schedule import Retry, Suspend
from ..._journal.records import EntryRow, LaneBatch, LaneResult, LmgSession
from ..._transport.port import GraphData, GraphOutcome, NotSpoken, Refused, SessionExpired
from ...errors import ValidationError
from ...protocol import lmg as wire
from ...protocol.replay import AUTH_PATH, TOKEN_MISSING
from .calls import Calls

_ANONYMOUS = AudienceState.ANONYMOUS.value
_IDENTIFIED = AudienceState.IDENTIFIED.value
_VERIFIED = AudienceState.VERIFIED.value


class Sessions:
    """Used by the sync thread alone."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._parts = calls.parts

    def open(self, batch: LaneBatch) -> None:
        """Open a session. Repeating it opens one that nobody uses: no harm."""
        calls = self._calls
        reply = _session_of(calls.ask(AUTH_PATH, wire.CREATE_SESSION, {}, None), "createSession")
        if isinstance(reply, wire.SessionReply):
            self._keep(batch, reply, _ANONYMOUS)
            calls.done()
            calls.warn("createSession", reply.warnings)
        elif isinstance(reply, NotSpoken):
            self._leave()
        elif isinstance(reply, Refused) and reply.status in (401, 403):
            reason = reply.message or f"the write key was refused (HTTP {reply.status})"
            suspend = Suspend(reply.message_id or f"http_{reply.status}", reason)
            self._parts.progress.ended(suspend, reached=True)
        elif isinstance(reply, Refused | SessionExpired):
            self._parts.failed("the platform does not open a session")
        else:
            calls.failed(batch, reply)

    def _leave(self) -> None:
        """
        The endpoint does not speak this dialect any more: ask it anew.

        It knows nobody by our own session ids, so lanes that were identified go
        on in new ones that begin with their identity.
        """
        parts = self._parts
        lane_ids = parts.outbox.claimed_lanes()
        if lane_ids:
            parts.outbox.fork(lane_ids, now_ms=parts.clock.wall_ms())
        parts.outbox.drop_lmg_sessions()
        parts.progress.choose(None)
        parts.failed("the endpoint no longer speaks the dialect it spoke before")

    def extend(self, batch: LaneBatch, session: LmgSession) -> None:
        """Extend a session, or give it up if the platform has lost it. Repeating it extends again: no harm."""
        calls = self._calls
        reply = _session_of(calls.ask(AUTH_PATH, wire.EXTEND_SESSION, {}, session), "extendSession")
        if isinstance(reply, wire.SessionReply):
            is_same = reply.session_id == session.session_id
            self._keep(batch, reply, session.claim if is_same else _ANONYMOUS)
            calls.done()
            calls.warn("extendSession", reply.warnings)
        elif isinstance(reply, SessionExpired | Refused | NotSpoken):
            self._parts.outbox.drop_lmg_session(batch.lane.lane_id)
            calls.done()
        else:
            calls.failed(batch, reply)

    def expired(self, batch: LaneBatch, session: LmgSession) -> None:
        """An operation was refused for its session: extend it; next time open another; then wait."""
        calls, lane_id = self._calls, batch.lane.lane_id
        calls.lost[lane_id] = times = calls.lost.get(lane_id, 0) + 1
        if times == 1:
            calls.done()
            self.extend(batch, session)
            return
        self._parts.outbox.drop_lmg_session(lane_id)
        if times == 2:
            calls.done()
        else:
            calls.stuck(batch, "the platform lets sessions expire as soon as they are opened")

    def claim_again(self, batch: LaneBatch, session: LmgSession) -> None:
        """
        Identify a session that took the place of a lost one.

        Repeating it identifies the same session as the same user: no harm.
        """
        user_id = batch.lane.user_id or ""
        is_proof_wanted = batch.lane.state == _VERIFIED
        token = self._parts.outbox.token(user_id) or batch.token if is_proof_wanted else None
        if is_proof_wanted and token is None:
            message = "its session was lost, and no verification token is kept to identify it again"
            self.park(batch, None, TOKEN_MISSING, message)
        elif self.identify(batch, session, user_id, token, None) is not None:
            self._calls.done()

    def identify(
        self, batch: LaneBatch, session: LmgSession, user_id: str, token: str | None, entry: EntryRow | None
    ) -> LmgSession | None:
        """
        Give the session to a user.

        Args:
            token: The verification token; None identifies without proof.

            entry: The identify entry; None when the lane says again what it said before.

        Returns:
            The session as it is now; None when it did not come to that, which is settled then.
        """
        calls = self._calls
        variables = {"externalId": user_id, "externalIdSignature": token}
        reply = _session_of(
            calls.ask(AUTH_PATH, wire.IDENTIFY_SESSION, variables, session, entry), "identifySession"
        )
        if isinstance(reply, wire.SessionReply):
            return self._identified(batch, session, token, reply)
        if isinstance(reply, SessionExpired):
            self.expired(batch, session)
        elif isinstance(reply, Refused) and not calls.is_believed(batch, reply):
            pass  # it is tried again
        elif isinstance(reply, Refused) and token is not None:
            self.park(batch, token, token_code(reply.message_id), reply.message)
        elif isinstance(reply, Refused) and entry is not None:
            calls.refuse(batch, entry, refusal_code(reply.message_id, reply.status), reply.message)
        elif isinstance(reply, Refused | NotSpoken):
            calls.stuck(batch, "the platform does not identify the session again")
        else:
            calls.failed(batch, reply)
        return None

    def _identified(
        self, batch: LaneBatch, session: LmgSession, token: str | None, reply: wire.SessionReply
    ) -> LmgSession | None:
        calls = self._calls
        claim = _IDENTIFIED if token is None else _VERIFIED
        if token is not None and reply.warnings:
            meaning = calls.settings.identify_warnings
            if meaning == "reject":
                self._keep(batch, reply, session.claim)
                calls.warn("identifySession", reply.warnings)
                self.park(batch, token, "token_refused", "The platform did not take the token as a proof.")
                return None
            claim = _VERIFIED if meaning == "ignore" else _IDENTIFIED
        kept = self._keep(batch, reply, claim)
        calls.warn("identifySession", reply.warnings)
        return kept

    def park(self, batch: LaneBatch, token: str | None, code: str, message: str) -> None:
        """The lane waits for a token that is accepted; the app's provider is asked for one first."""
        lane = batch.lane
        result = LaneResult(
            lane.lane_id, lane.acked_position, lane.acked_id, lane.state, None, (), code, message, token
        )
        if code == "token_expired" or (self._calls.settings.refresh_refused_tokens and token is not None):
            result = self._parts.tokens.refreshed(lane, result)
        self._calls.record(batch, result)

    def _keep(self, batch: LaneBatch, reply: wire.SessionReply, claim: str) -> LmgSession:
        kept = LmgSession(
            batch.lane.lane_id,
            reply.session_id,
            reply.token,
            reply.ingestion_url,
            claim,
            self._parts.clock.wall_ms(),
        )
        self._parts.outbox.keep_lmg_session(kept)
        return kept


def _session_of(
    outcome: GraphOutcome, operation: str
) -> wire.SessionReply | SessionExpired | Refused | NotSpoken | Retry | Suspend:
    if not isinstance(outcome, GraphData):
        return outcome
    try:
        return wire.load_session(outcome.data, operation)
    except ValidationError:
        return Retry("the platform's reply does not fit what was sent", reached=True)
