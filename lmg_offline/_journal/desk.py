"""
The operator's side of the journal: see, count, retry, discard.

Public as `client.journal`. Bodies are parsed here, for people; nothing of them
is in a repr. What is shown is of `shown.py`, which is loaded when somebody looks: every
client has a desk, and few ever do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from .._core.arguments import check_text
from .._support.clock import utc_from_ms
from ..errors import ValidationError
from .engine import rows, scalar
from .journal import Journal, follow, mark_drained, note_moved, note_removed
from .keys import LANE_SHIFT, SEQ_MASK
from .records import digest_of

if TYPE_CHECKING:
    from .shown import Audit, Counts, DeadLetter, Entry, Lane, LedgerRow


_IN_LANE = "position BETWEEN l.lane_id << 32 AND (l.lane_id << 32) + 4294967295"
_SESSION = "(SELECT session_id FROM lanes WHERE lane_id = position >> 32)"


class Desk:
    """Lists and mends the journal. Every method is safe from any thread."""

    def __init__(self, journal: Journal, on_change: Callable[[], None]) -> None:
        self._journal = journal
        self._store = journal.store
        self._on_change = on_change

    def entries(self, limit: int | None = None) -> list[Entry]:
        """Return the queued entries in the order of replay, parked ones included."""
        from .shown import Entry

        found = self._store.read(
            f"SELECT position, id, {_SESSION}, kind, body, made_at FROM entries ORDER BY position LIMIT ?",
            (-1 if limit is None else limit,),
        )
        return [
            Entry(row[1], _receipt_id(row[0], row[1]), row[2], row[0] & SEQ_MASK, row[3], json.loads(row[4]),
                  utc_from_ms(row[5]))
            for row in found
        ]  # fmt: skip

    def dead_letters(self) -> list[DeadLetter]:
        """Return the refused entries, oldest first."""
        from .shown import DeadLetter

        found = self._store.read(
            f"SELECT position, id, {_SESSION}, kind, body, made_at, code, message, refused_at"
            " FROM dead_letters ORDER BY refused_at, position"
        )
        return [
            DeadLetter(row[1], _receipt_id(row[0], row[1]), row[2], row[0] & SEQ_MASK, row[3], json.loads(row[4]),
                       utc_from_ms(row[5]), row[6], row[7], utc_from_ms(row[8]))
            for row in found
        ]  # fmt: skip

    def lanes(self, *, drained: bool = False) -> list[Lane]:
        """Return the lanes that still matter, oldest first; with `drained` also the empty sealed ones."""
        from .shown import Lane

        found = self._store.read(
            "SELECT l.session_id, l.user_id, l.state, l.sealed_at, l.parked_code, l.parked_message, l.drained,"
            f" l.acked_position, (SELECT count(*) FROM entries WHERE {_IN_LANE})"
            f" FROM lanes l {'' if drained else 'WHERE l.drained = 0'} ORDER BY l.lane_id"
        )
        return [
            Lane(
                row[0],
                row[1],
                row[2],
                "drained" if row[6] else "parked" if row[4] else "sealed" if row[3] else "open",
                row[8],
                row[7] & SEQ_MASK,
                row[4],
                row[5],
            )
            for row in found
        ]

    def ledger(self) -> list[LedgerRow]:
        """Return what was accepted and not delivered as it was, oldest first."""
        from .shown import LedgerRow

        found = self._store.read(
            "SELECT (SELECT session_id FROM lanes WHERE lane_id = first_position >> 32), first_position,"
            " last_position, entries, reason, at FROM ledger ORDER BY ledger_id"
        )
        return [
            LedgerRow(row[0], row[1] & SEQ_MASK, row[2] & SEQ_MASK, row[3], row[4], utc_from_ms(row[5]))
            for row in found
        ]

    def retry(self, entry_id: str) -> str:
        """
        Queue a dead letter again, at the end of its lane, with its id and time.

        Returns:
            The new receipt id.

        Raises:
            ValidationError: No dead letter has this id.
        """

        def again(connection: Connection) -> str:
            row = self._dead(connection, entry_id)
            position, kind, body = row[0], row[2], row[3]
            made = (row[4], row[5], row[6])
            if row[7] != digest_of(position, row[1], kind, made, body):
                raise ValidationError({"entry_id": ["Its bytes are not what was written; discard it."]})
            lane_id = position >> LANE_SHIFT
            written = self._journal.put(connection, lane_id, kind, body)
            connection.exec_driver_sql(
                "UPDATE entries SET id = ?, made_at = ?, boot_id = ?, since_boot_ms = ?, digest = ? WHERE position = ?",
                (row[1], *made, digest_of(written.position, row[1], kind, made, body), written.position),
            )
            connection.exec_driver_sql("DELETE FROM dead_letters WHERE position = ?", (position,))
            note_moved(connection, {position: written.position}, "retried", self._store.clock.wall_ms())
            # It was sent before, and keeps its time: it takes no part in merging, and nor does what lies before it.
            connection.exec_driver_sql(
                "UPDATE lanes SET drained = 0, sent_position = ?1, last_position = max(last_position, ?1)"
                " WHERE lane_id = ?2",
                (written.position, lane_id),
            )
            return _receipt_id(written.position, row[1])

        check_text("entry_id", entry_id)
        receipt_id = self._store.run(again, vital=True)
        self._on_change()
        return receipt_id

    def discard(self, entry_id: str) -> None:
        """
        Give up a dead letter or an entry of a parked lane; the ledger keeps its number.

        Raises:
            ValidationError: There is no such dead letter or parked entry. An
                entry that can still be sent is not for discarding.
        """

        def drop(connection: Connection) -> None:
            found = rows(
                connection,
                "SELECT e.position FROM entries e JOIN lanes l ON l.lane_id = e.position >> 32"
                " WHERE e.id = ? AND l.parked_code IS NOT NULL",
                (entry_id,),
            )
            table = "entries" if found else "dead_letters"
            position = found[0][0] if found else self._dead(connection, entry_id)[0]
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE position = ?", (position,))
            note_removed(connection, [position], "discarded", self._store.clock.wall_ms())
            lane_id = position >> LANE_SHIFT
            connection.exec_driver_sql(
                "UPDATE lanes SET last_position = max(last_position, ?) WHERE lane_id = ?", (position, lane_id)
            )
            left = scalar(
                connection,
                f"SELECT sealed_at IS NULL OR EXISTS (SELECT 1 FROM entries WHERE {_IN_LANE})"
                " FROM lanes l WHERE lane_id = ?",
                (lane_id,),
            )
            if not left:
                connection.exec_driver_sql(
                    "UPDATE lanes SET parked_at = NULL, parked_code = NULL, parked_message = NULL WHERE lane_id = ?",
                    (lane_id,),
                )
                mark_drained(connection, lane_id)

        check_text("entry_id", entry_id)
        self._store.run(drop, vital=True)
        self._store.checkpoint()  # what a person gave up is gone from the log too
        self._on_change()

    def receipt(self, receipt_id: str) -> str:
        """
        Return what became of a write, by the id of its receipt, in this process or any later one.

        Returns:
            `journaled`, `acknowledged`, `refused`, `superseded`, `discarded`, `forgotten` or
            `lost` (the journal was damaged, and it could not be recovered).

        Raises:
            ValidationError: It is no receipt id, or not one of this journal.
        """
        position, entry_id = parse_receipt_id(receipt_id)
        return self._store.read_with(
            lambda connection: self._state_of(connection, follow(connection, position), entry_id)
        )

    def place(self, receipt_id: str) -> tuple[int, str]:
        """
        Return the key and the id under which a write is now: a retry or a move gives it another key.

        Raises:
            ValidationError: It is no receipt id.
        """
        position, entry_id = parse_receipt_id(receipt_id)
        return self._store.read_with(lambda connection: follow(connection, position)), entry_id

    def _state_of(self, connection: Connection, position: int, entry_id: str) -> str:
        lane_id = position >> LANE_SHIFT
        lane = rows(
            connection, "SELECT acked_position, last_position, successor_lane FROM lanes WHERE lane_id = ?", (lane_id,)
        )
        if not lane:
            if scalar(connection, "SELECT 1 FROM device WHERE finished_through >= ?", (lane_id,)):
                return _reason(connection, position) or "acknowledged"
            highest = "SELECT 1 FROM recoveries WHERE ? <= (SELECT seq FROM sqlite_sequence WHERE name = 'lanes')"
            if scalar(connection, highest, (lane_id,)):
                return "lost"  # nothing of its lane could be read, not even how far it was
            raise ValidationError({"receipt_id": ["This journal has given no such receipt."]})
        acked, _last, successor = lane[0]
        if scalar(connection, "SELECT 1 FROM entries WHERE position = ? AND id = ?", (position, entry_id)):
            return "journaled"
        if scalar(connection, "SELECT 1 FROM dead_letters WHERE position = ? AND id = ?", (position, entry_id)):
            return "refused"
        reason = _reason(connection, position)
        # Both from a journal of before version 3, which did not say where an entry went.
        if reason == "retried":
            return self._state_by_id(connection, lane_id, entry_id)
        if reason == "moved" and successor is not None:
            return self._state_by_id(connection, successor, entry_id)
        if reason is not None:
            return reason
        if position <= acked:
            return "acknowledged"
        raise ValidationError({"receipt_id": ["This journal has given no such receipt."]})

    def _state_by_id(self, connection: Connection, lane_id: int, entry_id: str) -> str:
        low = lane_id << LANE_SHIFT
        span = (low, low + SEQ_MASK, entry_id)
        if scalar(connection, "SELECT 1 FROM entries WHERE position BETWEEN ? AND ? AND id = ?", span):
            return "journaled"
        if scalar(connection, "SELECT 1 FROM dead_letters WHERE position BETWEEN ? AND ? AND id = ?", span):
            return "refused"
        return "acknowledged"

    def audit(self) -> Audit:
        """Count every accepted entry and what became of it, from one state of the journal."""
        from .shown import Audit


        def count(connection: Connection) -> Audit:
            accepted, acknowledged = rows(
                connection,
                "SELECT sum(max(last_position, coalesce((SELECT e.position FROM entries e WHERE"
                " e.position < (l.lane_id + 1) << 32 ORDER BY e.position DESC LIMIT 1), 0)) & 4294967295),"
                " sum(acked_count) FROM lanes l",
            )[0]
            gone = rows(connection, "SELECT finished_accepted, finished_acknowledged FROM device")[0]
            accepted, acknowledged = accepted + gone[0], acknowledged + gone[1]
            counts = _count(connection)
            reasons = rows(connection, "SELECT reason, sum(entries) FROM ledger GROUP BY reason ORDER BY reason")
            ledger = {row[0]: row[1] for row in reasons}
            return Audit(accepted, acknowledged, counts.queued, counts.parked, counts.dead_letters, ledger)

        return self._store.read_with(count)

    def counts(self) -> Counts:
        """Return the figures of `status()`."""
        return self._store.read_with(_count)

    def _dead(self, connection: Connection, entry_id: str) -> tuple[Any, ...]:
        found = rows(
            connection,
            "SELECT position, id, kind, body, made_at, boot_id, since_boot_ms, digest FROM dead_letters WHERE id = ?",
            (entry_id,),
        )
        if not found:
            raise ValidationError({"entry_id": ["No dead letter or parked entry has this id; see queue list."]})
        return found[0]


def _reason(connection: Connection, position: int) -> str | None:
    """Return why the ledger says that an entry was not delivered as it was; None when it says nothing of it."""
    reason = scalar(
        connection,
        "SELECT reason FROM (SELECT * FROM ledger WHERE first_position <= ? ORDER BY first_position DESC LIMIT 1)"
        " WHERE last_position >= ?",
        (position, position),
    )
    return None if reason is None else str(reason)


def _count(connection: Connection) -> Counts:
    from .shown import Counts

    total, oldest = rows(
        connection, "SELECT (SELECT count(*) FROM entries), (SELECT made_at FROM entries ORDER BY position LIMIT 1)"
    )[0]
    parked = scalar(
        connection,
        f"SELECT coalesce(sum((SELECT count(*) FROM entries WHERE {_IN_LANE})), 0) FROM lanes l"
        " WHERE l.drained = 0 AND l.parked_code IS NOT NULL",
    )
    dead = scalar(connection, "SELECT count(*) FROM dead_letters")
    return Counts(total - parked, parked, dead, oldest)


def _receipt_id(position: int, entry_id: str) -> str:
    return f"{position >> LANE_SHIFT}.{position & SEQ_MASK}.{entry_id}"


def parse_receipt_id(receipt_id: str) -> tuple[int, str]:
    """Return the key and entry id that a receipt id names. Raises ValidationError."""
    lane, _, rest = check_text("receipt_id", receipt_id).partition(".")
    seq, _, entry_id = rest.partition(".")
    is_key = lane.isdecimal() and seq.isdecimal() and len(lane) < 10 and len(seq) <= 10 and int(seq) <= SEQ_MASK
    if not is_key or not entry_id:
        raise ValidationError({"receipt_id": ["This is not the id of a receipt."]})
    return (int(lane) << LANE_SHIFT) + int(seq), entry_id
