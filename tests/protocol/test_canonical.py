"""The JSON form: what is written, what is refused before it is written, what is refused when read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.errors import ValidationError
from lmg_offline.protocol import canonical

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int) -> list[object]:
    """Return that many lists inside one another."""
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(VALUES)
def test_what_passes_the_check_comes_back_as_it_was(value: object) -> None:
    """Checked values survive the way through JSON and UTF-8 unchanged."""
    canonical.check(value, max_depth=64)

    assert value == canonical.decode(canonical.encode(value).encode())


@given(st.recursive(st.floats() | st.text() | st.integers() | st.binary(), lambda inner: st.lists(inner)))
def test_the_check_raises_nothing_but_validation_errors(value: object) -> None:
    """Whatever is passed, the answer is yes or a ValidationError, and yes means it can be encoded."""
    try:
        canonical.check(value)
    except ValidationError:
        return

    assert canonical.encode(value).encode()


def test_encoding_is_compact_and_keeps_the_order_and_the_letters() -> None:
    """The stored text is what is sent: no spaces, no sorting, no escapes."""
    assert '{"b":["é",1.5,true,null],"a":{}}' == canonical.encode({"b": ["é", 1.5, True, None], "a": {}})


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"a": {"b": "\0"}}, "a.b", id="NUL"),
        pytest.param({"a": ["x", "\ud800"]}, "a.1", id="lone surrogate"),
        pytest.param({"a": float("nan")}, "a", id="NaN"),
        pytest.param({"a": float("inf")}, "a", id="infinity"),
        pytest.param({"a": 2**53 + 1}, "a", id="large integer"),
        pytest.param({"a": -(10**5000)}, "a", id="very large integer"),
        pytest.param({"a": {1: 2}}, "a", id="key that is a number"),
        pytest.param({"a": {"b\0": 2}}, "a", id="key with NUL"),
        pytest.param({"a": {1: 2, 3: 4}}, "a", id="keys that are numbers"),
        pytest.param({"a": {1, 2}}, "a", id="set"),
        pytest.param({"a": b"x"}, "a", id="bytes"),
        pytest.param({"a": object()}, "a", id="object"),
        pytest.param({"a": nested(8)}, "a.0.0.0.0.0.0.0", id="nested 9 deep"),
        pytest.param(float("nan"), "value", id="the value itself"),
        pytest.param({"a": "x" * 33000}, "value", id="too large"),
        pytest.param({"a": "é" * 17000}, "value", id="too large in UTF-8 only"),
        pytest.param([[""] * 200] * 200, "value", id="too large by repetition"),
    ],
)
def test_what_a_database_might_refuse_is_refused_by_name(value: object, field: str) -> None:
    """A value that can't travel everywhere is refused before it is written."""
    with pytest.raises(ValidationError) as caught:
        canonical.check(value)

    assert [field] == caught.value.fields


def test_shared_references_end_the_check_early() -> None:
    """A small object that would be enormous as JSON is refused without walking all of it."""
    value: object = "x"
    for _ in range(8):
        value = [value] * 1000

    with pytest.raises(ValidationError):
        canonical.check(value)


def test_an_endless_value_is_refused() -> None:
    """A list that holds itself is too deep."""
    value: list[object] = []
    value.append(value)

    with pytest.raises(ValidationError):
        canonical.check(value)


def test_bounds_themselves_are_allowed() -> None:
    """Eight deep, 2**53 and 32 KiB exactly are within the bounds."""
    canonical.check(nested(8))
    canonical.check([2**53, -(2**53)])
    canonical.check("x" * (32 * 1024 - 2))


def test_names_begin_with_where_the_value_lies() -> None:
    """The caller says what the value is called."""
    with pytest.raises(ValidationError) as caught:
        canonical.check({"a": float("nan")}, where="properties")

    assert ["properties.a"] == caught.value.fields


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a captive portal"),
        pytest.param(b'{"a":1', id="a cut body"),
        pytest.param(b'{"a":1}{}', id="two values"),
        pytest.param(b"\xff\xfe{\0}\0", id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b"[NaN]", id="NaN"),
        pytest.param(b"[Infinity]", id="infinity"),
        pytest.param(b"[-Infinity]", id="minus infinity"),
        pytest.param(b"[1e999]", id="a number that overflows"),
        pytest.param(b"[" + b"9" * 5000 + b"]", id="5,000 digits"),
        pytest.param(b"[-" + b"9" * 1001 + b"]", id="1,001 digits"),
        pytest.param(b"[" * 65 + b"]" * 65, id="65 deep"),
        pytest.param(b'{"a":' * 65 + b"1" + b"}" * 65, id="65 objects deep"),
        pytest.param(b"[" * 200_000 + b"]" * 200_000, id="200,000 deep"),
        pytest.param(b"[" * 500_000, id="500,000 opened, none closed"),
    ],
)
def test_what_is_not_json_is_a_value_error(data: bytes) -> None:
    """Nothing that somebody sends raises anything else."""
    with pytest.raises(ValueError, match=r"."):
        canonical.decode(data)


def test_a_decoding_error_does_not_hold_the_data() -> None:
    """A body may hold personal data: neither the message nor the exception carries it."""
    with pytest.raises(ValueError, match="not JSON") as caught:
        canonical.decode(b'{"email": "ann@example.com",,}')

    assert ValueError is type(caught.value)
    assert "ann" not in str(caught.value)


def test_brackets_in_texts_are_no_depth() -> None:
    """Only what is nested counts."""
    assert ["[" * 100] == canonical.decode('["' + "[" * 100 + '"]')


def test_the_depth_itself_is_allowed() -> None:
    """Sixty-four deep can be read."""
    assert nested(64) == canonical.decode(b"[" * 64 + b"]" * 64)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.sampled_from("a\x01\x7f\"\\é𝄞"), max_size=30),
        lambda inner: st.lists(inner, max_size=6)
        | st.dictionaries(st.text("\x01\x1fa", max_size=9), inner, max_size=6),
        max_leaves=40,
    ),
    most=st.integers(1, 3000),
)  # fmt: skip
def test_the_size_is_told_right_whether_it_is_measured_or_not(value: object, most: int) -> None:
    """Small values are not written out to be measured: what counts is what they would be."""
    is_small = len(canonical.encode(value).encode()) <= most
    try:
        canonical.check(value, max_bytes=most, max_depth=60)
    except ValidationError:
        assert not is_small
    else:
        assert is_small
