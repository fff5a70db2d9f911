"""The rows `forks-and-exits` and `exits-in-time`, small: every scene that once found something, and one of the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.faults import exits, exits_in_time, exits_scenes, forks, threads
from tools.faults.nursery import Nursery
from tools.faults.oracle import Report
from tools.faults.stage import STAGES


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where the children of these tests come from."""
    with Nursery() as found:
        yield found


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("fork", "two_threads_fork"),
        ("fork", "threads_of_the_child"),
        ("fork", "closes_it"),
        ("exit", "interrupted"),
        ("exit", "daemons_write"),
        ("thread", "callback_flushes"),
        ("thread", "callback_waits"),
        ("thread", "receipt_raises"),
        ("thread", "sync_dies_idle"),
        ("thread", "network_dies"),
        ("thread", "no_more_threads"),
        ("thread", "interrupted_often"),
    ],
)
def test_what_returned_is_delivered_whatever_ends(nursery: Nursery, kind: str, name: str) -> None:
    """A fork, an exit, a callback that misbehaves, a thread that dies: nothing is lost, and nothing hangs."""
    assert Report("forks-and-exits", tries=1) == exits.one(STAGES["replay"], nursery, kind, name)


def test_calls_return_in_time_in_a_network_that_is_silent() -> None:
    """With a timeout, at Ctrl-C and at the end of the interpreter; what was not sent is sent later."""
    assert Report("exits-in-time", tries=4) == exits_in_time.exits_in_time(STAGES["replay"], 11, 4)


def test_three_hundred_tries_have_every_scene() -> None:
    """At least a hundred forks, exits and deaths each."""
    plan = [exits._scene(number) for number in range(300)]
    scenes = {**forks.SCENES, **forks.RARE, **exits_scenes.SCENES, **threads.SCENES}

    assert [100, 100, 100] == [sum(kind == each for each, _, _ in plan) for kind in ("fork", "exit", "thread")]
    assert set(scenes) == {name for _, name, _ in plan}
