"""How hard the property tests look: a short search that is always the same, or a long one that never is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
_MORE = 20


def search(examples: int, steps: int = 30) -> settings:
    """
    Return the settings of one property.

    Args:
        examples: How many cases the short search tries; the long one 20 times as many.

        steps: The longest run of a state machine; the long search makes it twice as long.

    Source: our choice. A search that is drawn anew each time would fail on
    somebody's unrelated change; the long one is for whoever looks for faults.
    """
    return settings(
        max_examples=examples * (_MORE if IS_LONG else 1),
        stateful_step_count=steps * (2 if IS_LONG else 1),
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        print_blob=IS_LONG,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def scratch_folder() -> Path:
    """Return an empty folder for one case, in memory where the system has such a place: there are thousands."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="lmg-property-", dir=memory if memory.is_dir() else None))
