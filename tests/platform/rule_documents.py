"""Random rules of segments, as JSON."""

from __future__ import annotations

from typing import Any

import audience
from hypothesis import strategies as st

from lmg_offline.platform.segments import rules

SCALARS = st.sampled_from([value for value in audience.VALUES if not isinstance(value, list) and value != "z" * 129])
TEXTS = st.sampled_from([value for value in audience.VALUES if isinstance(value, str) and len(value) <= 128])
NUMBERS = st.one_of(
    st.sampled_from([value for value in audience.VALUES if audience.kind(value) is float]), st.integers(-3, 20)
)


def comparisons(names: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A comparison of something named with a value."""
    scalars = SCALARS.filter(lambda value: not isinstance(value, str) or len(value) <= 128)
    values = st.one_of(
        st.fixed_dictionaries({"op": st.sampled_from(["==", "!="]), "value": scalars}),
        st.fixed_dictionaries({"op": st.sampled_from(rules.ORDER_OPS), "value": NUMBERS | TEXTS}),
        st.fixed_dictionaries({"op": st.just("in"), "value": st.lists(scalars, min_size=1, max_size=4)}),
        st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(NUMBERS, min_size=2, max_size=2)}),
        st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(TEXTS, min_size=2, max_size=2)}),
        st.fixed_dictionaries({"op": st.just("contains"), "value": TEXTS}),
        st.fixed_dictionaries({"op": st.just("exists")}, optional={"value": st.booleans()}),
    )
    return st.builds(lambda named, value: named | value, names, values)


AGES = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(rules.COUNT_OPS), "value": st.integers(0, 130)}),
    st.fixed_dictionaries({"op": st.just("in"), "value": st.lists(st.integers(0, 130), min_size=1, max_size=3)}),
    st.fixed_dictionaries({"op": st.just("between"), "value": st.lists(st.integers(0, 130), min_size=2, max_size=2)}),
    st.fixed_dictionaries({"op": st.just("exists")}, optional={"value": st.booleans()}),
).map(lambda rule: {"attribute": "age", **rule})
LEAVES = st.one_of(
    comparisons(st.fixed_dictionaries({"trait": st.sampled_from(audience.TRAITS)})),
    comparisons(st.fixed_dictionaries({"attribute": st.sampled_from(["email", "birthday", "gender", "name"])})),
    AGES,
    st.fixed_dictionaries({"state": st.sampled_from(rules.STATES)}),
    st.fixed_dictionaries(
        {"activity": st.sampled_from([*audience.ACTIVITIES, "never"])},
        optional={
            "op": st.sampled_from(rules.COUNT_OPS),
            "count": st.integers(0, 3),
            "within_days": st.sampled_from([1, 2, 7, 30, 365]),
        },
    ),
    st.fixed_dictionaries(
        {
            "interest": st.sampled_from(["food", "fun", "home", "nothing"]),
            "score": st.sampled_from([0, 0.2, 0.25, 1 / 3, 0.5, 1]),
        },
        optional={"op": st.sampled_from(rules.ORDER_OPS)},
    ),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda found: {"all": found}, st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda found: {"any": found}, st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda found: {"not": found}, inner),
    ),
    max_leaves=8,
)
