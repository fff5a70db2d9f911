"""The identity state machine."""

from __future__ import annotations

import pytest

from lmg_offline._core.identity import TRANSITIONS, AudienceState, Event, Step, identify_event, transition

A, I, V = AudienceState.ANONYMOUS, AudienceState.IDENTIFIED, AudienceState.VERIFIED  # noqa: E741 - as in the table


@pytest.mark.parametrize("state", list(AudienceState))
@pytest.mark.parametrize("event", list(Event))
def test_every_pair_has_an_answer(state: AudienceState, event: Event) -> None:
    """An event that can't happen in a state changes nothing."""
    step, after = transition(state, event)

    assert (step, after) == TRANSITIONS.get((state, event), (Step.STAY, state))


@pytest.mark.parametrize(
    ("state", "event"), [pair for pair, (_, after) in TRANSITIONS.items() if after is V and pair[0] is not V]
)
def test_only_the_platform_makes_verified(state: AudienceState, event: Event) -> None:
    """Nothing the app does shows a user as verified."""
    assert event is Event.PROVED


@pytest.mark.parametrize("event", [Event.IDENTIFY_OTHER, Event.RESET, Event.REJECTED])
@pytest.mark.parametrize("state", [I, V])
def test_two_people_never_share_a_session(state: AudienceState, event: Event) -> None:
    """Whatever ends a claim ends the session."""
    assert Step.RENEW is transition(state, event)[0]


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        pytest.param(None, "ann", Event.IDENTIFY_FIRST, id="nobody yet"),
        pytest.param("ann", "ann", Event.IDENTIFY_SAME, id="the same"),
        pytest.param("ann", "Ann", Event.IDENTIFY_OTHER, id="case counts"),
        pytest.param("\u00e9", "e\u0301", Event.IDENTIFY_OTHER, id="form counts"),
    ],
)
def test_user_ids_are_compared_code_point_by_code_point(known: str | None, given: str, expected: Event) -> None:
    """Ids that differ only in case or Unicode form are two people."""
    assert expected is identify_event(known, given)
