"""The bounds: what is turned away, what never is, what is merged, and what the books say of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection

from lmg_offline import Client
from lmg_offline._journal.bounds import NoRoom
from lmg_offline._journal.desk import Desk
from lmg_offline._journal.entries import _New
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.readcache import CachedAnswer, ReadCache
from lmg_offline._journal.redemptions import Redemptions
from lmg_offline._support.clock import SystemClock
from lmg_offline.config import LEAST_BYTES, MAX_BYTES, MAX_ENTRIES, Bounds
from lmg_offline.errors import JournalFull, ValidationError
from tests.fakes import Rig

BIG = "x" * 30_000


def bounded(folder: Path, *, entries: int | None = None, size: int | None = None) -> Journal:
    return Journal.open(folder, SystemClock(), durable=False, bounds=Bounds(entries, size))


def fill(journal: Journal, body: str = "{}", most: int = 100_000) -> int:
    """Write activity until the journal is full; return how much was taken."""
    for count in range(most):
        try:
            journal.append("track", body)
        except JournalFull:
            return count
    return most


def update(journal: Journal, **profile: object) -> str:
    return journal.append("update", json.dumps({"profile": profile})).text


def desk_of(journal: Journal) -> Desk:
    return Desk(journal, lambda: None)


def kinds(journal: Journal) -> list[str]:
    return [row[0] for row in journal.store.read("SELECT kind FROM entries ORDER BY position")]


@pytest.mark.parametrize("most", [1, 2, 57])
def test_so_many_entries_and_not_one_more(tmp_path: Path, most: int) -> None:
    """The bound is exact, and stays so when it is tried again."""
    journal = bounded(tmp_path / "j", entries=most)

    assert (most, 0) == (fill(journal), fill(journal))
    assert (most, True) == (desk_of(journal).counts().queued, desk_of(journal).audit().adds_up)
    journal.close()


def test_the_error_says_what_is_full_and_what_to_do(tmp_path: Path) -> None:
    """Figures, and the ways out; nothing of what was written."""
    journal = bounded(tmp_path / "j", entries=3)
    fill(journal, '{"name": "secret"}')
    with pytest.raises(JournalFull, match=r"holds 3 of at most 3 entries; .* raise max_entries") as caught:
        journal.append("track", "{}")

    assert "secret" not in str(caught.value)
    journal.close()


def test_what_is_turned_away_leaves_no_trace(tmp_path: Path) -> None:
    """No number is used up, no bookmark is shown."""
    journal = bounded(tmp_path / "j", entries=2)
    fill(journal)
    for write in (lambda: journal.append("track", "{}"), lambda: journal.bookmark("o1", None, [], True)):
        with pytest.raises(JournalFull):
            write()

    assert (2, []) == (desk_of(journal).audit().accepted, ReadCache(journal.store).bookmarks())
    journal.close()


def test_a_redemption_keeps_to_the_bounds_too(tmp_path: Path) -> None:
    """It is an entry like the others."""
    journal = bounded(tmp_path / "j", entries=1)
    fill(journal)
    with pytest.raises(JournalFull):
        Redemptions(journal).write(journal.current().session_id, None, "o1", '{"offer_id": "o1"}')
    journal.close()


def test_whoever_comes_or_goes_is_never_turned_away(tmp_path: Path) -> None:
    """Identify, reset and forget go past the bound, and count."""
    journal = bounded(tmp_path / "j", entries=2)
    fill(journal)
    journal.identify("ann", None, None)
    journal.reset()
    journal.identify("bob", None, None)
    journal.forget()

    assert ["track", "track", "identify", "forget"] == kinds(journal)
    assert (0, True) == (fill(journal), desk_of(journal).audit().adds_up)
    journal.close()


def test_room_that_was_made_is_used(tmp_path: Path) -> None:
    """After a drain everything fits again."""
    rig = Rig(tmp_path / "j", bounds=Bounds(10, None))
    first = fill(rig.journal, '{"name": "n", "properties": {}}')
    rig.drain()

    assert (10, 10) == (first, fill(rig.journal))
    rig.close()


def test_dead_letters_count_until_somebody_deals_with_them(tmp_path: Path) -> None:
    """A platform that refuses everything must not make the journal grow without end."""
    rig = Rig(tmp_path / "j", bounds=Bounds(4, None))
    rig.platform.refuse = lambda entry: "invalid_payload"
    fill(rig.journal)
    rig.drain()
    refused = rig.desk.dead_letters()
    assert (4, 0) == (len(refused), fill(rig.journal))
    rig.desk.discard(refused[0].id)
    rig.desk.retry(refused[1].id)

    assert (1, True) == (fill(rig.journal), rig.desk.audit().adds_up)
    rig.close()


def test_what_another_wrote_and_the_platform_refused_counts_too(tmp_path: Path) -> None:
    """It left the queue between two looks of this one, and not the journal."""
    rig = Rig(tmp_path / "j", bounds=Bounds(4, None))
    rig.platform.refuse = lambda entry: "invalid_payload"
    other = bounded(tmp_path / "j", entries=4)
    other.append("track", "{}")
    rig.journal.reset()
    assert 3 == fill(rig.journal)
    rig.drain()

    assert (4, 0) == (len(rig.desk.dead_letters()), fill(other))
    other.close()
    rig.close()


def test_what_is_tried_together_and_undone_is_not_noted_as_reached(tmp_path: Path) -> None:
    """The mark would say more than the journal holds, which is taken for damage at the next opening."""
    journal = bounded(tmp_path / "j", entries=500)
    journal.append("track", "{}")
    own = journal._entries
    seen: list[int | None] = []

    def work(connection: Connection) -> None:
        first = own._next
        own._room.limit = first
        with pytest.raises(NoRoom):
            own.insert_all(connection, [_New(own, "track", "{}", own._stamp()) for _ in range(2)])
        seen.append(journal.store._reaches)
        raise KeyError(first)

    with pytest.raises(KeyError):
        journal.store.run(work)

    assert [None] == seen
    journal.close()


def test_threads_together_keep_to_the_bound(tmp_path: Path) -> None:
    """Eight at once: exactly so many, and everybody else is told."""
    journal = bounded(tmp_path / "j", entries=500)
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.append(fill(journal, most=200))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (500, 500) == (sum(taken), desk_of(journal).counts().queued)
    journal.close()


def test_room_that_another_made_meanwhile_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned away while another merges: there is nothing left to merge then, and room all the same."""
    journal, other = bounded(tmp_path / "j", entries=4), bounded(tmp_path / "j", entries=4)
    for number in range(4):
        update(journal, a=number)
    room = journal._entries._room
    make = room.make

    def make_late(size_bytes: int) -> bool:
        monkeypatch.setattr(room, "make", make)
        other.append("track", "{}")
        return make(size_bytes)

    monkeypatch.setattr(room, "make", make_late)
    journal.append("track", "{}")

    assert ["update", "track", "track"] == kinds(journal)
    other.close()
    journal.close()


_WRITER = """
import sys
from pathlib import Path
from lmg_offline._journal.journal import Journal
from lmg_offline._support.clock import SystemClock
from lmg_offline.config import Bounds
from lmg_offline.errors import JournalFull
journal = Journal.open(Path(sys.argv[1]), SystemClock(), durable=False, bounds=Bounds(300, None))
taken = 0
for number in range(200):
    try:
        journal.append("track", "{}")
        taken += 1
    except JournalFull:
        pass
    if number % 20 == 0:
        journal.reset()
print(taken)
journal.close()
"""


def test_processes_together_keep_to_the_bound(tmp_path: Path) -> None:
    """Each counts what the others write, also in sessions that it has not seen before."""
    children = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / "j")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    taken = [int(child.communicate(timeout=120)[0]) for child in children]
    journal = bounded(tmp_path / "j")

    assert (300, 300) == (sum(taken), desk_of(journal).counts().queued)
    assert desk_of(journal).audit().adds_up
    journal.close()


def test_superseded_profile_writes_make_room(tmp_path: Path) -> None:
    """The newest value of each attribute stays; every other write is named, and its receipt says so."""
    journal = bounded(tmp_path / "j", entries=100)
    receipts = [update(journal, name=f"Ann {number}", tier=number) for number in range(1_000)]
    desk = desk_of(journal)
    states = [desk.receipt(receipt) for receipt in receipts]

    assert {"name": "Ann 999", "tier": 999} == journal.profile()
    assert ("journaled", 1) == (states[-1], len(set(states[:900])))
    assert "superseded" == states[0]
    audit = desk.audit()
    assert (1_000, True) == (audit.accepted, audit.adds_up)
    assert states.count("superseded") == audit.ledger["superseded"]
    assert len(desk.ledger()) <= 2
    journal.close()


def test_a_receipt_of_a_superseded_write_need_not_be_waited_for(tmp_path: Path) -> None:
    """It has reached a final state."""
    rig = Rig(tmp_path / "j", bounds=Bounds(2, None))
    first = rig.session.append("update", '{"profile": {"a": 1}}')
    for number in range(5):
        rig.update(a=number)

    assert "superseded" == first.wait(timeout=0)
    rig.close()


def test_nothing_is_merged_while_there_is_room(tmp_path: Path) -> None:
    """History that fits is history that is kept."""
    journal = bounded(tmp_path / "j", entries=50)
    for number in range(50):
        update(journal, a=number)

    assert (50, {}) == (len(kinds(journal)), desk_of(journal).audit().ledger)
    journal.close()


def test_writes_are_not_merged_across_another_kind(tmp_path: Path) -> None:
    """What was seen between two profile writes was seen under the first."""
    journal = bounded(tmp_path / "j", entries=6)
    for kind in ("update", "update", "track", "update", "update", "track"):
        journal.append(kind, '{"profile": {"a": 1}}')
    journal.append("track", "{}")
    journal.append("track", "{}")
    with pytest.raises(JournalFull):
        journal.append("track", "{}")

    assert ["update", "track", "update", "track", "track", "track"] == kinds(journal)
    journal.close()


def test_a_profile_write_takes_the_place_of_those_it_supersedes(tmp_path: Path) -> None:
    """Also when the journal is full of other things: the newest value of a trait is never turned away."""
    journal = bounded(tmp_path / "j", entries=5)
    for _ in range(4):
        journal.append("track", "{}")
    for number in range(20):
        update(journal, a=number)
    with pytest.raises(JournalFull):
        update(journal, b=1)

    assert ({"a": 19}, 5, True) == (journal.profile(), len(kinds(journal)), desk_of(journal).audit().adds_up)
    journal.close()


def test_lanes_of_those_who_left_are_merged_too(tmp_path: Path) -> None:
    """What a person wrote before they left is no less superseded for that."""
    journal = bounded(tmp_path / "j", entries=9)
    for user in ("ann", "bob"):
        journal.identify(user, None, None)
        for number in range(3):
            update(journal, a=number)
        journal.reset()
    journal.append("track", "{}")
    for _ in range(4):
        journal.append("track", "{}")

    found = [(row[0] >> 32, row[1]) for row in journal.store.read("SELECT position, kind FROM entries")]
    assert [(1, "identify"), (1, "update"), (2, "identify"), (2, "update")] == found[:4]
    assert 9 == len(found)
    journal.close()


def test_what_was_on_the_wire_is_not_merged(tmp_path: Path) -> None:
    """Its acknowledgement may be lost: the platform must find what it has applied when it is sent again."""
    rig = Rig(tmp_path / "j", bounds=Bounds(6, None))
    rig.drain()
    rig.platform.lose_reply = 1
    sent = [rig.update(a=number) for number in range(3)]
    rig.runner.step()
    later = [rig.update(a=number) for number in range(3, 12)]
    states = [rig.desk.receipt(receipt) for receipt in (*sent, *later)]
    rig.drain()

    assert ["journaled"] * 3 == states[:3]
    assert ("superseded", "journaled") == (states[3], states[-1])
    assert (0, True) == (rig.desk.counts().queued, rig.desk.audit().adds_up)
    assert 1 == len(rig.platform.lanes)
    applied = [entry[2] for entry in rig.platform.log]
    assert len(set(applied)) == len(applied)
    expected = [receipt.split(".")[2] for receipt in (*sent, later[-1])]
    assert expected == [entry_id for entry_id in applied if entry_id in "".join(sent + later[-1:])]
    rig.close()


def test_what_was_on_the_wire_before_a_restart_is_not_merged_after_it(tmp_path: Path) -> None:
    """The mark is on disk before the request is made."""
    rig = Rig(tmp_path / "j")
    rig.drain()
    rig.platform.lose_reply = 1
    sent = [rig.update(a=number) for number in range(3)]
    rig.runner.step()
    platform = rig.platform
    rig.close()
    again = Rig(tmp_path / "j", platform=platform, bounds=Bounds(4, None))
    for number in range(5):
        again.update(a=number)
    assert ["journaled"] * 3 == [again.desk.receipt(receipt) for receipt in sent]
    again.drain()

    assert (0, 1, True) == (again.desk.counts().queued, len(platform.lanes), again.desk.audit().adds_up)
    again.close()


def test_a_batch_that_was_merged_between_its_reading_and_its_sending_is_read_again(tmp_path: Path) -> None:
    """Otherwise the platform would apply what this device names as superseded."""
    rig = Rig(tmp_path / "j", bounds=Bounds(3, None))
    rig.drain()
    for number in range(3):
        rig.update(a=number)
    batches = rig.outbox.next_batch(500, 10**6, ())
    rig.update(a=4)

    assert not rig.outbox.mark_sent(batches)
    assert rig.outbox.mark_sent(rig.outbox.next_batch(500, 10**6, ()))
    rig.drain()
    assert (0, True) == (rig.desk.counts().queued, rig.desk.audit().adds_up)
    rig.close()


def test_a_retried_dead_letter_supersedes_nothing(tmp_path: Path) -> None:
    """It keeps its time, which is before that of what it comes behind now."""
    rig = Rig(tmp_path / "j", bounds=Bounds(5, None))
    rig.platform.refuse = lambda entry: "invalid_payload"
    rig.update(a="old")
    rig.drain()
    for number in range(3):
        rig.update(a=number)
    rig.desk.retry(rig.desk.dead_letters()[0].id)
    for number in range(10, 14):
        rig.update(a=number)
    values = [entry.payload["profile"]["a"] for entry in rig.desk.entries()]  # type: ignore[index]

    assert [0, 1, 2, "old", 13] == values
    rig.close()


def test_what_a_fork_takes_along_is_merged_no_more_than_before(tmp_path: Path) -> None:
    """The original may have delivered it under its id."""
    rig = Rig(tmp_path / "j")
    rig.drain()
    for number in range(2):
        rig.update(a=number)
    rig.outbox.mark_sent(rig.outbox.next_batch(500, 10**6, ()))
    rig.update(a=2)
    lane = rig.journal.current()
    rig.outbox.fork([lane.lane_id], now_ms=rig.clock.wall_ms())
    moved = rig.journal.current()

    assert (2, 2) == (lane.sent_position & 255, moved.sent_position & 255)
    assert lane.lane_id != moved.lane_id
    rig.close()


def test_a_damaged_write_supersedes_nothing(tmp_path: Path) -> None:
    """It will not be sent: what it was to overwrite must."""
    journal = bounded(tmp_path / "j", entries=2)
    update(journal, a=1)
    damaged = update(journal, a=2)
    journal.store.run(
        lambda connection: connection.exec_driver_sql(
            "UPDATE entries SET made_at = made_at + 1 WHERE id = ?", (damaged.split(".", 2)[2],)
        ).rowcount
    )
    with pytest.raises(JournalFull):
        update(journal, b=1)
    journal.close()


def test_so_many_bytes_on_disk_and_not_one_more(tmp_path: Path) -> None:
    """The file and its log together; large entries and small ones."""
    journal = bounded(tmp_path / "j", size=2 * LEAST_BYTES)
    taken = fill(journal, json.dumps({"name": "n", "properties": {"p": BIG}}))
    used = journal.store.used_bytes()

    assert 50 <= taken <= 70
    assert LEAST_BYTES < used <= 2 * LEAST_BYTES
    files = sum((tmp_path / "j" / name).stat().st_size for name in ("journal.db", "journal.db-wal"))
    assert files <= 2 * LEAST_BYTES
    with pytest.raises(JournalFull, match=r"bytes; .* raise max_bytes"):
        journal.append("track", json.dumps({"name": "n", "properties": {"p": BIG}}))
    assert 2 * LEAST_BYTES >= journal.store.used_bytes()
    journal.close()


def test_months_of_profile_writes_take_fixed_room(tmp_path: Path) -> None:
    """What is kept depends on how many traits there are, not on how often they are written."""
    journal = bounded(tmp_path / "j", size=LEAST_BYTES)
    for number in range(12_000):
        update(journal, **{f"trait_{number % 20}": number, "visits": number})

    assert journal.store.used_bytes() <= LEAST_BYTES
    expected = {f"trait_{number % 20}": number for number in range(11_980, 12_000)} | {"visits": 11_999}
    assert expected == journal.profile()
    assert (12_000, True) == (desk_of(journal).audit().accepted, desk_of(journal).audit().adds_up)
    journal.close()


def test_cached_reads_give_way_before_a_write_is_turned_away(tmp_path: Path) -> None:
    """What was read can be read again; what was done can't be done again."""
    journal = bounded(tmp_path / "j", size=2 * LEAST_BYTES)
    cache = ReadCache(journal.store)
    lane_id = journal.current().lane_id
    for number in range(60):
        cache.put(lane_id, f"key {number}", CachedAnswer(json.dumps(BIG), None, number), settles_bookmarks_through=None)
    taken = fill(journal, json.dumps({"name": "n", "properties": {"p": BIG}}))

    assert (True, []) == (taken >= 50, cache.bodies(lane_id))
    journal.close()


def test_answers_are_kept_only_while_there_is_plenty_of_room(tmp_path: Path) -> None:
    """An answer that is not kept is an answer all the same."""
    journal = bounded(tmp_path / "j", size=LEAST_BYTES)
    cache = ReadCache(journal.store, LEAST_BYTES)
    lane_id = journal.current().lane_id
    kept = [
        cache.put(lane_id, f"{number}", CachedAnswer(json.dumps(BIG), None, number), settles_bookmarks_through=None)
        for number in range(40)
    ]

    assert [True] * 40 == kept
    assert 5 <= len(cache.bodies(lane_id)) <= 20
    journal.close()


def test_no_bound_is_no_bound(tmp_path: Path) -> None:
    """None takes what the disk has."""
    journal = bounded(tmp_path / "j")

    assert 3_000 == fill(journal, most=3_000)
    journal.close()


def test_the_journal_remembers_the_bounds_for_those_who_only_look(tmp_path: Path) -> None:
    """New ones take the place of the old."""
    Journal.open(tmp_path / "j", SystemClock(), durable=False).close()
    defaults = Journal.open(tmp_path / "j", SystemClock(), durable=False)
    assert Bounds(MAX_ENTRIES, MAX_BYTES) == defaults.bounds
    defaults.close()
    bounded(tmp_path / "j", entries=7).close()
    looked = Journal.open(tmp_path / "j", SystemClock(), durable=False)

    assert Bounds(7, None) == looked.bounds
    looked.close()


def test_status_shows_how_full_it_is(tmp_path: Path) -> None:
    """Bytes taken, and both bounds."""
    with Client("wk", data_dir=tmp_path / "j", sync=False, max_entries=5, max_bytes=LEAST_BYTES) as client:
        before = client.status()
        client.activity.track("seen", {"p": BIG})
        after = client.status()

    assert (5, LEAST_BYTES) == (after.max_entries, after.max_bytes)
    assert before.journal_bytes + len(BIG) < after.journal_bytes < LEAST_BYTES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_entries", 0),
        ("max_entries", True),
        ("max_entries", 1.5),
        ("max_bytes", LEAST_BYTES - 1),
        ("max_bytes", "1"),
    ],
)
def test_a_bound_out_of_range_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    """Before anything is made on disk."""
    with pytest.raises(ValidationError) as caught:
        Client("wk", data_dir=tmp_path / "j", sync=False, **{name: value})  # type: ignore[arg-type]

    assert ([name], False) == (caught.value.fields, (tmp_path / "j").exists())
