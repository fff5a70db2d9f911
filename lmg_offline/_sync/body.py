"""The bytes of a replay request: bodies are joined as they lie in the journal, never encoded again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from .._core.ages import Age, Now, age, ages
from .._journal.keys import SEQ_MASK
from .._journal.outbox import DeviceIdentity
from .._journal.records import EntryRow, LaneBatch
from ..protocol.canonical import encode
from ..protocol.replay import DOCUMENT


def replay_body(device: DeviceIdentity, batches: list[LaneBatch], now: Now) -> bytes:
    """
    Return the JSON of a replay request.

    Source: docs/protocol.md, section 2.
    """
    who = encode(
        {
            "id": device.device_id,
            "secret": device.secret,
            "sent_at": now.wall_ms,
            "server_at": now.server_ms,
            "exchange": {"seq": device.exchange_seq, "id": device.exchange_id},
        }
    )
    lanes = ",".join(_lane(batch, now) for batch in batches)
    text = f'{{"query":{encode(DOCUMENT)},"variables":{{"device":{who},"lanes":[{lanes}]}}}}'
    return text.encode("utf-8")


def _lane(batch: LaneBatch, now: Now) -> str:
    lane = batch.lane
    after = encode({"seq": lane.acked_seq, "id": lane.acked_id})
    entries = ",".join(map(_entry, batch.entries, _ages(batch, now), _are_retried(batch)))
    known = {"user_id": lane.user_id, "verified": lane.state == "verified"}
    identity = f'"identity":{encode(known)},' if lane.is_claimed else ""
    return (
        f'{{"session_id":{encode(lane.session_id)},"after":{after},"token":{encode(batch.token)},'
        f'{identity}"entries":[{entries}]}}'
    )


def _ages(batch: LaneBatch, now: Now) -> list[Age]:
    """Return each entry's age. A retried dead letter stands where it was not made: it bounds no other's."""
    if not batch.retried:
        return ages([entry.made for entry in batch.entries], now)
    in_order = iter(ages([entry.made for entry in batch.entries if entry.position not in batch.retried], now))
    return [age(entry.made, now) if entry.position in batch.retried else next(in_order) for entry in batch.entries]


def _are_retried(batch: LaneBatch) -> Iterable[bool]:
    return (entry.position in batch.retried for entry in batch.entries) if batch.retried else repeat(False)


def _entry(entry: EntryRow, known: Age, is_retried: bool) -> str:
    position, entry_id, kind, payload, made_at = entry[:5]
    age_ms, by_clock = known
    marks = (',"by_clock":true' if by_clock else "") + (',"retried":true' if is_retried else "")
    return (
        f'{{"seq":{position & SEQ_MASK},"id":{encode(entry_id)},"kind":{encode(kind)},"made_at":{made_at},'
        f'"age_ms":{"null" if age_ms is None else age_ms}{marks},"payload":{payload}}}'
    )
