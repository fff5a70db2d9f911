"""
A rule as one condition of SQL over `users`.

Each comparison is `user_hash IN (SELECT ...)` over an index that begins with the
property, so that a database works in sets. Nothing in a subselect is null, so
that `NOT IN` is the complement.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, FromClause, Text, and_, case, cast, func, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from lmg_offline.platform import interests
from lmg_offline.platform.comparable import QUOTE, word_of
from lmg_offline.platform.segments.rules import Activity, Age, Group, Interest, Not, Rule, Scalar, State, Value
from lmg_offline.platform.store.tables import activity, profile_members, profile_values, users

Condition = ColumnElement[bool]

DAY_MS = interests.DAY_MS
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# The next character after the quote that texts begin with: above every text, below true and false.
_ABOVE_TEXTS = chr(ord(QUOTE) + 1)


@dataclass(frozen=True, slots=True)
class Scope:
    """
    Where and when a rule is asked.

    Attributes:
        now_ms: The instant of the question, in milliseconds since 1970 UTC.

        slugs: The slug of each category, by its id and its slug.

        user_hash: One person alone is asked of; None for everybody.
    """

    property_id: str
    now_ms: int
    half_life_days: int = interests.DEFAULT_HALF_LIFE_DAYS
    slugs: Mapping[str, str] = field(default_factory=dict)
    user_hash: int | None = None


class occurs_in(FunctionElement[bool]):
    """`occurs_in(json, text)`: whether the text that `json` is holds the other one."""

    inherit_cache = True


@compiles(occurs_in, "sqlite")
def _occurs_in_sqlite(element: Any, compiler: Any, **how: Any) -> str:
    json, text = (compiler.process(clause, **how) for clause in element.clauses)
    return f"instr(json_extract({json}, '$'), {text}) > 0"


@compiles(occurs_in, "postgresql")
def _occurs_in_postgresql(element: Any, compiler: Any, **how: Any) -> str:
    json, text = (compiler.process(clause, **how) for clause in element.clauses)
    return f"strpos(CAST({json} AS json) #>> '{{}}', {text}) > 0"


def condition(rule: Rule, scope: Scope) -> Condition:
    """Return whom of `users` the rule holds for, and nobody of another property."""
    mine: list[Condition] = [users.c.property_id == scope.property_id]
    if scope.user_hash is not None:
        mine.append(users.c.user_hash == scope.user_hash)
    return and_(*mine, holds(rule, scope))


def holds(rule: Rule, scope: Scope) -> Condition:
    """Return the rule alone, for people of the scope's property."""
    match rule:
        case Group():
            parts = [holds(part, scope) for part in rule.rules]
            return and_(*parts) if rule.every else or_(*parts)
        case Not():
            return not_(holds(rule.rule, scope))
        case Value():
            return _value(rule, scope)
        case Age():
            return _age(rule, scope)
        case State():
            return users.c.state == rule.state
        case Activity():
            return _activity(rule, scope)
        case Interest():
            return _interest(rule, scope)


def _among(table: FromClause, scope: Scope, *which: Condition) -> Condition:
    """The person is in a table, in a row of which all of it is true."""
    query = select(table.c.user_hash).where(table.c.property_id == scope.property_id, *which)
    if scope.user_hash is not None:
        query = query.where(table.c.user_hash == scope.user_hash)
    return users.c.user_hash.in_(query)


def _value(rule: Value, scope: Scope) -> Condition:
    table = profile_values
    named = table.c.attribute == rule.name
    if rule.op == "exists":
        found = _among(table, scope, named)
        return found if rule.value else not_(found)
    if rule.op == "contains":
        member = and_(profile_members.c.attribute == rule.name, profile_members.c.member == rule.value)
        is_text = and_(table.c.word >= QUOTE, table.c.word < _ABOVE_TEXTS)
        inside = occurs_in(table.c.value, cast(rule.value, Text))
        return or_(_among(profile_members, scope, member), _among(table, scope, named, is_text, inside))
    return _among(table, scope, named, _compared(rule.op, rule.value))


def _compared(op: str, value: Scalar | tuple[Scalar, ...]) -> Condition:
    """Return the comparison as one of a row of `profile_values`; it is never null where it must be true."""
    if op == "between" and isinstance(value, tuple):
        return and_(_compared(">=", value[0]), _compared("<=", value[1]))
    if op == "in" and isinstance(value, tuple):
        words = [word_of(item) for item in value if isinstance(item, bool | str)]
        numbers = [float(item) for item in value if not isinstance(item, bool | str)]
        return or_(profile_values.c.word.in_(words), profile_values.c.number.in_(numbers))
    if isinstance(value, tuple):
        raise TypeError(f"{op} takes one value")
    if isinstance(value, bool | str):
        column: Any = profile_values.c.word
        found = _COMPARE[op](column, word_of(value))
        if op in (">", ">="):
            return and_(found, column < _ABOVE_TEXTS)
        if op in ("<", "<="):
            return and_(found, column >= QUOTE)
    else:
        column = profile_values.c.number
        found = _COMPARE[op](column, float(value))
    return or_(column.is_(None), found) if op == "!=" else found


def _age(rule: Age, scope: Scope) -> Condition:
    today = datetime.fromtimestamp(scope.now_ms / 1000, UTC).date()
    word = profile_values.c.word

    def at_least(years: int) -> Condition:
        return word <= QUOTE + _born_by(today, years)

    def compared(op: str, years: int) -> Condition:
        match op:
            case ">=":
                return at_least(years)
            case ">":
                return at_least(years + 1)
            case "<":
                return not_(at_least(years))
            case "<=":
                return not_(at_least(years + 1))
            case "==":
                return and_(at_least(years), not_(at_least(years + 1)))
        return or_(not_(at_least(years)), at_least(years + 1))

    born = profile_values.c.attribute == "birthday"
    if isinstance(rule.value, bool):
        found = _among(profile_values, scope, born)
        return found if rule.value else not_(found)
    if isinstance(rule.value, int):
        return _among(profile_values, scope, born, compared(rule.op, rule.value))
    if rule.op == "between":
        return _among(profile_values, scope, born, compared(">=", rule.value[0]), compared("<=", rule.value[1]))
    return _among(profile_values, scope, born, _aged(today, set(rule.value)))


def _aged(today: date, ages: set[int]) -> Condition:
    """Return whether the age is one of many: by the year of birth, whoever had their birthday this year and who not."""
    year, day = func.substr(profile_values.c.word, 2, 4), func.substr(profile_values.c.word, 7, 5)
    turned = day <= f"{today.month:02d}-{today.day:02d}"
    this_year = [f"{today.year - age:04d}" for age in sorted(ages)]
    last_year = [f"{today.year - age - 1:04d}" for age in sorted(ages)]
    return or_(and_(turned, year.in_(this_year)), and_(not_(turned), year.in_(last_year)))


def _born_by(today: date, years: int) -> str:
    """
    Return the last birthday of those who are at least so old, as text that need not be a date.

    Who was born on 29 February becomes a year older on 1 March of other years.
    """
    return f"{today.year - years:04d}-{today.month:02d}-{today.day:02d}"


def _activity(rule: Activity, scope: Scope) -> Condition:
    which = [activity.c.name == rule.name, activity.c.user_hash.is_not(None), activity.c.occurred_at <= scope.now_ms]
    if rule.within_days is not None:
        which.append(activity.c.occurred_at > scope.now_ms - rule.within_days * DAY_MS)
    compare = _COMPARE[rule.op]

    def often(is_met: Callable[[Any], Condition]) -> Condition:
        query = select(activity.c.user_hash).where(activity.c.property_id == scope.property_id, *which)
        if scope.user_hash is not None:
            query = query.where(activity.c.user_hash == scope.user_hash)
        return users.c.user_hash.in_(query.group_by(activity.c.user_hash).having(is_met(func.count())))

    if compare(0, rule.count):  # so it holds for those who never did it, too
        return not_(often(lambda count: not_(compare(count, rule.count))))
    return often(lambda count: compare(count, rule.count))


def _interest(rule: Interest, scope: Scope) -> Condition:
    question = interests.Question(scope.property_id, scope.now_ms, scope.half_life_days, scope.user_hash)
    found = interests.points(question).subquery()
    category = scope.slugs.get(rule.category, rule.category)
    own = cast(func.sum(case((found.c.category == category, found.c.points), else_=0)), Float(53))
    whole = cast(func.sum(found.c.points), Float(53))
    compare = _COMPARE[rule.op]

    def share(is_met: Condition) -> Condition:
        return users.c.user_hash.in_(select(found.c.user_hash).group_by(found.c.user_hash).having(is_met))

    met = compare(own, rule.score * whole)
    if compare(0.0, rule.score):  # so it holds for those with no interests, too
        return not_(share(not_(met)))
    return share(met)


def only(scope: Scope, user_hash: int) -> Scope:
    """Return the scope narrowed to one person."""
    return replace(scope, user_hash=user_hash)
