"""Rows are played in both dialects, with small counts."""

from __future__ import annotations

import pytest

from tools.faults.stage import STAGES, Stage


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Stage:
    """Where a row is played: the platform with the replay extension, and as the real platform is."""
    return STAGES[request.param]
