"""What was promised to the devices held against what the platform has, and their attempts against the schedule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select

from lmg_offline._core.schedule import Done, Retry, ScheduleState, after
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import close_engine, make_engine

from .records import Attempt, DeviceRecord, jitter_of


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that does not hold.

    Attributes:
        kind: `lost`, `twice`, `out of order`, `refused`, `nobody's` or `too early`.
    """

    kind: str
    sentence: str


def tracked(database_url: str) -> list[str]:
    """Return the entry ids of all activity that counts."""
    return [row[0] for row in _rows(database_url, select(tables.activity.c.entry_id))]


def taken(database_url: str) -> int:
    """Return how many entries the platform has handled."""
    return int(_rows(database_url, select(func.count()).select_from(tables.entries))[0][0])


def findings(
    records: Sequence[DeviceRecord], log: Sequence[Mapping[str, Any]], activity: Iterable[str], seed: int
) -> tuple[Finding, ...]:
    """
    Return all that does not hold.

    Args:
        records: Of all devices.

        log: The Admin API's entries, in the order of application.

        activity: The ids of what was counted, one each time.
    """
    found: list[Finding] = []
    of_session: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in log:
        of_session[line["session_id"]].append(line)
    counted = Counter(activity)
    for record in records:
        found += _of_device(record, of_session.pop(record.session_id, []), counted)
        if not record.is_real:
            found += _too_early(record, seed)
    found += [Finding("nobody's", f"{len(lines)} entries of session {name}") for name, lines in of_session.items()]
    found += [Finding("nobody's", f"activity of entry {entry_id}") for entry_id in counted]
    return tuple(found)


def _of_device(record: DeviceRecord, lines: Sequence[Mapping[str, Any]], counted: Counter[str]) -> list[Finding]:
    name = f"device {record.number}"
    found = []
    if record.drained_s is None or record.left:
        found.append(Finding("lost", f"{name} still holds {record.left} entries"))
    there = [line["id"] for line in lines]
    distinct = set(there)
    missing = [entry_id for entry_id in record.entry_ids if entry_id not in distinct]
    if missing or not record.entry_ids:
        found.append(Finding("lost", f"{len(missing)} of {len(record.entry_ids)} entries of {name}"))
    repeated = len(there) - len(distinct)
    kinds = {line["id"]: line["kind"] for line in lines}
    times = [counted.pop(entry_id, 0) - (kind == "track") for entry_id, kind in kinds.items()]
    if repeated or max(times, default=0) > 0:
        found.append(Finding("twice", f"{repeated + sum(more > 0 for more in times)} entries of {name}"))
    if min(times, default=0) < 0:
        found.append(Finding("lost", f"{sum(less < 0 for less in times)} activities of {name}"))
    if not missing and not repeated and list(record.entry_ids) != there:
        found.append(Finding("out of order", f"{name}: {len(there)} entries where {len(record.entry_ids)} were made"))
    refused = [line["code"] for line in lines if line["status"] != "applied"]
    if refused:
        found.append(Finding("refused", f"{len(refused)} entries of {name}: {', '.join(sorted(set(refused)))}"))
    return found


def _too_early(record: DeviceRecord, seed: int) -> list[Finding]:
    """Draw the waits of a simulated device anew, and hold its attempts against them."""
    jitter, state = jitter_of(seed, record.number), ScheduleState()
    for attempt in record.attempts:
        if attempt.at_s < state.not_before_s:
            early_s = state.not_before_s - attempt.at_s
            return [Finding("too early", f"an attempt of device {record.number}, by {early_s:.3f} s")]
        outcome = Done() if attempt.status == 200 else Retry("", _floor_s(attempt))
        state = after(state, outcome, attempt.ended_s, jitter.random)
    return []


def _floor_s(attempt: Attempt) -> float | None:
    return float(attempt.retry_after) if attempt.status == 503 and attempt.retry_after else None


def _rows(database_url: str, question: Select[Any]) -> Sequence[Row[Any]]:
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(question).all()
    finally:
        close_engine(engine)
