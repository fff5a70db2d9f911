"""
What the demo's verdict rests on: promises held against the platform's log. Pure.

A promise is a line the kiosk wrote down after a call had returned; a log row is
an item of the Admin API's `entries`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Promise = Mapping[str, object]
LogRow = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Findings:
    """
    Ids of entries about which promises and log do not agree, by kind.

    Attributes:
        lost: Promised and not in the log.

        twice: In the log more than once, or under a number that another has too.

        out_of_order: Not applied in the order in which the calls were made.

        mistaken: Under somebody else than the person who made it.

        unpromised: In the log, but no call that returned made it. The call in
            flight at the kill may have: one of these is no fault.
    """

    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()
    mistaken: tuple[str, ...] = ()
    unpromised: tuple[str, ...] = ()

    def faults(self, in_flight: int) -> dict[str, tuple[str, ...]]:
        """Return what is wrong, by kind, when so many calls were in flight at a kill."""
        found = {
            "lost": self.lost,
            "twice": self.twice,
            "out of order": self.out_of_order,
            "mistaken": self.mistaken,
            "unpromised": self.unpromised[in_flight:],
        }
        return {name: ids for name, ids in found.items() if ids}


def compare(promises: Sequence[Promise], log: Sequence[LogRow]) -> Findings:
    """
    Hold the log against the promises.

    Args:
        promises: In the order of the calls: `receipt`, "lane.seq.id"; `person`,
            the user id of whoever stood there; `anonymous`, whether they had
            not said so yet.

        log: In the order of application.
    """
    places: dict[object, int] = {}
    numbers: set[tuple[object, object]] = set()
    twice = []
    for place, row in enumerate(log):
        number = (row["session_id"], row["seq"])
        if row["id"] in places or number in numbers:
            twice.append(str(row["id"]))
        places.setdefault(row["id"], place)
        numbers.add(number)
    lost, mistaken, out_of_order = [], [], []
    sessions: dict[str, object] = {}
    latest: dict[str, int] = {}
    for promise in promises:
        lane, seq, entry_id = str(promise["receipt"]).split(".", 2)
        if entry_id not in places:
            lost.append(entry_id)
            continue
        place = places[entry_id]
        row = log[place]
        if str(row["seq"]) != seq or place <= latest.get(lane, -1):
            out_of_order.append(entry_id)
        latest[lane] = max(place, latest.get(lane, -1))
        persons = (promise["person"], None) if promise["anonymous"] else (promise["person"],)
        if row["user_id"] not in persons or sessions.setdefault(lane, row["session_id"]) != row["session_id"]:
            mistaken.append(entry_id)
    promised = {str(promise["receipt"]).split(".", 2)[2] for promise in promises}
    strangers = [str(row["id"]) for row in log if row["id"] not in promised]
    return Findings(tuple(lost), tuple(twice), tuple(out_of_order), tuple(mistaken), tuple(strangers))


def differences(expected: Mapping[str, object], actual: Mapping[str, object]) -> list[str]:
    """Return one line for each name whose values differ, in the order of the names."""
    return [
        f"{name}: {actual.get(name, 'none')} on the platform, {expected.get(name, 'none')} expected"
        for name in sorted({*expected, *actual})
        if expected.get(name) != actual.get(name)
    ]


def table(
    title: str,
    reported: Mapping[str, int],
    counted: Mapping[str, int],
    order: Iterable[str],
    show: Callable[[str], None],
) -> bool:
    """
    Show a report of the platform next to the one computed from the file.

    Returns:
        Whether they are equal.
    """
    total = sum(counted.values())
    names = [name for name in order if name in reported or name in counted]
    names += sorted({*reported, *counted} - set(names))
    show(f"   {title:<12}{'platform':>10}{'file':>10}{'share':>9}")
    for name in names:
        left, right = reported.get(name, 0), counted.get(name, 0)
        share = left / total if total else 0.0
        show(f"   {name:<12}{left:>10,}{right:>10,}{share:>9.1%}{'' if left == right else '   <- differs'}")
    return all(reported.get(name, 0) == counted.get(name, 0) for name in names)
