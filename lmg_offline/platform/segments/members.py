"""Who is in a segment: counted, listed, and one person with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.segments.conditions import Scope, condition, holds, only
from lmg_offline.platform.segments.rules import Activity, Age, Group, Interest, Not, Rule, State, Value
from lmg_offline.platform.store.tables import profile_values, users

BEFORE_ALL = -(2**63)


def count(connection: Connection, rule: Rule, scope: Scope) -> int:
    """Return how many people the rule holds for."""
    query = select(func.count()).select_from(users).where(condition(rule, scope))
    return connection.execute(query).scalar_one()


def page(connection: Connection, rule: Rule, scope: Scope, after: int, limit: int) -> list[dict[str, Any]]:
    """
    Return rows of `users` in the order of their hashes.

    Args:
        after: The hash of the last person seen; `BEFORE_ALL` to begin.
    """
    query = (
        select(users.c.user_hash, users.c.user_id, users.c.state, users.c.first_seen_at, users.c.last_seen_at)
        .where(condition(rule, scope), users.c.user_hash > after)
        .order_by(users.c.user_hash)
        .limit(limit)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def everyone(connection: Connection, rule: Rule, scope: Scope, chunk: int = 10_000) -> Iterator[dict[str, Any]]:
    """Yield every member in the order of `page`, a part at a time."""
    after = BEFORE_ALL
    while rows := page(connection, rule, scope, after, chunk):
        yield from rows
        after = rows[-1]["user_hash"]


def reason(connection: Connection, rule: Rule, scope: Scope, user_id: str) -> dict[str, Any] | None:
    """
    Say whether one person is a member, and how each part of the rule comes out.

    Returns:
        `{"member", "reason"}`, or None where there is no such person. A reason
        is a tree as the rule is: `{"rule", "holds"}`, with `parts` for a group and
        `value` for a comparison with a trait that the person has.
    """
    narrow = only(scope, user_hash(user_id))
    parts: list[Rule] = []
    _flatten(rule, parts)
    query = select(*(holds(part, narrow).label(f"holds_{place}") for place, part in enumerate(parts))).where(
        users.c.property_id == scope.property_id, users.c.user_hash == narrow.user_hash, users.c.user_id == user_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    known = _values(connection, narrow)
    verdicts = iter(bool(found) for found in row)
    tree = _tree(rule, verdicts, known)
    return {"member": tree["holds"], "reason": tree}


def _flatten(rule: Rule, into: list[Rule]) -> None:
    """The rule and its parts, each before its own."""
    into.append(rule)
    for part in rule.rules if isinstance(rule, Group) else (rule.rule,) if isinstance(rule, Not) else ():
        _flatten(part, into)


def _tree(rule: Rule, verdicts: Iterator[bool], known: dict[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {"rule": say(rule), "holds": next(verdicts)}
    match rule:
        case Group():
            found["parts"] = [_tree(part, verdicts, known) for part in rule.rules]
        case Not():
            found["parts"] = [_tree(rule.rule, verdicts, known)]
        case Value():
            found["value"] = known.get(rule.name)
        case Age():
            found["value"] = known.get("birthday")
    return found


def _values(connection: Connection, scope: Scope) -> dict[str, object]:
    table = profile_values
    query = select(table.c.attribute, table.c.value).where(
        table.c.property_id == scope.property_id, table.c.user_hash == scope.user_hash
    )
    return {row.attribute: json.loads(row.value) for row in connection.execute(query)}


def say(rule: Rule) -> str:
    """Return a rule as people read it: `age between 25 and 34`."""
    match rule:
        case Group():
            return "all of" if rule.every else "any of"
        case Not():
            return "not"
        case Value() | Age():
            name = "age" if isinstance(rule, Age) else rule.name
            if rule.op == "exists":
                return f"{name} is {'' if rule.value else 'not '}known"
            if rule.op == "between" and isinstance(rule.value, tuple):
                return f"{name} between {_word(rule.value[0])} and {_word(rule.value[1])}"
            if isinstance(rule.value, tuple):
                return f"{name} in {', '.join(_word(value) for value in rule.value)}"
            return f"{name} {rule.op} {_word(rule.value)}"
        case State():
            return f"is {rule.state}"
        case Activity():
            when = "" if rule.within_days is None else f" within {rule.within_days} days"
            return f"{rule.name} {rule.op} {rule.count} times{when}"
        case Interest():
            return f"interest in {rule.category} {rule.op} {rule.score:g}"


def _word(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
