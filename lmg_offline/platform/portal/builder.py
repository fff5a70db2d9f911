"""
The segment builder: groups of conditions in a form, to a rule and back.

A group is all, any or none of its conditions; the segment is all or any of its
groups. A rule that is nested deeper has no such form, and is edited as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lmg_offline.errors import ValidationError
from lmg_offline.platform.segments.rules import ATTRIBUTES, MAX_LEAVES, Rule, parse

Document = dict[str, Any]

MATCHES = {"all": "all of", "any": "any of", "none": "none of"}
OPS = {
    "==": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "in": "is one of",
    "between": "is between",
    "contains": "contains",
    "exists": "is known",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """
    What a condition can be about.

    Attributes:
        name: What its name is called; empty for one without.

        ops: What it can be compared by; empty for one without.

        value: What its value is called; empty for one without.

        hint: What to write.

        names: Which list of names helps: `traits`, `activities`, `categories`.
    """

    label: str
    ops: tuple[str, ...] = ()
    name: str = ""
    value: str = ""
    hint: str = ""
    names: str = ""

    @property
    def has_days(self) -> bool:
        """Whether it can be asked of the last days alone."""
        return self.names == "activities"


_ALL_OPS = tuple(OPS)
_ORDER = ("<", "<=", ">", ">=")
_TWO = "For a list or a span, put commas between."
KINDS: Mapping[str, Kind] = {
    "age": Kind("Age", tuple(op for op in OPS if op != "contains"), value="Years", hint=f"Whole years. {_TWO}"),
    "gender": Kind("Gender", _ALL_OPS, value="Value", hint="male, female, other or pnts."),
    "birthday": Kind("Birthday", _ALL_OPS, value="Value", hint="As 1990-12-31."),
    "email": Kind("E-mail", _ALL_OPS, value="Value", hint=_TWO),
    "name": Kind("Name", _ALL_OPS, value="Value", hint=_TWO),
    "trait": Kind(
        "Custom trait",
        _ALL_OPS,
        name="Trait",
        value="Value",
        hint=f'A number, true, false or a text; 16 is a number, "16" a text. {_TWO}',
        names="traits",
    ),
    "activity": Kind(
        "Activity", ("==", "!=", *_ORDER), name="Activity", value="Times", hint="How often.", names="activities"
    ),
    "interest": Kind("Interest", _ORDER, name="Category", value="Score", hint="From 0 to 1.", names="categories"),
    "verified": Kind("Is verified"),
    "identified": Kind("Is identified, not verified"),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of the form, as it was typed."""

    kind: str = "age"
    name: str = ""
    op: str = ">="
    value: str = ""
    days: str = ""
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all, any or none must hold."""

    match: str = "all"
    conditions: tuple[Condition, ...] = (Condition(),)


@dataclass(frozen=True, slots=True)
class Builder:
    """The whole form. `match` is `all` or `any`."""

    match: str = "all"
    groups: tuple[Group, ...] = (Group(),)

    def with_group(self) -> Builder:
        """Return it with one more group."""
        return replace(self, groups=(*self.groups, Group()))

    def with_condition(self, place: int) -> Builder:
        """Return it with one more condition in a group; as it is where there is no such group."""
        return self._changed(place, lambda found: (*found, Condition()))

    def without(self, place: int, condition: int) -> Builder:
        """Return it without a condition, and without its group if that was the last one in it."""
        return self._changed(place, lambda found: found[:condition] + found[condition + 1 :])

    def _changed(self, place: int, change: Any) -> Builder:
        groups = [
            replace(group, conditions=change(group.conditions)) if number == place else group
            for number, group in enumerate(self.groups)
        ]
        left = tuple(group for group in groups if group.conditions)
        return replace(self, groups=left or (Group(),))


NEW = Builder(groups=(Group(conditions=(Condition(value="18"),)),))


def from_form(form: Mapping[str, str]) -> Builder:
    """Read the form. What is not one of the choices becomes the first of them."""
    places: dict[int, set[int]] = {}
    for name in form:
        found = re.fullmatch(r"g(\d{1,4})-c(\d{1,4})-kind", name)
        if found is not None and len(places) <= MAX_LEAVES:
            places.setdefault(int(found[1]), set()).add(int(found[2]))
    groups = []
    for group in sorted(places):
        conditions = tuple(_condition(form, f"g{group}-c{place}-") for place in sorted(places[group]))
        groups.append(Group(_choice(form.get(f"g{group}-match", ""), MATCHES), conditions))
    return Builder(_choice(form.get("match", ""), ("all", "any")), tuple(groups) or (Group(),))


def _condition(form: Mapping[str, str], prefix: str) -> Condition:
    def field(name: str) -> str:
        return form.get(prefix + name, "").strip()

    kind = _choice(field("kind"), KINDS)
    ops = KINDS[kind].ops
    return Condition(
        kind,
        form.get(prefix + "name", ""),
        _choice(field("op"), ops) if ops else "==",
        field("value"),
        field("days"),
        field("not") == "yes",
    )


def _choice(found: str, of: Iterable[str]) -> str:
    choices = list(of)
    return found if found in choices else choices[0]


def to_document(builder: Builder) -> Document:
    """Return the rule. It may be wrong: what was typed is in it as it was typed."""
    groups = [_group(group) for group in builder.groups]
    return groups[0] if len(groups) == 1 else {builder.match: groups}


def _group(group: Group) -> Document:
    rules = [_rule(condition) for condition in group.conditions]
    return {"not": {"any": rules}} if group.match == "none" else {group.match: rules}


def _rule(condition: Condition) -> Document:
    rule = _bare(condition)
    return {"not": rule} if condition.is_negated else rule


def _bare(condition: Condition) -> Document:
    op, text = condition.op, condition.value
    match condition.kind:
        case "verified" | "identified":
            return {"state": condition.kind}
        case "activity":
            found: Document = {"activity": condition.name, "op": op, "count": read_value(text)}
            return {**found, "within_days": read_value(condition.days)} if condition.days else found
        case "interest":
            return {"interest": condition.name, "op": op, "score": read_value(text)}
        case "trait":
            found = {"trait": condition.name, "op": op}
        case _:
            found = {"attribute": condition.kind, "op": op}
    if op == "exists":
        return {**found, "value": read_value(text) if text else True}
    many = op in ("in", "between")
    return {**found, "value": [read_value(part) for part in _split(text)] if many else read_value(text)}


def check(builder: Builder) -> Rule:
    """
    Return the rule that was typed.

    Raises:
        ValidationError: Its `errors` name the condition: `2.1` is the first of the second group.
    """
    try:
        return parse(to_document(builder))
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for path, sentences in error.errors.items():
            found.setdefault(_place(builder, path), []).extend(sentences)
        raise ValidationError(found) from error


def _place(builder: Builder, path: str) -> str:
    """Return the number of the condition that a path of the rule leads to; empty for the whole."""
    words = [int(word) for word in path.split(".") if word.isdecimal()]
    depth = 1 if len(builder.groups) == 1 else 2
    if len(words) < depth:
        return ""
    group, condition = (0, words[0]) if depth == 1 else (words[0], words[1])
    return f"{group + 1}.{condition + 1}"


def from_document(document: object) -> Builder | None:
    """Return the form of a rule, or None where it is nested too deep for one."""
    try:
        parse(document)
    except ValidationError:
        return None
    assert isinstance(document, dict)
    whole = _as_group(document)
    if whole is not None:
        return Builder(groups=(whole,))
    match = next((name for name in ("all", "any") if name in document), None)
    if match is None:
        return None
    groups: list[Group] = []
    alone: list[Condition] = []
    for part in [*document[match], None]:
        leaf = None if part is None else _as_condition(part)
        if leaf is not None:
            alone.append(leaf)
            continue
        if alone:
            groups.append(Group(match, tuple(alone)))
            alone = []
        if part is not None:
            group = _as_group(part)
            if group is None:
                return None
            groups.append(group)
    return Builder(match, tuple(groups))


def _as_group(document: Document) -> Group | None:
    leaf = _as_condition(document)
    if leaf is not None:
        return Group("all", (leaf,))
    match document:
        case {"not": {"any": rules}}:
            match = "none"
        case {"all": rules}:
            match = "all"
        case {"any": rules}:
            match = "any"
        case _:
            return None
    conditions = [_as_condition(rule) for rule in rules]
    return None if None in conditions else Group(match, tuple(each for each in conditions if each is not None))


def _as_condition(document: Document) -> Condition | None:
    match document:
        case {"not": inner}:
            found = _as_condition(inner)
            # Not of not has no box to tick.
            return None if found is None or found.is_negated else replace(found, is_negated=True)
        case {"state": state}:
            return Condition(state, op="==")
        case {"activity": name}:
            days = document.get("within_days")
            words = "" if days is None else write_value(days)
            return Condition("activity", name, document.get("op", ">="), write_value(document.get("count", 1)), words)
        case {"interest": name}:
            return Condition("interest", name, document.get("op", ">="), write_value(document["score"]))
        case {"trait": name}:
            return Condition("trait", name, document["op"], _written(document))
        case {"attribute": kind} if kind in ATTRIBUTES:
            return Condition(kind, "", document["op"], _written(document))
    return None


def _written(document: Document) -> str:
    value = document.get("value", True)
    return ", ".join(map(write_value, value)) if isinstance(value, list | tuple) else write_value(value)


_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MOST_DIGITS = 400


def read_value(text: str) -> bool | int | float | str | None:
    """Return what a text means: true, false, a number, or a text, which may stand in quotes. None when empty."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if _QUOTED.fullmatch(text):
        try:
            found: str = json.loads(text)
            return found
        except ValueError:
            return text
    if _NUMBER.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return float(text) if set(text) & set(".eE") else int(text)
    return text or None


def write_value(value: object) -> str:
    """Return the text that `read_value` reads as this value, alone or in a list."""
    is_plain = isinstance(value, str) and value == value.strip() and not set(value) & {",", '"'}
    if is_plain and read_value(str(value)) == value:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _split(text: str) -> list[str]:
    """Return the parts of a list; a comma within quotes parts nothing."""
    parts = re.findall(r'\s*(?:"(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)', text, re.DOTALL)
    found = [part.strip().removesuffix(",").strip() for part in parts]
    return found[:-1] if found and not found[-1] and len(found) > 1 else found
