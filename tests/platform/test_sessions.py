"""Sessions of the Audience API: opened, extended, identified; traits; bookmarks; expiry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kiosk import Kiosk, Site, identify, position, update_of
from sqlalchemy import update

from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

SESSION = (
    "token content { sessionId integrationId propertyId updated created } meta { stats { ingestionUrl } } warnings"
)


def session(site: Site, field: str, token: str | None = None) -> dict[str, Any]:
    """Run a mutation that answers with a session."""
    answer = site.ask("/graph/auth", f"mutation {{ {field} {{ {SESSION} }} }}", token)
    name = field.split("(")[0]
    found: dict[str, Any] = answer["data"][name]
    return found


def identified(site: Site, user_id: str, *, verified: bool = False) -> str:
    """Open a session for a user and return its token."""
    token = session(site, "createSession")["token"]
    signature = f', externalIdSignature: "{site.token(user_id)}"' if verified else ""
    answered: str = session(site, f'identifySession(externalId: "{user_id}"{signature})', token)["token"]
    return answered


def refusal(answer: dict[str, Any]) -> tuple[int, str]:
    """Return the status and the id of an error."""
    error = answer["errors"][0]
    assert {"name", "message", "statusCode", "messageId"} == set(error)
    return error["statusCode"], error["messageId"]


def traits(site: Site, token: str) -> dict[str, Any]:
    """Return what the session sees of the profile."""
    answer = site.ask("/graph/auth", "{ getSessionTraits { traits } }", token)
    found: dict[str, Any] = json.loads(answer["data"]["getSessionTraits"]["traits"])
    return found


UPDATE = "mutation ($traits: String!) { updateSessionTraits(traits: $traits) { traits warnings } }"
SAVE = 'mutation { createOfferBookmark(offerId: "offer-1") }'
REMOVE = 'mutation { deleteOfferBookmark(offerId: "offer-1") }'


def test_a_session_is_opened_and_extended(site: Site) -> None:
    """It is the same session with another token, and both tokens are good."""
    first = session(site, "createSession")
    extended = session(site, "extendSession", first["token"])

    assert first["content"]["sessionId"] == extended["content"]["sessionId"]
    assert first["token"] != extended["token"]
    assert {} == traits(site, first["token"]) == traits(site, extended["token"])
    assert "dev" == first["content"]["propertyId"]
    assert first["meta"]["stats"]["ingestionUrl"].startswith("http://127.0.0.1:")


def test_only_hashes_of_tokens_are_stored(site: Site) -> None:
    """Whoever reads the database can't speak for a session."""
    token = session(site, "createSession")["token"]

    assert token not in str(site.rows(tables.sessions))


def test_a_signature_verifies_and_its_absence_identifies(site: Site) -> None:
    """The signature is optional, as on the real platform."""
    identified(site, "ann", verified=True)
    identified(site, "bob")

    assert {"ann": "verified", "bob": "identified"} == {
        row["user_id"]: row["state"] for row in site.rows(tables.sessions)
    }


def test_a_bad_signature_is_refused_and_changes_nothing(site: Site) -> None:
    """The session stays anonymous, and may try again."""
    token = session(site, "createSession")["token"]

    answer = site.ask(
        "/graph/auth", 'mutation { identifySession(externalId: "ann", externalIdSignature: "x") { token } }', token
    )

    assert (403, "lmg-token-malformed") == refusal(answer)
    assert ["anonymous"] == [row["state"] for row in site.rows(tables.sessions)]


def test_another_user_gets_a_session_of_their_own(site: Site) -> None:
    """Two people never share a session."""
    token = identified(site, "ann")
    second = session(site, 'identifySession(externalId: "bob")', token)

    assert {"ann", "bob"} == {row["user_id"] for row in site.rows(tables.sessions)}
    assert second["content"]["sessionId"] in {row["session_id"] for row in site.rows(tables.sessions, user_id="bob")}


def test_traits_are_written_and_those_that_cannot_be_become_warnings(site: Site) -> None:
    """One bad key does not lose the others; null clears."""
    token = identified(site, "ann")
    site.ask("/graph/auth", UPDATE, token, traits=json.dumps({"city": "Kelowna", "name": "Ann"}))

    answer = site.ask(
        "/graph/auth",
        UPDATE,
        token,
        traits=json.dumps({"email": "nobody", "gender": "pnts", "name": None, "deep": {"a": 1}}),
    )["data"]["updateSessionTraits"]

    assert {"city": "Kelowna", "gender": "pnts"} == json.loads(answer["traits"])
    assert ["deep", "email"] == sorted(warning.split(":")[0] for warning in answer["warnings"])
    assert {"city": "Kelowna", "gender": "pnts"} == site.profile("ann")


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": NaN}'])
def test_traits_that_are_no_object_are_malformed(site: Site, text: str) -> None:
    """The text has to be a JSON object."""
    token = session(site, "createSession")["token"]

    assert (400, "lmg-malformed") == refusal(site.ask("/graph/auth", UPDATE, token, traits=text))


def test_who_merely_claims_to_be_a_user_does_not_read_their_profile(site: Site, kiosk: Kiosk) -> None:
    """An unverified session sees what it wrote itself; a verified one the user's profile."""
    reply = kiosk.one([identify(1, "ann", verify=True, profile={"name": "Ann"})], token=site.token("ann"))
    claimer = identified(site, "ann")
    site.ask("/graph/auth", UPDATE, claimer, traits='{"city": "Elsewhere"}')

    assert {"city": "Elsewhere"} == traits(site, claimer)
    assert {"name": "Ann", "city": "Elsewhere"} == traits(site, reply["session_token"])


def test_an_expired_token_is_answered_with_the_real_platforms_id(site: Site, kiosk: Kiosk) -> None:
    """So is an unknown one and a missing one; an empty replay gives a new token."""
    token = kiosk.one([update_of(1, {"city": "K"})])["session_token"]
    assert {"city": "K"} == traits(site, token)
    with writing(site.engine) as connection:
        connection.execute(update(tables.sessions).values(token_expires_at=1))

    expired = site.ask("/graph/auth", "{ getSessionTraits { traits } }", token)
    unknown = site.ask("/graph/default", "{ locationFeed { cursor { next } } }", "nonsense")
    missing = site.ask("/graph/auth", "mutation { extendSession { token } }")
    renewed = kiosk.one([], after=position(1))["session_token"]

    assert [(401, "09-65-002")] * 3 == [refusal(answer) for answer in (expired, unknown, missing)]
    assert {"city": "K"} == traits(site, renewed)


def test_the_token_before_the_last_one_still_reads(site: Site, kiosk: Kiosk) -> None:
    """A read that is under way while the device replays does not fail."""
    tokens = [kiosk.one([])["session_token"] for _ in range(3)]

    assert {} == traits(site, tokens[1]) == traits(site, tokens[2])
    assert (401, "09-65-002") == refusal(site.ask("/graph/auth", "{ getSessionTraits { traits } }", tokens[0]))


def test_a_session_of_the_api_cannot_be_replayed_by_a_device(site: Site, kiosk: Kiosk) -> None:
    """A lane belongs to the device that opened it, and no device opened this one."""
    opened = session(site, "createSession")["content"]["sessionId"]

    assert "forked" == kiosk.one([], session=opened)["status"]


@pytest.mark.parametrize(
    ("policy", "state", "expected"),
    [
        ("enabled", "anonymous", (403, "lmg-identification-required")),
        ("enabled", "identified", None),
        ("verified_only", "identified", (403, "lmg-verification-required")),
        ("verified_only", "verified", None),
        ("disabled", "verified", (403, "lmg-bookmarking-disabled")),
    ],
)
def test_bookmarks_follow_the_policy(site: Site, policy: str, state: str, expected: Any) -> None:
    """Saved for the session's user, or refused with the reason."""
    site.set_property(bookmarking=policy)
    anonymous = state == "anonymous"
    token = (
        session(site, "createSession")["token"] if anonymous else identified(site, "ann", verified=state == "verified")
    )

    answer = site.ask("/graph/default", SAVE, token)

    if expected is not None:
        assert expected == refusal(answer)
        assert [] == site.rows(tables.bookmarks)
        return
    assert {"data": {"createOfferBookmark": True}} == answer
    assert [True] == [row["saved"] for row in site.rows(tables.bookmarks)]
    assert {"data": {"deleteOfferBookmark": True}} == site.ask("/graph/default", REMOVE, token)
    assert [False] == [row["saved"] for row in site.rows(tables.bookmarks)]


def test_a_bookmark_needs_a_session(site: Site) -> None:
    """Without a token there is nobody to save it for."""
    assert (401, "09-65-002") == refusal(site.ask("/graph/default", SAVE))
