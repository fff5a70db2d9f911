"""Callbacks of the app for one thing. One that raises is named in the log by its kind of error, and the rest go on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, ParamSpec, TypeVar

from .forks import renew_in_child
from .log import log

P = ParamSpec("P")
T = TypeVar("T")


class Observers(Generic[P]):
    """Who wants to know of one kind of event. Safe from any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._callbacks: list[Callable[P, object]] = []
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        # _lock guards _callbacks. No callback runs while it is held.
        self._lock = threading.Lock()

    def add(self, callback: Callable[P, object]) -> Callable[[], None]:
        """Call `callback` at every event from now on; return a function that ends it."""
        with self._lock:
            self._callbacks.append(callback)
        return lambda: self._remove(callback)

    def tell(self, *words: P.args, **named: P.kwargs) -> int:
        """Call everyone, on this thread; return how many did not raise."""
        with self._lock:
            callbacks = list(self._callbacks)
        return sum(_succeeds(self._name, partial(callback, *words, **named)) for callback in callbacks)

    def __len__(self) -> int:
        with self._lock:
            return len(self._callbacks)

    def _remove(self, callback: Callable[P, object]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class Feed(Generic[T]):
    """
    The newest value of something, and who wants to see it. Safe from any thread.

    Guarantees: an observer is called with the value there is when it comes, and
    then with every new one, in order and one at a time. A value that was asked
    for before the one that is shown never replaces it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._value: T | None = None
        self._tickets = 0
        self._shown_ticket = 0
        self._observers: list[Callable[[T], object]] = []
        self._due: deque[tuple[Callable[[T], object], T]] = deque()
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock, or been calling."""
        # _lock guards every field of this class. No callback runs while it is held.
        self._lock = threading.Lock()
        self._telling = False

    @property
    def value(self) -> T | None:
        """The newest value; None when nothing is known."""
        with self._lock:
            return self._value

    def ticket(self) -> int:
        """Return the place in line of a question that is asked now."""
        with self._lock:
            self._tickets += 1
            return self._tickets

    def publish(self, ticket: int, value: T) -> None:
        """Show the answer to the question with this ticket, unless a later one was answered."""
        with self._lock:
            if ticket < self._shown_ticket:
                return
            self._shown_ticket = ticket
            if value != self._value:
                self._due.extend((observer, value) for observer in self._observers)
            self._value = value
        self._tell()

    def drop(self, value: T) -> None:
        """Forget the value, if it is still this one; nobody is told."""
        with self._lock:
            if self._value is value:
                self._value = None

    def add(self, observer: Callable[[T], object]) -> Callable[[], None]:
        """Call `observer` with the value there is, and with every new one; return a function that ends it."""
        with self._lock:
            self._observers.append(observer)
            if self._value is not None:
                self._due.append((observer, self._value))
        self._tell()
        return lambda: self._remove(observer)

    def _remove(self, observer: Callable[[T], object]) -> None:
        with self._lock:
            if observer in self._observers:
                self._observers.remove(observer)

    def _tell(self) -> None:
        """
        Call whoever is due, unless another thread (or a callback below us on the stack) is at it.

        That one then calls for us too: order is kept without a lock held around
        the app's code, which may wait for a thread that is in here.
        """
        with self._lock:
            if self._telling:
                return
            self._telling = True
        try:
            while (due := self._next_due()) is not None:
                observer, value = due
                _succeeds(self._name, partial(observer, value))
        except BaseException:
            with self._lock:
                self._telling = False
            raise

    def _next_due(self) -> tuple[Callable[[T], object], T] | None:
        with self._lock:
            while self._due:
                observer, value = self._due.popleft()
                if observer in self._observers:
                    return observer, value
            self._telling = False
            return None


def _succeeds(name: str, call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception as error:  # the app's mistake must not stop what it watches; it is named, not hidden
        log.error("callback raised", extra={"event": name, "error": type(error).__name__})
        return False
    return True
