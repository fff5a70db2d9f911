"""People put straight into the platform's tables, and the rule language said again in Python."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from lmg_offline.platform import comparable, interests
from lmg_offline.platform.content.tables import content_categories
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.store import tables
from lmg_offline.protocol import canonical

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
HALF_LIFE_DAYS = 4
CATEGORIES = {"offer-1": ("food",), "offer-2": ("food", "fun"), "shop-1": ("home",), "shop-2": ("fun",)}
ACTIVITIES = ("offer_viewed", "shop_viewed", "waved")
TRAITS = ("t", "tags", "Größe")


@dataclass(frozen=True)
class Deed:
    """Something done: its table, the activity's name, what it was about, and how long ago."""

    source: str
    name: str | None
    about: str | None
    at_ms: int


@dataclass(frozen=True)
class Somebody:
    """One person, as a test makes them."""

    user_id: str
    state: str
    profile: Mapping[str, Any]
    deeds: tuple[Deed, ...] = field(default=())


VALUES: tuple[Any, ...] = (
    True, False, 0, 1, 1.0, -1, 2.5, 2**53, -(2**53), 1e300, 16, "", "a", "A", "aa", "ab", "b", "é", "e\u0301",
    "true", "1", '"', "\\", "a\nb", "n", "z" * 128, "z" * 129, "z" * 300, "𝄞", "\uffff", "#", "!", "2026-01-01",
    "%", "_", "it's", ["a"], ["a", "b"], ["a", "a"], [], [""], ["é"], ["z" * 200],
)  # fmt: skip
BIRTHDAYS = (
    "2000-02-29", "2001-03-01", "2001-03-02", "2001-02-28", "1990-12-31", "2026-03-01", "2030-01-01", "1900-01-01",
)  # fmt: skip


def population(seed: int, people: int = 60) -> list[Somebody]:
    """Draw people, with the values and times that comparisons go wrong at."""
    rng = random.Random(f"population {seed}")
    return [_somebody(rng, f"person {seed} {number}") for number in range(people)]


def _somebody(rng: random.Random, user_id: str) -> Somebody:
    profile: dict[str, Any] = {name: rng.choice(VALUES) for name in TRAITS if rng.random() < 0.7}
    if rng.random() < 0.7:
        profile["birthday"] = rng.choice(BIRTHDAYS)
    if rng.random() < 0.6:
        profile["gender"] = rng.choice(("male", "female", "other", "pnts"))
    if rng.random() < 0.4:
        profile["email"] = rng.choice(("a@example.com", "b@example.com"))
    deeds = []
    for _ in range(rng.choice((0, 0, 1, 2, 5))):
        source = rng.choice(("activity", "activity", "activity", "bookmarks", "redemptions"))
        about = rng.choice(tuple(CATEGORIES)) if source == "activity" else rng.choice(("offer-1", "offer-2"))
        days = rng.choice((0, 1, 2, 6, 7, 8, 30, 47, 48, 60, 400))
        deeds.append(
            Deed(
                source,
                rng.choice(ACTIVITIES) if source == "activity" else None,
                None if rng.random() < 0.2 and source == "activity" else about,
                NOW_MS - days * interests.DAY_MS + rng.choice((0, 1, -1) if days else (0, -1)),
            )
        )
    return Somebody(user_id, rng.choice(("identified", "verified")), profile, tuple(deeds))


def put(connection: Connection, property_id: str, people: Iterable[Somebody]) -> None:
    """Make a property with these people and what they did; offers and shops are about `CATEGORIES`."""
    connection.execute(
        insert(tables.properties).values(
            id=property_id, name=property_id, created_at=0, tombstone_secret="00" * 32, settings={}
        )
    )
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("users", "profile_values", "profile_members")}
    rows |= {name: [] for name in ("activity", "bookmarks", "redemptions")}
    for person in people:
        hashed = user_hash(person.user_id)
        mine = {"property_id": property_id, "user_hash": hashed, "user_id": person.user_id}
        rows["users"].append({**mine, "state": person.state, "first_seen_at": 0, "last_seen_at": NOW_MS})
        origin = {"device_id": "d", "session_id": "s", "entry_id": "e", "occurred_at": 0}
        for attribute, value in person.profile.items():
            text = canonical.encode(value)
            columns = {"value": text, "verified": True, **comparable.columns_of(text)._asdict()}
            rows["profile_values"].append({**mine, "attribute": attribute, **columns, **origin})
            for member in comparable.members_of(text):
                key = {"property_id": property_id, "user_hash": hashed}
                rows["profile_members"].append({**key, "attribute": attribute, "member": member})
        for number, deed in enumerate(person.deeds):
            _put_deed(rows, mine, deed, number)
    for name, found in rows.items():
        if found:
            connection.execute(insert(tables.metadata.tables[name]), found)
    connection.execute(
        insert(content_categories),
        [
            {
                "property_id": property_id,
                "kind": "offers" if content_id.startswith("offer") else "businesses",
                "content_id": content_id,
                "category": category,
            }
            for content_id, named in CATEGORIES.items()
            for category in named
        ],
    )


def _put_deed(rows: dict[str, list[dict[str, Any]]], mine: dict[str, Any], deed: Deed, number: int) -> None:
    row = {**mine, "entry_id": f"{mine['user_id']} {number}", "session_id": "s", "occurred_at": deed.at_ms}
    is_offer = (deed.about or "").startswith("offer")
    match deed.source:
        case "activity":
            named = {"offer_id": deed.about if is_offer else None, "business_id": None if is_offer else deed.about}
            row |= {"device_id": "d", "seq": number, "name": deed.name, "properties": json.dumps(named), **named}
        case "bookmarks":
            if any(each["user_id"] == mine["user_id"] and each["offer_id"] == deed.about for each in rows["bookmarks"]):
                return
            row |= {"device_id": "d", "offer_id": deed.about, "location_ids": "[]", "saved": True}
        case "redemptions":
            row |= {"offer_id": deed.about, "number": len(rows["redemptions"]), "location_id": "l"}
            row |= {"business_id": "b", "from_state": "default", "to_state": "redeemed"}
    rows[deed.source].append(row)


# The rule language, in Python.

COMPARE: Mapping[str, Any] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def kind(value: object) -> type:
    """Of numbers all one; true is no number."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def compare(op: str, mine: Any, value: Any) -> bool:
    """Compare what a person has with what a rule says."""
    if op == "in":
        return any(compare("==", mine, item) for item in value)
    if op == "between":
        return compare(">=", mine, value[0]) and compare("<=", mine, value[1])
    if op == "contains":
        return isinstance(mine, list | str) and value in mine
    return COMPARE[op](mine, value) if kind(mine) is kind(value) else op == "!="


def holds(rule: Mapping[str, Any], person: Somebody) -> bool:
    """Whether a rule holds for a person: the meaning of the rule language."""
    match rule:
        case {"all": rules}:
            return all(holds(each, person) for each in rules)
        case {"any": rules}:
            return any(holds(each, person) for each in rules)
        case {"not": inner}:
            return not holds(inner, person)
        case {"state": state}:
            return person.state == state
        case {"activity": name}:
            since = NOW_MS - rule["within_days"] * interests.DAY_MS if "within_days" in rule else 0
            times = sum(deed.name == name and since < deed.at_ms <= NOW_MS for deed in person.deeds)
            return COMPARE[rule.get("op", ">=")](times, rule.get("count", 1))
        case {"interest": category}:
            scores = points(person)
            return COMPARE[rule.get("op", ">=")](float(scores[category]), rule["score"] * (float(scores.total()) or 1))
    name = rule.get("trait") or rule["attribute"]
    mine = age(person.profile.get("birthday")) if name == "age" else person.profile.get(name)
    if rule["op"] == "exists":
        return (mine is not None) == rule.get("value", True)
    return mine is not None and compare(rule["op"], mine, rule["value"])


def age(birthday: str | None) -> int | None:
    """In whole years."""
    born, today = date.fromisoformat(birthday) if birthday else None, NOW.date()
    return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def points(person: Somebody) -> Counter[str]:
    """By category."""
    found: Counter[str] = Counter()
    saved: set[str | None] = set()
    for deed in person.deeds:
        days = timedelta(milliseconds=NOW_MS - deed.at_ms) // timedelta(days=1)
        if deed.source == "bookmarks" and deed.about in saved:
            continue  # one saves an offer once
        saved.add(deed.about if deed.source == "bookmarks" else None)
        if not deed.at_ms <= NOW_MS or days >= 12 * HALF_LIFE_DAYS:
            continue
        for category in CATEGORIES.get(deed.about or "", ()):
            weight = {"activity": 1, "bookmarks": 3, "redemptions": 5}[deed.source]
            found[category] += weight * round(1_000_000 * 0.5 ** (days / HALF_LIFE_DAYS))
    return found
