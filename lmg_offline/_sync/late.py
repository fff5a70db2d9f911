"""
What is loaded and built when somebody first needs it: the network's side, nearly always by the sync thread.

An app's first write then waits for nothing but the journal. A gate keeps a fork
out while modules are loaded: in a child that was forked in the middle of that, a
module would stay locked by a thread that is not there.

Source: CPython holds its global import lock over a fork, and not the locks of single modules (importlib._bootstrap).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Generic, TypeVar

from .._support.forks import renew_in_child

T = TypeVar("T")

_gate = threading.RLock()  # held while modules are loaded, and over a fork


class Late(Generic[T]):
    """Makes something once. Safe from any thread; whoever comes meanwhile waits."""

    def __init__(self, modules: Sequence[str], make: Callable[[], T]) -> None:
        """
        Args:
            modules: What is to be loaded before, by full names.

            make: Returns it. May raise, and is called again then.
        """
        self._modules = modules
        self._make = make
        self.made: T | None = None
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._lock = threading.Lock()  # held while it is made, which may take the journal's locks

    def __call__(self) -> T:
        """Return it."""
        if self.made is None:
            with _gate:
                for module in self._modules:
                    import_module(module)
            with self._lock:
                if self.made is None:
                    self.made = self._make()
        return self.made


def _before_fork() -> None:
    _gate.acquire()


def _after_fork_in_parent() -> None:
    _gate.release()


def _after_fork_in_child() -> None:
    global _gate
    _gate = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
