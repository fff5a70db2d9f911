"""Copied journals, and platforms that know less than the journal: the sync, stepped by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmg_offline._core.identity import AudienceState
from lmg_offline._journal.marks import Marks
from lmg_offline.errors import IdentifyRejected
from tests.fakes import MemoryPlatform, Rig


@pytest.fixture
def platform() -> MemoryPlatform:
    return MemoryPlatform(good_tokens={"ann": "good"})


@pytest.fixture
def rig(tmp_path: Path, platform: MemoryPlatform) -> Iterator[Rig]:
    found = Rig(tmp_path / "a", platform)
    yield found
    found.close()


def copied(rig: Rig, folder: Path, count: int = 1) -> list[Rig]:
    """Close a rig's journal, copy it so many times, and open the copies."""
    rig.close()
    copies = [folder / f"copy-{number}" for number in range(count)]
    for copy in copies:
        shutil.copytree(rig.journal.store.folder, copy)
    return [Rig(copy, rig.platform) for copy in copies]


def arrived(platform: MemoryPlatform) -> list[tuple[str, str | None]]:
    """Return (kind, user) of everything the platform has handled, in that order."""
    return [(row[3], row[4]) for row in platform.log]


def test_later_writes_land_on_their_person_after_a_restore(rig: Rig, platform: MemoryPlatform) -> None:
    """The identify went with the backup: the lane says whose it is."""
    before = platform.backup()
    rig.journal.identify("ann", "good", None)
    rig.drain()
    platform.restore(before)
    rig.update(name="Ann")
    rig.drain()

    assert [("update", "ann")] == arrived(platform)
    assert ["verified"] == [lane.state for lane in platform.lanes.values()]
    assert rig.desk.audit().adds_up


def test_an_anonymous_lane_says_of_nobody_that_it_is_theirs(rig: Rig, platform: MemoryPlatform) -> None:
    """Before an identify is acknowledged there is nothing to say, and a refused one says nothing either."""
    rig.track()
    rig.drain()
    rig.journal.identify("ann", "bad", None)
    rig.track()
    rig.drain()

    assert [] == [lane for request in platform.requests for lane in request["lanes"] if "identity" in lane]


def test_a_lane_that_cannot_prove_itself_again_waits(rig: Rig, platform: MemoryPlatform) -> None:
    """Her token is no longer taken: nothing goes to nobody, the app goes on, and her next token releases it."""
    before = platform.backup()
    rig.journal.identify("ann", "good", None)
    rig.drain()
    platform.restore(before)
    platform.good_tokens["ann"] = "better"
    receipt = rig.update(name="Ann")
    rig.drain()
    parked = (arrived(platform), rig.desk.counts().parked, rig.journal.current().state)
    rig.journal.identify("ann", "better", None)
    rig.drain()

    assert ([], 1, "anonymous") == parked
    assert [("identify", "ann"), ("update", "ann")] == arrived(platform)
    assert ("acknowledged", True) == (rig.desk.receipt(receipt), rig.desk.audit().adds_up)


def test_the_provider_is_asked_when_the_token_is_too_old_to_prove_it_again(
    tmp_path: Path, platform: MemoryPlatform
) -> None:
    """An expired token costs nobody the session."""
    rig = Rig(tmp_path / "a", platform, lambda user_id: "fresh")
    before = platform.backup()
    rig.journal.identify("ann", "good", None)
    rig.drain()
    platform.restore(before)
    platform.expired, platform.good_tokens = {"good"}, {"ann": "fresh"}
    rig.update(name="Ann")
    rig.drain()

    assert [("update", "ann")] == arrived(platform)
    assert AudienceState.VERIFIED.value == rig.journal.current().state
    rig.close()


def test_a_server_that_reads_no_identity_is_told_by_an_entry(rig: Rig, platform: MemoryPlatform) -> None:
    """What it takes for nobody's goes on in a new lane that begins with the person."""
    rig.journal.identify("ann", "good", None)
    rig.drain()
    before = rig.outbox.device().device_id
    platform.takes_identity = False
    platform.restore(MemoryPlatform())
    rig.drain()
    rig.outbox.drop_session_token(rig.journal.current().lane_id)
    rig.drain()
    rig.update(name="Ann")
    rig.drain()

    assert [("identify", "ann"), ("update", "ann")] == arrived(platform)
    assert before == rig.outbox.device().device_id
    assert rig.desk.audit().adds_up


def test_no_two_copies_keep_one_device_id_though_they_share_no_session(rig: Rig, tmp_path: Path) -> None:
    """Each begins with another person, so that no lane ever shows it."""
    rig.journal.identify("ann", "good", None)
    rig.drain()
    rigs = copied(rig, tmp_path, 5)
    for turn in range(3):
        for number, copy in enumerate(rigs):
            if turn == 0:
                copy.journal.identify(f"person-{number}", None, None)
            copy.update(turn=turn)
            copy.drain()

    assert 5 == len({copy.outbox.device().device_id for copy in rigs})
    assert all(copy.desk.audit().adds_up for copy in rigs)
    for number, copy in enumerate(rigs):
        mine = [row[3] for row in rig.platform.log if row[4] == f"person-{number}"]
        assert 3 == mine.count("update")
        copy.close()


def test_a_copy_of_an_older_journal_is_another_device(rig: Rig, tmp_path: Path, platform: MemoryPlatform) -> None:
    """A backup of a journal that is put back uses no number twice."""
    rig.track("one")
    rig.drain()
    device_id = rig.outbox.device().device_id
    (old,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    rig.track("two")
    rig.drain()
    old.track("other two")
    old.drain()

    assert device_id == rig.outbox.device().device_id != old.outbox.device().device_id
    assert 3 == len(platform.log)
    rig.close()
    old.close()


def test_entries_of_a_copy_keep_their_time(rig: Rig, tmp_path: Path, platform: MemoryPlatform) -> None:
    """The identity that opens the new lane is as old as the first of them: it does not make them young."""
    rig.journal.identify("ann", "good", None)
    rig.drain()
    made_at = rig.clock.wall_ms()
    rig.update(name="Ann")
    (copy,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    rig.track("the original goes on")
    rig.drain()
    copy.clock.advance(7 * 86_400)
    copy.track("a week later")
    copy.drain()
    lane = next(each for request in platform.requests for each in request["lanes"] if len(each["entries"]) == 3)

    assert ["identify", "update", "track"] == [entry["kind"] for entry in lane["entries"]]
    assert [7 * 86_400_000] * 2 + [0] == [entry["age_ms"] for entry in lane["entries"]]
    assert [made_at] * 2 == [entry["made_at"] for entry in lane["entries"][:2]]
    rig.close()
    copy.close()


def test_what_was_made_as_somebody_stays_theirs_when_a_token_waits_behind_it(
    rig: Rig, tmp_path: Path, platform: MemoryPlatform
) -> None:
    """She was identified; the token that she gave later, and that is refused, must not cost her what came before."""
    rig.journal.identify("ann", None, None)
    rig.drain()
    rig.update(name="Ann")
    rig.journal.identify("ann", "bad", None)
    (copy,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    rig.track("the original goes on")
    rig.drain()
    copy.track("the copy too")
    copy.drain()

    assert {"ann"} == {user for _, user in arrived(platform)}
    rig.close()
    copy.close()


def test_a_copy_with_an_identify_under_way_gets_its_answer(rig: Rig, tmp_path: Path, platform: MemoryPlatform) -> None:
    """The original's answer is not the copy's: the future of each waits for its own."""
    rig.track("shared")
    rig.drain()
    receipt_id = rig.journal.identify("ann", "good", None).written.text
    (copy,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    rig.drain()
    copy.track("own")
    future = copy.session.identification(receipt_id)
    copy.drain()
    copy.session.settle()

    assert AudienceState.VERIFIED is future.result(0)
    assert ["acknowledged"] * 2 == [each.desk.receipt(receipt_id) for each in (rig, copy)]
    rig.close()
    copy.close()


def test_a_refused_identify_of_a_copy_is_refused_there(rig: Rig, tmp_path: Path, platform: MemoryPlatform) -> None:
    """It waits in the new lane, parked; who waits for it hears so, and may give it up."""
    rig.track("shared")
    rig.drain()
    receipt_id = rig.journal.identify("ann", "bad", None).written.text
    update = rig.update(name="Ann")
    (copy,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    rig.track("the original goes on")
    rig.drain()
    copy.drain()
    future = copy.session.identification(receipt_id)

    with pytest.raises(IdentifyRejected):
        future.result(0)
    copy.desk.discard(update.split(".", 2)[2])
    assert ("journaled", "discarded") == (copy.desk.receipt(receipt_id), copy.desk.receipt(update))
    assert copy.desk.audit().adds_up
    rig.close()
    copy.close()


def test_parked_lanes_of_copies_stay_parked_and_arrive_once(
    rig: Rig, tmp_path: Path, platform: MemoryPlatform
) -> None:
    """Ann comes to both kiosks with a good token: what waited for her is applied once."""
    rig.journal.identify("ann", "bad", None)
    waiting = rig.update(name="Ann")
    rig.drain()
    rigs = copied(rig, tmp_path, 2)
    for copy in rigs:
        copy.track("own")
        copy.drain()
    parked = [copy.desk.counts().parked for copy in rigs]
    for copy in rigs:
        copy.journal.identify("ann", "good", None)
        copy.drain()

    assert [2, 2] == parked
    assert 1 == [row[2] for row in platform.log].count(waiting.split(".", 2)[2])
    assert ["acknowledged"] * 2 == [copy.desk.receipt(waiting) for copy in rigs]
    assert all(copy.desk.audit().adds_up and copy.desk.counts().parked == 0 for copy in rigs)
    for copy in rigs:
        copy.close()


def test_dead_letters_of_copies_are_retried_under_their_person(
    rig: Rig, tmp_path: Path, platform: MemoryPlatform
) -> None:
    """
    Also one of a lane that was delivered long ago, whose session is the original's.

    The copy stays who it has become. What a verified person made waits for a
    token of theirs: the new session has to be proved anew.
    """
    platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    rig.journal.identify("ann", "good", None)
    anns = rig.track("bad")
    rig.drain()
    rig.journal.identify("bob", None, None)
    bobs = rig.track("bad")
    rig.drain()
    (copy,) = copied(rig, tmp_path)
    rig = Rig(tmp_path / "a", platform)
    for each in (rig, copy):
        each.track("own")
        each.drain()
    device_id = copy.outbox.device().device_id
    refused = [copy.desk.receipt(anns), copy.desk.receipt(bobs)]
    platform.refuse = lambda entry: None
    platform.seen.clear()
    for letter in copy.desk.dead_letters():
        copy.desk.retry(letter.id)
    copy.drain()
    waiting = [copy.desk.receipt(anns), copy.desk.receipt(bobs)]
    copy.journal.identify("ann", "good", None)
    copy.drain()

    assert rig.outbox.device().device_id != device_id == copy.outbox.device().device_id
    assert (["refused", "refused"], ["journaled", "acknowledged"]) == (refused, waiting)
    users = {row[2]: row[4] for row in platform.log}  # the last line of each
    assert ("ann", "bob") == (users[anns.split(".", 2)[2]], users[bobs.split(".", 2)[2]])
    assert "acknowledged" == copy.desk.receipt(anns)
    assert (0, True) == (copy.desk.counts().dead_letters, copy.desk.audit().adds_up)
    rig.close()
    copy.close()


def test_a_damaged_entry_of_a_copy_is_not_taken_for_a_sound_one(
    rig: Rig, tmp_path: Path, platform: MemoryPlatform
) -> None:
    """Moving it gives it a new number; its bytes are still not what was written."""
    rig.track("shared")
    rig.drain()
    receipt = rig.track("fine")
    flip = "UPDATE entries SET body = replace(body, 'fine', 'fane')"
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(flip).rowcount)
    rig.outbox.fork([rig.journal.current().lane_id], now_ms=rig.clock.wall_ms())
    rig.drain()

    assert ("lost", True) == (rig.desk.receipt(receipt), rig.desk.audit().adds_up)


def test_who_waits_for_a_queue_waits_for_it_where_it_went(rig: Rig) -> None:
    """A flush that has begun does not end because the entries are now in another lane."""
    rig.track("one")
    rig.drain()
    rig.track("two")
    marks = Marks(rig.journal.store)
    rig.outbox.fork([rig.journal.current().lane_id], now_ms=rig.clock.wall_ms())
    rig.track("made later")

    assert [None] == marks.left()
    rig.runner.step()
    rig.drain()
    assert [] == marks.left()


def test_bookmarks_of_a_copy_are_shown_until_a_list_has_them(rig: Rig) -> None:
    """Those that were not delivered follow their entry; those that were count as delivered."""
    rig.journal.bookmark("delivered", None, [], True)
    rig.drain()
    rig.journal.bookmark("queued", None, [], True)
    rig.outbox.fork([rig.journal.current().lane_id], now_ms=rig.clock.wall_ms())
    lane = rig.journal.current()
    kept = dict(rig.journal.store.read("SELECT offer_id, position FROM bookmarks WHERE lane_id = ?", (lane.lane_id,)))

    assert ["delivered", "queued"] == [row.offer_id for row in rig.cache.bookmarks()]
    assert kept["delivered"] <= lane.acked_position < kept["queued"]


def test_a_retried_entry_says_so_wherever_it_went(rig: Rig, platform: MemoryPlatform) -> None:
    """Its number is not its place in time, in its own lane and in the next."""
    platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    rig.track("bad")
    rig.clock.advance(60)
    rig.track("later")
    rig.drain()
    platform.refuse = lambda entry: None
    receipt = rig.desk.retry(rig.desk.dead_letters()[0].id)
    (batch,) = rig.outbox.next_batch(10, 10_000, ())
    rig.outbox.fork([batch.lane.lane_id], now_ms=rig.clock.wall_ms())
    rig.drain()
    sent = platform.requests[-1]["lanes"][0]["entries"]

    assert {batch.entries[0].position} == batch.retried
    assert [("track", True, 60_000)] == [(entry["kind"], entry.get("retried"), entry["age_ms"]) for entry in sent]
    assert ("acknowledged", True) == (rig.desk.receipt(receipt), rig.desk.audit().adds_up)
