"""
A new journal out of a damaged one.

The damaged files are set aside (`aside.py`), read from a copy (`salvage.py`),
and everything that is what was written goes into a new journal, which takes
their place when it is whole and on disk.

Numbers. Lanes keep their ids, sessions and numbers, so that the person who is
there stays, and the platform goes on where it was. No number is used twice: a
sealed lane has its last one in its row, the current one in `journal.mark`, and
what is missing up to there is named lost. Wide gaps were rejected: the ledger
would count thousands of losses that never were. A new device id for every
recovery was rejected too: each session would have to be opened, and each person
proved, anew. Where the platform is further than can be known here (it has
entries, or exchanges, of which the journal has lost even the numbers), or the
device's own row is gone, it answers FORKED, and the lanes move as a copied
journal's do: entries are recognised by their ids.

People. Nobody's entries go to anybody else: a lane whose row is not what was
written has no owner, and what is in it is lost. One whose queued identify is
lost goes on in a new lane that says it again. The session goes on if it is
certain that nobody has left since; otherwise a new one of nobody begins.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from .._support.clock import Clock
from .._support.ids import new_id
from .._support.log import log
from . import migrations
from .accounts import name_lost
from .aside import Aside
from .ballast import Ballast
from .engine import rows, scalar
from .entries import INSERT, NEXT_POSITION, Written, entry_row
from .mark import Mark
from .moves import move
from .opening import opened
from .rebuild import rebuild
from .salvage import Salvage

_WITHOUT_IDENTIFY = (
    "SELECT l.lane_id FROM lanes l WHERE l.user_id IS NOT NULL AND l.identify_position > l.acked_position"
    " AND EXISTS (SELECT 1 FROM ledger g WHERE g.reason = 'lost' AND g.at = ?"
    " AND l.identify_position BETWEEN g.first_position AND g.last_position) ORDER BY l.lane_id"
)


def recover(path: Path, aside: Aside, mark: Mark, clock: Clock) -> None:
    """
    Make a new journal at `path` of the one that is set aside and unfinished.

    Whatever it leaves when it breaks off, the next call begins anew. Called with the journal's lock held.

    Raises:
        JournalError: There is no room for it, or the folder can't be written.
    """
    source = aside.unfinished()
    if source is None:
        return
    Ballast(path.parent).give_up()  # made again at the end of the opening
    reached = mark.read()
    now = clock.wall_ms()

    def fill(connection: Connection) -> None:
        with opened(aside, source, clock) as damaged:
            salvage = None if damaged is None else Salvage(damaged)
            kept = rebuild(connection, salvage, reached, now)
            lost = name_lost(connection, kept, reached, now)
            _say_again(connection, clock, now)
            recovered = int(
                scalar(connection, "SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM dead_letters)")
            )
            connection.exec_driver_sql(
                "INSERT INTO recoveries (at, recovered, lost, folder, told) VALUES (?, ?, ?, ?, 0)",
                (now, recovered, lost, aside.final_name()),
            )
        log.warning("damaged journal recovered", extra={"recovered": recovered, "lost": lost})

    migrations.create(path, clock, fill)
    aside.finish()


class _Pen:
    """Puts entries at the end of lanes, as `Entries` does, into a journal that is being made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def put(self, connection: Connection, lane_id: int, kind: str, body: str) -> Written:
        """Write one at the present."""
        position = int(scalar(connection, NEXT_POSITION + "?", (lane_id,)))
        made = (self._clock.wall_ms(), self._clock.boot_id(), self._clock.since_boot_ms())
        entry_id = new_id(made[0])
        connection.exec_driver_sql(INSERT, entry_row(position, entry_id, kind, body, made))
        return Written(position, entry_id)


def _say_again(connection: Connection, clock: Clock, now: int) -> None:
    """Let lanes whose queued identify is lost go on in new ones that begin with it."""
    for (lane_id,) in rows(connection, _WITHOUT_IDENTIFY, (now,)):
        move(_Pen(clock), connection, lane_id, now, is_identify_lost=True)
