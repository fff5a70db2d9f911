"""The profile: the app's form, the form of the wire, and what is refused."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from bad_profiles import BAD_PROFILES, GOOD_PROFILE
from hypothesis import given
from hypothesis import strategies as st
from properties.search import search

from lmg_offline.errors import ValidationError
from lmg_offline.protocol import entries
from lmg_offline.protocol import profile as module
from lmg_offline.protocol.canonical import encode
from lmg_offline.protocol.entries import check_payload
from lmg_offline.protocol.profile import STANDARD, Gender, check_wire, from_wire, to_json, to_wire

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
TRAITS = st.dictionaries(
    TEXTS.filter(lambda name: name not in ("", *STANDARD)),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.lists(TEXTS, max_size=3),
    min_size=1,
    max_size=5,
)
PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "email": st.none() | st.emails(),
        "name": st.none() | TEXTS,
        "birthday": st.none() | st.dates(),
        "gender": st.none() | st.sampled_from(Gender),
        "traits": TRAITS,
    },
)


@given(PROFILES)
def test_a_profile_survives_the_wire(profile: dict[str, Any]) -> None:
    """What an app says comes back as it said it, and both sides' schemas agree."""
    wire = to_wire(profile)

    assert wire == check_wire(wire)
    assert profile == from_wire(wire)


def test_the_wire_form_is_the_platforms() -> None:
    """Custom traits lie beside the standard ones; dates, times and genders are text."""
    expected = {
        "email": "ann@example.com",
        "name": "Ann",
        "birthday": "1968-04-03",
        "gender": "female",
        "paid_subscriber": True,
        "monthly_spend": 155.5,
        "account_tier": "gold",
        "tags": ["a", "b"],
        "since": "2024-05-06T07:08:09+00:00",
    }

    assert expected == to_wire(GOOD_PROFILE)


# What is right for one field and wrong for another, and what looks right to a short look.
ODD = st.sampled_from((
    None, True, 0, -1, 2**53, 2**53 + 1, 1e300, math.nan, math.inf, "", "a", "a" * 400, "a" * 40_000, "a\0", "\ud800",
    "\\u0000", "male", "Male", Gender.OTHER, "a@example.com", "a@b", "1990-02-28", "1990-02-30", "1990-W02-1",
    date(1990, 2, 28), datetime(1990, 2, 28, 3), [], ["a"], ["a", None], ["a\0"], ["a"] * 200, ["a"] * 40_000, ("a",),
    {}, {"a": 1}, {"a": "b", "": 1}, {"email": "c"}, {"a" * 129: 1}, {"a\0": 1}, {1: 2}, {"a": [["b"]]}, {"a": {}},
    {"a": -(2**53) - 1}, {"a": math.nan}, {"a": date(1990, 2, 28)}, {"a": "b" * 40_000}, {"a": ["b", Gender.MALE]},
    {f"{number}": number for number in range(129)}, MappingProxyType({"a": 1}),
))  # fmt: skip
ODDITIES = st.fixed_dictionaries({}, optional=dict.fromkeys((*STANDARD, "traits", "unheard"), ODD)) | ODD


def outcome(make: Any, profile: object) -> Any:
    """What comes of it: a text, or what is said of which field."""
    try:
        return make(profile)
    except ValidationError as error:
        return error.errors


@given(PROFILES | ODDITIES)
@search(500)
def test_the_short_way_writes_what_the_long_one_does(profile: object) -> None:
    """Or says the same."""
    assert outcome(lambda given: encode(to_wire(given)), profile) == outcome(to_json, profile)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*STANDARD, "own", "", "a" * 129, "b\0"), ODD)) | TRAITS | ODD)
@search(500)
def test_the_short_way_on_the_platform_takes_what_the_long_one_does(wire: object) -> None:
    """Or says the same, of a profile by itself and of one in an entry."""
    for check in (check_wire, lambda given: check_payload("update", {"profile": given})):
        found = outcome(check, wire)
        with pytest.MonkeyPatch.context() as patch:
            for where in (module, entries):
                patch.setattr(where, "plain_wire", lambda given: None)
            assert outcome(check, wire) == found


def test_a_plain_profile_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """No schema is asked."""
    profile = {**GOOD_PROFILE, "birthday": "1968-04-03", "gender": "other", "traits": {"a": 1, "b": ["c"], "d": None}}
    wire = to_wire(profile)
    expected = encode(wire)
    monkeypatch.setattr(module, "_checked", None)

    assert expected == to_json(profile)
    assert expected == encode(module.plain_wire(wire))


@given(st.from_regex(module._PLAIN_EMAIL, fullmatch=True))
def test_a_plain_address_is_one_by_the_librarys_rule_too(address: str) -> None:
    """It may say yes sooner, and never more often."""
    assert address == module._EMAIL_RULE(address)


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        pytest.param(date(1968, 4, 3), "1968-04-03", id="date"),
        pytest.param("1968-04-03", "1968-04-03", id="text"),
        pytest.param(datetime(1968, 4, 3, 23, 59), "1968-04-03", id="naive datetime"),
        pytest.param(
            datetime(1968, 4, 3, 1, tzinfo=timezone(timedelta(hours=9))),
            "1968-04-03",
            id="its own calendar day",
        ),
        pytest.param(date(1, 1, 1), "0001-01-01", id="four digits of year"),
        pytest.param(None, None, id="cleared"),
    ],
)
def test_a_birthday_is_a_calendar_day(given_as: object, expected: str | None) -> None:
    """No time zone moves a birthday."""
    assert {"birthday": expected} == to_wire({"birthday": given_as})


@pytest.mark.parametrize(
    ("given_as", "expected"),
    [
        pytest.param(datetime(2024, 1, 2, 3), "2024-01-02T03:00:00+00:00", id="naive counts as UTC"),
        pytest.param(
            datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=3))),
            "2024-01-02T00:00:00+00:00",
            id="aware",
        ),
        pytest.param(date(2024, 1, 2), "2024-01-02", id="date"),
        pytest.param(("a", "b"), ["a", "b"], id="tuple of texts"),
        pytest.param(Gender.OTHER, "other", id="text of another class"),
        pytest.param(None, None, id="cleared"),
        pytest.param(True, True, id="a truth is not a number"),
        pytest.param("", "", id="empty text"),
        pytest.param([], [], id="empty list"),
    ],
)
def test_a_custom_trait_on_the_wire(given_as: object, expected: object) -> None:
    """Each kind of trait has one form on the wire."""
    wire = to_wire({"traits": {"t": given_as}})

    assert {"t": expected} == wire
    assert type(expected) is type(wire["t"])


@pytest.mark.parametrize("gender", [*Gender, "male", "female", "other", "pnts"])
def test_a_gender_is_a_member_or_its_wire_value(gender: str) -> None:
    """Both forms give plain text on the wire."""
    wire = to_wire({"gender": gender})

    assert {"gender": Gender(gender).value} == wire
    assert str is type(wire["gender"])


def test_genders_have_the_platforms_names_too() -> None:
    """The names of the web and iOS SDKs are aliases."""
    expected = (Gender.MALE, Gender.FEMALE, Gender.OTHER, Gender.PREFER_NOT_TO_SAY)

    assert expected == (Gender.Male, Gender.Female, Gender.Other, Gender.PreferNotToSay)
    assert Gender.NON_BINARY is Gender.NonBinary is Gender.OTHER
    assert 4 == len(Gender)


@pytest.mark.parametrize(("profile", "field"), [pytest.param(p, f, id=i) for i, p, f in BAD_PROFILES])
def test_a_wrong_profile_is_refused_naming_the_field(profile: object, field: str) -> None:
    """One fault gives one name, so that a form can show it beside the field."""
    with pytest.raises(ValidationError) as caught:
        to_wire(profile)

    assert [field] == caught.value.fields
    assert all(caught.value.errors[field])


def test_all_faults_are_told_at_once() -> None:
    """Nobody has to fix a profile one round at a time."""
    profile = {
        "email": "no",
        "gender": "Male",
        "colour": "blue",
        "traits": {"age": math.nan, "tags": ["a", 1], "name": "Ann"},
    }

    with pytest.raises(ValidationError) as caught:
        to_wire(profile)

    expected = ["colour", "email", "gender", "traits.age", "traits.name", "traits.tags.1"]
    assert expected == caught.value.fields


def test_no_error_repeats_a_value() -> None:
    """Errors end up in logs, and values are personal data."""
    profile = {
        "email": "s3cret-mail",
        "name": "s3cret" * 1000,
        "birthday": "s3cret-day",
        "gender": "s3cret-gender",
        "colour": "s3cret-colour",
        "traits": {"a": {"s3cret": 1}, "b": ["s3cret\0"], "c": {"s3cret"}},
    }

    with pytest.raises(ValidationError) as caught:
        to_wire(profile)

    assert "s3cret" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__context__ is None


def test_any_mapping_is_a_profile_and_is_copied() -> None:
    """Changing the app's object afterwards changes nothing."""
    tags = ["a"]
    wire = to_wire(MappingProxyType({"traits": MappingProxyType({"tags": tags})}))
    tags.append("b")

    assert {"tags": ["a"]} == wire


def test_128_traits_with_names_of_128_characters_are_allowed() -> None:
    """The bounds themselves are within the bounds."""
    traits = {f"{number:0128d}": number for number in range(128)}

    assert traits == to_wire({"traits": traits})


def test_the_largest_profile_fits_into_an_entry() -> None:
    """What is accepted as a profile is never refused as an entry for its size."""
    bare = len(encode({"profile": {"t": ""}}))
    text = "x" * (32 * 1024 - bare)

    assert check_payload("update", {"profile": to_wire({"traits": {"t": text}})})
    with pytest.raises(ValidationError) as caught:
        to_wire({"traits": {"t": text + "x"}})
    assert ["profile"] == caught.value.fields


def test_dots_and_odd_names_of_traits_stay_as_they_are() -> None:
    """A name is not a path."""
    traits = {"a.b": 1, "_schema": 2, "traits": 3, " ": 4}

    assert traits == check_wire(to_wire({"traits": traits}))


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        pytest.param(None, "profile", id="None"),
        pytest.param([], "profile", id="list"),
        pytest.param({"email": "no"}, "email", id="email"),
        pytest.param({"gender": "Male"}, "gender", id="gender"),
        pytest.param({"birthday": date(1968, 4, 3)}, "birthday", id="a date is not text yet"),
        pytest.param({"birthday": "1968-4-3"}, "birthday", id="birthday"),
        pytest.param({"age": 2**53 + 1}, "age", id="number"),
        pytest.param({"a.b": {}}, "a.b", id="object"),
        pytest.param({"traits": {"age": 1}}, "traits", id="the app's form"),
        pytest.param({"since": datetime(2024, 1, 1)}, "since", id="datetime"),
        pytest.param({"tags": ["a", 1]}, "tags.1", id="list"),
        pytest.param({"n" * 129: 1}, "profile", id="long name"),
        pytest.param({f"t{number}": 1 for number in range(129)}, "profile", id="too many"),
        pytest.param({f"t{number}": "x" * 1000 for number in range(40)}, "profile", id="too large"),
    ],
)
def test_a_wrong_wire_form_is_refused_naming_the_field(wire: object, field: str) -> None:
    """The platform checks what arrives as strictly as the SDK what it sends."""
    with pytest.raises(ValidationError) as caught:
        check_wire(wire)

    assert [field] == caught.value.fields


def test_standard_and_custom_faults_of_the_wire_form_come_together() -> None:
    """All faults at once, on this side too."""
    with pytest.raises(ValidationError) as caught:
        check_wire({"email": "no", "age": {}})

    assert ["age", "email"] == caught.value.fields


def test_reading_a_stored_profile_leaves_out_what_it_does_not_know() -> None:
    """A gender or birthday that some other SDK wrote differently is absent, as in the platform's SDKs."""
    wire = {"gender": "martian", "birthday": "1968-04-03T00:00:00.000Z", "name": 7, "email": None, "age": 57}

    assert {"email": None, "traits": {"age": 57}} == from_wire(wire)


def test_reading_a_day_that_never_was_leaves_it_out() -> None:
    """No stored text makes reading a profile raise."""
    assert {} == from_wire({"birthday": "1969-02-29"})
