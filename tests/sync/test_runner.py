"""The sync, stepped by hand against a platform in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lmg_offline._core.identity import AudienceState
from lmg_offline._core.schedule import Retry, Split, Suspend
from lmg_offline._transport.port import DeviceRefused, Replayed
from lmg_offline.errors import IdentifyRejected, VerificationRequired
from lmg_offline.protocol.replay import load_reply
from tests.fakes import MemoryPlatform, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path / "journal")
    yield found
    found.close()


def ids_of(rig: Rig) -> list[str]:
    return [row[2] for row in rig.platform.log]


def test_entries_arrive_once_in_order_under_their_person(rig: Rig) -> None:
    """What ann wrote before and after identify is ann's; what bob wrote is bob's."""
    rig.track("before")
    rig.journal.identify("ann", None, None)
    rig.update(name="Ann")
    rig.journal.identify("bob", None, None)
    rig.update(name="Bob")
    rig.drain()

    assert [(None, "track"), ("ann", "identify"), ("ann", "update"), ("bob", "identify"), ("bob", "update")] == [
        (row[4], row[3]) for row in rig.platform.log
    ]
    assert 2 == len({row[0] for row in rig.platform.log})


def test_a_lost_reply_has_no_second_effect(rig: Rig) -> None:
    """The same batch is sent again, and the platform recognises it."""
    receipts = [rig.track(str(number)) for number in range(5)]
    rig.platform.lose_reply = 3
    rig.drain()

    assert [receipt.split(".", 2)[2] for receipt in receipts] == ids_of(rig)
    assert rig.desk.audit().adds_up


def test_writes_made_after_a_lost_reply_follow_in_order(rig: Rig) -> None:
    """The next batch holds the platform's pair and goes on from there."""
    first = rig.track("one")
    rig.platform.lose_reply = 1
    rig.runner.step()
    second = rig.track("two")
    rig.drain()

    assert [first.split(".", 2)[2], second.split(".", 2)[2]] == ids_of(rig)


@pytest.mark.parametrize(
    ("token", "code"),
    [pytest.param("bad", "token_refused", id="refused"), pytest.param("old", "token_expired", id="expired")],
)
def test_a_token_that_is_not_accepted_parks_one_lane_and_frees_the_app(rig: Rig, token: str, code: str) -> None:
    """The identification raises, the app goes on as nobody, and the other lanes go on."""
    heard: list[object] = []
    rig.events.on("identify_rejected", lambda details: heard.append(details["code"]))
    rig.platform.expired.add("old")
    rig.track("before")
    future = rig.session.identification(rig.journal.identify("ann", token, None).written.text)
    rig.update(name="Ann")
    rig.drain()

    assert [code] == heard
    with pytest.raises(IdentifyRejected) as raised:
        future.result(0)
    assert code == raised.value.code
    assert AudienceState.ANONYMOUS.value == rig.journal.current().state
    assert ["track"] == [row[3] for row in rig.platform.log]
    assert (2, True) == (rig.desk.audit().parked, rig.desk.audit().adds_up)
    assert not rig.journal.has_token("ann")


def test_a_later_good_token_releases_what_was_parked(rig: Rig) -> None:
    """A parked lane waits for its own user, and is then sent whole."""
    rig.journal.identify("ann", "bad", None)
    rig.update(name="Ann")
    rig.drain()
    rig.platform.good_tokens["ann"] = "good"
    rig.journal.identify("ann", "good", None)
    rig.drain()

    assert {"ann"} == {row[4] for row in rig.platform.log}
    assert ["identify", "identify", "update"] == [row[3] for row in rig.platform.log]
    assert AudienceState.VERIFIED.value == rig.journal.current().state
    assert (0, True) == (rig.desk.audit().parked, rig.desk.audit().adds_up)


def test_an_expired_token_asks_the_provider_first(tmp_path: Path) -> None:
    """A fresh token serves what was queued before; nobody is parked."""
    asked: list[str] = []

    def provider(user_id: str) -> str:
        asked.append(user_id)
        return "fresh"

    platform = MemoryPlatform(good_tokens={"ann": "fresh"}, expired={"old"})
    rig = Rig(tmp_path / "journal", platform, provider)
    rig.journal.identify("ann", "old", None)
    rig.drain()

    assert ["ann"] == asked
    assert AudienceState.VERIFIED.value == rig.journal.current().state
    rig.close()


def test_a_provider_that_hands_out_expired_tokens_is_not_asked_for_ever(tmp_path: Path) -> None:
    """The lane is parked after the second expired token."""
    tokens = iter(f"old-{number}" for number in range(100))
    platform = MemoryPlatform(expired={"old"} | {f"old-{number}" for number in range(100)})
    rig = Rig(tmp_path / "journal", platform, lambda user_id: next(tokens))
    rig.journal.identify("ann", "old", None)
    rig.drain()

    assert 1 == rig.desk.audit().parked
    assert "old-2" == next(tokens)
    rig.close()


def test_a_provider_that_raises_is_asked_again_later(tmp_path: Path) -> None:
    """The app's own server may be down for a while: nobody is parked for that."""
    answers: list[Exception | str] = [RuntimeError("down"), "fresh"]

    def provider(user_id: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rig = Rig(tmp_path / "journal", MemoryPlatform(good_tokens={"ann": "fresh"}, expired={"old"}), provider)
    rig.journal.identify("ann", "old", None)
    rig.drain()

    assert AudienceState.VERIFIED.value == rig.journal.current().state
    rig.close()


def test_a_newer_token_is_not_thrown_away_by_the_refusal_of_the_old_one(rig: Rig) -> None:
    """Compare, then invalidate."""
    rig.journal.identify("ann", "old", None)

    assert not rig.journal.replace_token("ann", "older", None)
    assert rig.journal.has_token("ann")


def test_a_refused_entry_becomes_a_dead_letter_and_holds_nobody_up(rig: Rig) -> None:
    """The rest of its lane goes on; a retry goes to the end with its own id."""
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    bad = rig.track("bad")
    rig.track("good")
    rig.drain()
    dead = rig.desk.dead_letters()

    assert ["invalid_payload"] == [letter.code for letter in dead]
    assert "refused" == rig.desk.receipt(bad)
    assert rig.desk.audit().adds_up

    again = rig.desk.retry(dead[0].id)
    assert (3, dead[0].id) == (int(again.split(".")[1]), again.split(".", 2)[2])
    assert "journaled" == rig.desk.receipt(bad)
    assert rig.desk.audit().adds_up
    rig.drain()
    assert rig.desk.audit().adds_up


def test_a_discarded_dead_letter_is_named_in_the_ledger(rig: Rig) -> None:
    """Nothing leaves without a reason on disk."""
    rig.platform.refuse = lambda entry: "invalid_payload"
    receipt = rig.track("bad")
    rig.drain()
    rig.desk.discard(rig.desk.dead_letters()[0].id)

    assert "discarded" == rig.desk.receipt(receipt)
    assert {"discarded": 1} == rig.desk.audit().ledger
    assert rig.desk.audit().adds_up


def test_malformed_is_bisected_to_the_entry_at_fault(rig: Rig) -> None:
    """One poison entry among forty is set aside alone."""
    receipts = [rig.track("poison" if number == 23 else "fine") for number in range(40)]
    handle = rig.platform.replay

    def strict(body: bytes) -> object:
        return Split("can't read it", malformed=True) if b"poison" in body else handle(body)

    rig.platform.replay = strict  # type: ignore[assignment, method-assign]
    rig.drain()

    assert ["refused"] == [state for r in receipts if (state := rig.desk.receipt(r)) != "acknowledged"]
    assert "refused" == rig.desk.receipt(receipts[23])
    assert 39 == len(rig.platform.log)


def test_a_platform_that_calls_everything_malformed_loses_nothing(rig: Rig) -> None:
    """Without an accepted empty replay, no entry is set aside."""
    rig.drain()
    receipt = rig.track()
    rig.platform.replay = lambda body: Split("no", malformed=True)  # type: ignore[method-assign]
    for _ in range(30):
        rig.clock.advance(rig.runner.step() or 0)

    assert "sent" == rig.session.receipt_state(receipt)
    assert 0 == rig.desk.audit().dead_letters


def test_a_refused_write_key_suspends_and_goes_on_when_it_is_accepted(rig: Rig) -> None:
    """Nothing is dropped, and an hour of refusals is few requests."""
    heard: list[str] = []
    for name in ("suspended", "resumed"):
        rig.events.on(name, lambda details, name=name: heard.append(name))
    receipt = rig.track()
    rig.platform.faults = [Suspend("lmg-write-key-refused", "no") for _ in range(20)]
    waited_s, until = 0.0, rig.clock.mono_s + 3600
    while rig.clock.mono_s < until:
        wait_s = rig.runner.step() or 0.0
        rig.runner.hurry()
        rig.clock.advance(min(wait_s, 60.0))
        waited_s += wait_s
    requests = len(rig.platform.requests)
    rig.platform.faults = []
    rig.drain()

    assert 12 >= requests
    assert "acknowledged" == rig.desk.receipt(receipt)
    assert ["suspended", "resumed"] == heard


def test_a_reply_that_does_not_fit_is_a_failed_attempt(rig: Rig) -> None:
    """Only what the reply names counts."""
    rig.drain()
    receipt = rig.track()
    rig.platform.faults = [
        Replayed(load_reply({"protocol": 1, "time": 1, "settings": {"bookmarking": "enabled"}, "lanes": []}))
    ]
    rig.runner.step()

    assert "sent" == rig.session.receipt_state(receipt)
    rig.drain()
    assert "acknowledged" == rig.desk.receipt(receipt)


def test_a_clone_goes_on_as_another_device(tmp_path: Path) -> None:
    """Two copies of one journal: everything both wrote arrives once."""
    import shutil

    platform = MemoryPlatform(good_tokens={"ann": "good"})
    original = Rig(tmp_path / "a", platform)
    original.journal.identify("ann", "good", None)
    original.track("shared")
    original.drain()
    original.track("unsent when copied")
    original.close()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    original = Rig(tmp_path / "a", platform)
    original.track("original")
    original.drain()
    clone = Rig(tmp_path / "b", platform)
    own = clone.track("clone")
    clone.drain()

    assert len(platform.log) == len({row[2] for row in platform.log})
    assert 6 == len(platform.log)  # the clone's lane begins with ann's identity again
    assert {"ann"} == {row[4] for row in platform.log}
    assert "acknowledged" == clone.desk.receipt(own)
    assert clone.outbox.device().device_id != original.outbox.device().device_id
    assert clone.desk.audit().adds_up
    original.close()
    clone.close()


def test_a_refused_device_takes_a_new_identity(rig: Rig) -> None:
    """The secret is not the one the platform knows."""
    before = rig.outbox.device().device_id
    receipt = rig.track()
    rig.platform.faults = [DeviceRefused("no")]
    rig.drain()

    assert before != rig.outbox.device().device_id
    assert "acknowledged" == rig.desk.receipt(receipt)


def test_forget_drops_what_is_queued_and_sends_the_erasure(rig: Rig) -> None:
    """The ledger names what went; nothing of it reaches the platform."""
    rig.journal.identify("ann", None, {"email": "ann@example.com"})
    gone = rig.update(name="Ann")
    rig.session.forget()
    rig.drain()

    assert ["forget"] == [row[3] for row in rig.platform.log]
    assert "forgotten" == rig.desk.receipt(gone)
    assert (True, {"forgotten": 2}) == (rig.desk.audit().adds_up, rig.desk.audit().ledger)
    assert rig.journal.current().user_id is None


def test_an_erasure_names_what_it_gave_up(rig: Rig) -> None:
    """The platform may have those entries already, its answer lost: it must not take this lane for a clone's."""
    given_up = [rig.journal.identify("ann", None, None).written.id, rig.update(name="Ann").split(".", 2)[2]]
    rig.session.forget()

    assert given_up == rig.desk.entries()[0].payload["void"]


def test_what_was_delivered_is_off_the_disk_while_somebody_elses_lane_is_parked(rig: Rig, tmp_path: Path) -> None:
    """Whoever comes next by an identify finds as little as after a reset."""
    rig.journal.identify("ann", "bad", None)
    rig.drain()
    rig.journal.identify("MARK-bob", None, {"name": "MARK-name"})
    rig.session.save_term("MARK-term")
    rig.journal.identify("cid", None, None)
    everything = b"".join(path.read_bytes() for path in (tmp_path / "journal").iterdir())
    rig.drain()
    later = b"".join(path.read_bytes() for path in (tmp_path / "journal").iterdir())

    assert (False, False, 1) == (b"MARK-term" in everything, b"MARK" in later, rig.desk.counts().parked)


def test_a_restart_keeps_the_floor_the_platform_named(rig: Rig, tmp_path: Path) -> None:
    """Retry-After survives the process."""
    rig.track()
    rig.platform.faults = [Retry("busy", 600.0, reached=True)]
    rig.runner.step()
    rig.close()
    again = Rig(tmp_path / "journal", rig.platform)

    assert 590 < (again.runner.step() or 0) <= 601
    again.close()


def test_bookmarks_need_a_token_or_a_verified_user(rig: Rig) -> None:
    """An unchecked token is enough to journal one; no token is not."""
    with pytest.raises(VerificationRequired):
        rig.session.require_verified()
    rig.journal.identify("ann", None, None)
    with pytest.raises(VerificationRequired):
        rig.session.require_verified()
    rig.journal.identify("bob", "token", None)
    rig.session.require_verified()


def test_a_damaged_entry_is_set_aside_before_it_is_sent(rig: Rig) -> None:
    """A flipped bit in a body is found by its digest."""
    receipt = rig.track("fine")
    rig.journal.store.run(
        lambda connection: connection.exec_driver_sql("UPDATE entries SET body = replace(body, 'e', 'x')").rowcount
    )
    rig.drain()

    assert "refused" == rig.desk.receipt(receipt)
    assert ["damaged"] == [letter.code for letter in rig.desk.dead_letters()]


def test_a_sealed_and_drained_lane_keeps_nothing_of_the_person(rig: Rig, tmp_path: Path) -> None:
    """After reset and drain no byte of the folder holds their data."""
    rig.platform.good_tokens["ann-the-user"] = "her-token"
    rig.journal.identify("ann-the-user", "her-token", {"email": "ann@example.com"})
    rig.update(name="Ann Example")
    rig.session.save_term("ann searches")
    rig.drain()
    rig.journal.reset()
    rig.drain()
    everything = b"".join(path.read_bytes() for path in (tmp_path / "journal").iterdir())

    secrets = (b"ann@example", b"Ann Example", b"ann-the-user", b"her-token", b"ann searches")

    assert [] == [secret for secret in secrets if secret in everything]
