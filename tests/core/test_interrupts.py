"""Ctrl-C at any instruction of a call: the next goes on as if nothing was, while the first one's traceback lives."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from lmg_offline import Client

STRIDE = 3  # every place takes half a minute
ENDED = GeneratorExit()
AT_ONCE_S = 2.0  # less than anything in the SDK waits for a lock
CALLS: dict[str, Callable[[Client, int], object]] = {
    "track": lambda client, n: client.activity.track("seen", {"n": n}),
    "update": lambda client, n: client.user.update({"name": f"Name {n}", "traits": {"n": n}}),
    "identify": lambda client, n: client.user.identify(f"person-{n}"),
    "reset_session": lambda client, n: client.user.reset_session(),
    "status": lambda client, n: client.status(),
    "audit": lambda client, n: client.audit(),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an interrupt of a finalizer
def test_after_an_interrupt_anywhere_the_next_call_returns_at_once(name: str, tmp_path: Path) -> None:
    """
    And what was interrupted has happened whole, or not at all.

    Python looks for a signal where a function begins and where one of C has returned
    (CHECK_EVAL_BREAKER in its ceval.c); there a profiler is called, too, and may raise.
    """
    with Client("key", endpoint="http://127.0.0.1:9", data_dir=tmp_path / "journal", sync=False) as client:
        client.user.identify("person-0")
        CALLS[name](client, 0)  # the first call of its kind loads modules: Python's own import leaves its lock locked
        number, interrupts = 1, 0
        while (caught := _interrupted(CALLS[name], client, number)) is not ENDED:
            accepted = client.audit().accepted
            assert _returns_at_once(CALLS["track"], client, number), _place(caught)
            assert client.audit().accepted == accepted + 1
            assert client.audit().adds_up
            number, interrupts = number + STRIDE, interrupts + 1

        assert 30 < interrupts


def _interrupted(call: Callable[[Client, int], object], client: Client, number: int) -> BaseException | None:
    """
    Call, and interrupt at the place of this number.

    Returns:
        The interrupt; None where a finalizer met it, from which nothing can be raised; ENDED where the call has
        fewer places.
    """
    left = number

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        if event in ("call", "c_return"):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call(client, number)
    except KeyboardInterrupt as interrupt:
        return interrupt
    finally:
        sys.setprofile(before)
    return ENDED if left > 0 else None


def _returns_at_once(call: Callable[[Client, int], object], client: Client, number: int) -> bool:
    done = threading.Event()

    def run() -> None:
        call(client, number)
        done.set()

    threading.Thread(target=run, daemon=True).start()
    return done.wait(AT_ONCE_S)


def _place(interrupt: BaseException | None) -> str:
    """Return where it came, for a reader."""
    step, places = interrupt and interrupt.__traceback__, []
    while step is not None:
        places.append(f"{Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}")
        step = step.tb_next
    return " > ".join(places)
