"""The LMG dialect against a platform that knows nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lmg_offline._core.schedule import Retry, Split, Suspend
from lmg_offline._transport.port import GraphData, GraphOutcome, NotSpoken, Refused, SessionExpired
from lmg_offline.config import LmgSettings
from lmg_offline.errors import IdentifyRejected, ValidationError
from lmg_offline.protocol.canonical import encode
from tests.fakes import MemoryPlatform, Rig
from tests.lmg_fakes import MemoryLmg

Details = Mapping[str, object]
REDEEM = {
    "offer_id": "o1",
    "business_id": "b1",
    "location_id": "l1",
    "current_state": "default",
    "transition_index": 0,
    "target": "redeemed",
    "used": 0,
    "client_args": {"confirmPromptDisplayed": True},
}


@pytest.fixture
def platform() -> MemoryLmg:
    return MemoryLmg(good_tokens={"ann": "good", "bob": "good too"})


@pytest.fixture
def rig(tmp_path: Path, platform: MemoryLmg) -> Iterator[Rig]:
    found = Rig(tmp_path / "j", platform)
    yield found
    found.close()


def identify(rig: Rig, user_id: str, token: str | None = None, **profile: object) -> Any:
    """Journal an identify and return its future."""
    return rig.session.identification(rig.session.identify(user_id, token, profile or None).written.text)


def once(answer: GraphOutcome, operation: str, times: int = 1) -> Callable[[str, dict[str, Any]], GraphOutcome | None]:
    """A fault that gives `answer` to an operation, so many times."""
    left = [times]

    def fault(asked: str, variables: dict[str, Any]) -> GraphOutcome | None:
        if asked != operation or left[0] == 0:
            return None
        left[0] -= 1
        return answer

    return fault


def test_the_main_job(rig: Rig, platform: MemoryLmg) -> None:
    """Anonymous activity, a verified person, a claimed one; each under their own session, in order."""
    rig.track()
    identify(rig, "ann", "good", name="Ann")
    rig.update(email="ann@example.com")
    rig.session.bookmark("o1", "b1", [], True)
    rig.session.reset()
    identify(rig, "bob")
    rig.session.append("redeem", json.dumps(REDEEM))
    rig.drain()

    expected: list[tuple[str, str | None, Any]] = [
        ("IdentifySession", "ann", "good"),
        ("UpdateTraits", "ann", {"name": "Ann"}),
        ("UpdateTraits", "ann", {"email": "ann@example.com"}),
        ("CreateBookmark", "ann", "o1"),
        ("IdentifySession", "bob", None),
        ("Transition", "bob", {"confirmPromptDisplayed": True}),
    ]
    assert expected == platform.done[1:]
    assert ("Collect", None) == platform.done[0][:2]
    assert 2 == len({session.session_id for session in platform.sessions.values()})
    assert (1, "lmg") == (platform.replays, rig.runner.view().dialect)
    assert (0, True) == (rig.desk.counts().queued, rig.desk.audit().adds_up)


def test_a_run_of_activity_is_one_request(rig: Rig, platform: MemoryLmg) -> None:
    """Up to what must come after it."""
    ids = [rig.track().split(".", 2)[2] for _ in range(5)]
    rig.update(name="Ann")
    ids.append(rig.track().split(".", 2)[2])
    rig.drain()

    assert [ids[:5], ids[5:]] == platform.collected


def test_a_run_of_activity_is_measured_in_bytes(rig: Rig, platform: MemoryLmg) -> None:
    """At most 256 KiB of bodies go out at once; a letter may be several bytes."""
    for _ in range(20):
        rig.session.append("track", encode({"name": "note", "properties": {"text": "é" * 10_000}}))
    rig.drain()

    assert [13, 7] == [len(ids) for ids in platform.collected]


def test_the_dialect_is_remembered_and_asked_again_at_another_endpoint(tmp_path: Path) -> None:
    """Once per endpoint, over restarts."""
    asked = []
    for endpoint in ("http://a.test", "http://a.test", "http://b.test"):
        platform = MemoryLmg()
        rig = Rig(tmp_path / "j", platform, endpoint=endpoint)
        rig.track()
        rig.drain()
        rig.close()
        asked.append((platform.replays, len(platform.events)))

    assert [(1, 1), (0, 1), (1, 1)] == asked


def test_a_platform_that_gets_the_extension_later_is_spoken_to_by_it_again(tmp_path: Path) -> None:
    """What an endpoint answers decides, and who is here stays who they are."""
    lmg = MemoryLmg(good_tokens={"ann": "good"})
    rig = Rig(tmp_path / "j", lmg)
    identify(rig, "ann", "good")
    rig.drain()
    rig.close()
    replay = MemoryPlatform(good_tokens={"ann": "good"})
    both = MemoryLmg(fault=lambda operation, variables: NotSpoken("Cannot query field"))
    both.replay = replay.replay  # type: ignore[method-assign]
    rig = Rig(tmp_path / "j", both)
    rig.update(name="Ann")
    rig.outbox.drop_lmg_session(rig.journal.current().lane_id)
    rig.drain()

    assert "replay" == rig.runner.view().dialect
    assert [("identify", "ann"), ("update", "ann")] == [(row[3], row[4]) for row in replay.log]
    rig.close()


@pytest.mark.parametrize(
    "operation", ["CreateSession", "IdentifySession", "UpdateTraits", "CreateBookmark", "OfferNow", "Transition"]
)
def test_a_lost_answer_has_no_second_effect(rig: Rig, platform: MemoryLmg, operation: str) -> None:
    """The platform has acted; the same operation is sent again, and the person ends up the same."""
    platform.fault = lambda asked, variables: setattr(platform, "lose_reply", int(asked == operation and once_only()))
    left = [1]

    def once_only() -> bool:
        left[0] -= 1
        return left[0] >= 0

    identify(rig, "ann", "good", name="Ann")
    rig.session.bookmark("o1", "b1", [], True)
    rig.session.append("redeem", json.dumps(REDEEM))
    rig.update(name="Anna")
    rig.drain()

    assert {"name": "Anna"} == [what for name, _, what in platform.done if name == "UpdateTraits"][-1]
    assert 1 == [name for name, _, _ in platform.done].count("Transition")
    assert (1, "redeemed") == (platform.used, platform.state)
    assert ({"ann"}, 0) == ({user for _, user, _ in platform.done}, rig.desk.counts().queued)


def test_a_transition_into_its_own_state_shows_in_the_count(rig: Rig, platform: MemoryLmg) -> None:
    """A punch whose answer was lost is not punched again."""
    payload = {**REDEEM, "current_state": "progress", "target": "progress", "used": 3}
    platform.state, platform.used = "progress", 3

    def punch(operation: str, variables: dict[str, Any]) -> GraphOutcome | None:
        if operation != "Transition":
            return None
        platform.used += 1
        return Retry("the connection broke off")

    platform.fault = punch
    receipt = rig.session.append("redeem", json.dumps(payload))
    rig.drain()

    assert ("acknowledged", 4, 1) == (receipt.state, platform.used, platform.asked.count("Transition"))


def test_a_try_is_remembered_over_a_restart(tmp_path: Path, platform: MemoryLmg) -> None:
    """Killed between the platform's act and its answer: the next process knows that it may have come through."""
    rig = Rig(tmp_path / "k", platform)
    platform.fault = lambda operation, variables: setattr(platform, "lose_reply", int(operation == "Transition"))
    receipt = rig.session.append("redeem", json.dumps(REDEEM))
    while "Transition" not in platform.asked:
        rig.clock.advance(rig.runner.step() or 0.0)
    rig.close()
    platform.fault = lambda operation, variables: None
    rig = Rig(tmp_path / "k", platform)
    rig.drain()

    assert ("acknowledged", 1) == (rig.session.receipt_state(receipt.id), platform.used)
    rig.close()


def test_what_another_device_redeemed_is_not_taken_for_ours(rig: Rig, platform: MemoryLmg) -> None:
    """Never sent from here, and used already: refused, or two tills would hand out one coffee."""
    platform.state, platform.used = "redeemed", 1
    receipt = rig.session.append("redeem", json.dumps(REDEEM))
    rig.drain()

    assert ("refused", "redemption_state_changed") == (receipt.state, rig.desk.dead_letters()[0].code)


def test_a_redemption_that_something_else_overtook_is_a_dead_letter(rig: Rig, platform: MemoryLmg) -> None:
    """It is not forced through, and it is not lost."""
    platform.state = "ready"
    receipt = rig.session.append("redeem", json.dumps(REDEEM))
    rig.drain()

    assert ("refused", "redemption_state_changed") == (receipt.state, rig.desk.dead_letters()[0].code)


def test_an_expired_session_is_extended(rig: Rig, platform: MemoryLmg) -> None:
    """The platform still knows the token for that."""
    identify(rig, "ann")
    rig.drain()
    platform.fault = once(SessionExpired(), "UpdateTraits")
    rig.update(name="Ann")
    rig.drain()

    assert ["UpdateTraits", "ExtendSession", "UpdateTraits"] == platform.asked[-3:]
    assert ("UpdateTraits", "ann", {"name": "Ann"}) == platform.done[-1]


@pytest.mark.parametrize("token", ["good", None])
def test_a_lost_session_is_opened_anew_and_identified_again(rig: Rig, platform: MemoryLmg, token: str | None) -> None:
    """Nothing of a known person is sent as nobody's."""
    identify(rig, "ann", token)
    rig.drain()
    platform.expire()
    rig.track()
    rig.update(name="Ann")
    rig.drain()

    asked = ["ExtendSession", "CreateSession", "IdentifySession", "UpdateTraits"]
    assert asked == platform.asked[-4:]
    assert [("IdentifySession", "ann", token), ("Collect", "ann"), ("UpdateTraits", "ann", {"name": "Ann"})] == [
        platform.done[-3],
        platform.done[-2][:2],
        platform.done[-1],
    ]


def test_an_anonymous_session_that_was_lost_stays_anonymous(rig: Rig, platform: MemoryLmg) -> None:
    """What was made before the claim is sent before the claim, as nobody's."""
    rig.track()
    rig.drain()
    platform.expire()
    rig.track()
    identify(rig, "ann", "good")
    rig.drain()

    assert [None, None, "ann"] == [user for _, user, _ in platform.done]


def test_a_platform_whose_sessions_never_last_is_not_hammered(rig: Rig, platform: MemoryLmg) -> None:
    """It waits, longer each time, and loses nothing."""
    receipt = rig.update(name="Ann")
    rig.runner.step()
    platform.fault = once(SessionExpired(), "UpdateTraits", times=10**6)
    waited = 0.0
    reasons = set()
    for _ in range(100):
        wait_s = rig.runner.step() or 0.0
        reasons |= {reason for _, reason in rig.runner.waiting().values()}
        waited += wait_s
        rig.clock.advance(wait_s)

    assert waited > 600
    assert "sent" == rig.session.receipt_state(receipt)
    assert {"the platform lets sessions expire as soon as they are opened"} == reasons


def test_a_lost_session_that_cannot_be_proved_again_parks_its_lane(rig: Rig, platform: MemoryLmg) -> None:
    """A verified person does not become a merely claimed one behind the app's back."""
    identify(rig, "ann", "good")
    rig.drain()
    platform.expire()
    platform.good_tokens = {}
    rig.update(name="Ann")
    seen: list[Details] = []
    rig.events.on("parked", seen.append)
    rig.drain()

    assert ["token_refused"] == [found["code"] for found in seen]
    assert ("anonymous", 1) == (rig.journal.current().state, rig.desk.counts().parked)
    platform.good_tokens = {"ann": "newer"}
    identify(rig, "ann", "newer")
    rig.drain()
    assert ("UpdateTraits", "ann", {"name": "Ann"}) in platform.done
    assert (0, True) == (rig.desk.counts().parked, rig.desk.audit().adds_up)


def test_a_refused_token_parks_one_lane_and_frees_the_app(rig: Rig, platform: MemoryLmg) -> None:
    """What came before the claim is sent as nobody's, what came under it is not sent, the others go on."""
    rig.track()
    future = identify(rig, "ann", "bad")
    rig.update(name="Ann")
    rig.session.reset()
    identify(rig, "bob", "good too")
    rig.drain()

    with pytest.raises(IdentifyRejected, match="token_refused"):
        future.result(0)
    assert [None, "bob"] == [user for _, user, _ in platform.done]
    assert 2 == rig.desk.counts().parked


def test_the_provider_is_asked_whatever_the_reason_was(tmp_path: Path, platform: MemoryLmg) -> None:
    """The real platform's id for an expired token is not public."""
    rig = Rig(tmp_path / "k", platform, token_provider=lambda user_id: "good")
    future = identify(rig, "ann", "old")
    rig.drain()

    assert "verified" == future.result(0).value
    assert [("IdentifySession", "ann", "good")] == platform.done
    rig.close()


def test_the_provider_can_be_kept_for_expired_tokens_alone(tmp_path: Path, platform: MemoryLmg) -> None:
    """A setting; our own platform says which tokens have expired."""
    settings = LmgSettings(refresh_refused_tokens=False)
    rig = Rig(tmp_path / "k", platform, token_provider=lambda user_id: "good", lmg=settings)
    platform.fault = once(Refused(403, "lmg-token-expired", "old"), "IdentifySession")
    first = identify(rig, "ann", "old")
    rig.drain()
    platform.fault = once(Refused(403, "lmg-token-refused", "no"), "IdentifySession")
    second = identify(rig, "bob", "bad")
    rig.drain()

    assert "verified" == first.result(0).value
    with pytest.raises(IdentifyRejected):
        second.result(0)
    rig.close()


@pytest.mark.parametrize(
    ("meaning", "expected"), [("reject", "token_refused"), ("identified", "identified"), ("ignore", "verified")]
)
def test_what_a_warning_means_is_a_setting(tmp_path: Path, meaning: Any, expected: str) -> None:
    """Whether a bad token is an error or a warning is not public: nobody is shown as verified on a doubt."""
    platform = MemoryLmg(warnings=["the signature looks odd"])
    rig = Rig(tmp_path / "k", platform, lmg=LmgSettings(identify_warnings=meaning))
    seen: list[Details] = []
    rig.events.on("warning", seen.append)
    future = identify(rig, "ann", "doubtful")
    rig.drain()

    assert [["the signature looks odd"]] == [found["warnings"] for found in seen]
    answer = future.exception(0)
    assert expected == (future.result(0).value if answer is None else answer.code)
    rig.close()


def test_a_warning_about_traits_is_an_event(rig: Rig, platform: MemoryLmg) -> None:
    """The write counts as delivered; the app is told what the platform did not like."""
    platform.trait_warnings = ["tier: unknown"]
    seen: list[Details] = []
    rig.events.on("warning", seen.append)
    receipt = rig.update(tier="gold")
    rig.drain()

    entry_id = receipt.split(".", 2)[2]
    expected = {"operation": "updateSessionTraits", "warnings": ["tier: unknown"], "entry_id": entry_id}
    assert ([expected], "acknowledged") == (seen, rig.session.receipt_state(receipt))


def test_a_refused_write_becomes_a_dead_letter_and_holds_nobody_up(rig: Rig, platform: MemoryLmg) -> None:
    """With the platform's code and sentence; the lane goes on behind it."""
    identify(rig, "ann")
    refused = rig.session.bookmark("o1", None, [], True)
    later = rig.update(name="Ann")
    rig.drain()

    letter = rig.desk.dead_letters()[0]
    assert ("refused", "verification_needed", "verify first") == (refused.state, letter.code, letter.message)
    assert "acknowledged" == rig.session.receipt_state(later)
    rig.desk.retry(letter.id)
    platform.good_tokens = {"ann": "good"}
    identify(rig, "ann", "good")
    rig.drain()
    assert [letter.id] == [found.id for found in rig.desk.dead_letters()]


@pytest.mark.parametrize(("times", "expected"), [(2, "acknowledged"), (3, "refused")])
def test_a_refusal_that_names_no_error_of_the_platform_must_come_three_times(
    rig: Rig, platform: MemoryLmg, times: int, expected: str
) -> None:
    """A proxy's 413 or 404 in HTML costs no entry."""
    rig.drain()
    platform.fault = once(Refused(413, None, "the request is too large"), "UpdateTraits", times)
    receipt = rig.update(name="Ann")
    rig.drain()

    assert expected == rig.session.receipt_state(receipt)


def test_a_proxys_refusal_does_not_cost_a_token(rig: Rig, platform: MemoryLmg) -> None:
    """Whoever identifies behind it is not rejected, and the token is still there."""
    rig.drain()
    platform.fault = once(Refused(404, None, "no such page"), "IdentifySession", 2)
    future = identify(rig, "ann", "good")
    rig.drain()

    assert "verified" == future.result(0).value


def test_a_dead_letter_of_a_person_who_left_goes_out_under_them(rig: Rig, platform: MemoryLmg) -> None:
    """Also when their lane was empty and sealed by then, and their session is lost."""
    identify(rig, "bob")
    platform.fault = once(Refused(400, "09-01-001", "not today"), "UpdateTraits")
    rig.update(name="Bob")
    rig.session.reset()
    rig.drain()
    platform.expire()
    rig.desk.retry(rig.desk.dead_letters()[0].id)
    rig.drain()

    assert ("UpdateTraits", "bob", {"name": "Bob"}) == platform.done[-1]
    assert [None] == [lane.user_id for lane in rig.desk.lanes(drained=True) if lane.status == "drained"]


def test_a_server_that_fails_at_one_entry_holds_up_its_lane_alone(rig: Rig, platform: MemoryLmg) -> None:
    """A poison entry is tried for ever, and everybody else goes on."""

    def fault(operation: str, variables: dict[str, Any]) -> GraphOutcome | None:
        is_poison = "poison" in str(variables)
        return Retry("the platform answered HTTP 500", reached=True) if is_poison else None

    platform.fault = fault
    identify(rig, "ann")
    poison = rig.update(name="poison")
    behind = rig.update(name="behind")
    rig.session.reset()
    identify(rig, "bob")
    other = rig.update(name="Bob")
    for _ in range(60):
        rig.clock.advance(rig.runner.step() or 0.0)

    assert "acknowledged" == rig.session.receipt_state(other)
    assert ["sent", "journaled"] == [rig.session.receipt_state(each) for each in (poison, behind)]
    assert ["HTTP 500" in reason for _, reason in rig.runner.waiting().values()] == [True]


def test_a_collector_that_does_not_answer_holds_up_activity_alone(rig: Rig, platform: MemoryLmg) -> None:
    """It is a server of its own: profiles of others still arrive, and its waits grow."""
    platform.collector = [Retry("no connection")] * 50
    waiting = rig.track()
    rig.session.reset()
    identify(rig, "bob")
    rig.update(name="Bob")
    for _ in range(10):
        rig.clock.advance(rig.runner.step() or 0.0)

    assert ("UpdateTraits", "bob", {"name": "Bob"}) in platform.done
    assert "sent" == rig.session.receipt_state(waiting)
    tries = 50 - len(platform.collector)
    assert 1 <= tries <= 10
    platform.collector = []
    rig.runner.hurry()
    rig.drain()
    assert "acknowledged" == rig.session.receipt_state(waiting)


def test_activity_that_is_too_large_together_is_halved_and_alone_set_aside(rig: Rig, platform: MemoryLmg) -> None:
    """As in the other dialect."""
    for _ in range(4):
        rig.track()
    platform.collector = [Split("too large", malformed=False)] * 12
    rig.drain()

    assert "too_large" == rig.desk.dead_letters()[0].code
    assert (4, True) == (len(platform.events) + rig.desk.counts().dead_letters, rig.desk.audit().adds_up)


@pytest.mark.parametrize(
    "answer",
    [Refused(401, "lmg-x", "unknown key"), Refused(403, None, ""), Suspend("http_401", "the write key was refused")],
)
def test_a_refused_write_key_suspends(rig: Rig, platform: MemoryLmg, answer: GraphOutcome) -> None:
    """Everything waits, nothing is dropped, and it goes on when the key is accepted."""
    platform.fault = once(answer, "CreateSession", times=3)
    receipt = rig.track()
    for _ in range(3):
        rig.clock.advance(rig.runner.step() or 0.0)

    assert rig.runner.view().suspended_code is not None
    rig.drain()
    assert ("acknowledged", None) == (rig.session.receipt_state(receipt), rig.runner.view().suspended_code)


@pytest.mark.parametrize("data", [{}, {"createSession": None}, {"createSession": {"token": ""}}, {"createSession": 1}])
def test_a_session_that_is_none_is_a_failed_attempt(rig: Rig, platform: MemoryLmg, data: dict[str, object]) -> None:
    """Only what the schema promises counts."""
    platform.fault = once(GraphData(data, None), "CreateSession")
    receipt = rig.track()
    rig.drain()

    assert "acknowledged" == rig.session.receipt_state(receipt)
    assert 2 == platform.asked.count("CreateSession")


def test_an_idle_session_is_kept_alive(tmp_path: Path, platform: MemoryLmg) -> None:
    """It is extended before it can expire, though nobody writes."""
    rig = Rig(tmp_path / "k", platform, lmg=LmgSettings(extend_after_s=3600))
    rig.drain()
    for _ in range(5):
        rig.clock.advance(1000)
        rig.drain()

    assert ["CreateSession", "ExtendSession"] == platform.asked
    rig.close()


def test_a_read_that_found_the_session_expired_has_it_extended(rig: Rig, platform: MemoryLmg) -> None:
    """Or opened anew; the next read has a token again."""
    rig.drain()
    rig.outbox.drop_session_token(rig.journal.current().lane_id)
    rig.drain()

    assert ["CreateSession", "ExtendSession"] == platform.asked
    assert rig.journal.current().session_token in platform.sessions


def test_forget_clears_the_profile_and_says_what_is_left(rig: Rig, platform: MemoryLmg) -> None:
    """The real platform has no erasure: that is a dead letter with the way out, not a silence."""
    identify(rig, "ann", "good", name="Ann")
    rig.drain()
    platform.expire()
    receipt = rig.session.forget()
    rig.drain()

    assert [("IdentifySession", "ann", "good"), ("UpdateTraits", "ann", {"name": None, "tier": None})] == (
        platform.done[-2:]
    )
    assert ("refused", "erasure_not_offered") == (receipt.state, rig.desk.dead_letters()[0].code)


def test_an_unknown_kind_of_a_newer_version_is_set_aside(rig: Rig) -> None:
    """It is kept, and holds nobody up."""
    receipt = rig.session.append("levitate", "{}")
    rig.drain()

    assert ("refused", "unknown_kind") == (receipt.state, rig.desk.dead_letters()[0].code)


def test_each_write_names_its_entry_for_the_log_once(rig: Rig, platform: MemoryLmg) -> None:
    """Device, number, id; an identify with a profile is one entry in two requests."""
    identify(rig, "ann", None, name="Ann")
    receipt = rig.update(tier="gold")
    rig.drain()
    device_id = rig.outbox.device().device_id

    named = [(asked, entry) for asked, entry in zip(platform.asked, platform.entries, strict=True)]
    assert [("CreateSession", None), ("UpdateTraits", None)] == [named[0], named[2]]
    assert ("UpdateTraits", f"{device_id}/2/{receipt.split('.', 2)[2]}") == named[3]
    assert (named[1][1] or "").startswith(f"{device_id}/1/")


def test_a_sealed_and_drained_lane_keeps_no_session(rig: Rig, tmp_path: Path) -> None:
    """Nothing of the person who left, nor a token to act for them, stays on disk."""
    identify(rig, "SECRET-user", None, name="SECRET-name")
    rig.session.reset()
    rig.drain()
    rig.journal.store.checkpoint()

    assert [(2,)] == rig.journal.store.read("SELECT lane_id FROM lmg_sessions")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "j").iterdir())
    assert b"SECRET" not in everything


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"identify_warnings": "maybe"}, "lmg.identify_warnings"), ({"extend_after_s": 1}, "lmg.extend_after_s")],
)
def test_settings_are_checked(settings: dict[str, Any], field: str) -> None:
    """By name."""
    with pytest.raises(ValidationError) as raised:
        LmgSettings(**settings)

    assert [field] == raised.value.fields
