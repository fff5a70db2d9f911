"""What each kind of entry carries."""

from __future__ import annotations

import pytest

from lmg_offline.errors import ValidationError
from lmg_offline.protocol.entries import Kind, check_payload

PROFILE = {"email": "ann@example.com", "age": 57}
REDEEM: dict[str, object] = {
    "offer_id": "o",
    "business_id": "b",
    "location_id": "l",
    "current_state": "default",
    "transition_index": 0,
    "target": "redeemed",
    "used": 0,
    "client_args": {
        "confirmPromptDisplayed": True,
        "deviceGeoPoint": [-119.4, 49.8],
        "pin": "1234",
        "n": 1.5,
        "x": None,
    },
}


@pytest.mark.parametrize(
    ("kind", "payload", "added"),
    [
        pytest.param("identify", {"user_id": "u", "verify": False}, {}, id="identify"),
        pytest.param("identify", {"user_id": "ü" * 5000, "verify": True, "profile": PROFILE}, {}, id="profile"),
        pytest.param("update", {"profile": PROFILE}, {}, id="update"),
        pytest.param("update", {"profile": {}}, {}, id="empty update"),
        pytest.param("track", {"name": "seen", "properties": {"a": [{"b": 1}]}}, {}, id="track"),
        pytest.param("track", {"name": "seen"}, {"properties": {}}, id="track alone"),
        pytest.param("bookmark", {"offer_id": "o", "business_id": None, "location_ids": ["l"]}, {}, id="bookmark"),
        pytest.param("unbookmark", {"offer_id": "o"}, {"business_id": None, "location_ids": []}, id="unbookmark alone"),
        pytest.param("forget", {"user_id": "u", "token": "t"}, {}, id="forget"),
        pytest.param("forget", {}, {"user_id": None, "token": None}, id="forget this session"),
        pytest.param("redeem", REDEEM, {}, id="redeem"),
        pytest.param(
            "redeem",
            {name: REDEEM[name] for name in ("offer_id", "location_id", "current_state", "transition_index")},
            {"business_id": None, "target": None, "used": None, "client_args": {}},
            id="redeem alone",
        ),
    ],
)
def test_a_payload_that_fits_its_kind_comes_back_complete(
    kind: str, payload: dict[str, object], added: dict[str, object]
) -> None:
    """What may be missing is filled in, so that nobody has to ask twice."""
    assert payload | added == check_payload(kind, payload)


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        pytest.param("jump", {}, "kind", id="unknown kind"),
        pytest.param("track", None, "payload", id="nothing"),
        pytest.param("track", [1], "payload", id="list"),
        pytest.param("identify", {"verify": False}, "user_id", id="no user id"),
        pytest.param("identify", {"user_id": "", "verify": False}, "user_id", id="empty user id"),
        pytest.param("identify", {"user_id": "a\0", "verify": False}, "user_id", id="user id with NUL"),
        pytest.param("identify", {"user_id": "\ud800", "verify": False}, "user_id", id="lone surrogate"),
        pytest.param("identify", {"user_id": 7, "verify": False}, "user_id", id="user id is a number"),
        pytest.param("identify", {"user_id": "u"}, "verify", id="no verify"),
        pytest.param("identify", {"user_id": "u", "verify": 1}, "verify", id="verify is a number"),
        pytest.param("identify", {"user_id": "u", "verify": True, "profile": None}, "profile", id="null profile"),
        pytest.param("update", {}, "profile", id="no profile"),
        pytest.param("update", {"profile": [1]}, "profile", id="profile is a list"),
        pytest.param("update", {"profile": {"email": "no"}}, "profile.email", id="email"),
        pytest.param("update", {"profile": {"tags": ["a", 1]}}, "profile.tags.1", id="custom trait"),
        pytest.param("update", {"profile": {}, "extra": 1}, "extra", id="unknown field"),
        pytest.param("track", {"properties": {}}, "name", id="no name"),
        pytest.param("track", {"name": "x" * 257}, "name", id="long name"),
        pytest.param("track", {"name": "x", "properties": [1]}, "properties", id="properties are a list"),
        pytest.param("track", {"name": "x", "properties": {"a": {"b": 2**60}}}, "properties.a.b", id="number"),
        pytest.param("track", {"name": "x", "properties": {"a": "y" * 33000}}, "payload", id="too large"),
        pytest.param("bookmark", {"offer_id": None}, "offer_id", id="null offer"),
        pytest.param("bookmark", {"offer_id": "o", "location_ids": "l"}, "location_ids", id="text as list"),
        pytest.param("bookmark", {"offer_id": "o", "location_ids": ["l", 2]}, "location_ids.1", id="location"),
        pytest.param("forget", {"token": 1}, "token", id="token is a number"),
        pytest.param("redeem", {**REDEEM, "location_id": None}, "location_id", id="null location"),
        pytest.param("redeem", {**REDEEM, "current_state": ""}, "current_state", id="empty state"),
        pytest.param("redeem", {**REDEEM, "transition_index": -1}, "transition_index", id="negative index"),
        pytest.param("redeem", {**REDEEM, "transition_index": True}, "transition_index", id="index is a bool"),
        pytest.param("redeem", {**REDEEM, "used": -1}, "used", id="negative use"),
        pytest.param("redeem", {**REDEEM, "client_args": [1]}, "client_args", id="arguments are a list"),
        pytest.param("redeem", {**REDEEM, "client_args": {"pin": {}}}, "client_args.pin", id="an object"),
        pytest.param("redeem", {**REDEEM, "client_args": {"p": [1, 2, 3]}}, "client_args.p", id="three numbers"),
        pytest.param("redeem", {**REDEEM, "client_args": {"p": [True, 2]}}, "client_args.p", id="a bool in a point"),
    ],
)
def test_a_payload_that_does_not_fit_names_the_field(kind: str, payload: object, field: str) -> None:
    """The platform's answer names what a person has to look at."""
    with pytest.raises(ValidationError) as caught:
        check_payload(kind, payload)

    assert [field] == caught.value.fields


def test_every_kind_has_a_schema() -> None:
    """No kind is refused as unknown."""
    for kind in Kind:
        try:
            check_payload(kind, {})
        except ValidationError as error:
            assert "kind" not in error.fields
