"""Which of two values wins, whatever the order in which they arrive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.platform.profiles import Value

# Few instants, devices, sessions and ids, so that ties are common. A session is one device's.
WRITES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=8)


def device_of(session: int) -> int:
    """Return the device of a session: each has two."""
    return session // 2


def written(writes: list[tuple[int, int, int]]) -> dict[int, list[Value]]:
    """Return each session's values in the order of its lane, whose times never go back."""
    lanes: dict[int, list[Value]] = {}
    for number, (at_ms, session, entry) in enumerate(writes):
        lane = lanes.setdefault(session, [])
        at_ms = max([at_ms, *(value.occurred_at for value in lane)])
        lane.append(Value(str(number), at_ms, False, f"d{device_of(session)}", f"s{session}", f"e{entry}-{number}"))
    return lanes


@given(WRITES, st.data())
def test_the_order_of_arrival_never_decides(writes: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """The greatest (time, device, session, number in its lane) wins."""
    lanes = written(writes)
    ranked = {
        (value.occurred_at, value.device_id, value.session_id, seq): value
        for lane in lanes.values()
        for seq, value in enumerate(lane)
    }
    kept: Value | None = None
    left = list(lanes.values())
    while left:
        value = data.draw(st.sampled_from(left), label="the lane that arrives").pop(0)
        if value.beats(kept):
            kept = value
        left = [each for each in left if each]

    assert ranked[max(ranked)] == kept


def test_three_values_do_not_beat_each_other_in_a_ring() -> None:
    """Two of one session whose ids are not in their order, and one of another session, at one instant."""

    def value(session: str, entry: str) -> Value:
        return Value("x", 0, False, "d", session, entry)

    first, second, other = value("s1", "e9"), value("s1", "e1"), value("s2", "e5")

    assert (True, True, False) == (second.beats(first), other.beats(first), second.beats(other))
