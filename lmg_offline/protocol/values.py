"""The values of a replay, as both sides hold them. No repr shows a secret, a token or a payload."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a lane: the number and the id of an entry; 0 and None before the first."""

    seq: int
    id: str | None


START = Position(0, None)


@dataclass(frozen=True, slots=True)
class Device:
    """
    One journal on one machine.

    Attributes:
        id: Made by the device.

        secret: Proves the device; stored hashed, never shown.

        sent_at: The device's wall clock at sending, in milliseconds since 1970 UTC. May be wrong.

        exchange: The last replay whose reply the device has recorded: how many
            there were, and an id that it made for that one. None from an SDK
            that does not say.

        server_at: The server's clock at sending, as the device reckons it from
            an earlier reply; None when it can't.
    """

    id: str
    secret: str
    sent_at: int
    exchange: Position | None = None
    server_at: int | None = None

    def __repr__(self) -> str:
        return f"Device(id={self.id!r}, sent_at={self.sent_at})"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose session it is, as the device was told before. No user id in the repr."""

    user_id: str = field(repr=False)
    verified: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One write as it is sent. The repr leaves the payload out.

    Attributes:
        seq: Its number in the lane, from 1.

        id: Unique in the world.

        kind: What it does; a kind that this server does not know is kept as it came.

        made_at: The device's wall clock when it was made, in milliseconds. A hint only.

        age_ms: How long before `sent_at` it was made; None when the device can't know.

        payload: Not checked yet, of any JSON type: see `entries.check_payload`.

        by_clock: The age is the difference of two readings of the device's wall clock.

        retried: It was a dead letter: older than its number says.
    """

    seq: int
    id: str
    kind: str
    made_at: int
    age_ms: int | None
    payload: object
    by_clock: bool = False
    retried: bool = False

    def __repr__(self) -> str:
        return f"Entry(seq={self.seq}, id={self.id!r}, kind={self.kind!r})"


@dataclass(frozen=True, slots=True)
class Lane:
    """
    The entries of one session that follow what the device knows to be acknowledged.

    Attributes:
        session_id: Made by the device.

        after: The last entry the device knows to be acknowledged.

        token: The newest verification token of the lane's user, or None. Not in the repr.

        entries: In rising `seq`, all beyond `after`.

        identity: Whose session it was at `after`, when an identify had been acknowledged.
    """

    session_id: str
    after: Position
    token: str | None
    entries: tuple[Entry, ...]
    identity: Identity | None = None

    def __repr__(self) -> str:
        return f"Lane(session_id={self.session_id!r}, after={self.after}, entries={len(self.entries)})"


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that is refused for good, with the reason."""

    seq: int
    id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The attributes of one entry that lost to newer values."""

    seq: int
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaneReply:
    """
    What became of one lane.

    Attributes:
        session_id: The lane's session.

        status: `ok`, `parked` or `forked`.

        applied_through: The last entry that is handled. The start of the lane when a forked one names none.

        state: `anonymous`, `identified` or `verified`.

        session_token: For the session's reads, or None. Not in the repr.

        refused: Entries handled now and refused for good.

        conflicts: Entries of which some attributes lost.

        code: Why the lane is parked or forked; a parked lane always has one.

        message: The same as a sentence.

        restored: The server knew less of this lane than the device.
    """

    session_id: str
    status: str
    applied_through: Position
    state: str
    session_token: str | None
    refused: tuple[RefusedEntry, ...]
    conflicts: tuple[Conflict, ...]
    code: str | None
    message: str | None
    restored: bool

    def __repr__(self) -> str:
        return (
            f"LaneReply(session_id={self.session_id!r}, status={self.status!r}, "
            f"applied_through={self.applied_through}, code={self.code!r})"
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """
    The answer to one replay.

    Attributes:
        protocol: Always `PROTOCOL`.

        time: The server's clock, in milliseconds since 1970 UTC.

        settings: What the property says; `bookmarking` and `redemption_audience` among it.

        lanes: In the order of the request, if the server keeps to the protocol: the reader checks.
    """

    protocol: int
    time: int
    settings: dict[str, object]
    lanes: tuple[LaneReply, ...]
