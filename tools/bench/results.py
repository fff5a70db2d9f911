"""The numbers of a run, the medians of them, and the ratios that follow. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .contests import Contest


@dataclass(frozen=True, slots=True)
class Table:
    """
    What came of one contest.

    Attributes:
        numbers: For each system that was there, what each of its processes returned, in order.

        notes: What is to be said of it, a sentence each.
    """

    contest: Contest
    numbers: Mapping[str, list[Mapping[str, float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def median(self, system: str, column: str) -> float | None:
        """Return the median of a system's numbers; None when there are none."""
        found = [each[column] for each in self.numbers.get(system, ()) if column in each]
        return median(found) if found else None

    def ratio(self, system: str, column: str, to: str | None = None) -> float | None:
        """Return the system's median as a multiple of the baseline's, or of another's."""
        own = self.median(system, column)
        base = self.median(self.contest.baseline if to is None else to, column)
        return own / base if own is not None and base else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it, each number included."""
        columns = {column.name: column.title for column in self.contest.columns}
        systems = {
            system: {
                name: {
                    "median": self.median(system, name),
                    "ratio": self.ratio(system, name),
                    "all": [each[name] for each in numbers if name in each],
                }
                for name in columns
            }
            for system, numbers in self.numbers.items()
        }
        contest = self.contest
        return {
            "name": contest.name,
            "title": contest.title,
            "baseline": contest.baseline,
            "columns": columns,
            "systems": systems,
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """All tables of a run, by the names of their contests."""

    tables: Mapping[str, Table]

    def median(self, contest: str, system: str, column: str) -> float | None:
        """As `Table.median`; None when the contest was not held."""
        table = self.tables.get(contest)
        return None if table is None else table.median(system, column)

    def ratio(self, contest: str, system: str, column: str, to: str | None = None) -> float | None:
        """As `Table.ratio`; None when the contest was not held."""
        table = self.tables.get(contest)
        return None if table is None else table.ratio(system, column, to)
