"""Why nothing moves."""

from __future__ import annotations

import pytest

from lmg_offline._core.explain import LaneFacts, SyncFacts, explain

FINE = SyncFacts(True, True, None, True, None, None)


@pytest.mark.parametrize(
    ("lane", "sync", "word"),
    [
        pytest.param(LaneFacts("s", 1, "token_refused", "no"), FINE, "refused", id="refused token"),
        pytest.param(LaneFacts("s", 1, "token_expired", "no"), FINE, "expired", id="expired token"),
        pytest.param(LaneFacts("s", 1, "token_unknown_key", "no"), FINE, "current key", id="unknown key"),
        pytest.param(LaneFacts("s", 1, "other", "a reason"), FINE, "a reason", id="another code"),
        pytest.param(LaneFacts("s", 2, None, None), SyncFacts(False, False, None, None, None, None), "sync=False",
                     id="sync is off"),
        pytest.param(LaneFacts("s", 2, None, None), SyncFacts(True, True, "401", True, "x", 3.0), "write key",
                     id="suspended"),
        pytest.param(LaneFacts("s", 2, None, None), SyncFacts(True, False, None, True, None, None), "another process",
                     id="another process sends"),
        pytest.param(LaneFacts("s", 2, None, None), SyncFacts(True, True, None, False, "no connection", 7.0), "in 7 s",
                     id="backing off"),
    ],
)  # fmt: skip
def test_each_blocked_state_has_its_own_sentence(lane: LaneFacts, sync: SyncFacts, word: str) -> None:
    """It says why, and what would unblock it."""
    (sentence,) = explain([lane], sync)

    assert word in sentence


@pytest.mark.parametrize("lane", [LaneFacts("s", 0, None, None), LaneFacts("s", 3, None, None)])
def test_what_moves_is_not_explained(lane: LaneFacts) -> None:
    """No sentence for a lane that is empty or being sent."""
    assert [] == explain([lane], FINE)
