"""
Several threads at once on one client: what they did is what one after another could have done.

A checker of linearizability, short because the journal itself says in which
order calls took effect: a write's receipt names its lane and number, and a
reset's session the lane that it opened.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline import Client
from tests.properties.search import scratch_folder, search

USERS = ("ann", "bob")
THINGS = st.sampled_from(
    [("identify", "ann"), ("identify", "bob"), ("reset", None), ("update", None), ("update", None), ("track", None),
     ("session", None), ("user", None)]
)  # fmt: skip
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call that wrote something.

    Attributes:
        start, end: When it was made and when it returned, by one counter for all threads.

        place: (lane, number) of the entry; number 0 for a reset, of the lane that it opened.
    """

    what: str
    user: str | None
    start: int
    end: int
    place: Place


@dataclass(frozen=True, slots=True)
class Look:
    """One call that only looked: at the lane (`session`) or at the person (`user`) of that moment."""

    what: str
    start: int
    end: int
    saw: int | str | None


def fault(calls: list[Call], looks: list[Look]) -> str | None:
    """
    Say why no order of the calls explains what came of them; None when one does.

    1. In the order of their places, each is where one after another would have put it.
    2. None is before one that had returned when it was made.
    3. Whoever looked saw what was so at some moment of the look.
    """
    order = sorted(calls, key=lambda call: call.place)
    lane, number, user = 1, 0, None
    states: list[tuple[int, str | None]] = [(lane, user)]
    for call in order:
        if call.what == "reset" or (call.what == "identify" and user not in (None, call.user)):
            lane, number, user = lane + 1, 0, None
        user = call.user if call.what == "identify" else user
        number += call.what != "reset"
        if call.place != (lane, number):
            return f"{call} is not at {(lane, number)}"
        states.append((lane, user))
    for earlier, later in itertools.combinations(order, 2):
        if later.end < earlier.start:
            return f"{later} had returned before {earlier} was made"
    for look in looks:
        first = max((place for place, call in enumerate(order, 1) if call.end < look.start), default=0)
        behind = min((place for place, call in enumerate(order, 1) if call.start > look.end), default=len(states))
        if look.saw not in [state[0 if look.what == "session" else 1] for state in states[first:behind]]:
            return f"{look} was so at no moment of it"
    return None


class Threads:
    """Does what scripts say, each on a thread of its own, and notes it down."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tick = itertools.count()
        self.done: list[tuple[str, str | None, int, int, str | None]] = []
        self.errors: list[Exception] = []

    def run(self, scripts: list[list[tuple[str, str | None]]]) -> None:
        barrier = threading.Barrier(len(scripts))

        def play(script: list[tuple[str, str | None]]) -> None:
            try:
                barrier.wait(60)
                for what, user in script:
                    start = next(self._tick)
                    came = self._do(what, user)
                    self.done.append((what, user, start, next(self._tick), came))
            except Exception as error:  # told by the thread that can fail the test
                self.errors.append(error)

        threads = [threading.Thread(target=play, args=(script,)) for script in scripts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _do(self, what: str, user: str | None) -> str | None:
        me = self._client.user
        match what:
            case "identify":
                return me.identify(user or "").id
            case "update":
                return me.update({"traits": {"seen": 1}}).id
            case "track":
                return self._client.activity.track("seen").id
            case "reset":
                return me.reset_session()
            case "session":
                return me.session_id
            case "user":
                return me.id
        raise AssertionError(what)

    def found(self) -> tuple[list[Call], list[Look]]:
        """Return what was done, with where it lies in the journal."""
        lanes = {lane.session_id: number for number, lane in enumerate(self._client.journal.lanes(drained=True), 1)}
        calls: list[Call] = []
        looks: list[Look] = []
        for what, user, start, end, came in self.done:
            if what in ("session", "user"):
                looks.append(Look(what, start, end, came if what == "user" else lanes[came or ""]))
            elif what == "reset":
                calls.append(Call(what, None, start, end, (lanes[came or ""], 0)))
            else:
                lane, number, _ = (came or "").split(".", 2)
                calls.append(Call(what, user, start, end, (int(lane), int(number))))
        return calls, looks


@contextmanager
def threads_that_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@given(scripts=st.lists(st.lists(THINGS, min_size=1, max_size=6), min_size=2, max_size=4))
@search(examples=60)
def test_threads_at_once_are_as_one_after_another(scripts: list[list[tuple[str, str | None]]]) -> None:
    """Identify, update, reset and looks: nothing lost, and nothing under another person than the one of its moment."""
    folder = scratch_folder()
    try:
        with Client("wk", data_dir=folder / "j", sync=False, durability="normal") as client:
            threads = Threads(client)
            with threads_that_change_often():
                threads.run(scripts)
            calls, looks = threads.found()
            queued = {(entry.session_id, entry.seq) for entry in client.journal.entries()}
            owners = [lane.user_id for lane in client.journal.lanes(drained=True)]
            audit = client.audit()
    finally:
        shutil.rmtree(folder)

    assert [] == threads.errors
    assert fault(calls, looks) is None
    writes = [call for call in calls if call.what != "reset"]
    assert (len(writes), True) == (len(queued), audit.adds_up)
    said = {call.place[0]: call.user for call in calls if call.what == "identify"}
    filled = {call.place[0] for call in writes}  # an empty lane of somebody who left keeps nobody's name
    assert {lane: said.get(lane) for lane in filled} == {lane: owners[lane - 1] for lane in filled}


GOOD = [
    Call("identify", "ann", 0, 3, (1, 1)),
    Call("update", None, 1, 4, (1, 2)),
    Call("identify", "bob", 5, 8, (2, 1)),
    Call("reset", None, 6, 9, (3, 0)),
    Call("track", None, 10, 11, (3, 1)),
]


def changed(number: int, **values: object) -> list[Call]:
    return [*GOOD[:number], replace(GOOD[number], **values), *GOOD[number + 1 :]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("calls", "looks", "is_fault"),
    [
        pytest.param(GOOD, [Look("user", 2, 7, "ann"), Look("session", 12, 13, 3)], False, id="as it should be"),
        pytest.param(GOOD, [Look("user", 5, 7, None), Look("user", 6, 8, "bob")], False, id="looks in between"),
        pytest.param(changed(4, place=(2, 2)), [], True, id="a write under the person before"),
        pytest.param(changed(1, place=(1, 3)), [], True, id="a number left out"),
        pytest.param(changed(2, user="ann"), [], True, id="a session opened for the same person"),
        pytest.param(GOOD[:2] + GOOD[3:], [], True, id="a session that nobody opened"),
        pytest.param(changed(1, start=12, end=13), [], True, id="later than what was made after it"),
        pytest.param(GOOD, [Look("user", 12, 13, "bob")], True, id="somebody who has left"),
        pytest.param(GOOD, [Look("session", 4, 5, 3)], True, id="a session that was not there yet"),
    ],
)
def test_the_checker_sees(calls: list[Call], looks: list[Look], is_fault: bool) -> None:
    """What is wrong is named; what could have been is not."""
    assert is_fault == (fault(calls, looks) is not None)
