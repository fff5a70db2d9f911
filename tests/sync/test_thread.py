"""When the sync thread sends: at once, or with what comes in the next moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from lmg_offline._sync import thread
from lmg_offline._sync.thread import SyncThread

WAIT_S = 20.0


class FakeRunner:
    """Counts its steps; each says that it has sent all there is, and the first few how long to wait."""

    def __init__(self) -> None:
        self.steps = 0
        self.waits: list[float] = []
        self.sends_all = True
        self.sent_all_at_s = float("-inf")
        self.backs_off = False

    def step(self) -> float | None:
        self.steps += 1
        self.sent_all_at_s = time.monotonic() if self.sends_all else float("-inf")
        return self.waits.pop() if self.waits else None


class FakeLease:
    """Always ours."""

    held = True

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def sync(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncThread]:
    """A thread that lingers, and sleeps, for longer than any test takes."""
    monkeypatch.setattr(thread, "START_S", 0.01)
    monkeypatch.setattr(thread, "LINGER_S", 3600.0)
    monkeypatch.setattr(thread, "POLL_S", 3600.0)
    lease: Any = FakeLease()
    made: Any = SyncThread(lambda: runner, lease, lease, lambda: None)  # type: ignore[arg-type]  # as much as it needs
    yield made
    assert made.close(WAIT_S)


def wait_for(runner: FakeRunner, steps: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while runner.steps < steps and time.monotonic() < deadline:
        time.sleep(0.001)


def test_writes_after_a_request_gather_for_the_next_one(sync: SyncThread, runner: FakeRunner) -> None:
    """The first goes at once; those that follow wait for each other, until somebody waits for them."""
    sync.wake(is_urgent=False)
    wait_for(runner, 1)
    for _ in range(50):
        sync.wake(is_urgent=False)
    before = runner.steps
    sync.wake()
    wait_for(runner, 2)

    assert (1, 2) == (before, runner.steps)


def test_nothing_to_send_is_nothing_to_linger_for(sync: SyncThread, runner: FakeRunner) -> None:
    """After the last request comes the tidying up at once: what people wrote who left must go from the disk."""
    runner.waits = [0.0]
    sync.wake(is_urgent=False)
    wait_for(runner, 2)

    assert 2 == runner.steps


def test_who_has_more_to_send_does_not_linger(sync: SyncThread, runner: FakeRunner) -> None:
    """A backlog goes request after request."""
    runner.sends_all = False
    for steps in range(1, 20):
        sync.wake(is_urgent=False)
        wait_for(runner, steps)

    assert 19 <= runner.steps


def test_writes_wake_nobody_before_the_pause_after_a_failure_is_over(sync: SyncThread, runner: FakeRunner) -> None:
    """A device without a network writes on: each write would cost it a round of the sync that can do nothing."""
    runner.backs_off, runner.waits = True, [3600.0] * 2
    sync.wake(is_urgent=False)
    wait_for(runner, 1)
    for _ in range(50):
        sync.wake(is_urgent=False)
        time.sleep(0.001)
    before = runner.steps
    runner.backs_off = False
    sync.wake()
    wait_for(runner, before + 1)

    assert (before, before + 1) == (1, runner.steps)


def test_what_was_written_in_a_pause_goes_when_it_is_over(sync: SyncThread, runner: FakeRunner) -> None:
    """And what is written after it goes at once."""
    runner.backs_off, runner.sends_all, runner.waits = True, False, [0.05]
    sync.wake(is_urgent=False)
    wait_for(runner, 1)
    sync.wake(is_urgent=False)
    runner.backs_off = False
    wait_for(runner, 2)
    after_pause = runner.steps
    for steps in range(3, 20):
        sync.wake(is_urgent=False)
        wait_for(runner, steps)

    assert 2 == after_pause and 19 <= runner.steps


def test_a_thread_that_lingers_ends_at_once_when_it_is_closed(sync: SyncThread, runner: FakeRunner) -> None:
    """And a wake that came before it began to linger is not forgotten."""
    sync.wake(is_urgent=False)
    wait_for(runner, 1)
    sync.wake(is_urgent=False)

    assert sync.close(WAIT_S)
