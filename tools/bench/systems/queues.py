"""Queues on disk that PyPI has, each with its own defaults."""

from __future__ import annotations

from ..work import text, wire
from .port import Place, System


def persist_queue(place: Place) -> System:
    """persist-queue's SQLite queue with acknowledgements; it pickles what it is given."""
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(place.folder / "queue"), multithreading=True, auto_commit=True)
    return System(lambda number: queue.put(wire(number)), queue.close)


def litequeue(place: Place) -> System:
    """litequeue, which takes text; its connection is one for all threads."""
    from litequeue import LiteQueue

    queue = LiteQueue(str(place.folder / "queue.db"))
    return System(lambda number: queue.put(text(number)), queue.close)


def diskcache(place: Place) -> System:
    """diskcache's deque."""
    from diskcache import Deque

    queue = Deque(directory=str(place.folder / "deque"))
    return System(lambda number: queue.append(text(number)), queue.cache.close)
