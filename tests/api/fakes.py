"""Scripted ports and replies in the platform's form: what the tests of the reading namespaces run against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lmg_offline._core.reads import LocalBookmark, ReadAnswer, ReadQuery
from lmg_offline.errors import VerificationRequired

AS_OF = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class ScriptedReads:
    """Answers from a list; an error in it is raised."""

    answers: list[dict[str, Any] | Exception]
    stale: bool = False
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    asked: list[ReadQuery] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    def fetch(self, query: ReadQuery, *, timeout_s: float) -> ReadAnswer:
        self.asked.append(query)
        self.timeouts_s.append(timeout_s)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ReadAnswer(answer, self.stale, AS_OF)

    def cached_object(self, kind: str, object_id: str) -> dict[str, Any] | None:
        return self.objects.get((kind, object_id))


@dataclass
class ScriptedWrites:
    """Remembers what was written."""

    local: list[LocalBookmark] = field(default_factory=list)
    allowed: bool = True
    written: list[tuple[object, ...]] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)

    def bookmark(self, *words: object) -> Any:
        self.written.append(words)
        return "receipt"

    def require_verified(self) -> None:
        if not self.allowed:
            raise VerificationRequired("no")

    def bookmarks(self) -> list[LocalBookmark]:
        return self.local

    def recent_terms(self) -> list[str]:
        return self.terms

    def save_term(self, term: str) -> None:
        self.terms.insert(0, term)


def image() -> dict[str, Any]:
    return {"imageType": "hero", "mimeType": "image/png", "url": "https://images.test/1"}


def location(name: str = "l1", distance: float | None = None) -> dict[str, Any]:
    address = {
        "id": "a1", "suite": None, "building": None, "streetAddress": "1 Main", "street": "Main",
        "postalcode": "V1Y", "locality": None, "neighbourhood": None, "city": "Kelowna", "county": None,
        "state": "BC", "region": None, "country": "CA", "centre": [-119.4, 49.8], "area": [[1, 2], [3, 4], [1, 2]],
        "nameShort": None, "timezone": "America/Vancouver",
    }  # fmt: skip
    return {"id": name, "shareUrl": "", "name": name, "address": address, "business": {"id": "b1"},
            "distance": distance, "url": None, "phone": None}  # fmt: skip


def offer(name: str, saved: bool = False, business: str = "b1") -> dict[str, Any]:
    return {
        "id": name, "slug": name, "shareUrl": "", "headline": name, "subhead": "", "details": "", "legal": None,
        "flags": [], "isBookmarked": saved, "promoCode": None, "keywords": ["k"], "enabled": True,
        "business": {"id": business}, "locations": [location()], "heroImages": [image()], "schedules": [],
    }  # fmt: skip


def business(name: str, *offers: dict[str, Any]) -> dict[str, Any]:
    category = {"id": "c", "slug": "c", "shortName": "C", "name": "C", "iconSmallImages": [], "iconLargeImages": []}
    return {
        "id": name, "shareUrl": "", "name": name, "shortName": name, "slogan": None, "desc": None, "url": None,
        "phone": None, "offers": list(offers), "categories": [category], "locations": [location()],
        "profileImages": [], "logoStandardImages": [], "heroStandardImages": [],
    }  # fmt: skip


def feed(*businesses: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"businessFeed": {"businesses": list(businesses), "cursor": {"previous": None, "next": following}}}


def collection(name: str) -> dict[str, Any]:
    return {"id": name, "slug": name, "name": name, "shortName": name, "priority": 3, "enabled": True,
            "heroStandardImages": [], "iconSmallImages": [], "iconLargeImages": []}  # fmt: skip


def transition_arg(name: str, **fields: Any) -> dict[str, Any]:
    base = {"name": name, "desc": f"about {name}", "required": True, "type": "string",
            "values": None, "min": None, "max": None, "default": None}  # fmt: skip
    return {**base, **fields}


def transition(*args: dict[str, Any], index: int = 0, target: str = "redeemed", text: str | None = "Use") -> Any:
    return {"index": index, "target": target, "meta": {"transitionButtonText": text}, "args": list(args)}


def offer_state(*transitions: Any, state: str = "default", **fields: Any) -> dict[str, Any]:
    found = {"state": state, "expiresIn": None, "transitions": list(transitions), "display": [state],
             "refreshInterval": 60, "meta": {"actionType": None, "actionTarget": None}, **fields}  # fmt: skip
    return {"offerState": found}


def offer_status(reason: str | None = None, used: int | None = None, redeemable: bool | None = None) -> dict[str, Any]:
    limits = None if used is None else {"perProfile": {"total": 3, "used": used, "priority": 1}}
    redeemable = reason is None if redeemable is None else redeemable
    return {"offerStatus": {"redeemable": redeemable, "reason": reason, "limitDetails": limits}}
