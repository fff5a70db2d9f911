"""The fault matrix: every row there is, in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    copies,
    corrupt,
    dialect,
    disk,
    exits,
    exits_in_time,
    folder,
    kills,
    network,
    power,
    revoked,
    unfinished,
)
from .oracle import Report
from .stage import Stage


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row.

    Attributes:
        play: Called with the hooks, a seed and how many faults to make; returns what was found.

        count: How many faults are made when nobody says: few enough for ten seconds.

        full: How many when everything is asked for, enough to believe it; 0 for no more than `count`.
    """

    name: str
    play: Callable[[Stage, int, int], Report]
    count: int
    full: int = 0


ROWS = (
    Row("bad-network", network.bad_network, 60, 1_000),
    Row("bad-answers", network.bad_answers, 120, 10_000),
    Row("lost-acknowledgements", network.lost_acknowledgements, 150, 1_000),
    Row("delivered-twice-and-late", network.delivered_twice_and_late, 150, 1_000),
    Row("kill", kills.kill, 30, 1_000),
    Row("processes", kills.processes, 3, 9),
    Row("power", power.power, 30, 600),
    Row("full-disk", disk.full_disk, 1_000, 10_000),
    Row("disk-errors", disk.disk_errors, 40, 200),
    Row("bad-folder", folder.bad_folder, 6, 12),
    Row("clones", copies.clones_row, 8, 50),
    Row("backups", copies.backups_row, 3, 20),
    Row("lost-answers-lmg", dialect.lost_answers, 60, 1_000),
    Row("expired-sessions-lmg", dialect.expired_sessions, 6, 100),
    Row("forks-and-exits", exits.forks_and_exits, 12, 300),
    Row("exits-in-time", exits_in_time.exits_in_time, 6, 132),
    Row("key-revoked", revoked.key_revoked, 1, 1),
    Row("corrupt", corrupt.corrupt, 12, 500),
    Row("kill-in-recovery", unfinished.kill_in_recovery, 20, 120),
)
