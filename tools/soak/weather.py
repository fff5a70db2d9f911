"""The network of the soak: up and down at random, in four ways."""

from __future__ import annotations

import random

from ..faults.exchanges import (
    CutAfterForward,
    CutBeforeForward,
    CutInForward,
    CutInReply,
    Exchange,
    Fault,
    HalfOpen,
    Pass,
)
from ..faults.proxy import FaultProxy

UP, CUTS, REFUSED, HALF_OPEN = "up", "cuts", "refused", "half-open"
UP_S = (2.0, 10.0)
DOWN_S = (1.0, 6.0)


class Weather:
    """
    The proxy's script, and what changes it. `at` is called by one thread, the script by the proxy's.

    Attributes:
        now: What the network is like.

        changes: How often it has changed.
    """

    def __init__(self, proxy: FaultProxy, seed: int) -> None:
        self.now = UP
        self.changes = 0
        self._proxy = proxy
        self._turns = random.Random(f"weather {seed}")
        self._faults = random.Random(f"faults {seed}")
        self._until_s = 0.0
        proxy.script = self._fault

    def at(self, now_s: float) -> None:
        """Change the weather when its time is over."""
        if now_s < self._until_s:
            return
        if self.now == UP:
            self._become(self._turns.choice((CUTS, REFUSED, HALF_OPEN)))
        else:
            self._become(UP)
        self._until_s = now_s + self._turns.uniform(*(UP_S if self.now == UP else DOWN_S))

    def clear(self) -> None:
        """Bring the network up for good."""
        self._become(UP)

    def _become(self, weather: str) -> None:
        if self.now == REFUSED:
            self._proxy.listen()
        elif weather == REFUSED:
            self._proxy.refuse()
        self.changes += weather != self.now
        self.now = weather

    def _fault(self, exchange: Exchange) -> Fault:
        rng = self._faults
        match self.now:
            case "cuts":
                cuts: tuple[Fault, ...] = (
                    CutBeforeForward(),
                    CutInForward(rng.randrange(2000)),
                    CutAfterForward(),
                    CutInReply(rng.randrange(600), is_reset=rng.random() < 0.5),
                    Pass(),
                )
                return rng.choice(cuts)
            case "half-open":
                return HalfOpen(forward=rng.random() < 0.5)
            case _:
                return Pass()
