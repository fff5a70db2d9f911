"""What the sync does next for a lane in the LMG dialect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmg_offline._core.lmg import (
    MAX_EVENT_BYTES,
    Op,
    Redeem,
    View,
    event_run,
    next_op,
    redeem,
    refusal_code,
    token_code,
)

OPEN = View("anonymous", "anonymous", False, False, False, None)


def view(**changes: object) -> View:
    """A lane with an anonymous session and nothing to do, but for the changes."""
    return replace(OPEN, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(view(), Op.NOTHING, id="idle"),
        pytest.param(view(claim=None), Op.OPEN, id="no session"),
        pytest.param(view(claim=None, head="identify", was_claimed=True, state="verified"), Op.OPEN, id="lost"),
        pytest.param(view(is_token_doubtful=True, head="update"), Op.EXTEND, id="a read found it expired"),
        pytest.param(view(is_token_old=True), Op.EXTEND, id="kept alive"),
        pytest.param(view(state="identified", was_claimed=True, head="update"), Op.CLAIM_AGAIN, id="opened anew"),
        pytest.param(view(state="verified", was_claimed=True), Op.CLAIM_AGAIN, id="also when nothing is queued"),
        pytest.param(
            view(claim="identified", state="verified", was_claimed=True, head="track"), Op.CLAIM_AGAIN, id="less sure"
        ),
        pytest.param(view(state="identified", was_claimed=True, head="identify"), Op.IDENTIFY, id="says it better"),
        pytest.param(view(state="identified", head="track"), Op.COLLECT, id="made before the claim: as nobody"),
        pytest.param(view(claim="verified", state="verified", was_claimed=True, head="update"), Op.UPDATE, id="update"),
        pytest.param(view(head="bookmark"), Op.BOOKMARK, id="bookmark"),
        pytest.param(view(head="unbookmark"), Op.UNBOOKMARK, id="unbookmark"),
        pytest.param(view(head="redeem"), Op.REDEEM, id="redeem"),
        pytest.param(view(head="forget"), Op.FORGET, id="forget"),
        pytest.param(view(head="levitate"), Op.UNKNOWN, id="unknown kind"),
    ],
)
def test_the_session_first_then_whose_it_is_then_the_entries(given: View, expected: Op) -> None:
    """One row per line of the decision."""
    assert expected == next_op(given)


@pytest.mark.parametrize(
    ("kinds", "sizes", "most", "expected"),
    [
        (["track"], [1], 100, 1),
        (["track", "track", "update", "track"], [1, 1, 1, 1], 100, 2),
        (["track"] * 5, [1] * 5, 3, 3),
        (["track", "track"], [MAX_EVENT_BYTES, 1], 100, 1),
        (["track", "track"], [MAX_EVENT_BYTES + 1, 1], 100, 1),
    ],
)
def test_a_run_of_activity_ends_at_another_kind_and_at_its_bounds(
    kinds: list[str], sizes: list[int], most: int, expected: int
) -> None:
    """Never past what must come after it, and never nothing."""
    assert expected == event_run(kinds, sizes, most)


@pytest.mark.parametrize(
    ("message_id", "status", "refusal", "token"),
    [
        ("lmg-verification-required", 403, "verification_required", "token_refused"),
        ("lmg-token-expired", 403, "token_expired", "token_expired"),
        ("lmg-token-unknown-key", 403, "token_unknown_key", "token_unknown_key"),
        ("17-02-001", 400, "17_02_001", "token_refused"),
        (None, 409, "http_409", "token_refused"),
    ],
)
def test_codes_follow_the_platforms_ids(message_id: str | None, status: int, refusal: str, token: str) -> None:
    """Those of ours by name; any other as it is, and as a refused token."""
    assert (refusal, token) == (refusal_code(message_id, status), token_code(message_id))


@pytest.mark.parametrize(
    ("state", "standing", "target", "tried_from", "expected"),
    [
        pytest.param("default", "d0", "redeemed", None, Redeem.SEND, id="first try, where it was decided"),
        pytest.param("redeemed", "r1", "redeemed", None, Redeem.OVERTAKEN, id="somebody else was quicker"),
        pytest.param("ready", "y0", "redeemed", None, Redeem.OVERTAKEN, id="elsewhere"),
        pytest.param("default", "d0", "redeemed", "d0", Redeem.SEND, id="the try did not come through"),
        pytest.param("redeemed", "r1", "redeemed", "d0", Redeem.DONE, id="it did"),
        pytest.param("ready", "y0", "redeemed", "d0", Redeem.OVERTAKEN, id="something else did"),
        pytest.param("default", "d1", "default", "d0", Redeem.DONE, id="into its own state: it shows in the count"),
        pytest.param("ready", "y9", "progress", "p8", Redeem.DONE, id="the punch that filled the card"),
    ],
)
def test_a_redemption_is_made_once_and_from_where_it_was_decided(
    state: str, standing: str, target: str, tried_from: str | None, expected: Redeem
) -> None:
    """Never twice, and never in another's place."""
    assert expected == redeem(state, standing, before="default", target=target, tried_from=tried_from)
