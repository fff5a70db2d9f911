"""The row of a write key that is revoked for hours, and then accepted again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, update

from lmg_offline import Client
from lmg_offline._core.schedule import SUSPENDED_FIRST_S
from lmg_offline._support.clock import SystemClock
from lmg_offline.platform.server import running
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

from .exchanges import Pass
from .oracle import Report
from .play import playing
from .stage import PlatformFacts, QuickClient, Stage

HOUR_S = 3600.0
LOOK_EVERY_S = 0.005


class HourClock(SystemClock):
    """A clock whose monotonic hour takes a second: slow enough that a request takes less than the shortest wait."""

    def monotonic_s(self) -> float:
        """Return seconds that pass quickly."""
        return super().monotonic_s() * HOUR_S


def key_revoked(stage: Stage, seed: int, count: int) -> Report:
    """People write while the key is revoked, for so many hours; then it is good again, and everything arrives."""
    engines: list[Engine] = []
    clock = HourClock()

    @contextmanager
    def platform() -> Iterator[PlatformFacts]:
        with running(settings=Settings(dev=True, lmg_only=stage.dialect == "lmg")) as found:
            engines.append(found.engine)
            yield found

    def client(facts: PlatformFacts, endpoint: str, folder: Path) -> Client:
        return QuickClient(facts.write_key, endpoint=endpoint, data_dir=folder, durability="normal", clock=clock)

    def asked() -> int:
        return len(play.proxy.seen())

    own = replace(stage, make_platform=platform, make_client=client)
    with playing("key-revoked", seed, lambda exchange: Pass(), own) as play:
        for _ in play.kiosk.visit():
            play.drain()  # there is a session from before
        _revoke(engines[0], int(time.time() * 1000))
        before, since_s = asked(), clock.monotonic_s()
        while clock.monotonic_s() - since_s < count * HOUR_S:
            for _ in play.kiosk.visit():
                time.sleep(LOOK_EVERY_S)
                play.client._wake()
        passed_s, during = clock.monotonic_s() - since_s, asked() - before
        # However the waits are drawn, none is shorter than the first. One more, which was under way already.
        most = 2 + int(passed_s / SUSPENDED_FIRST_S)
        hours = passed_s / HOUR_S
        print(f"[key-revoked] {during} requests in {hours:.1f} hours of a revoked key", file=sys.stderr)
        if during > most:
            play.found("hung", f"{during:,} requests in {hours:.1f} hours; at most {most:,}")
        status = play.client.status()
        if status.suspended is None or not during:
            play.found("wrong_value", "the client does not say that its key is refused")
        if status.parked or status.dead_letters:
            play.found("lost", f"{status.parked + status.dead_letters} entries given up while the key was refused")
        _revoke(engines[0], None)
        return play.verdict(during)


def _revoke(engine: Engine, at_ms: int | None) -> None:
    with writing(engine) as connection:
        connection.execute(update(tables.integrations).values(revoked_at=at_ms))
