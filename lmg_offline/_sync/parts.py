"""What a dialect works with."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.ages import Now
from .._core.schedule import Retry
from .._journal.outbox import Outbox
from .._support.clock import Clock
from .._transport.port import Transport
from .events import Events
from .outcomes import Outcomes
from .progress import Progress
from .tokens import Tokens


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dialect works with."""

    outbox: Outbox
    transport: Transport
    events: Events
    clock: Clock
    progress: Progress
    outcomes: Outcomes
    tokens: Tokens

    def now(self) -> Now:
        """Return the device's clocks, with what is known of its boots."""
        return Now(
            self.clock.wall_ms(), self.clock.boot_id(), self.clock.since_boot_ms(), self.outbox.boots()
        )

    def failed(self, reason: str) -> None:
        """A server answered, and not in a way that helps."""
        self.progress.ended(Retry(reason, reached=True), reached=True)
