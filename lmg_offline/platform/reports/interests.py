"""What people are interested in: one person's shares with their reasons, or a segment's mean."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, literal, null, select, union_all

from lmg_offline.platform.interests import Question, points
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.store.tables import users
from lmg_offline.platform.times import iso

Report = dict[str, Any]
MILLION = 1_000_000


def of_person(connection: Connection, question: Question, *, explain: bool) -> Report:
    """
    Return one person's interests, the greatest first.

    Args:
        question: Of one person.

        explain: With what gave each category its points, the newest first.

    Returns:
        `{"rows": [{"category", "score"}]}`; scores are shares that add up to 1. With
        `explain` a row has `points` and `sources`, each `{"source", "id", "name",
        "content_kind", "content_id", "occurred_at", "points"}`; points are in
        millionths of something done today.
    """
    found = points(question).subquery()
    query = select(found.c.category, func.sum(found.c.points)).group_by(found.c.category)
    by_category = {category: int(count) for category, count in connection.execute(query)}
    whole = sum(by_category.values())
    rows: list[Report] = [
        {"category": category, "score": round(count / whole, 6)}
        for category, count in sorted(by_category.items(), key=lambda item: (-item[1], item[0]))
    ]
    if explain:
        sources = _sources(connection, question)
        for row in rows:
            row |= {"points": by_category[row["category"]], "sources": sources[row["category"]]}
    return {"rows": rows}


def _sources(connection: Connection, question: Question) -> dict[str, list[Report]]:
    found = points(question).subquery()
    query = select(found).order_by(found.c.occurred_at.desc(), found.c.source_id)
    sources: dict[str, list[Report]] = {}
    for row in connection.execute(query).mappings():
        sources.setdefault(row["category"], []).append(
            {
                "source": row["source"],
                "id": row["source_id"],
                "name": row["name"],
                "content_kind": row["content_kind"],
                "content_id": row["content_id"],
                "occurred_at": iso(row["occurred_at"]),
                "points": row["points"],
            }
        )
    return sources


def of_audience(connection: Connection, audience: Audience, question: Question) -> Report:
    """
    Return the mean of the scores of all who have any interest, the greatest first.

    Returns:
        `{"rows": [{"category", "score", "people"}], "people"}`: how many have an
        interest in the category, and in anything. Scores add up to 1.
    """
    found = points(question).subquery()
    of_each = (
        select(
            found.c.user_hash,
            found.c.category,
            func.sum(found.c.points).label("own"),
            func.sum(func.sum(found.c.points)).over(partition_by=found.c.user_hash).label("whole"),
        )
        .join(users, (users.c.property_id == question.property_id) & (users.c.user_hash == found.c.user_hash))
        .where(audience.people())
        .group_by(found.c.user_hash, found.c.category)
        .cte("of_each")
    )
    # In whole millionths, so that the sum is the same whatever the order.
    share = cast(of_each.c.own, BigInteger) * literal(MILLION, BigInteger) // cast(of_each.c.whole, BigInteger)
    # The number of people comes as a row of no category: so everything is added up once.
    everybody = select(null(), literal(0), func.count(func.distinct(of_each.c.user_hash)))
    query = union_all(
        select(of_each.c.category, func.sum(share), func.count()).group_by(of_each.c.category), everybody
    )
    rows = list(connection.execute(query))
    people = next(row[2] for row in rows if row[0] is None)
    rows = [row for row in rows if row[0] is not None]
    whole = sum(int(total) for _, total, _ in rows)
    return {
        "rows": [
            {"category": category, "score": round(int(total) / whole, 6), "people": count}
            for category, total, count in sorted(rows, key=lambda row: (-row[1], row[0]))
        ],
        "people": people,
    }
