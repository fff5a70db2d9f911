"""The tables and the goals as text, at most 80 columns wide."""

from __future__ import annotations

from collections.abc import Sequence

from .contests import Column
from .goals import GOALS, Goal
from .results import Results, Table

WIDTH = 80
NAME = 23
RATIO = 7
NONE = "-"
# From here on nobody reads digits behind the point.
MANY = 10_000


def table(found: Table) -> str:
    """Return one contest's table: medians, and beside them how many times the baseline's they are."""
    contest = found.contest
    rounds = max((len(numbers) for numbers in found.numbers.values()), default=0)
    widths = _widths(contest.columns)
    head = f"{'':<{NAME}}"
    for column, width in zip(contest.columns, widths, strict=True):
        head += f"{column.title:>{width}}" + f"{'x':>{RATIO}}" * column.ratio
    lines = [f"{contest.name}: {contest.title}", f"median of {rounds}; x: to {contest.baseline}", "", head]
    for system in contest.systems:
        if system in found.numbers:
            lines.append(_row(found, system, widths))
    return "\n".join([line.rstrip() for line in lines] + found.notes)


def goals(results: Results, wanted: Sequence[Goal] = GOALS) -> str:
    """Return what must be shown and what this run has shown, for what it measured."""
    lines = [f"{'must be shown':<50}{'here':>10}{'bound':>10}", ""]
    for goal in wanted:
        value = goal.found(results)
        if value is not None:
            bound = f"{'<=' if goal.most else '>='} {goal.bound:.3g}"
            lines.append(f"{goal.sentence:<50}{value:>10.3f}{bound:>10}{'' if goal.is_met(value) else '  no'}")
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(found: Table, system: str, widths: Sequence[int]) -> str:
    line = f"{system:<{NAME}}"
    for column, width in zip(found.contest.columns, widths, strict=True):
        value = found.median(system, column.name)
        line += f"{NONE if value is None else _shown(value, column.form):>{width}}"
        if column.ratio:
            ratio = found.ratio(system, column.name)
            line += f"{NONE if ratio is None else format(ratio, '.2f'):>{RATIO}}"
    return line


def _shown(value: float, form: str) -> str:
    return format(value, ",.0f" if abs(value) >= MANY else form)


def _widths(columns: Sequence[Column]) -> list[int]:
    """Share what is left of the width; a title needs its letters, and a blank before it."""
    left = WIDTH - NAME - RATIO * sum(column.ratio for column in columns)
    most = min(14, left // len(columns))
    return [max(most, len(column.title) + 1) for column in columns]
