"""A primary and a server are killed under clients that write; `dev.py failover` does the same for longer."""

from __future__ import annotations

from tools.cluster.failover import fail_over


def test_nothing_is_lost_with_the_primary_and_a_server() -> None:
    """Every entry that was promised is there once, in order, on the standby that was promoted."""
    steps: list[str] = []

    found = fail_over(clients=2, seconds=6, seed=1, tell=steps.append)

    assert found.report.holds, found.report.details
    assert 0 < found.before < found.entries
    assert 5 == len(steps)
    assert 0 < found.paused_s < 120
