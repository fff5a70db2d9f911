"""The bytes of a replay request: bodies are joined as they lie in the journal, never encoded again."""

from __future__ import annotations

from .._core.ages import Now, age_ms
from .._journal.outbox import DeviceIdentity
from .._journal.records import EntryRow, LaneBatch
from ..protocol.canonical import encode
from ..protocol.replay import DOCUMENT


def replay_body(device: DeviceIdentity, batches: list[LaneBatch], now: Now) -> bytes:
    """
    Return the JSON of a replay request.

    Source: docs/protocol.md, section 2.
    """
    exchange = {"seq": device.exchange_seq, "id": device.exchange_id}
    who = encode({"id": device.device_id, "secret": device.secret, "sent_at": now.wall_ms, "exchange": exchange})
    lanes = ",".join(_lane(batch, now) for batch in batches)
    text = f'{{"query":{encode(DOCUMENT)},"variables":{{"device":{who},"lanes":[{lanes}]}}}}'
    return text.encode("utf-8")


def _lane(batch: LaneBatch, now: Now) -> str:
    lane = batch.lane
    after = encode({"seq": lane.acked_seq, "id": lane.acked_id})
    entries = ",".join(_entry(entry, now) for entry in batch.entries)
    known = {"user_id": lane.user_id, "verified": lane.state == "verified"}
    identity = f'"identity":{encode(known)},' if lane.is_claimed else ""
    return (
        f'{{"session_id":{encode(lane.session_id)},"after":{after},"token":{encode(batch.token)},'
        f'{identity}"entries":[{entries}]}}'
    )


def _entry(entry: EntryRow, now: Now) -> str:
    age = age_ms(entry.made_at, entry.boot_id, entry.since_boot_ms, now)
    return (
        f'{{"seq":{entry.seq},"id":{encode(entry.id)},"kind":{encode(entry.kind)},"made_at":{entry.made_at},'
        f'"age_ms":{"null" if age is None else age},"payload":{entry.body}}}'
    )
