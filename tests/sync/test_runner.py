"""The sync, stepped by hand against a platform in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lmg_offline._core.identity import AudienceState
from lmg_offline._core.schedule import Retry, Split, Suspend
from lmg_offline._transport.answers import replay_outcome
from lmg_offline._transport.port import DeviceRefused, Replayed, ReplayOutcome, nothing
from lmg_offline.errors import IdentifyRejected, VerificationRequired
from lmg_offline.protocol.canonical import MAX_BYTES as MAX_ENTRY_BYTES
from lmg_offline.protocol.canonical import encode
from lmg_offline.protocol.replay import MAX_BYTES, load_reply
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


class Scales(MemoryPlatform):
    """Weighs the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.weights_bytes: list[int] = []

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """Handle one replay."""
        self.weights_bytes.append(len(body))
        return super().replay(body, meanwhile)


def test_a_request_holds_no_more_bytes_than_the_protocol_allows(tmp_path: Path) -> None:
    """512 KiB beyond the first entry, counted as they go over the wire: a letter may be several bytes."""
    platform = Scales()
    rig = Rig(tmp_path / "journal", platform)
    for number in range(60):
        rig.session.append("track", encode({"name": "note", "properties": {"text": "é" * 10_000}}))
        if number % 20 == 19:
            rig.session.reset()
    rig.drain()
    rig.close()

    assert 60 == len(platform.log)
    assert [] == [weight for weight in platform.weights_bytes if weight > MAX_BYTES + MAX_ENTRY_BYTES]


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


def test_a_token_that_comes_while_the_old_one_is_refused_is_kept(rig: Rig) -> None:
    """What was sent is thrown away, and not what lies in its place by now."""
    rig.journal.identify("ann", "old", None)
    rig.platform.good_tokens["ann"] = "new"
    handle = rig.platform.replay

    def replay(body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        if b'"old"' in body:
            rig.journal.identify("ann", "new", None)
        return handle(body, meanwhile)

    rig.platform.replay = replay  # type: ignore[method-assign]
    rig.drain()

    assert "new" == rig.outbox.token("ann")


def test_each_lane_is_sent_with_its_own_persons_token(rig: Rig) -> None:
    """Whoever is here by then."""
    rig.platform.good_tokens |= {"ann": "token of ann", "bob": "token of bob"}
    rig.journal.identify("ann", "token of ann", None)
    rig.update(name="Ann")
    rig.journal.identify("bob", "token of bob", None)
    rig.update(name="Bob")
    rig.drain()

    assert (0, 0) == (rig.desk.counts().queued, rig.desk.counts().parked)
    assert [("ann", "verified"), ("bob", "verified")] == [
        (lane.user_id, lane.state) for lane in rig.platform.lanes.values()
    ]


def test_nobody_is_verified_before_the_platform_has_said_so(rig: Rig) -> None:
    """A token that nobody has checked proves nothing."""
    rig.platform.good_tokens["ann"] = "token"
    rig.journal.identify("ann", "token", None)
    before = rig.journal.current().state
    rig.drain()

    assert ("identified", "verified") == (before, rig.journal.current().state)


@pytest.mark.parametrize(
    "body",
    [b"<html>Please accept our terms</html>", b"", b"{}", b'{"data": {}}', b'{"data": {"replay": null}}'],
    ids=["portal", "nothing", "empty object", "another answer", "null"],
)
def test_a_200_that_is_no_reply_acknowledges_nothing(rig: Rig, body: bytes) -> None:
    """Whoever gave it has stored nothing."""
    rig.drain()
    receipt = rig.track()
    kind = "application/json" if body.startswith(b"{") else "text/html"
    rig.platform.faults = [replay_outcome(200, {"Content-Type": kind}, body) for _ in range(3)]
    for _ in range(3):
        rig.clock.advance(rig.runner.step() or 0.0)
        rig.clock.advance(rig.runner.step() or 0.0)
    states = {rig.desk.receipt(receipt)}
    rig.drain()

    assert ({"journaled"}, "acknowledged") == (states, rig.desk.receipt(receipt))
    assert [receipt.split(".", 2)[2]] == ids_of(rig)


def test_a_month_without_a_network_costs_nothing(rig: Rig) -> None:
    """Not reaching the platform uses up no budget: whatever was written waits for as long as it takes."""
    rig.drain()
    receipts = [rig.track(str(number)) for number in range(3)]
    began_ms = rig.clock.wall
    while rig.clock.wall < began_ms + 30 * 86_400_000:
        rig.platform.faults = [Retry("no connection")]
        rig.clock.advance(rig.runner.step() or 0.0)
        rig.clock.advance(3600)
    rig.platform.faults = []
    rig.drain()

    assert [receipt.split(".", 2)[2] for receipt in receipts] == ids_of(rig)
    assert [] == rig.desk.dead_letters()


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

    def strict(body: bytes, meanwhile: object = None) -> object:
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
    rig.platform.replay = lambda body, meanwhile=None: Split("no", malformed=True)  # type: ignore[method-assign]
    for _ in range(30):
        rig.clock.advance(rig.runner.step() or 0)

    assert "sent" == rig.session.receipt_state(receipt)
    assert 0 == rig.desk.audit().dead_letters


@pytest.mark.parametrize("malformed", [True, False])
def test_a_server_that_says_so_now_and_then_costs_no_entry(rig: Rig, malformed: bool) -> None:
    """One wrong 400 or 413 for an entry alone: the empty replay passes, and so does the entry, asked again."""
    first = rig.track()
    rig.drain()
    receipt = rig.track()
    rig.platform.faults = [Split("no", malformed=malformed)]
    rig.drain()

    assert ("acknowledged", 0) == (rig.desk.receipt(receipt), rig.desk.audit().dead_letters)
    assert [first.split(".", 2)[2], receipt.split(".", 2)[2]] == ids_of(rig)


def test_an_identify_that_is_set_aside_frees_the_app(rig: Rig) -> None:
    """As one that the platform refused: the app goes on as nobody, and nobody is shown as identified."""
    future = rig.session.identification(rig.journal.identify("ann", None, None).written.text)
    handle = rig.platform.replay

    def strict(body: bytes, meanwhile: object = None) -> object:
        return Split("can't read it", malformed=True) if b'"kind":"identify"' in body else handle(body)

    rig.platform.replay = strict  # type: ignore[assignment, method-assign]
    rig.drain()

    with pytest.raises(IdentifyRejected, match="malformed"):
        future.result(0)
    assert (AudienceState.ANONYMOUS.value, None) == (rig.journal.current().state, rig.journal.current().user_id)
    assert rig.desk.audit().adds_up


def test_a_lane_whose_identify_was_refused_with_the_last_of_it_is_done_with(rig: Rig) -> None:
    """The session ends in the same answer that leaves nothing of it to send: nothing of its person is kept for it."""
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["kind"] == "identify" else None
    rig.track("before")
    rig.journal.identify("ann", "her-token", {"name": "Ann"})
    rig.platform.good_tokens["ann"] = "her-token"
    rig.drain()

    assert [("open", None)] == [(lane.status, lane.user_id) for lane in rig.desk.lanes()]
    assert [] == rig.journal.store.read("SELECT profile FROM lanes WHERE profile IS NOT NULL")
    assert not rig.journal.has_token("ann")


def test_what_was_refused_beyond_a_batch_is_still_a_dead_letter(rig: Rig) -> None:
    """A reply was lost, and the batch that repeats it is a smaller one: refusals in the rest are asked for too."""
    rig.platform.refuse = lambda entry: "invalid_payload" if entry["payload"].get("name") == "bad" else None
    receipts = [rig.track()]
    rig.drain()
    receipts += [rig.track("bad" if number == 7 else "good") for number in range(1, 8)]
    rig.platform.lose_reply = 1
    rig.runner.step()
    rig.platform.faults = [Split("too large", malformed=False) for _ in range(7)]
    rig.drain()

    assert 8 == len(rig.platform.log)
    assert "refused" == rig.desk.receipt(receipts[7])
    assert (7, 1) == (rig.desk.audit().acknowledged, rig.desk.audit().dead_letters)


def position_of(receipt: str) -> dict[str, object]:
    _, seq, entry_id = receipt.split(".", 2)
    return {"seq": int(seq), "id": entry_id}


def lane_reply(rig: Rig, **changes: object) -> Replayed:
    """Return an answer that names the current session and changes nothing in it, but for what is given."""
    lane = {
        "session_id": rig.journal.current().session_id,
        "status": "ok",
        "applied_through": {"seq": 0, "id": None},
        "state": "anonymous",
        "session_token": "st",
    }
    return Replayed(load_reply({"protocol": 1, "time": 1, "settings": {}, "lanes": [{**lane, **changes}]}))


def test_a_reply_that_moves_nothing_is_a_failed_attempt(rig: Rig) -> None:
    """A cache that repeats an old reply for ever is asked ever more rarely, not in a tight loop."""
    first = rig.track()
    rig.drain()
    before = len(rig.platform.requests)
    receipt = rig.track()
    rig.platform.faults = [lane_reply(rig, applied_through=position_of(first))] * 100
    waited_s = [rig.runner.step() for _ in range(20)]

    assert 1 == len(rig.platform.requests) - before
    assert 0 < (waited_s[-1] or 0)
    rig.platform.faults = []
    rig.drain()
    assert "acknowledged" == rig.desk.receipt(receipt)


def test_a_refusal_of_an_entry_that_was_not_sent_is_not_believed(rig: Rig) -> None:
    """Its number may be one of ours; its id is not."""
    first = rig.track()
    rig.drain()
    receipt = rig.track()
    why = {"code": "invalid_payload", "message": "no"}
    stranger = {"seq": 2, "id": "somebody else's", **why}
    unhandled = {**position_of(receipt), **why}
    rig.platform.faults = [
        lane_reply(rig, applied_through=position_of(receipt), refused=[stranger]),
        lane_reply(rig, applied_through=position_of(first), refused=[unhandled]),
    ]
    rig.drain()

    assert ("acknowledged", 0) == (rig.desk.receipt(receipt), rig.desk.audit().dead_letters)


def test_a_platform_that_refuses_every_device_is_not_stormed(rig: Rig) -> None:
    """It is asked twice each time; a first fork goes on at once, the ones right after it wait."""
    receipt = rig.track()
    rig.platform.faults = [DeviceRefused("no") for _ in range(100)]
    for _ in range(20):
        rig.runner.step()

    assert 4 == len(rig.platform.requests)
    rig.platform.faults = []
    rig.drain()
    assert "acknowledged" == rig.desk.receipt(receipt)
    assert rig.desk.audit().adds_up


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
    rig.platform.faults = [DeviceRefused("no"), DeviceRefused("no")]
    rig.drain()

    assert before != rig.outbox.device().device_id
    assert "acknowledged" == rig.desk.receipt(receipt)


@pytest.mark.parametrize("answer", ["a refused device", "a lane of somebody else", "an entry nobody made"])
def test_a_fork_is_asked_for_twice(rig: Rig, answer: str) -> None:
    """One wrong answer from a server in between does not make another device of this one."""
    before = rig.outbox.device().device_id
    receipt = rig.track()
    strange = {"seq": 9, "id": "nobody's"}
    answers = {
        "a refused device": DeviceRefused("no"),
        "a lane of somebody else": lane_reply(rig, status="forked", applied_through=None, session_token=None),
        "an entry nobody made": lane_reply(rig, applied_through=strange),
    }
    rig.platform.faults = [answers[answer]]
    rig.drain()

    assert (before, "acknowledged") == (rig.outbox.device().device_id, rig.desk.receipt(receipt))
    assert {} == rig.desk.audit().ledger


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


def test_a_damaged_entry_is_found_before_it_is_sent(rig: Rig) -> None:
    """A flipped bit in a body is found by its digest: the journal is recovered, and the others go on."""
    receipt, other = rig.track("fine"), rig.track("good")
    flip = "UPDATE entries SET body = replace(body, 'fine', 'fane')"
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(flip).rowcount)
    rig.drain()

    assert ("lost", "acknowledged") == (rig.desk.receipt(receipt), rig.desk.receipt(other))
    assert ({"lost": 1}, True) == (rig.desk.audit().ledger, rig.desk.audit().adds_up)


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


def test_the_first_request_of_a_boot_asks_for_the_time(tmp_path: Path) -> None:
    """What was written before the machine went off is dated by the platform's clock, though the own one died."""
    rig = Rig(tmp_path / "journal")
    rig.drain()
    rig.track()
    rig.close()
    after = Rig(tmp_path / "journal", rig.platform)
    after.clock.advance(60)
    rig.clock.advance(60)
    after.clock.boot, after.clock.up_ms, after.clock.wall = "boot-2", 5000, 1000
    after.drain()
    asked, sent = rig.platform.requests[-2:]

    assert [[], [60_000]] == [[entry["age_ms"] for entry in each["lanes"][0]["entries"]] for each in (asked, sent)]
    assert [None, rig.clock.wall] == [each["device"]["server_at"] for each in (asked, sent)]
    after.close()


def test_an_idle_device_looks_at_the_journal_again_only_when_somebody_has_written(rig: Rig) -> None:
    """This process, another one, or one before a fork, after which versions are counted anew."""
    looks: list[int] = []
    real = rig.outbox.next_batch
    rig.outbox.next_batch = lambda *given, **more: looks.append(1) or real(*given, **more)  # type: ignore[method-assign]
    rig.journal.append("track", "{}")
    rig.drain()
    rig.runner.step()
    idle = len(looks)
    for _ in range(5):
        rig.runner.step()
    after_idling = len(looks)
    write = "UPDATE device SET max_entries = max_entries + 1"  # the reader sees it as it sees another process's
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(write).rowcount)
    rig.runner.step()
    after_another = len(looks)
    rig.journal.store.run(lambda connection: connection.exec_driver_sql(write).rowcount)
    rig.journal.store._before_fork()
    rig.journal.store._after_fork_in_parent()
    rig.runner.step()

    assert idle == after_idling
    assert [1, 1] == [after_another - after_idling, len(looks) - after_another]
    rig.runner.hurry()
    rig.runner.step()
    assert after_another + 2 == len(looks)
