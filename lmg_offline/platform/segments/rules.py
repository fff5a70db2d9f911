"""
The rule language of segments, as values; and reading a rule from JSON.

A comparison with a value that a person does not have is false, whatever the
comparison, `!=` too; `not` around it is true. So is one with a value of another
type: only numbers are less than numbers, and text than text, by code point.
Numbers are equal by value (1 and 1.0), true is not 1.

Source: design of this project; the real platform's rule syntax is not public.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lmg_offline.errors import ValidationError
from lmg_offline.platform.comparable import LONGEST_TEXT
from lmg_offline.protocol import canonical
from lmg_offline.protocol.profile import STANDARD

Scalar = bool | int | float | str

ATTRIBUTES = (*STANDARD, "age")
STATES = ("identified", "verified")
ORDER_OPS = ("<", "<=", ">", ">=")
COUNT_OPS = ("==", "!=", *ORDER_OPS)
OPS = (*COUNT_OPS, "in", "between", "contains", "exists")
MAX_DEPTH = 8
MAX_LEAVES = 100
MAX_LIST = 1000
# Of all lists together. Where each part is asked for by itself a value is sent up to eight times, and SQLite takes
# 32,766 in a statement.
MAX_VALUES = 3000
MAX_NAME = 128
MAX_AGE = 200
MAX_DAYS = 36_500
MAX_COUNT = 1_000_000


@dataclass(frozen=True, slots=True)
class Group:
    """
    Several rules.

    Attributes:
        every: All of them must hold; else one of them.
    """

    every: bool
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Who the rule does not hold for."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Value:
    """
    A comparison with a standard trait or a custom one.

    Attributes:
        name: What the platform calls it; never `age`.

        value: For `in` and `between` a tuple; for `exists` whether there is one.
    """

    name: str
    op: str
    value: Scalar | tuple[Scalar, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Age:
    """A comparison with the age in whole years on the day of the question, in UTC."""

    op: str
    value: int | bool | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class State:
    """Identified, or verified."""

    state: str


@dataclass(frozen=True, slots=True)
class Activity:
    """How often a person did something, of late or ever."""

    name: str
    op: str
    count: int
    within_days: int | None


@dataclass(frozen=True, slots=True)
class Interest:
    """Which share of a person's interest a category has, from 0 to 1."""

    category: str
    op: str
    score: float


Rule = Group | Not | Value | Age | State | Activity | Interest


def parse(document: object) -> Rule:
    """
    Read a rule.

    Raises:
        ValidationError: Its `errors` name the path to each wrong part: `rule.all.0.op`.
    """
    reader = _Reader()
    rule = reader.rule(document, "rule", 1)
    if reader.leaves > MAX_LEAVES:
        reader.fault("rule", f"Has more than {MAX_LEAVES} comparisons.")
    if reader.values > MAX_VALUES:
        reader.fault("rule", f"Has more than {MAX_VALUES:,} values in its lists.")
    if reader.errors or rule is None:
        raise ValidationError(reader.errors)
    return rule


class _Reader:
    """Reads one document, and collects what is wrong with it."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}
        self.leaves = 0
        self.values = 0

    def fault(self, path: str, sentence: str) -> None:
        self.errors.setdefault(path, []).append(sentence)

    def rule(self, document: object, path: str, depth: int) -> Rule | None:
        if not isinstance(document, Mapping) or not all(isinstance(name, str) for name in document):
            self.fault(path, "Must be an object.")
            return None
        if depth > MAX_DEPTH:
            self.fault(path, f"Is nested more than {MAX_DEPTH} deep.")
            return None
        forms = [name for name in _FORMS if name in document]
        if len(forms) != 1:
            self.fault(path, f"Must have exactly one of: {', '.join(_FORMS)}.")
            return None
        form = forms[0]
        for name in document.keys() - _FORMS[form]:
            self.fault(f"{path}.{name}" if canonical.text_fault(name) is None else path, f"Does not belong to {form}.")
        match form:
            case "all" | "any":
                return self._group(document[form], f"{path}.{form}", form == "all", depth)
            case "not":
                inner = self.rule(document["not"], f"{path}.not", depth + 1)
                return None if inner is None else Not(inner)
        self.leaves += 1
        match form:
            case "trait":
                return self._trait(document, path)
            case "attribute":
                return self._attribute(document, path)
            case "state":
                return self._state(document, path)
            case "activity":
                return self._activity(document, path)
        return self._interest(document, path)

    def _group(self, rules: object, path: str, every: bool, depth: int) -> Group | None:
        if not isinstance(rules, list | tuple) or not rules:
            self.fault(path, "Must be a list of one rule or more.")
            return None
        if len(rules) > MAX_LEAVES:
            self.fault(path, f"Has more than {MAX_LEAVES} rules.")
            return None
        found = [self.rule(rule, f"{path}.{place}", depth + 1) for place, rule in enumerate(rules)]
        return Group(every, tuple(rule for rule in found if rule is not None))

    def _trait(self, document: Mapping[str, Any], path: str) -> Rule | None:
        name = self._name(document, "trait", path)
        if name in STANDARD:
            self.fault(f"{path}.trait", "Is a standard trait: name it as `attribute`.")
        op = self._op(document, path, OPS)
        value = self._value(document, path, op)
        return None if name is None or op is None or value is None else Value(name, op, value)

    def _attribute(self, document: Mapping[str, Any], path: str) -> Rule | None:
        name = document["attribute"]
        if not isinstance(name, str) or name not in ATTRIBUTES:
            self.fault(f"{path}.attribute", f"Must be one of: {', '.join(ATTRIBUTES)}. A custom trait is a `trait`.")
            return None
        if name != "age":
            op = self._op(document, path, OPS)
            value = self._value(document, path, op)
            return None if op is None or value is None else Value(name, op, value)
        op = self._op(document, path, tuple(op for op in OPS if op != "contains"))
        age = self._value(document, path, op)
        if op is None or age is None:
            return None
        if op == "exists":
            return Age(op, bool(age))
        whole = [_whole(part, MAX_AGE) for part in (age if isinstance(age, tuple) else (age,))]
        if None in whole:
            self.fault(f"{path}.value", f"An age is a whole number of years, 0 to {MAX_AGE}.")
            return None
        years = tuple(part for part in whole if part is not None)
        return Age(op, years if isinstance(age, tuple) else years[0])

    def _state(self, document: Mapping[str, Any], path: str) -> Rule | None:
        state = document["state"]
        if not isinstance(state, str) or state not in STATES:
            self.fault(f"{path}.state", f"Must be one of: {', '.join(STATES)}.")
            return None
        return State(state)

    def _activity(self, document: Mapping[str, Any], path: str) -> Rule | None:
        name = self._name(document, "activity", path)
        op = self._op(document, path, COUNT_OPS, ">=")
        count = _whole(document.get("count", 1), MAX_COUNT)
        if count is None:
            self.fault(f"{path}.count", f"Must be a whole number, 0 to {MAX_COUNT:,}.")
        days = document.get("within_days")
        within = None if days is None else _whole(days, MAX_DAYS)
        if days is not None and not within:
            self.fault(f"{path}.within_days", f"Must be a whole number of days, 1 to {MAX_DAYS:,}.")
        return None if name is None or op is None or count is None else Activity(name, op, count, within)

    def _interest(self, document: Mapping[str, Any], path: str) -> Rule | None:
        category = self._name(document, "interest", path)
        op = self._op(document, path, ORDER_OPS, ">=")
        score: Any = document.get("score")
        if not _is_number(score) or not 0 <= score <= 1:
            self.fault(f"{path}.score", "Must be a number from 0 to 1.")
            return None
        return None if category is None or op is None else Interest(category, op, float(score))

    def _name(self, document: Mapping[str, Any], key: str, path: str) -> str | None:
        name = document[key]
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or canonical.text_fault(name) is not None:
            self.fault(f"{path}.{key}", f"Must be a text of 1 to {MAX_NAME} characters.")
            return None
        return name

    def _op(
        self, document: Mapping[str, Any], path: str, ops: tuple[str, ...], default: str | None = None
    ) -> str | None:
        op = document.get("op", default)
        if not isinstance(op, str) or op not in ops:
            self.fault(f"{path}.op", f"Must be one of: {' '.join(ops)}")
            return None
        return op

    def _value(self, document: Mapping[str, Any], path: str, op: str | None) -> Scalar | tuple[Scalar, ...] | None:
        path = f"{path}.value"
        value = document.get("value", True if op == "exists" else None)
        match op:
            case None:
                return None
            case "exists":
                if not isinstance(value, bool):
                    self.fault(path, "Must be true or false, or be left out.")
                    return None
                return value
            case "in":
                if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_LIST:
                    self.fault(path, f"Must be a list of 1 to {MAX_LIST:,} values.")
                    return None
                self.values += len(value)
                found = [self._scalar(item, f"{path}.{place}") for place, item in enumerate(value)]
                return None if None in found else tuple(item for item in found if item is not None)
            case "between":
                return self._span(value, path)
            case "contains":
                text = self._scalar(value, path)
                if text is not None and not isinstance(text, str):
                    self.fault(path, "Must be a text.")
                    return None
                return text
        scalar = self._scalar(value, path)
        if isinstance(scalar, bool) and op in ORDER_OPS:
            self.fault(path, "True and false have no order; compare a number or a text.")
            return None
        return scalar

    def _span(self, value: object, path: str) -> tuple[Scalar, ...] | None:
        if not isinstance(value, list | tuple) or len(value) != 2:
            self.fault(path, "Must be a list of two values, the lower first.")
            return None
        low, high = (self._scalar(item, f"{path}.{place}") for place, item in enumerate(value))
        if low is None or high is None:
            return None
        if isinstance(low, str) != isinstance(high, str) or isinstance(low, bool) or isinstance(high, bool):
            self.fault(path, "Must be two numbers or two texts.")
            return None
        return (low, high)

    def _scalar(self, value: object, path: str) -> Scalar | None:
        if isinstance(value, str):
            fault = canonical.text_fault(value)
            if fault is None and len(value) <= LONGEST_TEXT:
                return value
            self.fault(path, fault or f"Must be a text of up to {LONGEST_TEXT} characters.")
            return None
        if isinstance(value, bool):
            return value
        if _is_number(value):
            return value  # type: ignore[return-value]  # narrowed by the line above
        self.fault(path, "Must be true or false, a finite number of at most 2**53, or a text.")
        return None


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and (isinstance(value, float) or canonical.integer_fault(value) is None)


def _whole(value: object, most: int) -> int | None:
    """Return a whole number from 0 to `most`, else None."""
    if not _is_number(value) or int(value) != value or not 0 <= value <= most:  # type: ignore[call-overload,operator]
        return None
    return int(value)  # type: ignore[call-overload,no-any-return]


_FORMS: dict[str, frozenset[str]] = {
    "all": frozenset({"all"}),
    "any": frozenset({"any"}),
    "not": frozenset({"not"}),
    "trait": frozenset({"trait", "op", "value"}),
    "attribute": frozenset({"attribute", "op", "value"}),
    "state": frozenset({"state"}),
    "activity": frozenset({"activity", "op", "count", "within_days"}),
    "interest": frozenset({"interest", "op", "score"}),
}
