"""Ask each question a few times, keep the time and the answer, and have the database explain its statements."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

from .questions import questions

TIMES = 3
WIDEST_LINE = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """
    One question on one database.

    Attributes:
        took_s: The median of the times.

        python_s: Of it, how long Python was busy in this process; on SQLite the database is a part of it.

        plans: Of each statement.
    """

    name: str
    took_s: float
    python_s: float
    answer: Any = field(repr=False)
    statements: tuple[str, ...] = field(repr=False)
    plans: tuple[str, ...] = field(repr=False)


def ask_all(engine: Engine, now_ms: int) -> list[Asked]:
    """Ask every question; say each time as it is known."""
    found = []
    for name, ask in questions(now_ms):
        took, busy = [], []
        sent: list[tuple[str, Any]] = []
        for turn in range(TIMES):
            with engine.connect() as connection:
                if turn == 0:
                    event.listen(connection, "before_cursor_execute", _noting(sent))
                began, cpu = time.perf_counter(), time.process_time()
                answer = ask(connection)
                took.append(time.perf_counter() - began)
                busy.append(time.process_time() - cpu)
        with engine.connect() as connection:
            plans = tuple(_plan(connection, *statement) for statement in sent)
        statements = tuple(statement for statement, _ in sent)
        found.append(Asked(name, statistics.median(took), statistics.median(busy), answer, statements, plans))
        print(f"{engine.dialect.name}: {name}: {found[-1].took_s:.3f} s", file=sys.stderr, flush=True)
    return found


def _noting(sent: list[tuple[str, Any]]) -> Any:
    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            sent.append((statement, parameters))

    return note


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    is_sqlite = connection.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN (COSTS OFF) "
    rows = connection.exec_driver_sql(explain + statement, parameters)
    if not is_sqlite:
        return "\n".join(_shortened(row[0]) for row in rows)
    depths = {0: -1}
    lines = []
    for number, above, _, words in rows:
        depths[number] = depths[above] + 1
        lines.append(_shortened("  " * depths[number] + words))
    return "\n".join(lines)


def _shortened(line: str) -> str:
    return line if len(line) <= WIDEST_LINE else f"{line[:WIDEST_LINE]}..."
