"""Verification keys and tokens, against the documented formats and a Node implementation of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.errors import ValidationError
from lmg_offline.verification import (
    MESSAGES,
    KeyRing,
    Verdict,
    VerificationKey,
    check_token,
    check_user_id,
    sign_user_id,
)

KEY_A = "aG1hY19pZF8xO3MzY3IzdC0wMDAx"
V1_A = "aG1hY19pZF8xO2M0NDhkN2RkMmMyZTAyNzUyYjY2Yzk1ODNkMjQ4ZDM3ZDIxYThlNzg2Zjk5ZTBlYWVjYTNlMzYwZTllMDYxNjg="
V2_MS_A = (
    "aG1hY19pZF8xOzE2NjAwMDAwMDAwMDA7YzQ0OGQ3ZGQyYzJlMDI3NTJiNjZjOTU4M2QyNDhkMzdkMjFhOGU3ODZmOTllMGVh"
    "ZWNhM2UzNjBlOWUwNjE2OA=="
)
V2_S_A = (
    "aG1hY19pZF8xOzE2NjAwMDAwMDA7YzQ0OGQ3ZGQyYzJlMDI3NTJiNjZjOTU4M2QyNDhkMzdkMjFhOGU3ODZmOTllMGVhZWNh"
    "M2UzNjBlOWUwNjE2OA=="
)
KEY_B = "OWYxYzJkM2U7Wng4MS1xdcOpYmVj"
USER_B = "élise@example.com"
V1_B = "OWYxYzJkM2U7N2RiMGQ0NTFkMGMzN2U5OGI5ZjdhNjVmNDAzZmM1MjViN2VjYzczZGY5NGJiYmQ0N2EyYWQwYWUwZTc0NWFiZQ=="
V2_MS_B = (
    "OWYxYzJkM2U7MTY2MDAwMDAwMDAwMDs3ZGIwZDQ1MWQwYzM3ZTk4YjlmN2E2NWY0MDNmYzUyNWI3ZWNjNzNkZjk0YmJiZDQ3"
    "YTJhZDBhZTBlNzQ1YWJl"
)
V2_S_B = (
    "OWYxYzJkM2U7MTY2MDAwMDAwMDs3ZGIwZDQ1MWQwYzM3ZTk4YjlmN2E2NWY0MDNmYzUyNWI3ZWNjNzNkZjk0YmJiZDQ3YTJhZDBhZTBlNzQ1YWJl"
)
DIGESTS_A = {
    "user": "c448d7dd2c2e02752b66c9583d248d37d21a8e786f99e0eaeca3e360e9e06168",
    "user;ts": "f99e21a2ca421d3528b86210562e382ba114c5be69f157fcbc42e1eb0f4ebf2b",
    "ts;user": "2d386df8d911b97570647700931d91a019d7a3bbd0e82ad5cc812c780668f489",
    "user+ts": "d080e99950b7f79db8f67ab9903a50eb92aad5ab6970db7b6a4b787d3c376b4f",
    "ts+user": "b027c91488a8b696e195e7561bff86fc3754c4c7c578cde8b565ee7ac624fd12",
}
AT = datetime.fromtimestamp(1_660_000_000, UTC)
KEY = VerificationKey("k1", "s3cret")

USER_IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


def encoded(text: str) -> str:
    """Return standard base64 of UTF-8."""
    return base64.b64encode(text.encode()).decode()


def digest(text: str, secret: str = "s3cret") -> str:
    """Return the hex HMAC-SHA256."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def verdict(
    token: object,
    *,
    key: VerificationKey = KEY,
    user_id: str = "user-42",
    now: datetime = AT,
    max_age_s: int | None = None,
) -> Verdict:
    """Check one token under one key."""
    return check_token([key], user_id, token, now=now, max_age_s=max_age_s)


@pytest.mark.parametrize(
    ("key", "user_id", "expected"),
    [pytest.param(KEY_A, "user-42", V1_A, id="A"), pytest.param(KEY_B, USER_B, V1_B, id="B")],
)
def test_tokens_without_a_timestamp_equal_the_published_steps(key: str, user_id: str, expected: str) -> None:
    """The first format: id;digest."""
    assert expected == sign_user_id(key, user_id)
    assert verdict(expected, key=VerificationKey.parse(key), user_id=user_id).ok


@pytest.mark.parametrize(
    ("key", "user_id", "milliseconds", "seconds"),
    [
        pytest.param(KEY_A, "user-42", V2_MS_A, V2_S_A, id="A"),
        pytest.param(KEY_B, USER_B, V2_MS_B, V2_S_B, id="B"),
    ],
)
def test_tokens_with_a_timestamp_equal_the_published_steps(
    key: str, user_id: str, milliseconds: str, seconds: str
) -> None:
    """The second format: id;timestamp;digest, made in milliseconds and taken in both units."""
    parsed = VerificationKey.parse(key, message="user")

    assert milliseconds == sign_user_id(parsed, user_id, at=AT)
    for token in (milliseconds, seconds):
        assert Verdict(None, "The token is good.", AT) == verdict(token, key=parsed, user_id=user_id)


@pytest.mark.parametrize("message", DIGESTS_A)
def test_each_way_to_sign_a_timestamp_gives_its_own_digest(message: str) -> None:
    """What is signed is a setting of the key."""
    key = VerificationKey.parse(KEY_A, message=message)
    expected = encoded(f"hmac_id_1;1660000000000;{DIGESTS_A[message]}")

    assert expected == sign_user_id(key, "user-42", at=AT)
    for other in MESSAGES:
        accepted = verdict(expected, key=VerificationKey.parse(KEY_A, message=other)).ok
        assert (other == message) == accepted


def test_a_key_whose_secret_holds_a_semicolon_is_refused_and_its_first_part_signs_as_the_sample_does() -> None:
    """The platform's sample cuts such a secret at the semicolon: what it would sign with is made and checked here."""
    token = (
        "aWQ7ODZjZjlmNDM5NjBkMWYwM2Q1ZTE2ZDcwYjQ1ZDU5NjE2MTZmMGI4OGVmYTFhMmM4ODY3ZTg0MjEwOTY2YTM4ZQ=="
    )
    cut = VerificationKey("id", "se")

    assert token == sign_user_id(cut, "user-42")
    assert verdict(token, key=cut).ok
    whole = "c8c6e2eb18d0b792fae5e4028e988042ccb301565f6b8697aba74e82463e4314"
    assert whole == digest("user-42", "se;cret")
    assert not verdict(encoded(f"id;{whole}"), key=cut).ok
    with pytest.raises(ValidationError, match="semicolon"):
        VerificationKey.parse("aWQ7c2U7Y3JldA==")


def test_the_default_signs_timestamp_nul_and_user_id() -> None:
    """Both are proved, with a separator that no user id can hold."""
    expected = encoded(f"k1;1660000000000;{digest(chr(0).join(['1660000000000', 'user-42']))}")

    assert expected == sign_user_id(KEY, "user-42", at=AT)
    assert VerificationKey("k1", "s3cret", "ts\0user") == KEY
    assert "\0" not in KEY.message


@given(USER_IDS)
def test_no_token_without_a_timestamp_can_be_turned_into_one_with_it(user_id: str) -> None:
    """A server that signs the ids people choose can't be made to sign for somebody else."""
    signed = base64.b64decode(sign_user_id(KEY, user_id)).decode().split(";")[1]
    for stamp in ("1660000000000", "1660000000"):
        for victim in {user_id, "victim", user_id.partition(";")[0] or "victim", user_id[:1]}:
            assert not verdict(encoded(f"k1;{stamp};{signed}"), user_id=victim).ok


def test_the_alternatives_can_be_turned_which_is_why_they_are_not_the_default() -> None:
    """The documented weakness exists: a crafted id gives a token of the victim."""
    key = VerificationKey("k1", "s3cret", "user;ts")
    signed = base64.b64decode(sign_user_id(key, "victim;1660000000000")).decode().split(";")[1]

    assert verdict(encoded(f"k1;1660000000000;{signed}"), key=key, user_id="victim").ok


def random_text(source: random.Random, longest: int, forbidden: str) -> str:
    """Return text from all over Unicode, without lone surrogates and what is forbidden."""
    ranges = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x4E00, 0x4FFF), (0x1F300, 0x1FAFF)]
    letters = (chr(source.randint(*source.choice(ranges))) for _ in range(source.randint(1, longest)))
    return "".join(letter for letter in letters if letter not in forbidden) or "x"


@pytest.mark.skipif(os.environ.get("LMG_NO_NODE") == "1", reason="LMG_NO_NODE=1: this machine has no Node")
def test_a_thousand_tokens_equal_those_of_an_independent_node_implementation() -> None:
    """The documented steps, written again in the language of the platform's sample, give the same tokens."""
    node = shutil.which("node")
    assert node is not None, "this test needs Node; set LMG_NO_NODE=1 to go without it"
    source = random.Random(20240506)
    keys = [VerificationKey(random_text(source, 20, ";"), random_text(source, 60, ";")) for _ in range(1000)]
    users = [random_text(source, 80, "") for _ in keys]
    cases = [{"key": key.encode(), "userId": user} for key, user in zip(keys, users, strict=True)]

    answer = subprocess.run(
        [node, str(Path(__file__).parent / "node" / "sign_user_id.js")],
        input=json.dumps(cases).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )

    expected = json.loads(answer.stdout)
    assert 1000 == len(expected)
    assert expected == [sign_user_id(key, user) for key, user in zip(keys, users, strict=True)]
    assert expected == [sign_user_id(key.encode(), user) for key, user in zip(keys, users, strict=True)]


def test_a_secret_with_a_semicolon_is_refused_with_the_reason() -> None:
    """The platform's Node sample would cut it, and the tokens would not agree."""
    with pytest.raises(ValidationError, match=r"semicolon.*cut the secret off") as caught:
        VerificationKey.parse("aWQ7c2U7Y3JldA==")

    assert ["secret"] == caught.value.fields


@pytest.mark.parametrize(
    ("key_id", "secret", "message", "field"),
    [
        pytest.param("", "s", "user", "id", id="empty id"),
        pytest.param("a;b", "s", "user", "id", id="semicolon in the id"),
        pytest.param("a\0", "s", "user", "id", id="NUL in the id"),
        pytest.param("k" * 257, "s", "user", "id", id="long id"),
        pytest.param(7, "s", "user", "id", id="id is a number"),
        pytest.param("a", "", "user", "secret", id="empty secret"),
        pytest.param("a", "\ud800", "user", "secret", id="lone surrogate in the secret"),
        pytest.param("a", b"s", "user", "secret", id="secret is bytes"),
        pytest.param("a", "s", "ts", "message", id="unknown message"),
        pytest.param("a", "s", None, "message", id="no message"),
    ],
)
def test_a_key_that_cannot_work_is_refused(key_id: str, secret: str, message: str, field: str) -> None:
    """A key is checked when it is made, not when a token fails."""
    with pytest.raises(ValidationError) as caught:
        VerificationKey(key_id, secret, message)

    assert [field] == caught.value.fields


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("wk_0123456789", id="a write key"),
        pytest.param("aG1hY19pZF8xO3MzY3IzdC0wMDAx\n", id="line break"),
        pytest.param("aWQ7czE", id="no padding"),
        pytest.param("aWQ_c2Vj", id="the alphabet of URLs"),
        pytest.param("/zs7", id="not UTF-8"),
        pytest.param(encoded("no separator"), id="no separator"),
        pytest.param("é", id="not ASCII"),
        pytest.param(None, id="None"),
    ],
)
def test_text_that_is_no_key_is_refused(text: str) -> None:
    """The field is `key`, and the text is not repeated."""
    with pytest.raises(ValidationError) as caught:
        VerificationKey.parse(text)

    assert ["key"] == caught.value.fields


@given(USER_IDS, USER_IDS)
def test_a_key_survives_its_text(key_id: str, secret: str) -> None:
    """What the property's settings show is the whole key."""
    key = VerificationKey(key_id.replace(";", ":"), secret.replace(";", ":"))

    assert key == VerificationKey.parse(key.encode())


def test_the_repr_of_a_key_hides_the_secret() -> None:
    """A key in a traceback gives nothing away."""
    assert "s3cret" not in f"{KEY!r} {KEY}"


@given(USER_IDS, st.sampled_from(MESSAGES), st.datetimes(datetime(1973, 4, 1), timezones=st.just(UTC)))
def test_what_is_signed_is_accepted_for_this_user_alone(user_id: str, message: str, at: datetime) -> None:
    """Any Unicode user id, in both formats, under each setting."""
    key = VerificationKey("k1", "s3cret", message)
    for token in (sign_user_id(key, user_id), sign_user_id(key, user_id, at=at)):
        assert verdict(token, key=key, user_id=user_id, now=at).ok
        assert "token_refused" == verdict(token, key=key, user_id=user_id + "x", now=at).code


def test_user_ids_are_compared_code_point_by_code_point() -> None:
    """Two ways to write é are two users."""
    token = sign_user_id(KEY, "\u00e9lise")

    assert verdict(token, user_id="\u00e9lise").ok
    assert "token_refused" == verdict(token, user_id="e\u0301lise").code


@pytest.mark.parametrize("user_id", ["", "a\0b", "\ud800", None, 7, b"user-42"])
def test_what_cannot_be_a_user_id_is_refused_everywhere(user_id: str) -> None:
    """Signing and checking refuse it by the same name."""
    for attempt in (
        lambda: sign_user_id(KEY, user_id),
        lambda: verdict("x", user_id=user_id),
        lambda: check_user_id(user_id),
    ):
        with pytest.raises(ValidationError) as caught:
            attempt()
        assert ["user_id"] == caught.value.fields


GOOD_DIGEST = digest("user-42")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(None, id="None"),
        pytest.param(7, id="number"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST}").encode(), id="bytes"),
        pytest.param("HMAC_TOKEN", id="the documentation's placeholder"),
        pytest.param("not base64!", id="not base64"),
        pytest.param("é", id="not ASCII"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST}") + "\n", id="line break"),
        pytest.param(" " + encoded(f"k1;{GOOD_DIGEST}"), id="space"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST}").rstrip("="), id="no padding"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST}") + "====", id="too much padding"),
        pytest.param(base64.b64encode(b"k1;\xff" + GOOD_DIGEST.encode()).decode(), id="not UTF-8"),
        pytest.param(encoded(GOOD_DIGEST), id="one part"),
        pytest.param(encoded(f"k1;1660000000000;x;{GOOD_DIGEST}"), id="four parts"),
        pytest.param(encoded(f";{GOOD_DIGEST}"), id="empty key id"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST.upper()}"), id="digest in capitals"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST[:-1]}"), id="digest too short"),
        pytest.param(encoded(f"k1;{GOOD_DIGEST}\n"), id="digest with a line break"),
        pytest.param(encoded(f"k1;;{GOOD_DIGEST}"), id="empty timestamp"),
        pytest.param(encoded(f"k1;-1660000000;{GOOD_DIGEST}"), id="negative timestamp"),
        pytest.param(encoded(f"k1;2022-08-08T23:06:40Z;{GOOD_DIGEST}"), id="ISO timestamp"),
        pytest.param(encoded(f"k1;1660000000.5;{GOOD_DIGEST}"), id="fractional timestamp"),
        pytest.param(encoded(f"k1;١٦٦٠;{GOOD_DIGEST}"), id="other digits"),
        pytest.param(encoded(f"k1;{'9' * 15};{GOOD_DIGEST}"), id="after the year 9999"),
        pytest.param(encoded(f"k1;{'9' * 5000};{GOOD_DIGEST}"), id="enormous timestamp"),
        pytest.param("A" * 100_000, id="enormous"),
    ],
)
def test_a_malformed_token_is_a_verdict_and_not_an_exception(token: object) -> None:
    """Whatever a stranger sends, the answer is a code."""
    assert "token_malformed" == verdict(token).code


@given(st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode()) | st.text().map(str))
def test_no_text_is_accepted_by_chance(token: str) -> None:
    """Nothing raises, and nothing but a signature is good."""
    assert verdict(token).code in ("token_malformed", "token_unknown_key", "token_refused")


@given(st.text(max_size=5), st.text(max_size=20), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_no_token_of_the_right_shape_is_accepted_by_chance(key_id: str, stamp: str, found: str) -> None:
    """Parts that look right change nothing."""
    try:
        token = encoded(f"{key_id};{stamp};{found}")
    except UnicodeEncodeError:
        return

    assert not verdict(token).ok


def test_a_key_is_replaced_by_accepting_two() -> None:
    """Rotation: both ids are good until the old one is taken away."""
    old, new = VerificationKey("old", "s-1"), VerificationKey("new", "s-2")
    ring = KeyRing(key for key in (old, new))
    tokens = [sign_user_id(key, "user-42") for key in (old, new)]

    assert [ring.check("user-42", token, now=AT, max_age_s=None).ok for token in tokens] == [True, True]
    assert [verdict(token, key=new).code for token in tokens] == ["token_unknown_key", None]
    assert "token_unknown_key" == KeyRing([]).check("user-42", tokens[0], now=AT, max_age_s=None).code


def test_a_token_under_another_secret_of_the_same_id_is_refused() -> None:
    """The id alone proves nothing."""
    assert "token_refused" == verdict(sign_user_id(VerificationKey("k1", "other"), "user-42")).code


@pytest.mark.parametrize(
    ("age", "max_age_s", "code"),
    [
        pytest.param(timedelta(days=4000), None, None, id="lives for ever"),
        pytest.param(timedelta(seconds=60), 60, None, id="at the limit"),
        pytest.param(timedelta(seconds=60, milliseconds=1), 60, "token_expired", id="beyond the limit"),
        pytest.param(timedelta(seconds=-300), 60, None, id="a clock five minutes ahead"),
        pytest.param(timedelta(seconds=-300, milliseconds=-1), 60, "token_refused", id="from the future"),
        pytest.param(timedelta(seconds=-301), None, "token_refused", id="from the future, never expiring"),
    ],
)
def test_the_age_of_a_token(age: timedelta, max_age_s: int | None, code: str | None) -> None:
    """A token is good from its timestamp on, for as long as the property says."""
    found = verdict(sign_user_id(KEY, "user-42", at=AT - age), max_age_s=max_age_s)

    assert code == found.code
    assert AT - age == found.timestamp


def test_a_timestamp_in_seconds_ages_like_one_in_milliseconds() -> None:
    """Numbers below 1e11 are seconds."""
    token = encoded(f"k1;1660000000;{digest(chr(0).join(['1660000000', 'user-42']))}")

    assert verdict(token, max_age_s=60).ok
    assert "token_expired" == verdict(token, max_age_s=60, now=AT + timedelta(seconds=61)).code


def test_a_token_without_a_timestamp_does_not_expire() -> None:
    """The real platform's older format shows no age; it is good for as long as its key is."""
    assert verdict(sign_user_id(KEY, "user-42"), max_age_s=1).ok


def test_a_wrong_signature_wins_over_its_age() -> None:
    """Nobody learns from a forged token whether it would have been too old."""
    token = encoded(f"k1;1;{GOOD_DIGEST}")

    assert Verdict("token_refused", "The signature is not right for this user id.") == verdict(token, max_age_s=1)


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(datetime(2024, 1, 1), id="naive"),
        pytest.param(datetime(1973, 3, 3, tzinfo=UTC), id="would be read as seconds"),
        pytest.param(datetime(1960, 1, 1, tzinfo=UTC), id="before 1970"),
        pytest.param(1660000000, id="a number"),
    ],
)
def test_a_time_that_would_be_misread_is_refused(at: datetime) -> None:
    """A token is never made with a timestamp that means something else to its reader."""
    with pytest.raises(ValidationError) as caught:
        sign_user_id(KEY, "user-42", at=at)

    assert ["at"] == caught.value.fields


class Client:
    """Stands for an SDK client, or anything else that is no key."""


@pytest.mark.parametrize("key", [Client(), None, b"aWQ7cw==", ("k1", "s3cret")])
def test_signing_from_an_app_is_refused_with_the_reason(key: VerificationKey) -> None:
    """An app that could sign could be anybody."""
    with pytest.raises(TypeError, match="signing belongs on your own server"):
        sign_user_id(key, "user-42")


def test_the_verification_module_needs_no_dependency() -> None:
    """A customer's server that only signs loads neither the SDK's storage nor its schemas."""
    code = (
        "import sys, lmg_offline.verification; "
        "print([name for name in ('marshmallow', 'sqlalchemy', 'urllib3') if name in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60)

    assert "[]\n" == shown.stdout
