"""The segment builder's form: what it means, and that a rule goes into it and comes back the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.errors import ValidationError
from lmg_offline.platform.portal import builder
from lmg_offline.platform.portal.builder import Builder, Condition, Group
from lmg_offline.platform.portal.wording import sentence
from lmg_offline.platform.segments.rules import parse

sys.path.insert(0, str(Path(__file__).parent.parent / "platform"))

import audience

PEOPLE = audience.population(7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16), ("16.5", 16.5), ("-3", -3), ("1e3", 1000.0), ("true", True), ("false", False), ('"16"', "16"),
        ('"true"', "true"), ("French", "French"), (" x ", "x"), ("", None), ('"', '"'), ('"a\\"b"', 'a"b'),
        ("1990-12-31", "1990-12-31"), ("+5", "+5"), ("٣", "٣"), ("9" * 500, "9" * 500),
    ],
)  # fmt: skip
def test_a_value_is_read_as_what_it_looks_like(text: str, value: object) -> None:
    """Quotes make a text of it."""
    found = builder.read_value(text)

    assert (value, type(value)) == (found, type(found))


@given(
    st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text())
)
def test_a_value_is_written_so_that_it_is_read_again(value: object) -> None:
    """Alone, and between others."""
    text = builder.write_value(value)
    several = [builder.read_value(part) for part in builder._split(f"{text}, {text},x")]

    assert (value, type(value)) == (builder.read_value(text), type(builder.read_value(text)))
    assert [value, value, "x"] == several


SCALARS = st.sampled_from([value for value in audience.VALUES if not isinstance(value, list) and value != "z" * 129])
SHORT = SCALARS.filter(lambda value: not isinstance(value, str) or len(value) <= 128)
COMPARED = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["==", "!="]), "value": SHORT}),
    st.fixed_dictionaries({"op": st.sampled_from(["<", "<=", ">", ">="]), "value": st.integers(-3, 20)}),
    st.fixed_dictionaries({"op": st.just("in"), "value": st.lists(SHORT, min_size=1, max_size=4)}),
    st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(st.integers(-3, 20), min_size=2, max_size=2)}),
    st.fixed_dictionaries({"op": st.just("contains"), "value": st.sampled_from(["", "a", ",", '"', " "])}),
    st.fixed_dictionaries({"op": st.just("exists")}, optional={"value": st.booleans()}),
)
LEAVES = st.one_of(
    st.builds(lambda name, value: {"trait": name, **value}, st.sampled_from([*audience.TRAITS, " , "]), COMPARED),
    st.builds(lambda name, value: {"attribute": name, **value}, st.sampled_from(["gender", "email"]), COMPARED),
    st.builds(
        lambda op, age: {"attribute": "age", "op": op, "value": age}, st.sampled_from(["<", ">="]), st.integers(0, 99)
    ),
    st.sampled_from([{"state": "verified"}, {"state": "identified"}]),
    st.fixed_dictionaries(
        {"activity": st.sampled_from(audience.ACTIVITIES)},
        optional={
            "op": st.sampled_from(["==", "<"]),
            "count": st.integers(0, 3),
            "within_days": st.sampled_from([1, 30]),
        },
    ),
    st.fixed_dictionaries(
        {"interest": st.sampled_from(["food", "fun"]), "score": st.sampled_from([0, 0.25, 1])},
        optional={"op": st.sampled_from(["<", ">="])},
    ),
)  # fmt: skip
SIGNED = st.one_of(LEAVES, LEAVES.map(lambda rule: {"not": rule}))
SEVERAL = st.lists(SIGNED, min_size=1, max_size=3)
GROUPS = st.one_of(
    SEVERAL.map(lambda rules: {"all": rules}),
    SEVERAL.map(lambda rules: {"any": rules}),
    SEVERAL.map(lambda rules: {"not": {"any": rules}}),
)
RULES = st.one_of(
    SIGNED,
    GROUPS,
    st.builds(
        lambda match, rules: {match: rules},
        st.sampled_from(["all", "any"]),
        st.lists(GROUPS | SIGNED, min_size=1, max_size=4),
    ),
)  # fmt: skip


@given(RULES)
def test_a_rule_of_two_levels_goes_into_the_form_and_comes_back_meaning_the_same(rule: dict[str, Any]) -> None:
    """For everybody; over what a browser sends, too."""
    form = builder.from_document(rule)
    assert form is not None
    again = builder.to_document(builder.from_form(fields(form)))

    parse(again)
    assert [audience.holds(rule, person) for person in PEOPLE] == [audience.holds(again, person) for person in PEOPLE]


def fields(form: Builder) -> dict[str, str]:
    """What a browser sends of the form."""
    found = {"match": form.match}
    for g, group in enumerate(form.groups, 1):
        found[f"g{g}-match"] = group.match
        for c, condition in enumerate(group.conditions, 1):
            start = f"g{g}-c{c}-"
            found |= {start + name: getattr(condition, name) for name in ("kind", "name", "op", "value", "days")}
            if condition.is_negated:
                found[start + "not"] = "yes"
    return found


@pytest.mark.parametrize(
    "rule",
    [
        {"not": {"all": [{"state": "verified"}]}},
        {"not": {"not": {"not": {"state": "verified"}}}},
        {"all": [{"any": [{"all": [{"state": "verified"}]}]}]},
        {"all": []},
        {"state": "nobody"},
        [],
        None,
    ],
)
def test_what_is_nested_deeper_or_is_no_rule_has_no_form(rule: object) -> None:
    """It is edited as JSON."""
    assert builder.from_document(rule) is None


def test_faults_are_told_by_the_number_of_the_condition() -> None:
    """As the form shows it: the group, then the condition in it."""
    wrong = Condition("age", op=">=", value="old")
    form = Builder("any", (Group("all", (Condition(value="18"),)), Group("none", (Condition(value="18"), wrong))))
    with pytest.raises(ValidationError) as found:
        builder.check(form)
    alone = Builder(groups=(Group("none", (Condition(value="1"), Condition("trait", "", "==", ""))),))
    with pytest.raises(ValidationError) as other:
        builder.check(alone)

    assert {"2.2": ["An age is a whole number of years, 0 to 200."]} == found.value.errors
    assert ["1.2"] == list(other.value.errors)


def test_buttons_add_and_take_away() -> None:
    """A group goes with its last condition; there is always one."""
    form = builder.NEW.with_condition(0).with_group().with_condition(5)

    assert [2, 1] == [len(group.conditions) for group in form.groups]
    assert [1, 1] == [len(group.conditions) for group in form.without(0, 0).groups]
    assert [2] == [len(group.conditions) for group in form.without(1, 0).groups]
    assert Builder() == Builder().without(0, 0)


def test_a_form_of_nonsense_is_a_form() -> None:
    """What is not a choice is the first of them."""
    form = builder.from_form(
        {"match": "x", "g1-c1-kind": "x", "g1-match": "x", "g1-c1-op": "x", "g99999-c1-kind": "age"}
    )

    assert Builder("all", (Group("all", (Condition("age", "", "==", "", "", False),)),)) == form
    assert Builder() == builder.from_form({})


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"state": "verified"}, "is verified"),
        ({"not": {"any": [{"state": "verified"}, {"trait": "x", "op": "exists"}]}}, "not (is verified or x is known)"),
        (
            {
                "all": [
                    {"attribute": "age", "op": ">=", "value": 18},
                    {"any": [{"trait": "a", "op": "==", "value": "b"}]},
                ]
            },
            'age >= 18 and a == "b"',
        ),
    ],
)
def test_a_rule_is_said_in_one_line(rule: dict[str, Any], words: str) -> None:
    """With brackets where they are needed."""
    assert words == sentence(parse(rule))
