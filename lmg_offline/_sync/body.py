"""The bytes of a replay request: bodies are joined as they lie in the journal, never encoded again."""

from __future__ import annotations

from .._core.ages import Age, Now, ages
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
    known_ages = ages([entry.made for entry in batch.entries], now)
    entries = ",".join(_entry(entry, age) for entry, age in zip(batch.entries, known_ages, strict=True))
    known = {"user_id": lane.user_id, "verified": lane.state == "verified"}
    identity = f'"identity":{encode(known)},' if lane.is_claimed else ""
    return (
        f'{{"session_id":{encode(lane.session_id)},"after":{after},"token":{encode(batch.token)},'
        f'{identity}"entries":[{entries}]}}'
    )


def _entry(entry: EntryRow, age: Age) -> str:
    by_clock = ',"by_clock":true' if age.by_clock else ""
    return (
        f'{{"seq":{entry.seq},"id":{encode(entry.id)},"kind":{encode(entry.kind)},"made_at":{entry.made_at},'
        f'"age_ms":{"null" if age.ms is None else age.ms}{by_clock},"payload":{entry.body}}}'
    )
