"""A controller over a real journal and sync, stepped on the caller's thread, and a platform in memory that redeems."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmg_offline._core.schedule import Retry
from lmg_offline._sync.reads import Reads
from lmg_offline._sync.session import Session
from lmg_offline._transport.port import Answer, QueryOutcome, Refused, ReplayOutcome, nothing
from lmg_offline.controller import RedemptionController
from lmg_offline.errors import LMGError
from lmg_offline.geo import ContentFilter
from lmg_offline.models import DevicePosition
from lmg_offline.offer import OfferApi
from lmg_offline.redemption import OfferState, Prompt
from tests.api.fakes import offer_state, offer_status, transition
from tests.fakes import MemoryLane, MemoryPlatform, Rig


@dataclass
class RedeemingPlatform(MemoryPlatform):
    """
    One offer that each user may redeem once.

    Attributes:
        args: What its transition wants.

        state_fields: Fields of its state that are not as usual.

        punch_card: It stays in its state when it is redeemed.

        counted: Its status names limits.

        away: Out of reach; `deaf`: only for replays.

        refuse_query: What every query is answered with.

        before_query: Called ahead of each query, for what happens meanwhile.
    """

    args: list[dict[str, Any]] = field(default_factory=list)
    state_fields: dict[str, Any] = field(default_factory=dict)
    punch_card: bool = False
    counted: bool = True
    away: bool = False
    deaf: bool = False
    used: dict[str | None, int] = field(default_factory=dict)
    redeemed: list[dict[str, Any]] = field(default_factory=list)
    before_query: list[Callable[[], object]] = field(default_factory=list)
    refuse_query: Refused | None = None

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        return Retry("away") if self.away or self.deaf else super().replay(body, meanwhile)

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        if self.before_query:
            self.before_query.pop(0)()
        if self.away:
            return Retry("away")
        if self.refuse_query is not None:
            return self.refuse_query
        used = self.used.get(self.lanes[str(session_token)].user_id, 0)
        if "offerStatus" in json.loads(body)["query"]:
            return Answer(offer_status("OfferUsed" if used else None, used if self.counted else None), None)
        if used and not self.punch_card:
            return Answer(offer_state(state="redeemed"), None)
        return Answer(offer_state(transition(*self.args), **self.state_fields), None)

    def _apply(
        self, lane: MemoryLane, sent: dict[str, Any], entry: dict[str, Any], reply: dict[str, Any]
    ) -> str | None:
        payload = entry["payload"]
        if entry["kind"] == "redeem" and payload["used"] != self.used.get(lane.user_id, 0):
            self.refuse = lambda refused: "state_changed" if refused is entry else None
        stop = super()._apply(lane, sent, entry, reply)
        if entry["kind"] == "redeem" and self.seen.get(entry["id"], "parked") is None:
            self.used[lane.user_id] = self.used.get(lane.user_id, 0) + 1
            self.redeemed.append(payload)
        return stop

    def _lane(self, device_id: str, sent: dict[str, Any]) -> dict[str, Any]:
        reply = super()._lane(device_id, sent)
        if reply["session_token"] is not None:
            reply["session_token"] = sent["session_id"]
        return reply


class StepThread:
    """Does the sync's steps in `wake`, on the caller's thread, until one would wait."""

    is_current = False

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def start(self) -> None:
        """Nothing has died."""

    def wake(self, *, is_urgent: bool = True) -> None:
        for _ in range(100):
            if self._rig.runner.step() != 0:
                return


class RedemptionRig(Rig):
    """Everything below `client.offer`, and what a controller told its observers."""

    platform: RedeemingPlatform

    def __init__(self, folder: Path, platform: RedeemingPlatform | None = None) -> None:
        super().__init__(folder, platform or RedeemingPlatform())
        thread: Any = StepThread(self)
        self.session = Session(self.journal, self.desk, self.cache, lambda: self.runner, thread, lambda: None)
        reads = Reads(self.journal, self.outbox, self.cache, lambda: self.platform, lambda: self.runner, thread)
        self.position: DevicePosition | None = None
        self.offer = OfferApi(
            reads, self.session, ContentFilter(), lambda: self.position, monotonic_s=self.clock.monotonic_s
        )
        self.states: list[OfferState] = []
        self.errors: list[LMGError] = []
        self.cancelled: list[str] = []
        self.prompts: list[Prompt] = []

    def controller(self, *, watched: bool = True) -> RedemptionController:
        """Return a controller of offer o1, watched by the lists above."""
        found = self.offer.get_redemption_controller("o1", "b1", "l1")
        if watched:
            found.on_state_changed(self.states.append)
            found.on_error(self.errors.append)
            found.on_cancelled(lambda: self.cancelled.append("cancelled"))
        return found

    def queued(self) -> list[str]:
        """Return the kinds of the queued entries."""
        return [entry.kind for entry in self.desk.entries()]
