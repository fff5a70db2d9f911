"""Replay on a platform that knows less than the device: whose a session is, and which copy of a device goes on."""

from __future__ import annotations

import pytest
from kiosk import DAY_MS, MINUTE_MS, Kiosk, Site, ago, bookmark, forget, identify, lane, position, track, update_of

from lmg_offline.platform.lanes import next_exchange
from lmg_offline.platform.store import tables
from lmg_offline.protocol.values import START, Position

ANN = ("ann", False)
VERIFIED_ANN = ("ann", True)


@pytest.mark.parametrize("known", ["nothing", "an anonymous session", "an older end"])
def test_what_comes_after_a_restore_lands_on_the_person_who_made_it(site: Site, kiosk: Kiosk, known: str) -> None:
    """The identify is lost with the backup; the device says whose the lane is, and proves it."""
    if known == "an anonymous session":
        kiosk.one([track(1, "early")])
    elif known == "an older end":
        kiosk.one([identify(1, "ann")])

    reply = kiosk.one(
        [update_of(8, {"name": "Ann"}), bookmark(9, "offer-1"), track(10, "late")],
        after=position(7),
        token=site.token("ann"),
        was=VERIFIED_ANN,
    )

    assert ("ok", "verified", True, []) == tuple(reply[name] for name in ("status", "state", "restored", "refused"))
    assert {"name": "Ann"} == site.profile("ann")
    assert {"ann"} == {row["user_id"] for row in site.rows(tables.activity)}
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.bookmarks)]
    assert {"identity_restored", "lane_restored"} == {row["event"] for row in site.rows(tables.platform_log)}


def test_a_session_that_was_identified_without_proof_is_that_again(site: Site, kiosk: Kiosk) -> None:
    """No token, no verification: as it was."""
    reply = kiosk.one([track(8, "late")], after=position(7), was=ANN)

    assert ("ok", "identified") == (reply["status"], reply["state"])
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.activity)]


def test_a_restored_lane_without_entries_is_whose_it_was(site: Site, kiosk: Kiosk) -> None:
    """A device that only asks for a session token reads as the person it has."""
    reply = kiosk.one([], after=position(7), token=site.token("ann"), was=VERIFIED_ANN)

    assert ("ok", "verified") == (reply["status"], reply["state"])
    assert reply["session_token"]


@pytest.mark.parametrize(
    ("token", "code"), [(None, "token_missing"), ("bad", "token_malformed"), ("old", "token_expired")]
)
def test_nothing_of_a_known_person_is_applied_to_nobody(
    site: Site, kiosk: Kiosk, token: str | None, code: str
) -> None:
    """Without an accepted token the lane is parked where it is, however often it asks, until one comes."""
    sent = site.token("ann", at=ago(2 * DAY_MS)) if token == "old" else token
    entries = [update_of(8, {"name": "Ann"}), track(9, "late")]

    answers = [kiosk.one(entries, after=position(7), token=sent, was=VERIFIED_ANN) for _ in range(2)]
    users, log = site.rows(tables.users), site.log("s1")
    released = kiosk.one(entries, after=position(7), token=site.token("ann"), was=VERIFIED_ANN)

    assert [("parked", code, position(7))] * 2 == [
        (reply["status"], reply["code"], reply["applied_through"]) for reply in answers
    ]
    assert ([], []) == (users, log)
    assert ("ok", position(9)) == (released["status"], released["applied_through"])
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.activity)]


def test_a_session_that_the_platform_knows_is_left_as_it_is(site: Site, kiosk: Kiosk) -> None:
    """The device's word adds nothing, and an old token beside it does no harm."""
    kiosk.one([identify(1, "ann", verify=True)], token=site.token("ann"))

    reply = kiosk.one([track(2, "b")], after=position(1), token="bad", was=VERIFIED_ANN)

    assert ("ok", "verified") == (reply["status"], reply["state"])
    assert [] == site.rows(tables.platform_log)


def test_a_session_of_another_user_is_not_given_away(site: Site, kiosk: Kiosk) -> None:
    """Whatever the device says."""
    kiosk.one([identify(1, "ann")])

    reply = kiosk.one([update_of(2, {"name": "Bob"})], after=position(1), was=("bob", False))

    assert ("parked", "session_taken") == (reply["status"], reply["code"])
    assert {} == site.profile("ann")
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.users)]


def test_an_erased_person_is_not_brought_back_by_a_device_that_goes_on(site: Site, kiosk: Kiosk) -> None:
    """The session belongs to nobody afterwards, also when the platform has lost the end of the lane."""
    kiosk.one([identify(1, "ann", age_ms=9000), track(2, "a", age_ms=8000)])
    Kiosk(site, "kiosk-2").replay(
        lane([forget(1, user_id="ann", token=site.token("ann"), lane="s2", age_ms=5000)], session="s2")
    )

    goes_on = kiosk.one([track(3, "b", age_ms=10)], after=position(2), was=ANN)
    restored = kiosk.one([track(9, "c", age_ms=0)], after=position(8), was=ANN)

    assert ("ok", "anonymous", False) == (goes_on["status"], goes_on["state"], goes_on["restored"])
    assert ("ok", "anonymous", False) == (restored["status"], restored["state"], restored["restored"])
    assert [] == site.rows(tables.users)


def test_what_was_written_before_an_erasure_stays_refused_in_a_session_that_was_lost(site: Site, kiosk: Kiosk) -> None:
    """A platform that has the erasure and not the session: older entries are forgotten, newer ones nobody's."""
    Kiosk(site, "kiosk-2").replay(
        lane([forget(1, user_id="ann", token=site.token("ann"), lane="s2", age_ms=MINUTE_MS)], session="s2")
    )

    reply = kiosk.one(
        [update_of(8, {"name": "Ann"}, age_ms=2 * MINUTE_MS), track(9, "x", age_ms=0)], after=position(7), was=ANN
    )

    assert [(8, "forgotten")] == [(each["seq"], each["code"]) for each in reply["refused"]]
    assert ([], [None]) == (site.rows(tables.users), [row["user_id"] for row in site.rows(tables.activity)])


A, B = "made by a", "made by b"


@pytest.mark.parametrize(
    ("kept", "sent", "expected"),
    [
        pytest.param(None, START, Position(1, None), id="the first request"),
        pytest.param(None, Position(7, A), Position(8, A), id="a device that was lost with a backup"),
        pytest.param(Position(1, None), START, Position(1, None), id="the first reply was lost"),
        pytest.param(Position(1, None), Position(1, A), Position(2, A), id="it goes on"),
        pytest.param(Position(2, A), Position(1, A), Position(2, A), id="a reply was lost"),
        pytest.param(Position(2, A), Position(1, B), None, id="a copy that recorded the same exchange"),
        pytest.param(Position(2, A), START, None, id="an older copy"),
        pytest.param(Position(2, A), Position(2, B), Position(3, B), id="the one that goes on names what it recorded"),
        pytest.param(Position(2, A), Position(9, B), Position(10, B), id="restored from a backup"),
    ],
)
def test_one_copy_of_a_device_goes_on(kept: Position | None, sent: Position, expected: Position | None) -> None:
    """The document's table, row for row."""
    assert expected == next_exchange(kept, sent)


def test_a_copy_that_writes_in_sessions_of_its_own_is_found_out(site: Site, kiosk: Kiosk) -> None:
    """Two kiosks from one image that share no open session must not stay one device."""
    kiosk.send(lane([track(1, "a")]), exchange=(0, None))
    first = kiosk.send(lane([track(1, "b", lane="s2")], session="s2"), exchange=(1, A))
    copy = kiosk.send(lane([track(1, "c", lane="s3")], session="s3"), exchange=(1, B))
    goes_on = kiosk.send(
        lane([track(2, "d", lane="s2")], session="s2", after=position(1, session="s2")), exchange=(2, A)
    )

    assert [200, 403, 200] == [answer.status_code for answer in (first, copy, goes_on)]
    assert "lmg-device-refused" == copy.json()["errors"][0]["messageId"]
    assert ["a", "b", "d"] == [row["name"] for row in site.rows(tables.activity, "entry_id")]


def test_a_late_or_repeated_request_settles_nothing(site: Site, kiosk: Kiosk) -> None:
    """A network that delivers twice does not make a copy of a device."""
    for exchange, entries in (((0, None), [1]), ((0, None), [1]), ((1, A), [2]), ((0, None), [1]), ((2, B), [3])):
        after = position(entries[0] - 1) if entries[0] > 1 else None
        kiosk.send(lane([track(seq, "a") for seq in entries], after=after), exchange=exchange)

    assert [1, 2, 3] == [seq for seq, *_ in site.log("s1")]
