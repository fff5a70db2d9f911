"""The model of the journal: lanes, what waits in each, and what became of every write that returned."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Write:
    """
    One accepted write.

    Attributes:
        sets: The attributes an `update` sets; empty for every other kind.

        number: In its lane; another one after a retry.

        fate: What its receipt has to say.
    """

    id: str
    kind: str
    sets: frozenset[str]
    lane: int
    number: int
    receipt: str
    fate: str = "journaled"


@dataclass
class Lane:
    """
    One session's lane.

    Attributes:
        newest: The newest number that was ever given.

        sent: Up to this number everything may have been on the wire.

        identify: Number of its newest identify, 0 for none.
    """

    user: str | None = None
    parked: bool = False
    newest: int = 0
    sent: int = 0
    identify: int = 0
    queue: list[Write] = field(default_factory=list)


@dataclass
class Books:
    """
    What any journal has to agree with. Lane 1 is the first; the last one is the current session's.

    Attributes:
        most: The bound, in entries and dead letters together.

        ledger: (lane, number) of what was accepted and not delivered as it was, with the reason.
    """

    most: int
    lanes: list[Lane] = field(default_factory=lambda: [Lane()])
    writes: list[Write] = field(default_factory=list)
    ledger: dict[tuple[int, int], str] = field(default_factory=dict)

    def waiting(self, *, parked: bool | None = None) -> list[Write]:
        """Return what is queued, in the order of replay; with `parked`, of such lanes alone."""
        return [each for lane in self.lanes if parked in (None, lane.parked) for each in lane.queue]

    def dead(self) -> list[Write]:
        """Return the dead letters, in the order in which they were written."""
        return [each for each in self.writes if each.fate == "refused"]

    def provable(self) -> list[Lane]:
        """Return the lanes of which the platform may be asked to take a token."""
        return [lane for lane in self.lanes if lane.user and lane.queue and not lane.parked]

    def has_room(self) -> bool:
        return len(self.waiting()) + len(self.dead()) < self.most

    def accept(self, receipt: str, kind: str, sets: frozenset[str] = frozenset(), lane: int | None = None) -> Write:
        """A write returned with this receipt: it is the last of its lane, under a number that nothing had before."""
        at = len(self.lanes) if lane is None else lane
        here = self.lanes[at - 1]
        here.newest += 1
        entry_id = receipt.split(".", 2)[2]
        assert f"{at}.{here.newest}.{entry_id}" == receipt
        write = Write(entry_id, kind, sets, at, here.newest, receipt)
        here.queue.append(write)
        self.writes.append(write)
        return write

    def append(self, receipt: str, kind: str, sets: frozenset[str]) -> None:
        """Something was written, now, here; beyond the bound it has taken the place of another."""
        self.accept(receipt, kind, sets)
        if len(self.waiting()) + len(self.dead()) > self.most:
            self.merge()

    def make_room(self, sets: frozenset[str]) -> bool:
        """
        Merge if it is full, and say whether a write that sets so much is to be taken.

        An update that finds no room may still take the place of those it supersedes.
        """
        if self.has_room():
            return True
        self.merge()
        queue = self.lanes[-1].queue
        return self.has_room() or (bool(sets) and bool(self.superseded(self.lanes[-1], [*queue, _coming(sets)])))

    def merge(self) -> None:
        """Profile writes leave whose every attribute a later one sets that nothing of another kind parts from them."""
        for lane in self.lanes:
            for write in self.superseded(lane, lane.queue):
                self.settle(write, "superseded")

    @staticmethod
    def superseded(lane: Lane, queue: list[Write]) -> list[Write]:
        later: frozenset[str] = frozenset()
        gone = []
        for write in reversed([each for each in queue if each.number > lane.sent]):
            if write.sets and write.sets <= later:
                gone.append(write)
            later = later | write.sets if write.sets else frozenset()
        return gone

    def settle(self, write: Write, fate: str) -> None:
        """A write waits no more, or is no dead letter any more."""
        queue = self.lanes[write.lane - 1].queue
        if write in queue:
            queue.remove(write)
        write.fate = fate
        if fate in ("superseded", "discarded", "forgotten"):
            self.ledger[write.lane, write.number] = fate

    def identify(self, user: str, receipt: str) -> None:
        """Somebody says who they are: in the session that is open if it is theirs or nobody's, else in a new one."""
        if self.lanes[-1].user not in (None, user):
            self.open()
        self.lanes[-1].user = user
        self.lanes[-1].identify = self.accept(receipt, "identify").number

    def open(self) -> None:
        """Whoever was here has left: what they wrote stays in their lane."""
        self.lanes.append(Lane())

    def forget(self) -> None:
        """Everything that is held of the current person, or of the anonymous session, is void."""
        here = self.lanes[-1]
        theirs = [lane for lane in self.lanes if lane is here or (here.user is not None and lane.user == here.user)]
        for write in self.writes:
            if self.lanes[write.lane - 1] in theirs and write.fate in ("journaled", "refused"):
                self.settle(write, "forgotten")
        for lane in theirs:
            lane.parked = False

    def retry(self, write: Write, receipt: str) -> None:
        """A dead letter goes to the end of its lane, under its id; its old number is in the ledger."""
        self.ledger[write.lane, write.number] = "retried"
        self.writes.remove(write)
        again = self.accept(receipt, write.kind, write.sets, write.lane)
        assert write.id == again.id
        lane = self.lanes[write.lane - 1]
        lane.sent = lane.newest  # it was sent before: it takes no part in merging, nor does what lies before it

    def discard(self, write: Write) -> None:
        """Somebody gives it up; a lane of which nothing is left waits for nothing."""
        self.settle(write, "discarded")
        lane = self.lanes[write.lane - 1]
        lane.parked = lane.parked and bool(lane.queue)

    def park(self, lane: Lane) -> None:
        """Its token is refused: it waits, and if it is the current one the app goes on as nobody."""
        lane.parked = True
        if lane is self.lanes[-1]:
            self.open()

    def handled(self, lane: Lane, count: int, refused: str, state: str) -> None:
        """The platform has handled the first entries of a lane, has refused those of one kind, and says whose it is."""
        done = lane.queue[:count]
        for write in done:
            self.settle(write, "refused" if write.kind == refused else "acknowledged")
        claims = [write for write in done if write.number == lane.identify]
        if claims and claims[0].fate == "refused" and lane is self.lanes[-1]:
            self.open()
        if claims and state == "verified":
            for each in self.lanes:
                each.parked = each.parked and each.user != lane.user


def _coming(sets: frozenset[str]) -> Write:
    return Write("", "update", sets, 0, 1 << 32, "")
