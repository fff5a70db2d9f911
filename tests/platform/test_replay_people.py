"""Replay: identities, profiles, bookmarks and erasure."""

from __future__ import annotations

from typing import Any

import pytest
from kiosk import (
    DAY_MS,
    MINUTE_MS,
    Kiosk,
    Site,
    ago,
    bookmark,
    entry,
    forget,
    identify,
    lane,
    position,
    track,
    update_of,
)

from lmg_offline.platform.store import tables
from lmg_offline.verification import VerificationKey, sign_user_id


def test_a_good_token_verifies(site: Site, kiosk: Kiosk) -> None:
    """The user and the session are verified, the session's earlier values with them."""
    reply = kiosk.one(
        [update_of(1, {"city": "Kelowna"}), identify(2, "ann", verify=True, profile={"name": "Ann"})],
        token=site.token("ann"),
    )

    assert ("ok", "verified") == (reply["status"], reply["state"])
    assert {"city": "Kelowna", "name": "Ann"} == site.profile("ann")
    assert ["verified"] == [row["state"] for row in site.rows(tables.users)]
    assert [] == site.rows(tables.session_values)
    assert [("s1-1", True), ("s1-2", True)] == [
        (row["entry_id"], row["verified"]) for row in site.rows(tables.profile_values, "attribute")
    ]


def other_key() -> str:
    """Sign with a key that the property does not have."""
    return sign_user_id(VerificationKey("stranger", "secret"), "ann")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda site: None, "token_missing", id="none"),
        pytest.param(lambda site: "%%%", "token_malformed", id="no token at all"),
        pytest.param(lambda site: other_key(), "token_unknown_key", id="unknown key"),
        pytest.param(lambda site: site.token("bob"), "token_refused", id="another user's"),
        pytest.param(lambda site: site.token("ann", at=ago(2 * DAY_MS)), "token_expired", id="too old"),
    ],
)
def test_a_lane_is_parked_at_a_bad_token_and_released_by_a_good_one(
    site: Site, kiosk: Kiosk, make: Any, code: str
) -> None:
    """What came before is applied as anonymous; what was made under the claim waits, and is not lost."""
    entries = [track(1, "before"), identify(2, "ann", verify=True), update_of(3, {"name": "Ann"})]

    parked = kiosk.one(entries, token=make(site))
    users_while_parked = site.rows(tables.users)
    released = kiosk.one(entries[1:], after=position(1), token=site.token("ann", at=ago(MINUTE_MS)))

    assert ("parked", code, "anonymous", None) == (
        parked["status"],
        parked["code"],
        parked["state"],
        parked["session_token"],
    )
    assert position(1) == parked["applied_through"]
    assert parked["message"]
    assert [] == users_while_parked
    assert ("ok", "verified", position(3)) == (released["status"], released["state"], released["applied_through"])
    assert {"name": "Ann"} == site.profile("ann")
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.activity)]


def test_a_token_without_a_timestamp_does_not_expire(site: Site, kiosk: Kiosk) -> None:
    """The older format has no age to judge."""
    site.set_property(token_max_age_s=1)

    assert "verified" == kiosk.one([identify(1, "ann", verify=True)], token=site.token("ann"))["state"]


def test_a_session_is_never_given_to_another_user(site: Site, kiosk: Kiosk) -> None:
    """The second identify is refused, the first user keeps the session."""
    reply = kiosk.one([identify(1, "ann"), identify(2, "bob")])

    assert ["session_taken"] == [refused["code"] for refused in reply["refused"]]
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.users)]


def test_anonymous_activity_and_values_pass_to_the_user(site: Site, kiosk: Kiosk) -> None:
    """In the same request or a later one; the log keeps whose they were when they were made."""
    kiosk.one([track(1, "early"), update_of(2, {"city": "Kelowna"})])
    kiosk.one([track(3, "late"), identify(4, "ann"), track(5, "own")], after=position(2))

    assert ["ann"] * 3 == [row["user_id"] for row in site.rows(tables.activity)]
    assert {"city": "Kelowna"} == site.profile("ann")
    assert [None, None, None, "ann", "ann"] == [row["user_id"] for row in site.rows(tables.entries, "seq")]


def test_the_latest_write_of_each_attribute_wins_whatever_arrives_last(site: Site) -> None:
    """A kiosk that was offline for a week does not overwrite what was changed yesterday."""
    Kiosk(site, "phone").one(
        [identify(1, "ann", lane="p", age_ms=DAY_MS), update_of(2, {"name": "Anne"}, lane="p", age_ms=DAY_MS)],
        session="p",
    )

    reply = Kiosk(site, "kiosk").one(
        [
            identify(1, "ann", lane="k", age_ms=7 * DAY_MS),
            update_of(2, {"name": "Ann", "city": "Kelowna"}, lane="k", age_ms=7 * DAY_MS),
        ],
        session="k",
    )

    assert [{"seq": 2, "attributes": ["name"]}] == reply["conflicts"]
    assert {"name": "Anne", "city": "Kelowna"} == site.profile("ann")


def test_verified_values_merge_by_time_too(site: Site) -> None:
    """Two verified sessions: the older value is a conflict."""
    for device, age_ms in (("phone", DAY_MS), ("kiosk", 7 * DAY_MS)):
        reply = Kiosk(site, device).one(
            [
                identify(1, "ann", verify=True, lane=device, age_ms=age_ms),
                update_of(2, {"name": device}, lane=device, age_ms=age_ms),
            ],
            session=device,
            token=site.token("ann"),
        )

    assert [{"seq": 2, "attributes": ["name"]}] == reply["conflicts"]
    assert {"name": "phone"} == site.profile("ann")


def test_a_cleared_value_wins_over_older_ones(site: Site, kiosk: Kiosk) -> None:
    """Null clears, and stays cleared when an older value arrives late."""
    kiosk.one([identify(1, "ann", age_ms=DAY_MS), update_of(2, {"name": None, "city": "K"}, age_ms=DAY_MS)])

    reply = Kiosk(site, "kiosk-2").one(
        [
            identify(1, "ann", lane="s2", age_ms=2 * DAY_MS),
            update_of(2, {"name": "Ann"}, lane="s2", age_ms=2 * DAY_MS),
        ],
        session="s2",
    )

    assert [{"seq": 2, "attributes": ["name"]}] == reply["conflicts"]
    assert {"city": "K"} == site.profile("ann")


def test_an_unverified_write_is_kept_apart_until_its_session_is_verified(site: Site, kiosk: Kiosk) -> None:
    """It never overwrites a verified value; when the same session is verified, it counts by its time."""
    kiosk.one([identify(1, "ann", verify=True, profile={"name": "Ann"}, age_ms=9000)], token=site.token("ann"))
    claimer = Kiosk(site, "kiosk-2")
    claimer.one(
        [identify(1, "ann", lane="s2"), update_of(2, {"name": "Eve", "city": "Kelowna"}, lane="s2")],
        session="s2",
    )
    apart = site.profile("ann")
    marks = {row["attribute"]: row["verified"] for row in site.rows(tables.profile_values)}

    claimer.one(
        [identify(3, "ann", verify=True, lane="s2")],
        session="s2",
        after=position(2, session="s2"),
        token=site.token("ann"),
    )

    assert {"name": "Ann", "city": "Kelowna"} == apart
    assert {"name": True, "city": False} == marks
    assert {"name": "Eve", "city": "Kelowna"} == site.profile("ann")


@pytest.mark.parametrize(
    ("policy", "state", "code"),
    [
        ("enabled", "anonymous", "identification_required"),
        ("enabled", "identified", None),
        ("enabled", "verified", None),
        ("verified_only", "anonymous", "verification_required"),
        ("verified_only", "identified", "verification_required"),
        ("verified_only", "verified", None),
        ("disabled", "anonymous", "bookmarking_disabled"),
        ("disabled", "identified", "bookmarking_disabled"),
        ("disabled", "verified", "bookmarking_disabled"),
    ],
)
def test_bookmarks_need_what_the_property_says(
    site: Site, kiosk: Kiosk, policy: str, state: str, code: str | None
) -> None:
    """The policy is the property's, and the reply tells it."""
    site.set_property(bookmarking=policy)
    before = [] if state == "anonymous" else [identify(1, "ann", verify=state == "verified")]

    answer = kiosk.send(lane([*before, bookmark(2, "offer-1")], token=site.token("ann"))).json()["data"]["replay"]

    assert {"bookmarking": policy, "redemption_audience": "identified"} == answer["settings"]
    assert ([code] if code else []) == [refused["code"] for refused in answer["lanes"][0]["refused"]]
    assert (0 if code else 1) == len(site.rows(tables.bookmarks))


def test_the_latest_of_bookmark_and_removal_wins(site: Site) -> None:
    """A late older removal does not take a newer bookmark away."""
    site.set_property(bookmarking="enabled")
    Kiosk(site, "phone").one(
        [identify(1, "ann", lane="p", age_ms=MINUTE_MS), bookmark(2, "o", lane="p", age_ms=MINUTE_MS)], session="p"
    )
    Kiosk(site, "kiosk").one(
        [
            identify(1, "ann", lane="k", age_ms=DAY_MS),
            bookmark(2, "o", kind="unbookmark", lane="k", age_ms=DAY_MS),
        ],
        session="k",
    )

    assert [True] == [row["saved"] for row in site.rows(tables.bookmarks)]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"profile": {"email": "nobody"}}, "email"),
        ({"profile": {"name": "\ud800"}}, "name"),
        ({"profile": {"a": {"b": 1}}}, "a"),
        ({}, "profile"),
        ([], "payload"),
        ("text", "payload"),
        (None, "payload"),
    ],
)
def test_a_bad_payload_is_refused_alone_and_by_name(site: Site, kiosk: Kiosk, payload: Any, field: str) -> None:
    """The entries around it are applied; the message names the field and not its value."""
    reply = kiosk.one([track(1, "a"), entry(2, "update", payload), track(3, "b")])

    assert [(2, "invalid_payload")] == [(refused["seq"], refused["code"]) for refused in reply["refused"]]
    assert field in reply["refused"][0]["message"]
    assert 2 == len(site.rows(tables.activity))


def held(site: Site) -> str:
    """Return all that the database holds, as text."""
    return str([site.rows(table) for table in tables.metadata.sorted_tables])


def test_a_verified_user_is_erased_everywhere(site: Site, kiosk: Kiosk) -> None:
    """From every session and table; the lanes go on, and a keyed hash is all that stays."""
    kiosk.one(
        [
            identify(1, "ann-1", verify=True, profile={"name": "Marked Secret"}, age_ms=9000),
            track(2, "marked_view", age_ms=8000),
            bookmark(3, "offer-1", age_ms=7000),
        ],
        token=site.token("ann-1"),
    )
    other = Kiosk(site, "kiosk-2")
    other.one(
        [identify(1, "ann-1", lane="s2", age_ms=9000), update_of(2, {"city": "Marked Town"}, lane="s2", age_ms=9000)],
        session="s2",
    )

    reply = kiosk.one([forget(4, age_ms=1000)], after=position(3))
    goes_on = other.one([track(3, "later", lane="s2", age_ms=0)], session="s2", after=position(2, session="s2"))

    assert ("ok", "anonymous", []) == (reply["status"], reply["state"], reply["refused"])
    assert not any(text in held(site) for text in ("ann-1", "Marked", "marked_view", "offer-1"))
    assert 1 == len(site.rows(tables.tombstones))
    assert ("ok", "anonymous") == (goes_on["status"], goes_on["state"])
    assert 4 == len(site.log("s1"))


def test_writes_from_before_an_erasure_are_refused_however_late(site: Site, kiosk: Kiosk) -> None:
    """From a session that was erased and from one that was never seen; a new identify starts afresh."""
    kiosk.one([identify(1, "ann", verify=True, age_ms=DAY_MS)], token=site.token("ann"))
    kiosk.one([forget(2, age_ms=MINUTE_MS)], after=position(1))

    late = Kiosk(site, "kiosk-2").one(
        [
            track(1, "a", lane="s2", age_ms=DAY_MS),
            identify(2, "ann", lane="s2", age_ms=DAY_MS),
            update_of(3, {"name": "Ann"}, lane="s2", age_ms=DAY_MS),
        ],
        session="s2",
    )
    afresh = Kiosk(site, "kiosk-3").one(
        [identify(1, "ann", lane="s3", profile={"name": "New"}, age_ms=0)], session="s3"
    )

    assert [(2, "forgotten"), (3, "forgotten")] == [(each["seq"], each["code"]) for each in late["refused"]]
    assert [] == site.rows(tables.activity)
    assert ("identified", []) == (afresh["state"], afresh["refused"])
    assert {"name": "New"} == site.profile("ann")


def test_an_erasure_that_comes_late_spares_who_started_afresh(site: Site, kiosk: Kiosk) -> None:
    """A person who asked a day ago and identified again an hour ago keeps what is new."""
    kiosk.one([identify(1, "ann", verify=True, profile={"name": "Old"}, age_ms=3 * DAY_MS)], token=site.token("ann"))
    fresh = Kiosk(site, "kiosk-2")
    fresh.one([identify(1, "ann", lane="s2", profile={"city": "New"}, age_ms=MINUTE_MS)], session="s2")

    kiosk.one([forget(2, age_ms=DAY_MS)], after=position(1))

    assert {"city": "New"} == site.profile("ann")
    assert ["identified"] == [row["state"] for row in site.rows(tables.users)]


def test_a_late_erasure_uncovers_what_was_written_afresh(site: Site, kiosk: Kiosk) -> None:
    """What the erased sessions had overruled counts as soon as they are gone."""
    kiosk.one([identify(1, "ann", verify=True, profile={"name": None}, age_ms=DAY_MS)], token=site.token("ann"))
    Kiosk(site, "kiosk-2").one([identify(1, "ann", lane="s2", profile={"name": "New"}, age_ms=0)], session="s2")
    before = site.profile("ann")

    kiosk.one([forget(2, age_ms=MINUTE_MS)], after=position(1))

    assert ({}, {"name": "New"}) == (before, site.profile("ann"))


@pytest.mark.parametrize(("void", "status", "left"), [(["s1-1", "s1-2"], "ok", 0), ([], "forked", 1)])
def test_an_erasure_reaches_what_an_answer_was_lost_for(
    site: Site, kiosk: Kiosk, void: list[str], status: str, left: int
) -> None:
    """The device gave the entries up before it knew that they had arrived; it names them, as no clone could."""
    kiosk.one([identify(1, "ann", profile={"name": "Ann"}), track(2, "seen")])

    reply = kiosk.one([entry(3, "forget", {"user_id": "ann", "token": None, "void": void})])

    assert (status, left, left) == (
        reply["status"],
        len(site.rows(tables.users)),
        len(site.rows(tables.activity)),
    )


def test_an_unverified_session_erases_what_it_wrote_and_no_more(site: Site, kiosk: Kiosk) -> None:
    """Whoever merely claims to be a user can't erase them."""
    kiosk.one([identify(1, "ann", verify=True, profile={"name": "Ann"})], token=site.token("ann"))

    Kiosk(site, "kiosk-2").one(
        [identify(1, "ann", lane="s2", profile={"city": "Gone"}), track(2, "gone", lane="s2"), forget(3, lane="s2")],
        session="s2",
    )

    assert {"name": "Ann"} == site.profile("ann")
    assert [] == site.rows(tables.activity)
    assert [] == site.rows(tables.tombstones)


def test_a_token_in_the_request_proves_who_asks(site: Site, kiosk: Kiosk) -> None:
    """The erasure may come from a new session, with the token beside it."""
    kiosk.one([identify(1, "ann", profile={"name": "Ann"}, age_ms=9000)])

    kiosk.replay(lane([forget(1, user_id="ann", token=site.token("ann"), lane="s2", age_ms=0)], session="s2"))

    assert ([], {}) == (site.rows(tables.users), site.profile("ann"))


def test_nobody_is_forgotten_by_the_session_of_another_user(site: Site, kiosk: Kiosk) -> None:
    """A session of Bob's that asks to forget Ann is refused, and Bob keeps what is his."""
    reply = kiosk.one([identify(1, "bob", profile={"name": "Bob"}), forget(2, user_id="ann")])

    assert ["verification_required"] == [refused["code"] for refused in reply["refused"]]
    assert {"name": "Bob"} == site.profile("bob")
