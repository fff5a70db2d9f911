"""
A rule as one condition of SQL over `users`.

Where a comparison must hold for every member, it is `user_hash IN (SELECT ...)` over
an index that begins with the property: a database can begin with those few. Under
`any` and `not` it is correlated, and looked up by the person's key: PostgreSQL would
go through all of a long `IN` for each person there. So no rule takes longer than
linearly in the people, whatever a planner expects; `dev.py million` shows each.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)
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
    return and_(_mine(scope), holds(rule, scope))


def _mine(scope: Scope) -> Condition:
    mine = users.c.property_id == scope.property_id
    return mine if scope.user_hash is None else and_(mine, users.c.user_hash == scope.user_hash)


def holds(rule: Rule, scope: Scope, *, narrows: bool = True) -> Condition:
    """
    Return the rule alone, for people of the scope's property.

    Args:
        narrows: Nobody is found for whom it is false: it stands under AND alone.
    """
    match rule:
        case Group() if rule.every:
            return and_(*(holds(part, scope, narrows=narrows) for part in rule.rules))
        case Group():
            return or_(*(holds(part, scope, narrows=False) for part in rule.rules))
        case Not():
            return not_(holds(rule.rule, scope, narrows=False))
        case Value():
            return _value(rule, scope, narrows)
        case Age():
            return _age(rule, scope, narrows)
        case State():
            return users.c.state == rule.state
        case Activity():
            return _activity(rule, scope, narrows)
        case Interest():
            return _interest(rule, scope, narrows)


def _among(scope: Scope, narrows: bool, *places: tuple[FromClause, Condition]) -> Condition:
    """Return whether the person is in one of the tables, in a row of which the condition is true."""
    if narrows:
        queries = [_rows(table, scope, is_met) for table, is_met in places]
        return users.c.user_hash.in_(queries[0] if len(queries) == 1 else union_all(*queries))
    return or_(
        *(
            select(1)
            .where(table.c.property_id == scope.property_id, table.c.user_hash == users.c.user_hash, is_met)
            .correlate(users)
            .exists()
            for table, is_met in places
        )
    )


def _rows(table: FromClause, scope: Scope, *which: Condition) -> Select[int]:
    """Select the hashes in the rows of a table of which all of it is true."""
    query = select(table.c.user_hash).where(table.c.property_id == scope.property_id, *which)
    return query if scope.user_hash is None else query.where(table.c.user_hash == scope.user_hash)


def _value(rule: Value, scope: Scope, narrows: bool) -> Condition:
    table = profile_values
    named = table.c.attribute == rule.name
    if rule.op == "exists":
        return _known(named, scope, narrows, wanted=bool(rule.value))
    if rule.op == "contains":
        member = and_(profile_members.c.attribute == rule.name, profile_members.c.member == rule.value)
        is_text = and_(table.c.word >= QUOTE, table.c.word < _ABOVE_TEXTS)
        inside = occurs_in(table.c.value, cast(rule.value, Text))
        return _among(scope, narrows, (profile_members, member), (table, and_(named, is_text, inside)))
    return _among(scope, narrows, (table, and_(named, _compared(rule.op, rule.value))))


def _known(named: Condition, scope: Scope, narrows: bool, *, wanted: bool) -> Condition:
    """Return whether the person has the value at all, or has not."""
    if wanted:
        return _among(scope, narrows, (profile_values, named))
    return not_(_among(scope, False, (profile_values, named)))


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


def _age(rule: Age, scope: Scope, narrows: bool) -> Condition:
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
        return _known(born, scope, narrows, wanted=rule.value)
    if isinstance(rule.value, int):
        is_met = compared(rule.op, rule.value)
    elif rule.op == "between":
        is_met = and_(compared(">=", rule.value[0]), compared("<=", rule.value[1]))
    else:
        is_met = _aged(today, set(rule.value))
    return _among(scope, narrows, (profile_values, and_(born, is_met)))


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


def _activity(rule: Activity, scope: Scope, narrows: bool) -> Condition:
    table = activity
    which = [table.c.name == rule.name, table.c.user_hash.is_not(None), table.c.occurred_at <= scope.now_ms]
    if rule.within_days is not None:
        which.append(table.c.occurred_at > scope.now_ms - rule.within_days * DAY_MS)
    met: Condition = _COMPARE[rule.op](func.count(), rule.count)
    if narrows and not _COMPARE[rule.op](0, rule.count):  # nobody who never did it
        return users.c.user_hash.in_(_rows(table, scope, *which).group_by(table.c.user_hash).having(met))
    theirs = and_(table.c.property_id == scope.property_id, table.c.user_hash == users.c.user_hash)
    often: Condition = select(met).where(theirs, *which).correlate(users).scalar_subquery()
    return often


def _interest(rule: Interest, scope: Scope, narrows: bool) -> Condition:
    category = scope.slugs.get(rule.category, rule.category)
    question = interests.Question(scope.property_id, scope.now_ms, scope.half_life_days, scope.user_hash)

    def shares(found: FromClause) -> Condition:
        own = cast(func.sum(case((found.c.category == category, found.c.points), else_=0)), Float(53))
        met: Condition = _COMPARE[rule.op](own, rule.score * cast(func.sum(found.c.points), Float(53)))
        return met

    holds_for_none = _COMPARE[rule.op](0.0, rule.score)
    if narrows and not holds_for_none:
        found = interests.points(question).subquery()
        return users.c.user_hash.in_(select(found.c.user_hash).group_by(found.c.user_hash).having(shares(found)))
    found = interests.points(replace(question, user_hash=users.c.user_hash)).subquery()
    share = select(shares(found)).correlate(users).scalar_subquery()
    known: Condition = func.coalesce(share, true() if holds_for_none else false())
    return known


def only(scope: Scope, user_hash: int) -> Scope:
    """Return the scope narrowed to one person."""
    return replace(scope, user_hash=user_hash)
