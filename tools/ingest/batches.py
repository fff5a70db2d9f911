"""What devices send: full batches of visits of people who come once, ready to post."""

from __future__ import annotations

import json
import random
import time
import uuid
from typing import Any

from lmg_offline.protocol.replay import DOCUMENT, MAX_ENTRIES
from lmg_offline.verification import sign_user_id
from tools.slid import from_the_file
from tools.slid.send import FILE

ENTRIES_A_VISIT = 5
VISITS = MAX_ENTRIES // ENTRIES_A_VISIT


def batches(devices: int, each: int, verification_key: str, seed: int) -> list[list[bytes]]:
    """Return for each device the bodies of its requests, which are sent in their order."""
    rng = random.Random(f"ingest {seed}")
    survey = from_the_file.read(FILE)
    return [
        [_body(device, number, rng, survey, verification_key) for number in range(each)] for device in range(devices)
    ]


def _body(device: int, number: int, rng: random.Random, survey: list[from_the_file.Row], key: str) -> bytes:
    lanes = [_lane(f"person-{device}-{number}-{visit}", rng, survey, key) for visit in range(VISITS)]
    about = {"id": f"device-{device}", "secret": f"secret of {device}", "sent_at": time.time_ns() // 1_000_000}
    return json.dumps({"query": DOCUMENT, "variables": {"device": about, "lanes": lanes}}).encode()


def _lane(user_id: str, rng: random.Random, survey: list[from_the_file.Row], key: str) -> dict[str, Any]:
    row = rng.choice(survey)
    is_verified = rng.random() < 1 / 3
    traits: dict[str, Any] = {name: float(row[name]) for name in ("education", "wages") if row[name] != "NA"}
    profile = {
        "gender": row["sex"].lower(),
        "birthday": f"{2000 - int(row['age'])}-01-01",
        "email": f"{user_id}@example.com",
        "name": f"Somebody {user_id}",
        "language": row["language"],
        "tags": ["a", "b"],
        **traits,
    }
    made: list[tuple[str, dict[str, Any]]] = [
        ("track", {"name": "screen_opened", "properties": {"screen": "welcome"}}),
        ("identify", {"user_id": user_id, "verify": is_verified}),
        ("update", {"profile": profile}),
        ("track", {"name": "offer_viewed", "properties": {"offer_id": "offer-1"}}),
        ("track", {"name": "offer_viewed", "properties": {"offer_id": "offer-2"}}),
    ]
    entries = [
        {"seq": seq, "id": str(uuid.UUID(int=rng.getrandbits(128))), "kind": kind, "made_at": 1, "age_ms": 60_000 - seq,
         "payload": payload}
        for seq, (kind, payload) in enumerate(made, 1)
    ]  # fmt: skip
    token = sign_user_id(key, user_id) if is_verified else None
    session_id = str(uuid.UUID(int=rng.getrandbits(128)))
    return {"session_id": session_id, "after": {"seq": 0, "id": None}, "token": token, "entries": entries}
