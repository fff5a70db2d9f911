"""How the portal says things: codes, events, instants and numbers in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from lmg_offline.platform.segments.members import say
from lmg_offline.platform.segments.rules import Group, Not, Rule
from lmg_offline.protocol import replay
from lmg_offline.protocol.canonical import MAX_INTEGER

ROLES = {
    "owner": "Owner",
    "admin": "Admin",
    "dev": "Developer",
    "marketing": "Marketing",
    "support": "Support",
}
CONTENT = {
    "businesses": "Businesses",
    "locations": "Locations",
    "offers": "Offers",
    "collections": "Collections",
    "categories": "Categories",
}
CODES = {
    replay.INVALID_PAYLOAD: "What the entry holds is not as it must be.",
    replay.UNKNOWN_KIND: "This platform does not know this kind of entry.",
    replay.SESSION_TAKEN: "The session belongs to another person.",
    replay.BOOKMARKING_DISABLED: "The property takes no bookmarks.",
    replay.IDENTIFICATION_REQUIRED: "Nobody was identified in the session.",
    replay.VERIFICATION_REQUIRED: "The person was not verified.",
    replay.FORGOTTEN: "It was written before the person asked to be forgotten.",
    replay.TOKEN_MISSING: "The person was to be verified, and no token came along.",
    replay.REDEMPTION_STATE_CHANGED: "The offer was no longer in the state that the device knew.",
    replay.REDEMPTION_ARGS: "The step lacked something that it asks for.",
    replay.REDEMPTION_PIN: "The PIN was wrong.",
    replay.REDEMPTION_LOCATION: "The device was too far from the place.",
    replay.REDEMPTION_DISABLED: "The offer was switched off.",
    replay.REDEMPTION_NOT_VISIBLE: "The offer does not hold at this place.",
    replay.REDEMPTION_NOT_SUPPORTED: "The offer can't be redeemed in this way.",
    replay.REDEMPTION_FROZEN: "The offer was frozen.",
    replay.REDEMPTION_SCHEDULE: "The offer did not hold at this time.",
    replay.REDEMPTION_AUTHENTICATION_REQUIRED: "The offer needs somebody who is signed in.",
    replay.REDEMPTION_OFFER_USED: "The person had used the offer.",
    replay.REDEMPTION_SOLD_OUT_PER_PROFILE: "The person had used the offer as often as it can be.",
    replay.REDEMPTION_SOLD_OUT_PER_PROFILE_PER_WINDOW: "The person had used the offer as often as it can be for now.",
    replay.REDEMPTION_SOLD_OUT: "The offer was sold out.",
    replay.REDEMPTION_SOLD_OUT_PER_WINDOW: "The offer was sold out for now.",
}
EVENTS = {
    "lane_restored": "The platform knew less than a device had been told: it was restored from a backup.",
    "lane_forked": "Two copies of one device went on from the same place; the second got a session of its own.",
    "identity_restored": "A device told who its session belongs to, which a backup had lost.",
    "user_forgotten": "A person was erased.",
    "session_erased": "What one session had written was erased.",
    "erasure_asked": "Somebody with an admin key asked for an erasure.",
    "events_set_aside": "A collector got events that it could not read.",
}


def code(name: str | None) -> str:
    """Return a refusal's code in words; the code itself where there are none."""
    return "" if name is None else CODES.get(name, name.replace("_", " "))


def event(name: str) -> str:
    """Return an event of the platform's log in words."""
    return EVENTS.get(name, name.replace("_", " "))


def day(found: date) -> str:
    """Return a day as `3 March 2026`."""
    return f"{found.day} {found:%B %Y}"


def instant(at_ms: int | None) -> str:
    """Return milliseconds since 1970 UTC as `2026-03-01 12:00:05`, in UTC; `never` for None."""
    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def ago(at_ms: int | None, now_ms: int) -> str:
    """Return how long before now an instant is, in its largest whole unit."""
    if at_ms is None:
        return "never"
    seconds = (now_ms - at_ms) // 1000
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "under a minute"


def number(count: float) -> str:
    """Return a number with a comma at each thousand."""
    return f"{count:,}"


def share(part: float) -> str:
    """Return a share from 0 to 1 in per cent."""
    return f"{100 * part:.1f}%"


def clock(offset_s: float) -> str:
    """Return how far a device's clock is off."""
    if abs(offset_s) < 1:
        return "right"
    return f"{abs(offset_s):,.0f} s {'ahead' if offset_s > 0 else 'behind'}"


def value(found: object) -> str:
    """Return a trait's value: a text as it is, anything else as JSON; a whole number without a point."""
    if isinstance(found, float) and found.is_integer() and abs(found) < MAX_INTEGER:
        found = int(found)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def link(path: str, **query: object) -> str:
    """Return an address within the portal; parameters without a value are left out."""
    found = {name: text for name, text in query.items() if text not in (None, "")}
    return f"{path}?{urlencode(found)}" if found else path


def sentence(rule: Rule) -> str:
    """Return a whole rule in one line: `age >= 18 and not (is verified or tags contains "x")`."""
    match rule:
        case Group():
            return (" and " if rule.every else " or ").join(_inner(part) for part in rule.rules)
        case Not():
            return f"not {_inner(rule.rule)}"
    return say(rule)


def _inner(rule: Rule) -> str:
    return f"({sentence(rule)})" if isinstance(rule, Group) and len(rule.rules) > 1 else sentence(rule)


def details(found: Mapping[str, object]) -> str:
    """Return the details of an event in one line."""
    return ", ".join(f"{name.replace('_', ' ')}: {value(each)}" for name, each in found.items())
