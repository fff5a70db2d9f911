"""Replay: every row of the protocol's table of what the server keeps."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from kiosk import Kiosk, Site, entry, identify, lane, position, track, update_of
from sqlalchemy import Connection, delete, event, update
from sqlalchemy.exc import OperationalError

from lmg_offline.platform import ingest
from lmg_offline.platform.audience_api import endpoint
from lmg_offline.platform.lanes import Apply, Fork, plan
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.protocol.replay import DOCUMENT, WRITE_KEY_HEADER
from lmg_offline.protocol.values import START, Entry, Lane, Position


def sent(after: Position, *seqs: int) -> Lane:
    """Return a lane with entries of these numbers, whose ids follow from them."""
    entries = tuple(Entry(seq, f"e{seq}", "track", 0, 0, {}) for seq in seqs)
    return Lane("s1", after, None, entries)


def at(seq: int) -> Position:
    """Return the position of the entry with this number."""
    return Position(seq, f"e{seq}")


@pytest.mark.parametrize(
    ("kept", "lane", "skipped", "fresh", "restored"),
    [
        pytest.param(None, sent(START, 1, 2), [], [1, 2], False, id="a new session"),
        pytest.param(None, sent(at(4), 5), [], [5], True, id="a session that was lost"),
        pytest.param(START, sent(START, 1), [], [1], False, id="nothing was sent before"),
        pytest.param(at(4), sent(at(4), 5, 9), [], [5, 9], False, id="the same pair, with a gap"),
        pytest.param(at(4), sent(at(4)), [], [], False, id="no entries"),
        pytest.param(at(4), sent(at(2), 3, 4, 5), [3, 4], [5], False, id="an answer was lost"),
        pytest.param(at(4), sent(at(2), 3, 4), [3, 4], [], False, id="an answer was lost, nothing new"),
        pytest.param(at(4), sent(at(1), 2, 3), [2, 3], [], False, id="a smaller batch after a lost answer"),
        pytest.param(at(4), sent(at(2)), [], [], False, id="no entries after a lost answer"),
        pytest.param(at(4), sent(at(7), 8), [], [8], True, id="the platform is behind"),
    ],
)
def test_a_lane_goes_on(
    kept: Position | None, lane: Lane, skipped: list[int], fresh: list[int], restored: bool
) -> None:
    """What was handled is skipped, the rest is applied."""
    found = plan(kept, lane, is_owner=True, is_logged=lambda entry: kept is not None and entry.seq <= kept.seq)

    assert isinstance(found, Apply)
    assert (skipped, fresh) == ([each.seq for each in found.skipped], [each.seq for each in found.fresh])
    assert restored == found.restored


@pytest.mark.parametrize(
    ("kept", "lane", "is_owner"),
    [
        pytest.param(at(4), sent(at(4), 5), False, id="another device opened the session"),
        pytest.param(Position(4, "other"), sent(at(4), 5), True, id="another entry under the kept number"),
        pytest.param(Position(4, "other"), sent(at(2), 3, 4, 5), True, id="the batch disagrees at the kept number"),
        pytest.param(at(4), sent(at(2), 3, 5), True, id="the batch passes over the kept number"),
        pytest.param(at(4), sent(Position(1, "e1"), 2, 3), True, id="entries that were never handled"),
    ],
)
def test_a_lane_that_somebody_else_continued_is_forked(kept: Position, lane: Lane, is_owner: bool) -> None:
    """Nothing of it is applied."""
    assert isinstance(plan(kept, lane, is_owner=is_owner, is_logged=lambda entry: False), Fork)


def test_entries_are_applied_once_in_order_and_acknowledged(site: Site, kiosk: Kiosk) -> None:
    """The reply names the last entry handled, and the log holds each once."""
    reply = kiosk.one([track(1, "a"), track(2, "b"), track(5, "c")])

    assert "ok" == reply["status"]
    assert position(5) == reply["applied_through"]
    assert [(1, "s1-1", "applied", None), (2, "s1-2", "applied", None), (5, "s1-5", "applied", None)] == site.log("s1")


def test_a_lost_acknowledgement_changes_nothing(site: Site, kiosk: Kiosk) -> None:
    """The same batch again gets the same answer, refusals included, and counts once."""
    batch = [track(1, "a"), entry(2, "update", {"profile": {"email": 7}}), track(3, "c")]
    first = kiosk.one(batch)

    again = kiosk.one([*batch, track(4, "d")])

    assert first["refused"] == again["refused"]
    assert ("invalid_payload", 2, "s1-2") == tuple(first["refused"][0][name] for name in ("code", "seq", "id"))
    assert "email" in first["refused"][0]["message"]
    assert position(4) == again["applied_through"]
    assert ["a", "c", "d"] == [row["name"] for row in site.rows(tables.activity, "seq")]


def test_a_smaller_batch_after_a_lost_acknowledgement_is_recognised(site: Site, kiosk: Kiosk) -> None:
    """A batch that was halved in between ends before what is kept; nothing is applied again."""
    kiosk.one([track(1, "a"), entry(2, "nod", {}), track(3, "c")])

    reply = kiosk.one([track(1, "a"), entry(2, "nod", {})])

    assert ("ok", position(3)) == (reply["status"], reply["applied_through"])
    assert ["unknown_kind"] == [refused["code"] for refused in reply["refused"]]
    assert 3 == len(site.log("s1"))


def test_a_cloned_journal_is_forked_and_its_new_lane_counts_what_was_shared_once(site: Site, kiosk: Kiosk) -> None:
    """Two devices go on with one journal: what both hold counts once, what each made counts too."""
    kiosk.one([identify(1, "ann"), track(2, "both")])
    kiosk.one([track(3, "original")], after=position(2))

    forked = kiosk.one([track(3, "clone", entry_id="clone-3")], after=position(2))
    clone = Kiosk(site, "kiosk-2")
    reply = clone.one(
        [identify(1, "ann", lane="s2"), track(2, "both", entry_id="s1-2"), track(3, "clone", entry_id="clone-3")],
        session="s2",
    )

    assert ("forked", None) == (forked["status"], forked["session_token"])
    assert ("ok", "identified") == (reply["status"], reply["state"])
    assert ["both", "original", "clone"] == [row["name"] for row in site.rows(tables.activity, "occurred_at", "seq")]
    assert [(1, "s2-1", "applied", None), (3, "clone-3", "applied", None)] == site.log("s2")


def test_an_identify_that_the_original_delivered_still_identifies_the_new_lane(site: Site, kiosk: Kiosk) -> None:
    """The effect of an identify belongs to its session, so it is had again; its place is remembered."""
    kiosk.one([identify(1, "ann", profile={"name": "Ann"})])
    clone = Kiosk(site, "kiosk-2")
    entries = [identify(1, "ann", entry_id="s1-1"), track(2, "x", lane="s2")]

    first = clone.one(entries, session="s2")
    shorter = clone.one(entries[:1], session="s2")

    assert ("ok", "identified") == (first["status"], first["state"])
    assert ("ok", position(2, session="s2")) == (shorter["status"], shorter["applied_through"])
    assert ["ann"] == [row["user_id"] for row in site.rows(tables.activity)]


def test_an_identify_that_is_had_again_does_not_bring_its_profile_back(site: Site, kiosk: Kiosk) -> None:
    """What was written right after it stays, in the same millisecond too."""
    old = identify(1, "ann", profile={"name": "Ann"}, age_ms=None)
    kiosk.one([old, update_of(2, {"name": "Anna"}, age_ms=None)])
    clone = Kiosk(site, "kiosk-2")
    clone.one([old], session="s2")

    assert {"name": "Anna"} == site.profile("ann")


def test_a_session_of_another_device_is_forked_without_a_word_about_it(site: Site, kiosk: Kiosk) -> None:
    """Nothing is applied, and nothing of the session shows."""
    kiosk.one([identify(1, "ann")])

    reply = Kiosk(site, "kiosk-2").one([update_of(2, {"name": "Eve"})], after=position(1))

    assert ("forked", "anonymous", {"seq": 0, "id": None}) == (
        reply["status"],
        reply["state"],
        reply["applied_through"],
    )
    assert {} == site.profile("ann")


def test_a_platform_that_lost_the_session_accepts_and_says_so(site: Site, kiosk: Kiosk) -> None:
    """Restored from a backup without the session: applied, marked, logged."""
    reply = kiosk.one([track(8, "a")], after=position(7))

    assert (True, "ok", position(8)) == (reply["restored"], reply["status"], reply["applied_through"])
    assert [("lane_restored", {"kept_seq": 0, "after_seq": 7})] == [
        (row["event"], row["details"]) for row in site.rows(tables.platform_log)
    ]


def test_a_platform_that_lost_the_last_entries_accepts_and_says_so(site: Site, kiosk: Kiosk) -> None:
    """Restored from a backup with an older end of the lane: the device's word counts."""
    kiosk.one([track(1, "a"), track(2, "b"), track(3, "c")])
    with writing(site.engine) as connection:
        connection.execute(delete(tables.entries).where(tables.entries.c.seq > 1))
        connection.execute(update(tables.sessions).values(kept_seq=1, kept_id="s1-1"))

    empty = kiosk.one([], after=position(3))
    reply = kiosk.one([track(4, "d")], after=position(3))

    assert (True, position(3)) == (empty["restored"], empty["applied_through"])
    assert (False, position(4)) == (reply["restored"], reply["applied_through"])


def test_an_empty_lane_opens_the_session_and_gives_a_token(site: Site, kiosk: Kiosk) -> None:
    """A device may ask for a session token with nothing to send."""
    reply = kiosk.one([])

    assert ("ok", {"seq": 0, "id": None}, "anonymous") == (reply["status"], reply["applied_through"], reply["state"])
    assert reply["session_token"]


def test_a_lane_that_stops_holds_up_no_other(site: Site, kiosk: Kiosk) -> None:
    """One person's bad token, another's good one, a third's none, in one request."""
    replies = kiosk.replay(
        lane([identify(1, "bad", verify=True)], session="s1", token="nonsense"),
        lane([identify(1, "good", verify=True, lane="s2")], session="s2", token=site.token("good")),
        lane([identify(1, "plain", lane="s3")], session="s3"),
    )

    assert [("parked", "anonymous"), ("ok", "verified"), ("ok", "identified")] == [
        (reply["status"], reply["state"]) for reply in replies
    ]


def test_a_dead_letter_that_moves_on_is_known_where_it_was_in_the_same_request(site: Site, kiosk: Kiosk) -> None:
    """One lane takes it up, another comes late with its old number: it counts once, and nobody is forked."""
    kiosk.one([entry(1, "later_kind", {}, entry_id="letter"), track(2, "x", lane="s2")], session="s2")

    replies = kiosk.replay(
        lane([track(1, "letter", entry_id="letter")]),
        lane([entry(1, "later_kind", {}, entry_id="letter")], session="s2"),
    )

    assert [("ok", []), ("ok", [])] == [(reply["status"], reply["refused"]) for reply in replies]
    assert ["letter", "x"] == [row["name"] for row in site.rows(tables.activity, "name")]


def test_a_retried_dead_letter_is_tried_again_and_overwrites_nothing_newer(site: Site, kiosk: Kiosk) -> None:
    """It comes with its id, its time and a new number, and keeps the time it had."""
    kiosk.one(
        [
            identify(1, "ann", age_ms=9000),
            entry(2, "later_kind", {"profile": {"name": "old", "city": "Kelowna"}}, age_ms=8000),
            update_of(3, {"name": "new"}, age_ms=7000),
            track(4, "x", age_ms=1000),
        ]
    )

    reply = kiosk.one(
        [update_of(5, {"name": "old", "city": "Kelowna"}, entry_id="s1-2", age_ms=8500)], after=position(4)
    )

    assert ([], [{"seq": 5, "attributes": ["name"]}]) == (reply["refused"], reply["conflicts"])
    assert {"name": "new", "city": "Kelowna"} == site.profile("ann")
    assert [1, 3, 4, 5] == [seq for seq, *_ in site.log("s1")]


def test_the_first_secret_binds_the_device(site: Site, kiosk: Kiosk) -> None:
    """Another secret is refused, in the shape of the real platform's errors; only a hash is stored."""
    kiosk.one([track(1, "a")])

    answer = Kiosk(site, "kiosk-1", "another").send(lane([track(2, "b")], after=position(1)))

    assert 403 == answer.status_code
    assert "lmg-device-refused" == answer.json()["errors"][0]["messageId"]
    assert {"name", "message", "statusCode", "messageId"} == set(answer.json()["errors"][0])
    assert 1 == len(site.log("s1"))
    assert "s3cret" not in str(site.rows(tables.devices))


def test_the_offset_of_a_wrong_clock_is_kept_and_does_not_date_entries(site: Site, kiosk: Kiosk) -> None:
    """A device a day ahead made its entry a second ago, by the platform's clock."""
    kiosk.send(lane([track(1, "a", age_ms=1000)]), clock_ahead_ms=86_400_000)

    device = site.rows(tables.devices)[0]
    activity = site.rows(tables.activity)[0]
    assert 86_400 == round(device["clock_offset_s"])
    assert device["last_seen_at"] - 1000 == activity["occurred_at"]


def test_a_lane_never_goes_back_in_time_and_doubt_is_marked(site: Site, kiosk: Kiosk) -> None:
    """Unknown age: the time of the entry before, or 1970; a younger age than the next one's is raised."""
    kiosk.one(
        [
            track(1, "a", age_ms=None),
            track(2, "b", age_ms=5000),
            track(3, "c", age_ms=9000),
            track(4, "d", age_ms=None),
        ]
    )

    rows = site.rows(tables.entries, "seq")
    second = rows[1]["occurred_at"]
    assert [0, second, second, second] == [row["occurred_at"] for row in rows]
    assert [True, False, False, True] == [row["uncertain"] for row in rows]
    assert rows[1]["applied_at"] - 5000 == second


def test_two_requests_with_the_same_batch_at_once_count_once(site: Site, kiosk: Kiosk) -> None:
    """An impatient device that sends twice gets the same answer twice."""
    batch = lane([identify(1, "ann", profile={"name": "Ann"}), *(track(seq, "x") for seq in range(2, 60))])
    barrier = threading.Barrier(4)
    answers: list[dict[str, object]] = []

    def send() -> None:
        barrier.wait(5)
        answers.append(kiosk.replay(batch)[0])

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [position(59)] * 4 == [answer["applied_through"] for answer in answers]
    assert ["ok"] * 4 == [answer["status"] for answer in answers]
    assert 58 == len(site.rows(tables.activity))
    assert 59 == len(site.log("s1"))


def test_what_could_not_be_committed_is_not_acknowledged(site: Site, kiosk: Kiosk) -> None:
    """The reply comes after the commit, or not at all."""
    kiosk.one([track(1, "before")])

    def fail(connection: Connection) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    event.listen(site.engine, "commit", fail)
    try:
        answer = kiosk.send(lane([track(2, "lost?")], after=position(1)))
    finally:
        event.remove(site.engine, "commit", fail)
    again = kiosk.one([track(2, "there")], after=position(1))

    assert answer.status_code >= 500
    assert ("ok", position(2)) == (again["status"], again["applied_through"])
    assert [1, 2] == [seq for seq, *_ in site.log("s1")]


def test_a_replay_is_read_once_and_before_the_transaction(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite the transaction holds up every other writer. One with a write key that is not known is not read."""
    order: list[str] = []
    for module, name in ((endpoint, "transact"), (ingest, "read")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given, real=real, name=name: order.append(name) or real(*given)
        )
    reply = Kiosk(site, "kiosk-1").one([track(1, "seen"), update_of(2, {"email": "nobody"})])
    refused = [(each["seq"], each["code"]) for each in reply["refused"]]
    in_order, order[:] = list(order), []
    asked = {"query": DOCUMENT, "variables": {"device": {}, "lanes": []}}
    site.post("/graph/auth", asked, **{WRITE_KEY_HEADER: "none"})

    assert ["read", "transact"] == in_order
    assert [(2, "invalid_payload")] == refused
    assert "read" not in order
