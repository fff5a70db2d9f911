"""
Interests: how much of what a person does is about which category.

Everything that names content has points: an activity, an offer that is saved, an
offer that was redeemed. They halve with every half-life, by whole days, and are
gone after twelve. A category's score is its share of a person's points, from 0 to 1.
Points are whole numbers, so that every database, in whatever order, adds up the same.

Source: our choice; the real platform's interest profiles are named in public and not described.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    and_,
    case,
    column,
    func,
    literal,
    select,
    text,
    union_all,
)

from lmg_offline.platform.content.tables import content_categories
from lmg_offline.platform.store.tables import activity, bookmarks, redemptions, users

DAY_MS = 24 * 60 * 60 * 1000
DEFAULT_HALF_LIFE_DAYS = 30
LONGEST_HALF_LIFE_DAYS = 365
HALF_LIVES = 12
# Points of something done today, by the table that tells of it. Saving says more than looking, using more than saving.
ACTIVITY_POINTS = 1_000_000
BOOKMARK_POINTS = 3 * ACTIVITY_POINTS
REDEMPTION_POINTS = 5 * ACTIVITY_POINTS


@dataclass(frozen=True, slots=True)
class Question:
    """
    Of whom, and as of when.

    Attributes:
        now_ms: The instant for which it is asked, in milliseconds since 1970 UTC; what came later does not count.

        half_life_days: 1 to 365.

        user_hash: One person alone; None for everybody. A column of an enclosing
            statement's is that statement's person.
    """

    property_id: str
    now_ms: int
    half_life_days: int = DEFAULT_HALF_LIFE_DAYS
    user_hash: int | ColumnElement[int] | None = None


def factor(day: int, half_life_days: int) -> int:
    """Return how many of 1,000 points are left after so many whole days, in thousandths."""
    return round(1_000_000 * math.pow(0.5, day / half_life_days))


def points(question: Question) -> CompoundSelect[Any]:
    """
    Select everything that has points: `user_hash`, `category`, `points`, and where they are from.

    `source` is the table, `source_id` the entry, `name` of an activity, and
    `content_kind` and `content_id` what it was about, at `occurred_at`.
    """
    decay = _decay(question.half_life_days)
    arms = [
        _arm(
            question,
            decay,
            activity,
            case((activity.c.offer_id.is_(None), "businesses"), else_="offers"),
            func.coalesce(activity.c.offer_id, activity.c.business_id),
            1,
            name=activity.c.name,
        ),
        _arm(
            question,
            decay,
            bookmarks,
            "offers",
            bookmarks.c.offer_id,
            BOOKMARK_POINTS // ACTIVITY_POINTS,
            bookmarks.c.saved,
        ),
        _arm(
            question,
            decay,
            redemptions,
            "offers",
            redemptions.c.offer_id,
            REDEMPTION_POINTS // ACTIVITY_POINTS,
            redemptions.c.to_state == "redeemed",
        ),
    ]
    return union_all(*arms)


@lru_cache(maxsize=16)
def _decay(half_life_days: int) -> CTE:
    """Return the factors as a table; the same one for every part of a statement."""
    rows = ", ".join(f"({day}, {factor(day, half_life_days)})" for day in range(half_life_days * HALF_LIVES))
    # As text: SQLAlchemy's VALUES is compiled anew for each statement, 40 ms for 360 rows. Both databases name
    # the columns of VALUES so.
    query = text(f"SELECT column1 AS day, column2 AS points_left FROM (VALUES {rows}) AS days")
    return query.columns(column("day", Integer), column("points_left", BigInteger)).cte("decay")


def _arm(
    question: Question, decay: Any, table: Any, kind: Any, content_id: Any, weight: int, *which: Any, name: Any = None
) -> Any:
    since = question.now_ms - question.half_life_days * HALF_LIVES * DAY_MS
    conditions = [
        table.c.property_id == question.property_id,
        table.c.user_hash.is_not(None)
        if question.user_hash is None
        else table.c.user_hash == question.user_hash,
        table.c.occurred_at <= question.now_ms,
        table.c.occurred_at > since,
        *which,
    ]
    about = content_categories
    age_days = (literal(question.now_ms, BigInteger) - table.c.occurred_at) // literal(DAY_MS, BigInteger)
    return (
        select(
            table.c.user_hash,
            about.c.category,
            (decay.c.points_left * weight).label("points"),
            literal(table.name).label("source"),
            table.c.entry_id.label("source_id"),
            (literal(None) if name is None else name).label("name"),
            about.c.kind.label("content_kind"),
            about.c.content_id,
            table.c.occurred_at,
        )
        .join(
            about,
            and_(
                about.c.property_id == table.c.property_id, about.c.kind == kind, about.c.content_id == content_id
            ),
        )
        .join(decay, decay.c.day == age_days)
        .where(*conditions)
        .correlate(users)
    )
