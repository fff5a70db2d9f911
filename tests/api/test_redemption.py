"""The redemption controller over a real journal, and a platform in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lmg_offline._core import content
from lmg_offline._transport.port import Refused
from lmg_offline.controller import RedemptionController
from lmg_offline.errors import (
    ClientClosed,
    IdentifyRejected,
    LMGError,
    OfflineError,
    PlatformError,
    RedemptionArgument,
    RedemptionPending,
    RedemptionRefused,
    ValidationError,
)
from lmg_offline.models import DevicePosition
from lmg_offline.prompts import PromptResolver
from lmg_offline.redemption import (
    OfferLimit,
    OfferLimits,
    OfferStatus,
    Prompt,
    PromptKind,
    RedemptionReason,
    Transition,
    TransitionArg,
)
from tests.api.fakes import offer_state, transition, transition_arg
from tests.redemption_rig import RedemptionRig

CONFIRM = transition_arg("confirmPromptDisplayed", type="boolean")
PIN = transition_arg("pin", min=4, max=4)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[RedemptionRig]:
    found = RedemptionRig(tmp_path / "j")
    yield found
    found.close()


def answering(rig: RedemptionRig, *values: object) -> Callable[[Prompt, PromptResolver], None]:
    """Return a prompt callback that answers with one value after the other."""
    left = list(values)

    def answer(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.prompts.append(prompt)
        resolver.resolve(left.pop(0))

    return answer


def shown(rig: RedemptionRig) -> list[tuple[str, bool]]:
    return [(state.display_status, state.stale) for state in rig.states]


# Attaching and refreshing


def test_the_state_is_shown_once_at_once(rig: RedemptionRig) -> None:
    """A callback that is attached hears where things stand, and nothing more until that changes."""
    controller = rig.controller()
    controller.refresh()

    assert [("default", False)] == shown(rig)
    assert rig.states[0] == controller.state
    assert [Transition(0, "redeemed", "Use")] == list(rig.states[0].transitions)
    assert OfferStatus(True, RedemptionReason.NONE, OfferLimits(OfferLimit(3, 0, 1))) == controller.status


def test_out_of_reach_and_never_read_there_is_a_controller_without_a_state(rig: RedemptionRig) -> None:
    """The callback is called as soon as the state is known."""
    rig.platform.away = True
    controller = rig.controller()
    before = (controller.state, controller.status, controller.needs_refresh, list(rig.states))
    rig.platform.away = False
    controller.refresh()

    assert (None, None, True, []) == before
    assert [("default", False)] == shown(rig)


def test_out_of_reach_what_was_heard_is_shown_as_stale(rig: RedemptionRig) -> None:
    """And says when it was true."""
    controller = rig.controller()
    rig.platform.away = True
    state = controller.refresh()

    assert [("default", False), ("default", True)] == shown(rig)
    assert state is not None and state.as_of is not None
    assert (True, [], rig.states[0].as_of) == (controller.needs_refresh, rig.errors, state.as_of)


def test_a_new_process_shows_what_the_last_one_heard(rig: RedemptionRig) -> None:
    """Another controller, out of reach: from the cache, stale."""
    rig.controller(watched=False)
    rig.platform.away = True
    rig.controller()

    assert [("default", True)] == shown(rig)


def test_a_change_of_the_limits_alone_is_a_change(rig: RedemptionRig) -> None:
    """Another kiosk took what there was: the same state, and not redeemable."""
    rig.platform.punch_card = True
    controller = rig.controller()
    rig.platform.used[None] = 1
    controller.refresh()

    assert [("default", False), ("default", False)] == shown(rig)
    assert controller.status is not None and not controller.status.redeemable


@pytest.mark.parametrize(
    ("fields", "later_s", "expected"),
    [
        pytest.param({"refreshInterval": 60}, 59, False, id="young"),
        pytest.param({"refreshInterval": 60}, 60, True, id="as old as the platform wants it"),
        pytest.param({"refreshInterval": 0}, 9999, False, id="no interval"),
        pytest.param({"refreshInterval": 60, "expiresIn": 5}, 4, False, id="not expired"),
        pytest.param({"refreshInterval": 60, "expiresIn": 5}, 5, True, id="expired"),
    ],
)
def test_needs_refresh(rig: RedemptionRig, fields: dict[str, Any], later_s: float, expected: bool) -> None:
    """By the monotonic clock; nothing is asked by itself."""
    rig.platform.state_fields = fields
    controller = rig.controller()
    rig.clock.advance(later_s)

    assert expected is controller.needs_refresh


def test_a_callback_that_raises_stops_nothing(rig: RedemptionRig, caplog: pytest.LogCaptureFixture) -> None:
    """It is named in the log by its kind of error; the other callbacks and the redemption go on."""
    controller = rig.controller(watched=False)

    def boom(state: object) -> None:
        raise RuntimeError("secret")

    end = controller.on_state_changed(boom)
    controller.on_state_changed(rig.states.append)
    receipt = controller.redeem()
    end()

    assert receipt is not None and "acknowledged" == receipt.state
    assert [("default", False), ("redeemed", False)] == shown(rig)
    assert ["RuntimeError", "RuntimeError"] == [record.__dict__["error"] for record in caplog.records]
    assert "secret" not in caplog.text


# Redeeming


def test_an_offer_is_redeemed_once(rig: RedemptionRig) -> None:
    """Asked, journaled, delivered, shown."""
    controller = rig.controller()
    receipt = controller.redeem()

    assert receipt is not None and "acknowledged" == receipt.state
    assert [("default", False), ("redeemed", False)] == shown(rig)
    assert [
        {
            "offer_id": "o1",
            "business_id": "b1",
            "location_id": "l1",
            "current_state": "default",
            "transition_index": 0,
            "target": "redeemed",
            "used": 0,
            "client_args": {},
        }
    ] == rig.platform.redeemed
    assert ([], None, []) == (rig.errors, controller.unconfirmed, rig.queued())


def test_what_the_platform_does_not_count_is_sent_as_null(rig: RedemptionRig) -> None:
    """An offer without a limit for the person has no count to name."""
    rig.platform.counted = False
    controller = rig.controller()
    rig.platform.deaf = True
    controller.redeem(timeout=0)

    assert [None] == [entry.payload["used"] for entry in rig.desk.entries()]


def test_a_used_offer_is_refused_with_the_reason(rig: RedemptionRig) -> None:
    """Nothing is journaled; the platform's reason is passed on."""
    controller = rig.controller()
    controller.redeem()

    assert controller.redeem() is None
    assert (["OfferUsed"], 1, []) == (
        [_reason(error) for error in rig.errors],
        len(rig.platform.redeemed),
        rig.queued(),
    )


def test_a_transition_that_is_not_there_is_refused(rig: RedemptionRig) -> None:
    """By its index, which is not its place in the list."""
    controller = rig.controller()

    assert controller.redeem(7) is None
    assert ["TransitionNotAllowed"] == [_reason(error) for error in rig.errors]


def test_out_of_reach_nothing_is_redeemed(rig: RedemptionRig) -> None:
    """A stale state may be shown, but redeeming needs the platform's word now."""
    controller = rig.controller()
    rig.platform.away = True

    assert controller.redeem() is None
    assert ([OfflineError], []) == ([type(error) for error in rig.errors], rig.queued())


def test_what_the_platform_refuses_at_the_end_is_told_with_its_code(rig: RedemptionRig) -> None:
    """The entry is a dead letter, and the receipt says so."""
    controller = rig.controller()
    rig.platform.refuse = lambda entry: "invalid_pin"
    receipt = controller.redeem()

    assert receipt is not None and "refused" == receipt.state
    assert [("invalid_pin", "no")] == [(e.reason, e.message) for e in rig.errors if isinstance(e, RedemptionRefused)]
    assert (["redeem"], []) == ([letter.kind for letter in rig.desk.dead_letters()], rig.platform.redeemed)


def test_an_entry_given_up_on_the_device_is_told_as_such(rig: RedemptionRig) -> None:
    """Erased on request before it was sent: there is no dead letter to quote."""
    controller = rig.controller()
    rig.platform.deaf = True
    session_wait = rig.session.wait_for_change

    def forget(timeout_s: float) -> bool:
        rig.session.forget()
        return session_wait(0)

    rig.session.wait_for_change = forget  # type: ignore[method-assign]  # the person goes while we wait
    receipt = controller.redeem()

    assert receipt is not None and "forgotten" == receipt.state
    assert ["forgotten"] == [_reason(error) for error in rig.errors]


def test_not_confirmed_in_time_it_is_delivered_later_and_once(rig: RedemptionRig) -> None:
    """The error names the receipt; a second call makes no second redemption."""
    controller = rig.controller()
    rig.platform.deaf = True
    receipt = controller.redeem(timeout=0)
    again = controller.redeem(timeout=0)
    waiting = controller.unconfirmed

    assert receipt is not None and waiting is not None
    assert ("sent", None, receipt.id) == (receipt.state, again, waiting.id)
    assert [receipt.id] * 2 == [error.receipt_id for error in rig.errors if isinstance(error, RedemptionPending)]
    assert all(isinstance(error, OfflineError) and receipt.id in str(error) for error in rig.errors)

    rig.platform.deaf = False
    rig.drain()
    controller.refresh()

    assert ("acknowledged", None, 1) == (receipt.state, controller.unconfirmed, len(rig.platform.redeemed))
    assert ("redeemed", False) == shown(rig)[-1]


def test_after_a_crash_the_redemption_is_found_and_not_made_again(rig: RedemptionRig, tmp_path: Path) -> None:
    """A new process knows of it from the journal."""
    controller = rig.controller()
    rig.platform.deaf = True
    made = controller.redeem(timeout=0)
    rig.close()
    later = RedemptionRig(tmp_path / "j", rig.platform)
    found = later.controller().unconfirmed
    later.controller().redeem(timeout=0)

    assert made is not None and found is not None
    assert (made.id, None) == (found.id, later.offer.get_redemption_controller("o2", "b1", "l1").unconfirmed)
    assert ([made.id], ["redeem"]) == ([e.receipt_id for e in later.errors if isinstance(e, RedemptionPending)],
                                       later.queued())  # fmt: skip
    rig.platform.deaf = False
    later.drain()
    assert ("acknowledged", 1) == (found.state, len(rig.platform.redeemed))
    later.close()


def test_a_lost_reply_redeems_once(rig: RedemptionRig) -> None:
    """The platform did it, the answer was lost, the same entry is sent again and recognised."""
    controller = rig.controller()
    rig.platform.lose_reply = 1
    receipt = controller.redeem(timeout=0)
    rig.drain()

    assert receipt is not None
    assert ("acknowledged", 1) == (receipt.state, len(rig.platform.redeemed))


def test_when_the_new_state_cannot_be_heard_the_old_one_is_marked(rig: RedemptionRig) -> None:
    """Redeemed, but what is shown is known to be old: it is stale, and the redemption is no error."""
    controller = rig.controller()
    rig.platform.before_query = [lambda: None, lambda: None, lambda: setattr(rig.platform, "refuse_query", NO)]
    receipt = controller.redeem()

    assert receipt is not None and "acknowledged" == receipt.state
    assert ([("default", False), ("default", True)], []) == (shown(rig), rig.errors)


NO = Refused(404, "lmg-not-found", "no such offer")


def test_a_second_press_while_the_first_is_asking_is_turned_away(rig: RedemptionRig) -> None:
    """One question, one redemption."""
    rig.platform.args = [CONFIRM]
    controller = rig.controller()

    def press_again(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.prompts.append(prompt)
        controller.redeem()
        resolver.resolve()

    controller.on_prompt_required(press_again)
    receipt = controller.redeem()

    assert receipt is not None and "acknowledged" == receipt.state
    assert ([None], 1) == ([error.receipt_id for error in rig.errors if isinstance(error, RedemptionPending)],
                           len(rig.prompts))  # fmt: skip


# Prompts


def test_a_person_is_asked_for_what_is_required(rig: RedemptionRig) -> None:
    """To confirm, for the PIN, for the rest, in order; the answers go along."""
    rig.platform.args = [CONFIRM, PIN, transition_arg("table", type="int", min=1, max=9, default="1")]
    controller = rig.controller()
    controller.on_prompt_required(answering(rig, True, "0042", "7"))
    controller.redeem()

    assert [
        Prompt(PromptKind.CONFIRM, "confirmPromptDisplayed", "about confirmPromptDisplayed", "boolean"),
        Prompt(PromptKind.PIN, "pin", "about pin", "string", min=4, max=4),
        Prompt(PromptKind.ARGUMENT, "table", "about table", "int", min=1, max=9, default="1"),
    ] == rig.prompts
    assert [{"confirmPromptDisplayed": True, "pin": "0042", "table": 7}] == [
        payload["client_args"] for payload in rig.platform.redeemed
    ]


def test_an_answer_may_come_from_another_thread_and_only_the_first_counts(rig: RedemptionRig) -> None:
    """The callback returns; redeem waits. What comes after the first answer has no effect."""
    rig.platform.args = [PIN]
    controller = rig.controller()
    workers: list[threading.Thread] = []
    shows: list[str] = []

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        def answer() -> None:
            shows.append(repr(resolver))
            resolver.resolve("0042")
            resolver.resolve("9999")
            resolver.cancel()
            shows.append(repr(resolver))

        workers.append(threading.Thread(target=answer))
        workers[0].start()

    controller.on_prompt_required(ask)
    controller.redeem()
    workers[0].join()

    assert ["0042"] == [payload["client_args"]["pin"] for payload in rig.platform.redeemed]
    assert ["<PromptResolver of pin, open>", "<PromptResolver of pin, answered>"] == shows
    assert [] == rig.cancelled


@pytest.mark.parametrize("how", ["cancel", "confirm with False"])
def test_a_cancelled_prompt_leaves_nothing_behind(rig: RedemptionRig, how: str) -> None:
    """No entry, no error; whoever watches for it is told. The next call asks again."""
    rig.platform.args = [CONFIRM]
    controller = rig.controller()
    end = controller.on_prompt_required(
        lambda prompt, resolver: resolver.cancel() if how == "cancel" else resolver.resolve(False)
    )

    assert controller.redeem() is None
    assert (["cancelled"], [], [], []) == (rig.cancelled, rig.errors, rig.queued(), rig.platform.redeemed)
    end()
    controller.on_prompt_required(answering(rig, True))
    assert controller.redeem() is not None


@pytest.mark.parametrize(
    "callbacks",
    [
        pytest.param([], id="nobody asks"),
        pytest.param([lambda prompt, resolver: 1 / 0], id="the one who asks raises"),
    ],
)
def test_a_required_argument_that_nobody_asks_for_is_an_error(
    rig: RedemptionRig, callbacks: list[Callable[[Prompt, PromptResolver], object]]
) -> None:
    """It never hangs for an answer that can't come."""
    rig.platform.args = [PIN]
    controller = rig.controller()
    for callback in callbacks:
        controller.on_prompt_required(callback)

    assert controller.redeem() is None
    assert (["pin"], []) == ([e.name for e in rig.errors if isinstance(e, RedemptionArgument)], rig.queued())


def test_a_callback_that_answers_and_then_raises_has_answered(rig: RedemptionRig) -> None:
    """The answer is not thrown away."""
    rig.platform.args = [CONFIRM]
    controller = rig.controller()

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        resolver.resolve()
        raise RuntimeError

    controller.on_prompt_required(ask)
    receipt = controller.redeem()

    assert receipt is not None and "acknowledged" == receipt.state


@pytest.mark.parametrize(
    ("leave", "expected"),
    [
        pytest.param(lambda rig: rig.session.reset(), RedemptionRefused, id="reset"),
        pytest.param(lambda rig: setattr(rig.session, "_open_check", _closed), ClientClosed, id="closed"),
    ],
)
def test_a_question_that_nobody_is_left_to_answer_ends(
    rig: RedemptionRig, leave: Callable[[RedemptionRig], object], expected: type[LMGError]
) -> None:
    """The person has left, or the app is closing: redeem does not wait for ever."""
    rig.platform.args = [PIN]
    controller = rig.controller()
    kept: list[PromptResolver] = []

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        kept.append(resolver)
        leave(rig)

    controller.on_prompt_required(ask)

    assert controller.redeem() is None
    assert ([expected], 1) == ([type(error) for error in rig.errors], len(kept))


def _closed() -> None:
    raise ClientClosed("closed")


@pytest.mark.parametrize("answer", ["42", 42, None, float("nan"), "\ud800bcd"])
def test_an_answer_that_does_not_fit_is_an_error_without_the_answer(
    rig: RedemptionRig, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is journaled, and the answer is shown nowhere."""
    rig.platform.args = [PIN]
    controller = rig.controller()
    controller.on_prompt_required(answering(rig, answer))
    with caplog.at_level(logging.DEBUG):
        assert controller.redeem() is None

    assert ([], 1) == (rig.queued(), len(rig.errors))
    assert "42" not in f"{rig.errors[0]}{rig.errors[0]!r}{caplog.text}"


def test_the_time_a_person_takes_is_not_the_networks(rig: RedemptionRig) -> None:
    """An hour at the PIN, and the platform still has its ten seconds."""
    rig.platform.args = [CONFIRM]
    controller = rig.controller()

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.clock.advance(3600)
        resolver.resolve()

    controller.on_prompt_required(ask)
    receipt = controller.redeem(timeout=10)

    assert receipt is not None
    assert ("acknowledged", [], ("redeemed", False)) == (receipt.state, rig.errors, shown(rig)[-1])


def test_the_position_is_the_devices(rig: RedemptionRig) -> None:
    """Filled in without asking anybody; what is missing and required is named."""
    rig.platform.args = [transition_arg("deviceGeoPoint", type="geoPoint"), transition_arg("deviceGeoPointAge", max=60)]
    controller = rig.controller()
    controller.redeem()
    rig.position = DevicePosition(49.8, -119.4, None, 61)
    controller.redeem()
    rig.position = DevicePosition(49.8, -119.4, None, 5.5)
    controller.redeem()

    assert ["deviceGeoPoint", "deviceGeoPointAge"] == [e.name for e in rig.errors if isinstance(e, RedemptionArgument)]
    assert [{"deviceGeoPoint": [-119.4, 49.8], "deviceGeoPointAge": 5}] == [
        payload["client_args"] for payload in rig.platform.redeemed
    ]


def test_the_position_is_that_of_the_moment_it_is_sent(rig: RedemptionRig) -> None:
    """Not that of before the person was asked."""
    rig.platform.args = [PIN, transition_arg("deviceGeoPointAge", type="number")]
    rig.position = DevicePosition(49.8, -119.4, None, 5)
    controller = rig.controller()

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.position = DevicePosition(49.8, -119.4, None, 95)
        resolver.resolve("0042")

    controller.on_prompt_required(ask)
    controller.redeem()

    assert [{"pin": "0042", "deviceGeoPointAge": 95}] == [payload["client_args"] for payload in rig.platform.redeemed]


# One person and the next


def test_one_persons_redemption_never_lands_on_the_next(rig: RedemptionRig) -> None:
    """Ann is asked for her PIN and walks away; the kiosk is reset; her PIN comes in."""
    rig.platform.args = [PIN]
    rig.journal.identify("ann", None, None)
    controller = rig.controller()

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.session.reset()
        resolver.resolve("0042")

    controller.on_prompt_required(ask)

    assert controller.redeem() is None
    assert (["SessionChanged"], [], []) == ([_reason(e) for e in rig.errors], rig.queued(), rig.platform.redeemed)


def test_a_reset_while_the_platform_is_asked_redeems_for_nobody(rig: RedemptionRig) -> None:
    """Whoever pressed is gone; the state shown is the next one's."""
    rig.journal.identify("ann", None, None)
    rig.platform.used["ann"] = 1
    controller = rig.controller()
    rig.platform.before_query = [lambda: rig.session.reset()]

    assert controller.redeem() is None
    assert (["SessionChanged"], []) == ([_reason(e) for e in rig.errors], rig.queued())
    assert [("redeemed", False), ("default", False)] == shown(rig)


def test_a_session_that_keeps_changing_is_given_up(rig: RedemptionRig) -> None:
    """A read ends, and shows nobody's state to anybody else."""
    controller = rig.controller()
    rig.platform.before_query = [rig.session.reset, lambda: None, lambda: None] * 2

    assert controller.refresh() is None
    assert (["SessionChanged"], None) == ([_reason(error) for error in rig.errors], controller.state)


def test_the_next_person_does_not_see_the_state_of_the_last(rig: RedemptionRig) -> None:
    """Neither the property nor a new callback shows it; a refresh shows their own."""
    rig.journal.identify("ann", None, None)
    rig.platform.used["ann"] = 1
    controller = rig.controller(watched=False)
    seen_by_ann = controller.state
    rig.session.reset()
    seen_by_next = (controller.state, controller.status)
    controller.on_state_changed(rig.states.append)
    controller.refresh()

    assert seen_by_ann is not None and "redeemed" == seen_by_ann.display_status
    assert (None, None) == seen_by_next
    assert [("default", False)] == shown(rig)


def test_an_identify_in_between_is_another_person(rig: RedemptionRig) -> None:
    """Decided for nobody, it is not redeemed for ann."""
    rig.platform.args = [CONFIRM]
    controller = rig.controller()

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        rig.journal.identify("ann", None, None)
        resolver.resolve()

    controller.on_prompt_required(ask)
    controller.redeem()

    assert (["SessionChanged"], ["identify"]) == ([_reason(e) for e in rig.errors], rig.queued())


def test_redeeming_waits_for_identify(rig: RedemptionRig) -> None:
    """An identify that nobody waited for, then redeem: for that person."""
    controller = rig.controller()
    rig.platform.good_tokens["ann"] = "good"
    rig.journal.identify("ann", "good", None)
    controller.redeem()

    assert ({"ann": 1}, []) == (rig.platform.used, rig.errors)


def test_a_refused_identify_is_the_error(rig: RedemptionRig) -> None:
    """Nothing is redeemed under a claim that was refused, nor for nobody."""
    controller = rig.controller()
    rig.journal.identify("ann", "bad", None)

    assert controller.redeem() is None
    assert ([IdentifyRejected], {}) == ([type(error) for error in rig.errors], rig.platform.used)


# Errors, and calls that are wrong


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda p: setattr(p, "away", True), OfflineError, id="out of reach"),
        pytest.param(lambda p: setattr(p, "deaf", True), RedemptionPending, id="not confirmed"),
        pytest.param(lambda p: p.used.update({None: 1}), RedemptionRefused, id="refused before"),
        pytest.param(lambda p: setattr(p, "refuse", lambda e: "no_way"), RedemptionRefused, id="refused after"),
        pytest.param(lambda p: p.args.append(PIN), RedemptionArgument, id="argument missing"),
        pytest.param(lambda p: setattr(p, "refuse_query", NO), PlatformError, id="no such offer"),
    ],
)
def test_without_a_callback_for_errors_they_are_raised(
    rig: RedemptionRig, spoil: Callable[[Any], object], expected: type[LMGError]
) -> None:
    """Nothing is silent."""
    controller = rig.controller(watched=False)
    spoil(rig.platform)
    with pytest.raises(expected):
        controller.redeem(timeout=0.1)


def test_a_refresh_reports_as_redeem_does(rig: RedemptionRig) -> None:
    """To the callback when there is one, else it raises."""
    controller = rig.controller(watched=False)
    rig.platform.refuse_query = NO
    with pytest.raises(PlatformError):
        controller.refresh()
    controller.on_error(rig.errors.append)

    assert controller.refresh() is None
    assert [404] == [error.status for error in rig.errors if isinstance(error, PlatformError)]


def test_an_offer_that_is_not_there_has_no_controller(rig: RedemptionRig) -> None:
    """As for offer.get."""
    rig.platform.refuse_query = NO
    with pytest.raises(PlatformError):
        rig.controller()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        pytest.param(lambda c: c.redeem("0"), "transition_index", id="index of text"),
        pytest.param(lambda c: c.redeem(True), "transition_index", id="index of a bool"),
        pytest.param(lambda c: c.redeem(args=["pin"]), "args", id="args of a list"),
        pytest.param(lambda c: c.redeem(args={1: 2}), "args", id="a name that is no text"),
        pytest.param(lambda c: c.redeem(args={"pin": object()}), "args.pin", id="a value that JSON lacks"),
        pytest.param(lambda c: c.redeem(timeout=-1), "timeout", id="timeout"),
        pytest.param(lambda c: c.refresh(timeout="1"), "timeout", id="timeout of refresh"),
    ],
)
def test_a_wrong_call_raises_whoever_watches(
    rig: RedemptionRig, call: Callable[[RedemptionController], object], name: str
) -> None:
    """A mistake in the program is not for the screen."""
    controller = rig.controller()
    with pytest.raises(ValidationError) as raised:
        call(controller)

    assert ([name], []) == (raised.value.fields, rig.errors)


@pytest.mark.parametrize("name", ["offer_id", "business_id", "location_id"])
def test_what_is_no_id_is_named(rig: RedemptionRig, name: str) -> None:
    """Before anything is asked."""
    ids = {"offer_id": "o1", "business_id": "b1", "location_id": "l1", name: ""}
    with pytest.raises(ValidationError) as raised:
        rig.offer.get_redemption_controller(**ids)

    assert [name] == raised.value.fields


def test_no_repr_and_no_log_line_shows_an_argument(rig: RedemptionRig, caplog: pytest.LogCaptureFixture) -> None:
    """The controller names the offer and the place; the entry hides what it holds, delivered or refused."""
    caplog.set_level(logging.DEBUG)
    rig.platform.args = [PIN]
    controller = rig.controller(watched=False)
    rig.platform.deaf = True
    with pytest.raises(RedemptionPending) as raised:
        controller.redeem(args={"pin": "0042"}, timeout=0)

    assert "<RedemptionController of o1 at l1>" == repr(controller)
    assert "0042" not in f"{rig.desk.entries()}{raised.value}{raised.value!r}"
    rig.platform.deaf = False
    rig.platform.refuse = lambda entry: "redemption_pin"
    rig.drain()
    assert [("redeem", True)] == [(letter.kind, "0042" in str(letter.payload)) for letter in rig.desk.dead_letters()]
    assert "0042" not in f"{rig.desk.dead_letters()}{caplog.text}"


# The platform's replies


def test_everything_the_schema_has_is_read() -> None:
    """Names in snake_case, a missing button text as the real SDK has it."""
    arg = transition_arg("table", type="int", values=["1", "2"], min=1, max=2, default="1", required=False)
    data = offer_state(transition(arg, index=3, target="t", text=None), state="s", expiresIn=9, display=["ready"],
                       refreshInterval=5, meta={"actionType": "url", "actionTarget": "https://x.test"})  # fmt: skip
    found = content.parsed(data, "offerState", content.offer_state)

    assert (
        Transition(3, "t", "Offer Used", (TransitionArg("table", "about table", False, "int", ("1", "2"), 1, 2, "1"),)),
    ) == found.transitions
    assert ("s", 9, ("ready",), 5, "url", "https://x.test") == (
        found.state, found.expires_in_s, found.display, found.refresh_interval_s, found.action_type,
        found.action_target,
    )  # fmt: skip


def test_every_limit_is_read() -> None:
    """For the person and over everybody, with and without a window."""
    usage = {"total": 5, "used": 2, "priority": 1}
    window = {**usage, "granularity": "day", "resetsIn": 60}
    limits = {"perProfile": usage, "perProfilePerWindow": window, "global": usage, "globalPerWindow": None}
    data = {"offerStatus": {"redeemable": False, "reason": "Frozen", "limitDetails": limits}}
    found = content.parsed(data, "offerStatus", content.offer_status)

    assert (False, RedemptionReason.FROZEN) == (found.redeemable, found.reason)
    assert OfferLimits(OfferLimit(5, 2, 1), OfferLimit(5, 2, 1, "day", 60), OfferLimit(5, 2, 1), None) == found.limits


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"offerState": None}, id="null"),
        pytest.param(offer_state(state=5), id="wrong text"),  # type: ignore[arg-type]  # that is the point
        pytest.param(offer_state({"index": 0}), id="half a transition"),
        pytest.param(offer_state(refreshInterval=None), id="no interval"),
    ],
)
def test_a_state_that_does_not_fit_is_a_platform_error(data: dict[str, Any]) -> None:
    """Never a KeyError of ours."""
    with pytest.raises(PlatformError):
        content.parsed(data, "offerState", content.offer_state)


def test_joining_rewards_is_the_same_write_as_a_bookmark(rig: RedemptionRig) -> None:
    """As the real SDKs build it."""
    rig.journal.identify("ann", "token", None)
    rig.platform.deaf = True
    rig.offer.join_rewards("o1", "b1", ["l1"])

    assert [("bookmark", {"offer_id": "o1", "business_id": "b1", "location_ids": ["l1"]})] == [
        (entry.kind, entry.payload) for entry in rig.desk.entries()[1:]
    ]


def _reason(error: LMGError) -> str | None:
    return error.reason if isinstance(error, RedemptionRefused) else None
