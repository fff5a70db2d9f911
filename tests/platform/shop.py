"""A shop with one offer to redeem, asked at instants of the test's choosing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kiosk import MINUTE_MS, Site, entry

from lmg_offline.platform import properties, sessions
from lmg_offline.platform.audience_api import redemption
from lmg_offline.platform.audience_api.context import RequestContext
from lmg_offline.platform.audience_api.executor import Executor, read_sdl
from lmg_offline.platform.content.resolvers import RESOLVERS as CONTENT
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

EXECUTOR = Executor(read_sdl("default.graphql"), CONTENT, redemption.RESOLVERS)
NOON = round(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 60 * MINUTE_MS

STATE = "{ offerState(offerId: $offer, locationId: $place) { %s } }"
STATUS = "{ offerStatus(offerId: $offer, locationId: $place) { redeemable reason limitDetails { %s } } }"
STATE_FIELDS = """
    state expiresIn display refreshInterval meta { actionType actionTarget }
    transitions { index target meta { transitionButtonText }
        args { name desc required type values min max default } }
"""
LIMIT_FIELDS = """
    perProfile { total used priority } global { total used priority }
    perProfilePerWindow { total used priority granularity resetsIn }
    globalPerWindow { total used priority granularity resetsIn }
"""
STEP = """
    mutation ($offer: ID!, $place: ID!, $state: String!, $index: Int!, $args: String!) {
        transitionOfferState(offerId: $offer, locationId: $place, currentState: $state,
            transitionIndex: $index, clientArgs: $args) { state expiresIn display }
    }
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The offer `coffee` of a property, asked at instants of the test's choosing."""

    site: Site

    def put(self, path: str, document: dict[str, Any]) -> Any:
        """Put content, and return it as the Admin API shows it."""
        headers = {"Authorization": f"Bearer {self.site.keys.admin_key}"}
        answer = self.site.http.put(f"/admin/v1/{path}", json=document, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def offer(self, kind: str = "single", **rules: Any) -> Any:
        """Set the offer's redemption."""
        needed = {"timed": {"ready_s": 300}, "punch_card": {"punches": 3}}.get(kind, {})
        offer = {"business_id": "cafe", "headline": "Coffee", "slug": "free-coffee"}
        return self.put("offers/coffee", {**offer, "redemption": {"kind": kind, **needed, **rules}})

    def person(self, user_id: str | None = None, *, verified: bool = False) -> str:
        """Open a session, of a user if one is named, and return its id."""
        opened = "mutation { createSession { token content { sessionId } } }"
        session = self.site.ask("/graph/auth", opened)["data"]["createSession"]
        if user_id is not None:
            signature = f', externalIdSignature: "{self.site.token(user_id)}"' if verified else ""
            claim = f'mutation {{ identifySession(externalId: "{user_id}"{signature}) {{ token }} }}'
            assert "errors" not in self.site.ask("/graph/auth", claim, session["token"])
        found: str = session["content"]["sessionId"]
        return found

    def run(self, query: str, session_id: str | None, now_ms: int, **variables: Any) -> Any:
        """Run a document at an instant, in a transaction, and return the data of its only field."""
        operation = EXECUTOR.operation(query, None)
        given = {"offer": "coffee", "place": "downtown", **variables}
        with writing(self.site.engine) as connection:
            found = properties.find_by_write_key(connection, self.site.keys.write_key)
            assert found is not None
            session = None if session_id is None else sessions.get(connection, found[0].id, session_id)
            context = RequestContext(connection, *found, session, None, now_ms, "http://127.0.0.1", 3600)
            (answer,) = EXECUTOR.run(operation, given, context).values()
        return answer

    def state(self, session_id: str | None, now_ms: int = NOON, **variables: Any) -> Any:
        """Ask where the offer stands."""
        query = "query ($offer: ID!, $place: ID) " + STATE % STATE_FIELDS
        return self.run(query, session_id, now_ms, **variables)

    def status(self, session_id: str | None, now_ms: int = NOON, **variables: Any) -> Any:
        """Ask whether the offer can be used."""
        query = "query ($offer: ID!, $place: ID!) " + STATUS % LIMIT_FIELDS
        return self.run(query, session_id, now_ms, **variables)

    def reason(self, session_id: str | None, now_ms: int = NOON) -> str | None:
        """Return why the offer can't be used, or None."""
        found: str | None = self.status(session_id, now_ms)["reason"]
        return found

    def step(
        self,
        session_id: str | None,
        now_ms: int = NOON,
        state: str = "default",
        args: dict[str, Any] | None = None,
        index: int = 0,
        **variables: Any,
    ) -> Any:
        """Take a step; return the state after it, or the status and the id of the error."""
        text = json.dumps(args or {})
        try:
            answer = self.run(STEP, session_id, now_ms, **{"state": state, "index": index, "args": text, **variables})
        except AudienceError as error:
            return error.status_code, error.message_id
        return answer["state"]

    def rows(self, **equal: object) -> list[dict[str, Any]]:
        """Return what was redeemed."""
        return self.site.rows(tables.redemptions, "number", **equal)


def disable_offer(shop: Shop) -> None:
    """Switch the offer off."""
    offer = {"business_id": "cafe", "headline": "Coffee", "enabled": False}
    shop.put("offers/coffee", {**offer, "redemption": {"kind": "single"}})


def restrict_offer(shop: Shop) -> None:
    """Let the offer hold elsewhere."""
    offer = {"business_id": "cafe", "headline": "Coffee", "location_ids": ["uptown"]}
    shop.put("offers/coffee", {**offer, "redemption": {"kind": "single"}})


def redeem(seq: int, state: str = "default", **options: Any) -> dict[str, Any]:
    """Return an entry that takes a step."""
    payload = {
        "offer_id": "coffee",
        "business_id": "cafe",
        "location_id": "downtown",
        "current_state": state,
        "transition_index": 0,
        "target": options.pop("target", "redeemed"),
        "used": None,
        "client_args": options.pop("args", {}),
    }
    return entry(seq, "redeem", {**payload, **options.pop("payload", {})}, **options)


def codes(reply: dict[str, Any]) -> list[tuple[int, str]]:
    """Return the number and the code of what was refused."""
    return [(each["seq"], each["code"]) for each in reply["refused"]]
