"""A platform in memory that speaks the LMG dialect alone, with a script of faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lmg_offline._core.schedule import Retry
from lmg_offline._transport.port import (
    Collected,
    CollectOutcome,
    GraphData,
    GraphOutcome,
    NotSpoken,
    QueryOutcome,
    Refused,
    ReplayOutcome,
    SessionExpired,
    nothing,
)

Fault = Callable[[str, dict[str, Any]], GraphOutcome | None]


@dataclass
class LmgSessionState:
    """What the platform keeps of one session."""

    session_id: str
    user_id: str | None = None
    is_verified: bool = False


@dataclass
class MemoryLmg:
    """
    The real platform's operations, in memory.

    Attributes:
        good_tokens: Accepted verification tokens, by user id.

        fault: Called with operation and variables before each is handled; what
            it returns is the answer then.

        lose_reply: Handle the request, then answer Retry, so many times.

        warnings: Given with every identifySession that has a signature.

        done: (operation, user id, what) of all that took effect, in order.

        collector: Answers instead of the collector, first come first served.
    """

    good_tokens: dict[str, str] = field(default_factory=dict)
    fault: Fault = lambda operation, variables: None
    lose_reply: int = 0
    warnings: list[str] = field(default_factory=list)
    trait_warnings: list[str] = field(default_factory=list)
    sessions: dict[str, LmgSessionState] = field(default_factory=dict)
    done: list[tuple[str, str | None, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    entries: list[str | None] = field(default_factory=list)
    collector: list[CollectOutcome] = field(default_factory=list)
    collected: list[list[str]] = field(default_factory=list)
    events: dict[str, str | None] = field(default_factory=dict)
    state: str = "default"
    used: int = 0
    at_ms: int | None = None
    replays: int = 0

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """It has no such mutation."""
        self.replays += 1
        meanwhile()
        assert [] == [lane for lane in json.loads(body)["variables"]["lanes"] if lane["entries"] or lane["token"]]
        return NotSpoken('Cannot query field "replay" on type "Mutation".')

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """No content lives here."""
        return Retry("no content")

    def close(self) -> None:
        """Nothing to break off."""

    def expire(self) -> None:
        """Forget every session token."""
        self.sessions.clear()

    def graph(self, path: str, body: bytes, *, session_token: str | None, entry: str | None) -> GraphOutcome:
        """Handle one operation."""
        given = json.loads(body)
        operation, variables = given["query"].split()[1].split("(")[0], given.get("variables", {})
        self.asked.append(operation)
        self.entries.append(entry)
        fault = self.fault(operation, variables)
        if fault is not None:
            return fault
        session = self.sessions.get(session_token or "")
        if operation == "CreateSession":
            session = LmgSessionState(f"s{len(self.asked)}")
        elif session is None:
            return SessionExpired()
        data = self._handle(operation, variables, session, session_token)
        if isinstance(data, Refused):
            return data
        if self.lose_reply:
            self.lose_reply -= 1
            return Retry("the connection broke off")
        return GraphData(data, self.at_ms)

    def collect(self, url: str, body: bytes) -> CollectOutcome:
        """Take events, each id once."""
        if self.collector:
            return self.collector.pop(0)
        session_id = url.split("/")[3]
        session = next((found for found in self.sessions.values() if found.session_id == session_id), None)
        if session is None:
            return SessionExpired()
        ids = [event["eid"] for event in json.loads(body)["data"]]
        self.collected.append(ids)
        for event_id in ids:
            if event_id not in self.events:
                self.events[event_id] = session.user_id
                self.done.append(("Collect", session.user_id, event_id))
        return Collected()

    def _handle(
        self, operation: str, variables: dict[str, Any], session: LmgSessionState, token: str | None
    ) -> dict[str, Any] | Refused:
        match operation:
            case "CreateSession" | "ExtendSession":
                return self._session({"CreateSession": "createSession"}.get(operation, "extendSession"), session, [])
            case "IdentifySession":
                signature = variables.get("externalIdSignature")
                if signature is not None and not self.warnings:
                    if self.good_tokens.get(variables["externalId"]) != signature:
                        return Refused(403, "77-01-001", "the signature does not fit")
                    session.is_verified = True
                session.user_id = variables["externalId"]
                self.done.append((operation, session.user_id, signature))
                return self._session("identifySession", session, self.warnings if signature is not None else [])
            case "UpdateTraits":
                self.done.append((operation, session.user_id, json.loads(variables["traits"])))
                return {"updateSessionTraits": {"traits": "{}", "warnings": self.trait_warnings}}
            case "GetTraits":
                return {"getSessionTraits": {"traits": '{"name": "Ann", "tier": "gold"}', "warnings": []}}
            case "CreateBookmark" | "DeleteBookmark":
                if not session.is_verified:
                    return Refused(403, "verification-needed", "verify first")
                self.done.append((operation, session.user_id, variables["offerId"]))
                return {{"CreateBookmark": "createOfferBookmark"}.get(operation, "deleteOfferBookmark"): True}
            case "OfferNow":
                return {
                    "offerState": {"state": self.state, "display": [f"{self.state}:{self.used}", self.state]},
                    "offerStatus": {"limitDetails": {"perProfile": {"used": self.used}}},
                }
            case "Transition":
                self.state, self.used = "redeemed", self.used + 1
                self.done.append((operation, session.user_id, json.loads(variables["clientArgs"])))
                return {"transitionOfferState": {"state": self.state}}
        raise AssertionError(operation)

    def _session(self, operation: str, session: LmgSessionState, warnings: list[str]) -> dict[str, Any]:
        token = f"token-{len(self.asked)}"
        self.sessions[token] = session
        return {
            operation: {
                "token": token,
                "content": {"sessionId": session.session_id},
                "meta": {"stats": {"ingestionUrl": f"http://collector.test/{session.session_id}"}},
                "warnings": list(warnings),
            }
        }
