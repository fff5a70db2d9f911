"""Callbacks of the app. One that raises is reported in the log by its kind of error, and the rest go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from .._support.forks import renew_in_child
from .._support.log import log
from ..errors import ValidationError

NAMES = frozenset(
    {
        "identified",
        "verified",
        "identify_rejected",
        "session_reset",
        "synced",
        "conflict",
        "dead_letter",
        "parked",
        "released",
        "online",
        "offline",
        "suspended",
        "resumed",
        "forked",
        "restored",
        "warning",
        "journal_recovered",
    }
)

Callback = Callable[[Mapping[str, object]], object]


class Events:
    """Who wants to know what."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        # _lock guards _callbacks. No callback runs while it is held.
        self._lock = threading.Lock()

    def on(self, name: str, callback: Callback) -> Callable[[], None]:
        """
        Call `callback` with a mapping at every event `name`.

        Returns:
            A function that ends it.

        Raises:
            ValidationError: There is no such event, or nothing to call.
        """
        if not isinstance(name, str) or name not in NAMES:
            raise ValidationError({"name": [f"There is no event of this name; there are {', '.join(sorted(NAMES))}."]})
        if not callable(callback):
            raise ValidationError({"callback": ["Give a function of one argument."]})
        with self._lock:
            self._callbacks.setdefault(name, []).append(callback)

        def end() -> None:
            with self._lock:
                if callback in self._callbacks.get(name, []):
                    self._callbacks[name].remove(callback)

        return end

    def is_wanted(self, name: str) -> bool:
        """Say whether anybody asked for `name`."""
        with self._lock:
            return bool(self._callbacks.get(name))

    def emit(self, name: str, **details: object) -> None:
        """Call everyone who asked for `name`, on this thread."""
        with self._lock:
            callbacks = list(self._callbacks.get(name, ()))
        for callback in callbacks:
            try:
                callback(details)
            except BaseException as error:  # the app's mistake must not stop the sync; it is named, not hidden
                if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                    raise  # Ctrl-C, or the app's own way out
                log.error("event callback raised", extra={"event": name, "error": type(error).__name__})
