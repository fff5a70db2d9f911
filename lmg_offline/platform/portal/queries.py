"""What the portal counts and lists beside what the Admin API does: by sets, in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, func, literal_column, select, tuple_

from lmg_offline.platform import interests
from lmg_offline.platform.content.tables import content_categories
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.store.tables import activity, devices, entries, platform_log, profile_values, sessions, users
from lmg_offline.protocol.profile import STANDARD

Row = dict[str, Any]

# Told apart by page, and not counted on: more than that nobody chooses from.
MOST_NAMES = 200
# Written out, so that the index of what was refused is known to hold them.
_REFUSED = entries.c.status == literal_column("'refused'")


def states(connection: Connection, property_id: str) -> dict[str, int]:
    """Return how many users are `verified` and `identified`, and how many sessions `anonymous`."""
    by_state = select(users.c.state, func.count()).where(users.c.property_id == property_id).group_by(users.c.state)
    found = {"verified": 0, "identified": 0} | {row[0]: row[1] for row in connection.execute(by_state)}
    nobody = (
        select(func.count())
        .select_from(sessions)
        .where(sessions.c.property_id == property_id, sessions.c.user_hash.is_(None))
    )
    return {**found, "anonymous": connection.execute(nobody).scalar_one()}


def new_per_day(connection: Connection, property_id: str, now_ms: int, days: int) -> list[tuple[date, int]]:
    """Return how many users were first seen on each of the last days, in UTC, today the last."""
    return _per_day(connection, users, users.c.first_seen_at, property_id, now_ms, days)


def activity_per_day(connection: Connection, property_id: str, now_ms: int, days: int) -> list[tuple[date, int]]:
    """Return how many activities were on each of the last days, in UTC, today the last."""
    return _per_day(connection, activity, activity.c.occurred_at, property_id, now_ms, days)


def _per_day(
    connection: Connection, table: Table, at: Column[int], property_id: str, now_ms: int, days: int
) -> list[tuple[date, int]]:
    today = now_ms // interests.DAY_MS
    first = today - days + 1
    number = (at // interests.DAY_MS).label("day")
    query = (
        select(number, func.count())
        .where(table.c.property_id == property_id, at >= first * interests.DAY_MS)
        .group_by(number)
    )
    found = {int(row[0]): row[1] for row in connection.execute(query)}
    start = datetime.fromtimestamp(0, UTC).date()
    return [(start + timedelta(days=place), found.get(place, 0)) for place in range(first, today + 1)]


def device_page(connection: Connection, property_id: str, after: tuple[int, str], limit: int) -> list[Row]:
    """
    Return devices, the longest silent first, after one place (`last_seen_at`, `device_id`) in that order.

    Each with `sessions`, how many it has opened, and `newest_at`, when the newest
    entry was made that is applied; None where there is none.
    """
    chosen = (
        select(devices)
        .where(
            devices.c.property_id == property_id,
            tuple_(devices.c.last_seen_at, devices.c.device_id) > after,
        )
        .order_by(devices.c.last_seen_at, devices.c.device_id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(
            chosen.c.device_id,
            chosen.c.first_seen_at,
            chosen.c.last_seen_at,
            chosen.c.clock_offset_s,
            chosen.c.sdk,
            func.count(sessions.c.session_id).label("sessions"),
            func.max(sessions.c.last_entry_at).label("newest_at"),
        )
        .outerjoin(
            sessions,
            and_(sessions.c.property_id == chosen.c.property_id, sessions.c.device_id == chosen.c.device_id),
        )
        .group_by(
            chosen.c.device_id, chosen.c.first_seen_at, chosen.c.last_seen_at, chosen.c.clock_offset_s, chosen.c.sdk
        )
        .order_by(chosen.c.last_seen_at, chosen.c.device_id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count_devices(connection: Connection, property_id: str) -> int:
    """Return how many devices there are."""
    query = select(func.count()).select_from(devices).where(devices.c.property_id == property_id)
    return connection.execute(query).scalar_one()


def user_page(connection: Connection, property_id: str, after_hash: int, limit: int) -> list[Row]:
    """Return users in the order of their hashes, after one."""
    query = (
        select(users)
        .where(users.c.property_id == property_id, users.c.user_hash > after_hash)
        .order_by(users.c.user_hash)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def provenance(connection: Connection, property_id: str, user_id: str) -> list[Row]:
    """Return each effective value of a person with where it came from, standard traits first."""
    table = profile_values
    query = select(table).where(table.c.property_id == property_id, table.c.user_hash == user_hash(user_id))
    rows = [{**row, "value": json.loads(row["value"])} for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda row: (row["attribute"] not in STANDARD, row["attribute"]))


def trait_names(connection: Connection, property_id: str) -> list[str]:
    """Return the names of the custom traits that somebody has, in order."""
    found = _distinct(connection, profile_values, profile_values.c.attribute, property_id)
    return [name for name in found if name not in STANDARD]


def activity_names(connection: Connection, property_id: str) -> list[str]:
    """Return the names of the activities there have been, in order."""
    return _distinct(connection, activity, activity.c.name, property_id)


def category_names(connection: Connection, property_id: str) -> list[str]:
    """Return the categories that content is about, in order."""
    query = (
        select(content_categories.c.category)
        .where(content_categories.c.property_id == property_id)
        .distinct()
        .order_by(content_categories.c.category)
        .limit(MOST_NAMES)
    )
    return list(connection.execute(query).scalars())


def _distinct(connection: Connection, table: Table, column: Column[str], property_id: str) -> list[str]:
    """
    Return the different values of a column whose index leads with the property.

    Each is looked up as the least one beyond the one before, so that a million
    rows with five names are five look-ups. Source: wiki.postgresql.org, "Loose indexscan".
    """
    mine = table.c.property_id == property_id
    names = (
        select(func.min(column).label("name"), literal_column("1").label("place"))
        .where(mine)
        .cte("names", recursive=True)
    )
    following = select(func.min(column)).where(mine, column > names.c.name).correlate(names).scalar_subquery()
    names = names.union_all(
        select(following, names.c.place + 1).where(names.c.name.is_not(None), names.c.place < MOST_NAMES)
    )
    return list(connection.execute(select(names.c.name).where(names.c.name.is_not(None))).scalars())


def entry_page(
    connection: Connection,
    property_id: str,
    before: tuple[int, str, int],
    limit: int,
    *,
    refused_only: bool = False,
    code: str = "",
    device_id: str = "",
) -> list[Row]:
    """Return handled entries, the latest first, before one place (`applied_at`, `session_id`, `seq`) in that order."""
    conditions = [
        entries.c.property_id == property_id,
        tuple_(entries.c.applied_at, entries.c.session_id, entries.c.seq) < before,
    ]
    if refused_only or code:
        conditions.append(_REFUSED)
    if code:
        conditions.append(entries.c.code == code)
    if device_id:
        conditions.append(entries.c.device_id == device_id)
    query = (
        select(entries)
        .where(*conditions)
        .order_by(entries.c.applied_at.desc(), entries.c.session_id.desc(), entries.c.seq.desc())
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def refusals(connection: Connection, property_id: str) -> list[tuple[str, int]]:
    """Return how many entries were refused by code, the most first."""
    count = func.count()
    query = (
        select(entries.c.code, count)
        .where(entries.c.property_id == property_id, _REFUSED)
        .group_by(entries.c.code)
        .order_by(count.desc(), entries.c.code)
    )
    return [(row[0] or "", row[1]) for row in connection.execute(query)]


def log_page(
    connection: Connection, property_id: str, before: tuple[int, str], limit: int, events: Sequence[str] = ()
) -> list[Row]:
    """Return the platform's log, the latest first, before one place (`at`, `id`) in that order."""
    table = platform_log
    query = select(table).where(table.c.property_id == property_id, tuple_(table.c.at, table.c.id) < before)
    if events:
        query = query.where(table.c.event.in_(events))
    query = query.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
