"""Every code block of the platform's audience page, in its Python form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lmg_offline import AudienceState, Client, Gender
from lmg_offline.platform.server import Running
from lmg_offline.verification import sign_user_id
from tests.e2e.support import Admin, client_of


@pytest.fixture
def client(platform: Running, tmp_path: Path) -> Iterator[Client]:
    with client_of(platform, tmp_path / "journal") as found:
        yield found


def test_identify_with_a_user_id(client: Client, dialect: str) -> None:
    """The user is identified, not verified; the status says how the platform was spoken to."""
    identification = client.user.identify("UNIQUE_USER_ID")

    assert AudienceState.IDENTIFIED is client.user.state
    assert AudienceState.IDENTIFIED is identification.result(20)
    assert dialect == client.status().dialect


@pytest.mark.parametrize("form", ["second argument", "options", "keyword"])
def test_identify_with_a_token(client: Client, platform: Running, form: str) -> None:
    """Verified once the platform has accepted the token, in each of the three forms."""
    token = sign_user_id(platform.verification_key, "UNIQUE_USER_ID")
    match form:
        case "second argument":
            identification = client.user.identify("UNIQUE_USER_ID", token)
        case "options":
            identification = client.user.identify("UNIQUE_USER_ID", {"hmac": token})
        case _:
            identification = client.identify("UNIQUE_USER_ID", hmac=token)

    assert AudienceState.VERIFIED is identification.result(20)
    assert AudienceState.VERIFIED is client.user.state
    assert "VERIFIED" == Admin(platform).user("UNIQUE_USER_ID")["state"]


def test_identify_with_a_profile_and_traits(client: Client, platform: Running) -> None:
    """Standard and custom traits arrive as they were given."""
    profile = {
        "email": "joe@example.com",
        "name": "Joe",
        "birthday": date(1968, 4, 3),
        "gender": client.user.genders.Male,
        "traits": {"account_tier": "gold", "paid_subscriber": True, "monthly_spend": 155.5, "likes": ["a", "b"]},
    }
    client.user.identify("UNIQUE_USER_ID", {"profile": profile})

    assert client.flush(20)
    expected = {**profile, "birthday": "1968-04-03", "gender": "male"}
    assert expected == Admin(platform).user("UNIQUE_USER_ID")["profile"]
    assert profile == client.user.profile


def test_an_update_after_identify_with_the_same_call(client: Client, platform: Running, dialect: str) -> None:
    """Traits can be sent later; what is not named stays, None clears."""
    session_id = client.user.session_id
    client.user.identify("UNIQUE_USER_ID", profile={"name": "Joe", "traits": {"tier": "gold", "gone": 1}})
    client.user.identify("UNIQUE_USER_ID", {"profile": {"traits": {"tier": "silver", "gone": None}}})
    client.user.update({"email": "joe@example.com"})

    assert client.flush(20)
    found = Admin(platform).user("UNIQUE_USER_ID")
    expected = {
        "name": "Joe",
        "email": "joe@example.com",
        "birthday": None,
        "gender": None,
        "traits": {"tier": "silver"},
    }
    assert expected == found["profile"]
    # The real platform names its sessions itself.
    expected_id = session_id if dialect == "replay" else found["sessions"][0]["session_id"]
    assert [expected_id] == [session["session_id"] for session in found["sessions"]]


def test_a_list_of_saved_offers_waits_for_identify(client: Client, platform: Running) -> None:
    """An identify that nobody waited for, then the list: the user's own bookmarks."""
    Admin(platform).content()
    client.user.identify("UNIQUE_USER_ID", sign_user_id(platform.verification_key, "UNIQUE_USER_ID"))
    client.offer.bookmark("o2", "b2")
    page = client.business.list(limit_to_saved=True, timeout=20)

    assert (["b2"], False) == ([business.id for business in page], page.stale)
    assert page[0].offers[0].is_bookmarked


def test_reset_session(client: Client) -> None:
    """A new, anonymous session; nothing of the person is left."""
    client.user.identify("UNIQUE_USER_ID", profile={"name": "Joe"})
    before = client.user.session_id
    after = client.user.reset_session()

    assert before != after == client.user.session_id
    assert (AudienceState.ANONYMOUS, None, {}) == (client.user.state, client.user.id, client.user.profile)
    assert client.user.logout() == client.user.session_id


def test_the_four_genders(client: Client) -> None:
    """By the names of the page and by ours."""
    genders = client.user.genders

    assert [Gender.MALE, Gender.FEMALE, Gender.OTHER, Gender.PREFER_NOT_TO_SAY] == [
        genders.Male, genders.Female, genders.Other, genders.PreferNotToSay,
    ]  # fmt: skip
    assert ["male", "female", "other", "pnts"] == [gender.value for gender in Gender]
