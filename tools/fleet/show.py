"""The figures of fleets as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean, median
from typing import Any

from .measures import ANSWERED, AWAY, KINDS, LATE, REFUSED, Measures, chance, distance, jain, laws, measured, quantile
from .run import Outcome

_ROWS = 40
_BAR = 50
_MARKS = {REFUSED: "-", LATE: "?", AWAY: "x", ANSWERED: "#"}


def table(fleets: Sequence[Measures]) -> str:
    """Return a line for each fleet."""
    above = f"{'':<20}{'attempts in the busiest second':>41}{'':>8}{'start':>8}{'drained after the return, s':>37}"
    head = f"{'devices':>9} {'how':<10}{'all at once':>11}{'outage':>9}{'its 2nd half':>13}{'return':>8}"
    head += f"{'tries':>8}{'s':>8}{'p10':>10}{'median':>9}{'p90':>9}{'all':>9}{'Jain':>7}{'reply p50':>12}{'p99, s':>8}"
    lines = [above, head]
    for each in fleets:
        drained, replies = each.drained_s, each.replies_s
        lines.append(
            f"{each.devices:>9,} {each.how:<10}{each.devices:>11,}{each.outage_peak:>9,}{each.late_peak:>13,}"
            f"{each.return_peak:>8,}{fmean(each.attempts):>8.1f}{each.start_s:>8.1f}{quantile(drained, 0.1):>10.1f}"
            f"{median(drained):>9.1f}{quantile(drained, 0.9):>9.1f}{each.all_s:>9.1f}{jain(drained):>7.2f}"
            f"{median(replies):>12.3f}{quantile(replies, 0.99):>8.3f}"
        )
    return "\n".join(lines)


def chart(each: Measures) -> str:
    """Return the load over time: a bar for each few seconds, as long as the busiest second in them."""
    length = len(each.load[REFUSED])
    step = -(-length // _ROWS)
    totals = [sum(each.load[kind][second] for kind in KINDS) for second in range(length)]
    longest = max(totals)
    marks = ", ".join(f"{mark} {kind}" for kind, mark in _MARKS.items())
    lines = [f"{each.devices:,} devices, {each.how}: attempts a second, the busiest of each {step} s ({marks})"]
    is_back = False
    for start in range(0, length, step):
        second = max(range(start, min(start + step, length)), key=totals.__getitem__)
        if not is_back and start + step > each.back_s:
            lines.append(f"{'':>15}-- the platform listens again, {each.back_s:.1f} s after everybody wrote")
            is_back = True
        made = {kind: each.load[kind][second] for kind in KINDS}
        bar = "".join(_MARKS[kind] * math.ceil(_BAR * count / longest) for kind, count in made.items())
        lines.append(f"{start:>6} s {totals[second]:>6,} {bar}")
    return "\n".join(lines)


def likeness(outcome: Outcome) -> str:
    """Say how alike the real and the simulated devices of one outage behave."""
    one, other = measured(outcome, is_real=True), measured(outcome, is_real=False)
    by_time = distance(one.drained_s, other.drained_s)
    by_tries = distance(one.attempts, other.attempts)
    allowed = chance(len(one.drained_s), len(other.drained_s))
    verdict = "no more than" if max(by_time, by_tries) <= allowed else "MORE THAN"
    many = f"{one.devices:,} real devices and {other.devices:,} simulated ones in one outage"
    tries = f"{fmean(one.attempts):.1f} and {fmean(other.attempts):.1f} tries before the return"
    halves = f"half of them drained after {median(one.drained_s):.1f} s and {median(other.drained_s):.1f} s"
    return (
        f"{many}: {tries}, {halves}. Their distributions are {by_tries:.2f} and {by_time:.2f} apart,"
        f" {verdict} the {allowed:.2f} of two fleets of one kind (Kolmogorov and Smirnov, 99 of 100)."
    )


def sentences(outcomes: Sequence[Outcome], fleets: Sequence[Measures]) -> list[str]:
    """Return what the figures say, the laws last."""
    found = [likeness(outcome) for outcome in outcomes if outcome.setting.real and outcome.setting.simulated]
    for each in fleets:
        share = each.return_peak / each.devices
        found.append(
            f"{each.devices:,} devices ({each.how}): the busiest second after the return had {each.return_peak:,}"
            f" attempts, {share:.0%} of what all at once would make."
        )
    return found + laws(fleets)


def document(outcomes: Sequence[Outcome], fleets: Sequence[Measures]) -> dict[str, Any]:
    """Return everything as one JSON object; instants in seconds since everybody wrote."""
    return {
        "fleets": [
            {
                "setting": asdict(outcome.setting),
                "page_from_s": outcome.page_s - outcome.begin_s,
                "page_until_s": outcome.over_s - outcome.begin_s,
                "jain": jain(each.drained_s),
                "drained_p10_median_p90_all_s": [*(quantile(each.drained_s, at) for at in (0.1, 0.5, 0.9)), each.all_s],
                "findings": [asdict(finding) for finding in outcome.findings],
                **asdict(each),
            }
            for outcome, each in zip(outcomes, fleets, strict=True)
        ],
        "sentences": sentences(outcomes, fleets),
    }
