"""The rule language's JSON Schema and its reader: they take the same documents, and the reader names what is wrong."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from properties.search import search
from rule_documents import RULES

from lmg_offline.errors import ValidationError
from lmg_offline.platform.segments import rules, schema

VALIDATOR = Draft202012Validator(schema.document())
WRONG: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 1.5, 2**53, 2**53 + 1, 10**6, 10**9, "", "a", "==", "in", "between", "exists",
    "age", "gender", "verified", "\0", "z" * 128, "z" * 129, "z" * 200, [], [1], [1, 2], [1, "a"], ["a", "b"], [True],
    [1, 2, 3], {}, {"state": "verified"}, [{"state": "verified"}], list(range(1001)),
)  # fmt: skip
NAMES = ("op", "value", "count", "within_days", "score", "trait", "attribute", "state", "activity", "interest", "not",
         "all", "any", "unheard")  # fmt: skip


def taken(document: object) -> bool:
    """Whether the reader takes it."""
    try:
        rules.parse(document)
    except ValidationError as error:
        assert error.errors
        assert all(path.split(".")[0] == "rule" for path in error.errors)
        return False
    return True


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside of a document."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    found = [(document, key) for key, _ in pairs]
    for container, key in tuple(found):
        if isinstance(container[key], dict | list):
            found += places(container[key])
    return found


@given(document=RULES)
@search(150)
def test_the_schema_takes_what_the_reader_takes(document: dict[str, Any]) -> None:
    """Rules that are right."""
    assert taken(document)
    assert VALIDATOR.is_valid(document)


@given(document=RULES, seed=st.integers(0, 2**32))
@search(400)
def test_the_schema_refuses_what_the_reader_refuses(document: dict[str, Any], seed: int) -> None:
    """Rules with a part that is another one, missing, or one too many."""
    rng, broken = random.Random(seed), copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 2))):
        container, key = rng.choice(places({"rule": broken})[1:] or [(broken, "op")])
        change = rng.randrange(3)
        if change == 0:
            container[key] = copy.deepcopy(rng.choice(WRONG))
        elif change == 1:
            container.pop(key, None) if isinstance(container, dict) else container.clear()
        elif isinstance(container, dict):
            container[rng.choice(NAMES)] = copy.deepcopy(rng.choice(WRONG))

    assert taken(broken) == VALIDATOR.is_valid(broken)


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        ({"all": [{"trait": "wage", "op": ">>", "value": 1}]}, {"rule.all.0.op": "Must be one of: == !="}),
        ({"any": [{"state": "verified"}, {"not": {"state": "gone"}}]}, {"rule.any.1.not.state": "Must be one of"}),
        ({"trait": "gender", "op": "exists"}, {"rule.trait": "Is a standard trait: name it as `attribute`."}),
        ({"attribute": "wage", "op": "exists"}, {"rule.attribute": "A custom trait is a `trait`."}),
        ({"attribute": "age", "op": "between", "value": [1]}, {"rule.value": "two values, the lower first"}),
        ({"interest": "food", "score": 20}, {"rule.score": "Must be a number from 0 to 1."}),
        ({"activity": "a", "days": 3}, {"rule.days": "Does not belong to activity."}),
        ({"state": "verified", "trait": "a"}, {"rule": "Must have exactly one of"}),
    ],
)
def test_what_is_wrong_is_named_by_its_path(document: dict[str, Any], errors: dict[str, str]) -> None:
    """Down to the part."""
    with pytest.raises(ValidationError) as caught:
        rules.parse(document)

    assert errors.keys() == caught.value.errors.keys()
    assert all(errors[path] in " ".join(said) for path, said in caught.value.errors.items())
