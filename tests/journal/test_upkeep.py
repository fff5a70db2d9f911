"""What a journal owes when nobody calls it: done, and by a thread that does not stay."""

from __future__ import annotations

import threading
import time

import pytest

from lmg_offline._journal import upkeep

NAME = "lmg-offline.upkeep"


class Owing:
    """Comes back as often as it is told to."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.done = threading.Event()

    def settle(self) -> float | None:
        """Count one visit."""
        self.left -= 1
        if self.left:
            return 0.0
        self.done.set()
        return None


def wait_until_gone(thread: threading.Thread) -> None:
    """Fail if a thread does not end."""
    thread.join(30)
    assert not thread.is_alive()


def test_the_thread_is_there_while_something_is_owed_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends when nothing has been owed for a while; the next debt starts another one."""
    monkeypatch.setattr(upkeep, "IDLE_S", 0.01)
    keeper = upkeep.Upkeep()
    for _ in range(3):
        owing = Owing(2)
        keeper.owe(owing, 0.0)
        thread = keeper._thread
        assert owing.done.wait(30)
        if thread is not None:
            wait_until_gone(thread)

    assert keeper._thread is None


def test_a_debt_is_never_left_to_a_thread_that_is_about_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debts at every moment around its end."""
    monkeypatch.setattr(upkeep, "IDLE_S", 0.001)
    keeper = upkeep.Upkeep()
    for number in range(200):
        owing = Owing(1)
        keeper.owe(owing, 0.0)
        assert owing.done.wait(30)
        time.sleep(0.001 * (number % 3) / 2)
