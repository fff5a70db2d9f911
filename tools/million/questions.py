"""What is asked of a million people: every report, and segments of every kind of rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.interests import Question
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import demographics
from lmg_offline.platform.reports.growth import growth
from lmg_offline.platform.segments import members, rules
from lmg_offline.platform.segments.conditions import Scope, holds

from .people import PROPERTY

HALF_LIFE_DAYS = 30
PERSON = "person-7"
SEGMENTS: dict[str, dict[str, Any]] = {
    "aged 25 to 34": {"attribute": "age", "op": "between", "value": [25, 34]},
    "wages over 30": {"trait": "wages", "op": ">", "value": 30},
    "tag-3 in tags": {"trait": "tags", "op": "contains", "value": "tag-3"},
    "any and not, nested": {
        "any": [
            {"all": [{"attribute": "gender", "op": "==", "value": "female"},
                     {"not": {"any": [{"trait": "language", "op": "==", "value": "English"},
                                      {"not": {"trait": "language", "op": "exists"}}]}}]},
            {"not": {"any": [{"state": "verified"}, {"trait": "wages", "op": "exists"}]}},
        ]
    },
    "3 views in 30 days": {"activity": "offer_viewed", "op": ">=", "count": 3, "within_days": 30},
    "interest in food": {"interest": "food", "op": ">=", "score": 0.5},
    "not 3 views, or interest": {
        "any": [{"not": {"activity": "offer_viewed", "op": ">=", "count": 3, "within_days": 30}},
                {"interest": "food", "op": ">=", "score": 0.5}]
    },
}  # fmt: skip


def questions(now_ms: int) -> Iterator[tuple[str, Callable[[Connection], Any]]]:
    """Yield each question's name, and what asks it."""
    scope = Scope(PROPERTY, now_ms, HALF_LIFE_DAYS)
    parsed = {name: rules.parse(rule) for name, rule in SEGMENTS.items()}
    everybody = Audience(PROPERTY)
    some = Audience(PROPERTY, holds(parsed["aged 25 to 34"], scope))
    question = Question(PROPERTY, now_ms, HALF_LIFE_DAYS)
    of_one = Question(PROPERTY, now_ms, HALF_LIFE_DAYS, user_hash(PERSON))
    for by in ("gender", "age_band", "trait:language", "trait:education", "trait:wages", "trait:tags"):
        yield f"report {by}", partial(demographics, audience=everybody, by=by, now_ms=now_ms)
        yield f"report {by} of a segment", partial(demographics, audience=some, by=by, now_ms=now_ms)
    zone = ZoneInfo("UTC")
    yield "report new people, 30 days", partial(growth, audience=everybody, zone=zone, days=30, now_ms=now_ms)
    yield "report interests", partial(interests.of_audience, audience=everybody, question=question)
    yield "report interests of a segment", partial(interests.of_audience, audience=some, question=question)
    yield "interests of one", partial(interests.of_person, question=of_one, explain=True)
    for name, rule in parsed.items():
        yield f"count: {name}", partial(members.count, rule=rule, scope=scope)
        yield f"100 members: {name}", partial(members.page, rule=rule, scope=scope, after=members.BEFORE_ALL, limit=100)
        yield f"is one in it: {name}", partial(members.reason, rule=rule, scope=scope, user_id=PERSON)
