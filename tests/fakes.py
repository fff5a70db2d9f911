"""A clock that stands still and a platform in memory: what the tests of the sync run against."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmg_offline._core.schedule import Retry
from lmg_offline._journal.desk import Desk
from lmg_offline._journal.journal import Journal
from lmg_offline._journal.outbox import Outbox
from lmg_offline._journal.readcache import ReadCache
from lmg_offline._sync.events import Events
from lmg_offline._sync.runner import Runner
from lmg_offline._sync.session import Session
from lmg_offline._sync.tokens import TokenProvider
from lmg_offline._transport.port import DeviceRefused, QueryOutcome, Replayed, ReplayOutcome, nothing
from lmg_offline.config import Bounds, LmgSettings
from lmg_offline.device import Device
from lmg_offline.protocol.replay import load_reply

START_MS = 1_790_000_000_000


class ManualClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.wall = START_MS
        self.boot = "boot-1"
        self.up_ms = 1_000_000
        self.mono_s = 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass on every clock."""
        self.wall += int(seconds * 1000)
        self.up_ms += int(seconds * 1000)
        self.mono_s += seconds

    def wall_ms(self) -> int:
        return self.wall

    def boot_id(self) -> str:
        return self.boot

    def since_boot_ms(self) -> int:
        return self.up_ms

    def monotonic_s(self) -> float:
        return self.mono_s


@dataclass
class MemoryLane:
    """What the platform keeps of one lane."""

    device_id: str
    kept: tuple[int, str | None] = (0, None)
    state: str = "anonymous"
    user_id: str | None = None


@dataclass
class MemoryPlatform:
    """
    The server side of docs/protocol.md, in memory, with a script of faults.

    Attributes:
        good_tokens: Accepted verification tokens, by user id.

        expired: Tokens that were good once.

        faults: Outcomes to give instead of handling, first come first served.

        lose_reply: Handle the request, then answer Retry, so many times.

        takes_identity: False for a server that does not read a lane's `identity`.
    """

    good_tokens: dict[str, str] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    faults: list[ReplayOutcome] = field(default_factory=list)
    lose_reply: int = 0
    takes_identity: bool = True
    refuse: Callable[[dict[str, Any]], str | None] = lambda entry: None
    lanes: dict[str, MemoryLane] = field(default_factory=dict)
    log: list[tuple[str, int, str, str, str | None]] = field(default_factory=list)
    seen: dict[str, str | None] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    exchanges: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """Handle one replay."""
        variables = json.loads(body)["variables"]
        self.requests.append(variables)
        meanwhile()
        if self.faults:
            return self.faults.pop(0)
        if not self._goes_on(variables["device"]):
            return DeviceRefused("another copy went on")
        lanes = [self._lane(variables["device"]["id"], lane) for lane in variables["lanes"]]
        if self.lose_reply:
            self.lose_reply -= 1
            return Retry("the connection broke off")
        reply = {
            "protocol": 1,
            "time": self.clock.wall,
            "settings": {"bookmarking": "verified_only"},
            "lanes": lanes,
        }
        return Replayed(load_reply(reply))

    def backup(self) -> MemoryPlatform:
        """Return a copy of what is kept now."""
        return copy.deepcopy(self)

    def restore(self, backup: MemoryPlatform) -> None:
        """Know what was known then, and nothing since."""
        kept = copy.deepcopy(backup)
        self.lanes, self.log, self.seen, self.exchanges = kept.lanes, kept.log, kept.seen, kept.exchanges

    def _goes_on(self, device: dict[str, Any]) -> bool:
        """Whether this device, and not another copy of it, is the one that goes on."""
        sent = (device["exchange"]["seq"], device["exchange"]["id"])
        kept = self.exchanges.get(device["id"])
        if kept is None or sent[0] >= kept[0]:
            self.exchanges[device["id"]] = (sent[0] + 1, sent[1])
            return True
        return sent == (kept[0] - 1, kept[1])

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """No content lives here."""
        return Retry("no content")

    def close(self) -> None:
        """Nothing to break off."""

    def _lane(self, device_id: str, sent: dict[str, Any]) -> dict[str, Any]:
        lane = self.lanes.setdefault(sent["session_id"], MemoryLane(device_id))
        reply = {
            "session_id": sent["session_id"],
            "status": "ok",
            "session_token": "st",
            "refused": [],
            "conflicts": [],
            "code": None,
            "message": None,
            "restored": False,
        }
        after = (sent["after"]["seq"], sent["after"]["id"])
        entries = sent["entries"]
        if lane.device_id != device_id or (lane.kept[0] == after[0] and lane.kept != after):
            return self._ended(reply, lane, status="forked", code="forked", message="in use elsewhere")
        if lane.kept[0] < after[0]:
            lane.kept, reply["restored"] = after, True
        if lane.kept[0] > after[0]:
            known = [(e["seq"], e["id"]) for e in entries]
            skipped = len(entries)
            if lane.kept in known:
                skipped = known.index(lane.kept) + 1
            elif entries and not all(e["id"] in self.seen for e in entries):
                return self._ended(reply, lane, status="forked", code="forked", message="in use elsewhere")
            for entry in entries[:skipped]:
                if (code := self.seen[entry["id"]]) is not None:
                    reply["refused"].append({"seq": entry["seq"], "id": entry["id"], "code": code, "message": "no"})
            entries = entries[skipped:]
        stop = self._establish(lane, sent)
        if stop is not None:
            return self._ended(reply, lane, status="parked", code=stop, message="not accepted")
        for entry in entries:
            if entry["id"] not in self.seen:
                stop = self._apply(lane, sent, entry, reply)
                if stop is not None:
                    return self._ended(reply, lane, status="parked", code=stop, message="not accepted")
            lane.kept = (entry["seq"], entry["id"])
        return self._ended(reply, lane)

    def _establish(self, lane: MemoryLane, sent: dict[str, Any]) -> str | None:
        """Give a session back to whose it was; return the code of a token that does not prove it."""
        known = sent.get("identity") if self.takes_identity else None
        if known is None or (lane.user_id is not None and (lane.state == "verified" or not known["verified"])):
            return None
        code = self._judge(known["user_id"], sent["token"]) if known["verified"] else None
        if code is None:
            lane.user_id, lane.state = known["user_id"], "verified" if known["verified"] else "identified"
        return code

    def _judge(self, user_id: str, token: str | None) -> str | None:
        if token in self.expired:
            return "token_expired"
        return "token_refused" if token is None or self.good_tokens.get(user_id) != token else None

    def _apply(
        self, lane: MemoryLane, sent: dict[str, Any], entry: dict[str, Any], reply: dict[str, Any]
    ) -> str | None:
        code = self.refuse(entry)
        if entry["kind"] == "identify" and code is None:
            user_id, token = entry["payload"]["user_id"], sent["token"]
            if entry["payload"]["verify"]:
                refusal = self._judge(user_id, token)
                if refusal is not None:
                    return refusal
                lane.state = "verified"
            elif lane.state == "anonymous":
                lane.state = "identified"
            lane.user_id = user_id
        self.seen[entry["id"]] = code
        self.log.append((sent["session_id"], entry["seq"], entry["id"], entry["kind"], lane.user_id))
        if code is not None:
            reply["refused"].append({"seq": entry["seq"], "id": entry["id"], "code": code, "message": "no"})
        return None

    @staticmethod
    def _ended(reply: dict[str, Any], lane: MemoryLane, **extra: object) -> dict[str, Any]:
        reply.update(applied_through={"seq": lane.kept[0], "id": lane.kept[1]}, state=lane.state, **extra)
        if reply["status"] != "ok":
            reply["session_token"] = None
        return reply


class Rig:
    """A journal and a runner on a manual clock, stepped by hand."""

    def __init__(
        self,
        folder: Path,
        platform: Any = None,
        token_provider: TokenProvider | None = None,
        lmg: LmgSettings | None = None,
        endpoint: str = "http://platform.test",
        clock: Any = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.platform = platform or MemoryPlatform(clock=self.clock)
        self.journal = Journal.open(folder, self.clock, durable=False, bounds=bounds)
        self.outbox = Outbox(self.journal)
        self.events = Events()
        self.cache = ReadCache(self.journal.store)
        self.runner = Runner(
            self.journal,
            self.outbox,
            self.platform,
            self.events,
            endpoint=endpoint,
            write_key="wk_test",
            lmg=lmg,
            app_id="rig",
            token_provider=token_provider,
            device=Device(self.clock, "en", "Europe/Zurich"),
            jitter=lambda: 0.5,
        )
        self.desk = Desk(self.journal, lambda: None)
        self.session = Session(self.journal, self.desk, self.cache, lambda: self.runner, None, lambda: None)

    def drain(self, most: int = 200) -> None:
        """Step, moving the clock over every wait, until nothing is left to do."""
        for _ in range(most):
            wait_s = self.runner.step()
            if wait_s is None:
                return
            self.clock.advance(wait_s)
        raise AssertionError("the sync did not come to rest")

    def track(self, name: str = "seen") -> str:
        """Write one activity; return its receipt's id."""
        return self.session.append("track", json.dumps({"name": name, "properties": {}})).id

    def update(self, **profile: object) -> str:
        """Write one profile; return its receipt's id."""
        return self.session.append("update", json.dumps({"profile": profile})).id

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()
