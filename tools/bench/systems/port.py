"""What a task sees of a system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Nobody listens there: the state of a device without network.
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a system works.

    Attributes:
        folder: Empty, and its own.

        endpoint: Base URL of the sink, or `NOWHERE`.
    """

    folder: Path
    endpoint: str = NOWHERE


def _nothing() -> None:
    """Do nothing: it holds nothing open that matters."""


@dataclass(frozen=True, slots=True)
class System:
    """
    One that is open.

    Attributes:
        write: Takes the write of this number; callable from any thread.

        finish: Returns when all that was written is where it goes: delivered
            for an SDK that has a sink, on disk for the others.
    """

    write: Callable[[int], object]
    finish: Callable[[], object] = _nothing
