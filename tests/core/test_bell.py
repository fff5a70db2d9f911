"""The bell: what waits for a change, and stays whole when it is interrupted."""

from __future__ import annotations

import threading

import pytest

from lmg_offline._support.bell import Bell

LIMIT_S = 5.0


def test_a_ring_wakes_everybody_who_had_a_gate() -> None:
    """Whoever saw the state before the change learns of it."""
    bell, woken = Bell(), []
    with bell.lock:
        gates = [bell.gate() for _ in range(3)]

    def wait(gate: threading.Lock) -> None:
        bell.wait(gate, LIMIT_S)
        woken.append(1)

    threads = [threading.Thread(target=wait, args=(gate,)) for gate in gates]
    for thread in threads:
        thread.start()
    with bell.lock:
        bell.ring()
    for thread in threads:
        thread.join(LIMIT_S)

    assert 3 == len(woken)


def test_a_wait_ends_when_its_time_is_up() -> None:
    """Without a ring, and nothing is left of it."""
    bell = Bell()
    with bell.lock:
        gate = bell.gate()
    bell.wait(gate, 0.01)

    assert [] == bell._gates


def test_an_interrupt_in_a_wait_leaves_the_lock_free() -> None:
    """Ctrl-C comes out as itself, and the next one can use the bell."""
    bell = Bell()

    class Interrupted:
        def acquire(self, timeout: float) -> bool:
            raise KeyboardInterrupt

    with bell.lock:
        bell.gate()
        gate = Interrupted()
        bell._gates.append(gate)  # type: ignore[arg-type]  # a lock whose wait is interrupted
    with pytest.raises(KeyboardInterrupt):
        bell.wait(gate, LIMIT_S)  # type: ignore[arg-type]  # as above

    assert not bell.lock.locked()
    assert gate not in bell._gates
