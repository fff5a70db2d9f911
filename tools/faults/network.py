"""
The rows of the fault matrix that a network, or a server in between, can cause.

The same seed makes the same people write the same things, and draws the same
faults in the same order. Which request meets which fault still depends on how
the threads run, so a seed narrows a finding down and does not replay it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from .answers import BadAnswer, Effect, Moment, corpus
from .exchanges import (
    CutAfterForward,
    CutBeforeForward,
    CutInForward,
    CutInReply,
    Delay,
    DeliverLate,
    DeliverTwice,
    Drip,
    Exchange,
    Fault,
    HalfOpen,
    Pass,
)
from .oracle import Report
from .play import Play, playing
from .proxy import FaultProxy
from .stage import Stage

# Each share is of all exchanges. What lasts until the client gives up is rare, so that a row stays short.
_BAD_NETWORK: tuple[tuple[float, Callable[[random.Random], Fault]], ...] = (
    (0.10, lambda rng: CutBeforeForward()),
    (0.10, lambda rng: CutInForward(rng.randrange(2000))),
    (0.12, lambda rng: CutAfterForward()),
    (0.12, lambda rng: CutInReply(rng.randrange(600), is_reset=rng.random() < 0.5)),
    (0.10, lambda rng: Delay(rng.random() * 0.02)),
    (0.06, lambda rng: Drip(20_000)),
    (0.02, lambda rng: Drip(100)),
    (0.02, lambda rng: HalfOpen(forward=rng.random() < 0.5)),
)


class Chance:
    """A script that plays a fault now and then, and counts them. Asked in the proxy's thread alone."""

    def __init__(self, seed: str, share: float, fault: Callable[[random.Random], Fault]) -> None:
        self._rng = random.Random(seed)
        self._share = share
        self._fault = fault
        self.made = 0

    def __call__(self, exchange: Exchange) -> Fault:
        """Return the fault of one exchange."""
        if self._rng.random() >= self._share:
            return Pass()
        self.made += 1
        return self._fault(self._rng)


def bad_network(stage: Stage, seed: int, count: int) -> Report:
    """Resets in the request and in the reply, drips, delays and half-open connections, at random."""
    shares, faults = zip(*_BAD_NETWORK, strict=True)
    script = Chance(f"network {seed}", sum(shares), lambda rng: rng.choices(faults, shares)[0](rng))
    return _at_random("bad-network", stage, seed, count, script, looks=0.15)


def lost_acknowledgements(stage: Stage, seed: int, count: int) -> Report:
    """The platform acts and answers, and the answer is lost: half of the time."""
    script = Chance(f"lost {seed}", 0.5, lambda rng: CutAfterForward())
    return _at_random("lost-acknowledgements", stage, seed, count, script)


def delivered_twice_and_late(stage: Stage, seed: int, count: int) -> Report:
    """
    Requests come to the platform twice, late, in between those that follow, and after they were given up.

    Late only where writes carry their time: elsewhere a late copy is a newer write.
    """

    def fault(rng: random.Random) -> Fault:
        late = DeliverLate(rng.randrange(1, 4)) if stage.dialect == "replay" else DeliverTwice()
        choices: tuple[Fault, ...] = (
            DeliverTwice("first"),
            DeliverTwice("second"),
            DeliverTwice("first", together=True),
            DeliverTwice("second", together=True),
            late,
            late,
            CutAfterForward(),
        )
        return rng.choice(choices)

    script = Chance(f"twice {seed}", 0.6, fault)
    return _at_random("delivered-twice-and-late", stage, seed, count, script)


def _at_random(row: str, stage: Stage, seed: int, count: int, script: Chance, *, looks: float = 0.0) -> Report:
    """Let people write, and deliver now and then, until so many faults were made."""
    with playing(row, seed, script, stage) as play:
        while script.made < count and not play.report.hung:
            for _ in play.kiosk.visit():
                if play.rng.random() < 0.6:
                    play.drain()
                if play.rng.random() < looks:
                    play.look()
            play.drain()
        return play.verdict(script.made)


def bad_answers(stage: Stage, seed: int, count: int) -> Report:
    """
    Each answer of the corpus in each place, between good ones.

    A place is a moment (before the platform has acted, or after), a stage of a
    person's visit, and how often in a row the answer comes. Every answer is
    tried at both moments before a place comes twice; `count` is how many tries.
    """
    with FaultProxy("127.0.0.1:9", _never) as elsewhere:
        rng = random.Random(f"answers {seed}")
        with playing("bad-answers", seed, lambda exchange: Pass(), stage) as play:
            answers = [each for each in corpus(elsewhere.endpoint) if stage.dialect == "replay" or not each.is_refusal]
            tries = _tries(rng, answers, count)
            for answer, moment in tries:
                if play.report.hung:
                    break
                _try(play, answer, moment, storm=1 + rng.randrange(answer.in_a_row))
            report = play.verdict(len(tries))
        if elsewhere.seen():
            report = report.found("mistaken", "a redirect was followed")
        return report


def _tries(rng: random.Random, answers: Sequence[BadAnswer], count: int) -> list[tuple[BadAnswer, Moment]]:
    once = [(answer, moment) for answer in answers for moment in answer.moments]
    found: list[tuple[BadAnswer, Moment]] = []
    while len(found) < count:
        rng.shuffle(once)
        found += once
    return found[:count]


def _try(play: Play, answer: BadAnswer, moment: Moment, storm: int) -> None:
    """One visit, of which one stage meets the answer, so often in a row."""
    left = [0]

    def script(exchange: Exchange) -> Fault:
        if not left[0] or not answer.fits(exchange):
            return Pass()
        left[0] -= 1
        return answer.fault(exchange, moment)

    play.proxy.script = script
    place, visit = play.rng.randrange(7), play.kiosk.visit()
    for stage in range(20):
        if stage == place:
            left[0] = storm  # before the call, because the sync sends at once
        wrote = next(visit, None)
        if stage == place or wrote is None:
            play.drain()
        if wrote is None:
            break
    if play.rng.random() < 0.3 and answer.effect is not Effect.SUSPEND:
        left[0] = max(left[0], 1)
        play.look()


def _never(exchange: Exchange) -> Fault:
    """The script of a place where nobody may ask."""
    return CutBeforeForward()
