"""What the records of a fleet come to. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from .records import Attempt
from .run import Outcome

REFUSED, LATE, AWAY, ANSWERED = "no connection", "no answer", "turned away", "answered"
KINDS = (REFUSED, LATE, AWAY, ANSWERED)
# A connection that is refused is refused at once; what takes longer was taken, and given up.
_REFUSED_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """
    One fleet in figures.

    Attributes:
        how: `real` or `simulated`, or `both` kinds in one outage.

        back_s: When the platform listened again, since everybody wrote; `answers_s`: when it answered.

        load: Attempts by second since everybody wrote, by how they ended.

        arrived_peak: Requests that reached a server in the busiest second.

        outage_peak: Attempts in the busiest second before the platform was back,
            the first included, which all devices make at once.

        late_peak: The same in the second half of that time.

        return_peak: Attempts in the busiest second after it.

        attempts: Of each device, before the platform was back.

        drained_s: Of each device, from the platform's return until its queue was empty, in order.

        replies_s: How long each answer took that the platform gave after its return, in order.
    """

    devices: int
    how: str
    entries: int
    back_s: float
    answers_s: float
    load: dict[str, list[int]]
    arrived_peak: int
    outage_peak: int
    late_peak: int
    return_peak: int
    attempts: tuple[int, ...]
    drained_s: tuple[float, ...]
    replies_s: tuple[float, ...]

    @property
    def start_s(self) -> float:
        """How long the platform took from listening to answering; who came in that time waited."""
        return self.answers_s - self.back_s

    @property
    def all_s(self) -> float:
        """When the last device was drained, from the return on."""
        return self.drained_s[-1]


def measured(outcome: Outcome, is_real: bool | None = None) -> Measures:
    """Return the figures of one fleet; of its real or simulated devices alone when `is_real` says so."""
    begin_s, back_s = outcome.begin_s, outcome.back_s
    records = [record for record in outcome.records if is_real in (None, record.is_real)]
    kinds = {record.is_real for record in records}
    tries = [(record, attempt) for record in records for attempt in record.attempts if attempt.at_s >= begin_s]
    length = 1 + max((int(attempt.at_s - begin_s) for _, attempt in tries), default=0)
    load = {kind: [0] * length for kind in KINDS}
    for _, attempt in tries:
        load[kind_of(attempt)][int(attempt.at_s - begin_s)] += 1
    before = [attempt.at_s for _, attempt in tries if attempt.at_s < back_s]
    middle_s = (begin_s + back_s) / 2
    each = Counter(record.number for record, attempt in tries if attempt.at_s < back_s)
    drained = sorted(max(0.0, record.drained_s - back_s) for record in records if record.drained_s is not None)
    replies = sorted(
        attempt.ended_s - attempt.at_s for _, attempt in tries if attempt.status == 200 and attempt.ended_s >= back_s
    )
    return Measures(
        devices=len(records),
        how="both" if len(kinds) > 1 else "real" if True in kinds else "simulated",
        entries=sum(len(record.entry_ids) for record in records),
        back_s=back_s - begin_s,
        answers_s=outcome.answers_s - begin_s,
        load=load,
        arrived_peak=max(map(sum, zip(*(load[kind] for kind in KINDS if kind != REFUSED), strict=True))),
        outage_peak=peak(before),
        late_peak=peak([at_s for at_s in before if at_s >= middle_s]),
        return_peak=peak([attempt.at_s for _, attempt in tries if attempt.at_s >= back_s]),
        attempts=tuple(each[record.number] for record in records),
        drained_s=tuple(drained) or (math.nan,),
        replies_s=tuple(replies) or (math.nan,),
    )


def kind_of(attempt: Attempt) -> str:
    """Return how it ended: one of KINDS."""
    if attempt.status is None:
        return REFUSED if attempt.ended_s - attempt.at_s < _REFUSED_WITHIN_S else LATE
    return ANSWERED if attempt.status == 200 else AWAY


def peak(instants_s: Sequence[float]) -> int:
    """Return the most instants in any one second, wherever that second begins."""
    ordered = sorted(instants_s)
    most = first = 0
    for last, instant_s in enumerate(ordered):
        while ordered[first] <= instant_s - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def jain(values: Sequence[float]) -> float:
    """
    Return Jain's index of fairness: 1 when all are equal, 1/n when one has everything.

    Of values spread evenly from 0 on it is 3/4.

    Source: Jain, Chiu, Hawe, "A Quantitative Measure of Fairness", DEC-TR-301, 1984.
    """
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Return k of the law y ~ x^k by least squares over the logarithms; None for fewer than two different x."""
    logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in logs}) < 2:
        return None
    middle_x, middle_y = fmean(x for x, _ in logs), fmean(y for _, y in logs)
    spread = sum((x - middle_x) ** 2 for x, _ in logs)
    return sum((x - middle_x) * (y - middle_y) for x, y in logs) / spread


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the largest difference of two cumulative shares (Kolmogorov and Smirnov)."""
    return max(
        abs(sum(value <= at for value in one) / len(one) - sum(value <= at for value in other) / len(other))
        for at in (*one, *other)
    )


def chance(one: int, other: int) -> float:
    """
    Return the distance that two samples of one law stay below in 99 of 100 cases, by their sizes.

    Source: the asymptotic critical value at 1%, 1.628.
    """
    return 1.628 * math.sqrt((one + other) / (one * other))


def laws(fleets: Sequence[Measures]) -> list[str]:
    """Return a sentence for each figure that can be followed over the sizes; none for a single size."""
    named = (
        ("the time until all are drained", [(each.devices, each.all_s) for each in fleets]),
        ("the median device's time", [(each.devices, median(each.drained_s)) for each in fleets]),
        ("the busiest second after the return", [(each.devices, each.return_peak) for each in fleets]),
    )
    found = []
    smallest, largest = (pick(each.devices for each in fleets) for pick in (min, max))
    for name, points in named:
        power = slope(points)
        if power is not None:
            found.append(
                f"From {smallest:,} to {largest:,} devices {name} grows as devices^{power:.2f}:"
                f" ten times the devices, {10**power:.1f} times as much."
            )
    return found
