"""The bytes of a replay request: bodies are joined as they lie in the journal, never encoded again."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from .._core.ages import Age, Now, age, ages
from .._journal.ahead import in_turns
from .._journal.keys import SEQ_MASK
from .._journal.outbox import DeviceIdentity
from .._journal.records import EntryRow, LaneBatch
from ..protocol.canonical import encode
from ..protocol.replay import DOCUMENT


def replay_body(device: DeviceIdentity, batches: list[LaneBatch], now: Now, give_way: Callable[[], None]) -> bytes:
    """
    Return the JSON of a replay request.

    Args:
        give_way: Called now and then: hundreds of entries take a while.

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
    lanes = ",".join(_lane(batch, now, give_way) for batch in batches)
    text = f'{{"query":{encode(DOCUMENT)},"variables":{{"device":{who},"lanes":[{lanes}]}}}}'
    return text.encode("utf-8")


_kind = lru_cache(maxsize=64)(encode)  # there are ten


def _lane(batch: LaneBatch, now: Now, give_way: Callable[[], None]) -> str:
    lane = batch.lane
    after = encode({"seq": lane.acked_seq, "id": lane.acked_id})
    parts = in_turns(zip(batch.entries, _ages(batch, now), _are_retried(batch), strict=True), give_way)
    entries = ",".join([_entry(*each) for part in parts for each in part])
    known = {"user_id": lane.user_id, "verified": lane.state == "verified"}
    identity = f'"identity":{encode(known)},' if lane.is_claimed else ""
    return (
        f'{{"session_id":{encode(lane.session_id)},"after":{after},"token":{encode(batch.token)},'
        f'{identity}"entries":[{entries}]}}'
    )


def _ages(batch: LaneBatch, now: Now) -> list[Age]:
    """Return each entry's age. A retried dead letter stands where it was not made: it bounds no other's."""
    if not batch.retried:
        return ages(batch.entries, now)
    in_order = iter(ages([entry for entry in batch.entries if entry.position not in batch.retried], now))
    return [age(entry, now) if entry.position in batch.retried else next(in_order) for entry in batch.entries]


def _are_retried(batch: LaneBatch) -> list[bool]:
    return [bool(batch.retried) and entry.position in batch.retried for entry in batch.entries]


def _entry(entry: EntryRow, known: Age, is_retried: bool) -> str:
    position, entry_id, kind, payload, made_at = entry[:5]
    age_ms, by_clock = known
    marks = (',"by_clock":true' if by_clock else "") + (',"retried":true' if is_retried else "")
    return (
        f'{{"seq":{position & SEQ_MASK},"id":{encode(entry_id)},"kind":{_kind(kind)},"made_at":{made_at},'
        f'"age_ms":{"null" if age_ms is None else age_ms}{marks},"payload":{payload}}}'
    )
