"""
A world with one true time, devices with wrong clocks, and the real platform in it.

The SDK's sync is stepped by hand, the platform's own code applies what it
sends, and every clock is the world's: an entry's true time is known to the
test, and to nobody else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, event

from lmg_offline._transport.port import DeviceRefused, QueryOutcome, Replayed, ReplayOutcome, Retry, nothing
from lmg_offline.platform import ingest, properties
from lmg_offline.platform.store.engine import close_engine, make_engine, writing
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.protocol.replay import Entry, load_reply, load_request
from lmg_offline.verification import sign_user_id

START_MS = 1_790_000_000_000
YEAR_MS = 365 * 86_400_000


class World:
    """True time, in milliseconds since 1970 UTC; it only goes on."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def pass_by(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms


class WrongClock:
    """
    A device's clocks in a world.

    Attributes:
        wall_off_ms: How far the wall clock is ahead of the true time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._boots = 1
        self._booted_ms = world.now_ms - 60_000
        self._asleep_ms = 0
        self.wall_off_ms = 0

    def wall_ms(self) -> int:
        return max(0, self._world.now_ms + self.wall_off_ms)

    def boot_id(self) -> str:
        return f"boot-{self._boots}"

    def since_boot_ms(self) -> int:
        return self._world.now_ms - self._booted_ms

    def monotonic_s(self) -> float:
        return (self.since_boot_ms() - self._asleep_ms) / 1000

    def advance(self, seconds: float) -> None:
        """Let time pass, awake."""
        self._world.pass_by(math.ceil(seconds * 1000))

    def set_wall(self, wall_ms: int) -> None:
        """Set the wall clock."""
        self.wall_off_ms = wall_ms - self._world.now_ms

    def sleep(self, ms: int) -> None:
        """Suspend: the time since boot goes on, monotonic time does not."""
        self._world.pass_by(ms)
        self._asleep_ms += ms

    def reboot(self, off_ms: int, wall: str) -> None:
        """
        Go off and on again.

        Args:
            wall: What the wall clock does meanwhile: `runs` on, `stands` still
                (saved at the end, taken up at the start), or `dies` (1970).
        """
        before = self.wall_ms()
        self._world.pass_by(off_ms)
        self._boots += 1
        self._booted_ms, self._asleep_ms = self._world.now_ms - 2000, 0
        if wall == "stands":
            self.set_wall(before)
        elif wall == "dies":
            self.set_wall(2000)


class Site:
    """The real platform's database, without its HTTP side."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._names = 0

    def make_property(self) -> SimulatedPlatform:
        """Return a platform with a property of its own."""
        self._names += 1
        with writing(self.engine) as connection:
            keys = properties.create(connection, f"p{self._names}", START_MS, property_id=f"p{self._names}")
        return SimulatedPlatform(self.engine, keys)


class SimulatedPlatform:
    """
    A transport whose other end is the real platform's code, in a world's time.

    Attributes:
        property_id: Its rows have it.

        lose: Asked before each reply: true loses it, after everything was applied.

        way_ms: Asked for how long each way takes.

        sent: Entries as they were sent last, by id.
    """

    def __init__(self, engine: Engine, keys: properties.Keys) -> None:
        self.engine = engine
        self.world = World()
        self.lose: Callable[[], bool] = lambda: False
        self.way_ms: Callable[[], int] = lambda: 0
        self.sent: dict[str, Entry] = {}
        self._key = keys.verification_key
        with engine.connect() as connection:
            found = properties.find_by_write_key(connection, keys.write_key)
        assert found is not None
        self._property, self._integration_id = found
        self.property_id = self._property.id

    def token(self, user_id: str) -> str:
        """Sign a user id as the property's own server would."""
        return sign_user_id(self._key, user_id)

    def replay(self, body: bytes, meanwhile: Callable[[], None] = nothing) -> ReplayOutcome:
        """Take one replay there and its reply back; both ways take time."""
        self.world.pass_by(self.way_ms())
        meanwhile()
        variables = json.loads(body)["variables"]
        device, lanes = load_request(variables["device"], variables["lanes"])
        self.sent |= {entry.id: entry for lane in lanes for entry in lane.entries}
        try:
            with writing(self.engine) as connection:
                reply = ingest.replay(
                    connection,
                    self._property,
                    self._integration_id,
                    device,
                    lanes,
                    now_ms=self.world.now_ms,
                    session_ttl_s=3600,
                    sdk=None,
                )
        except ingest.DeviceRefused as refusal:
            return DeviceRefused(str(refusal))
        self.world.pass_by(self.way_ms())
        return Retry("the reply was lost") if self.lose() else Replayed(load_reply(json.loads(json.dumps(reply))))

    def query(self, body: bytes, *, session_token: str | None, etag: str | None, deadline_s: float) -> QueryOutcome:
        """No content lives here."""
        return Retry("no content")

    def close(self) -> None:
        """Nothing to break off."""


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Make a platform's database; nothing of it must survive a power cut, so that it is quick."""
    engine = make_engine(f"sqlite:///{folder / 'platform.db'}")
    event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"))
    try:
        upgrade(engine)
        yield Site(engine)
    finally:
        close_engine(engine)
