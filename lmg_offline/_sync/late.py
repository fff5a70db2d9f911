"""
What is loaded and built when somebody first needs it, nearly always by the sync thread.

An app's first write then waits for nothing but the journal. Two things can go
wrong in the middle of an import, and are kept out. A fork leaves a module locked
in the child, by a thread that is not there: whoever forks waits for the gate. A
Ctrl-C at the wrong instruction leaves the import system locked for good: it comes
to the main thread alone, for which another one does it.

A third thing stays: a process that a Ctrl-C ends while this goes on may end with the code 1 and not by the
signal, because CPython forgets which it was at each exec of a text, in whatever thread (run_eval_code_obj).

Source: CPython, importlib._bootstrap._get_module_lock; over a fork only the lock of all imports is held.
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
_loaded: set[Sequence[str]] = set()


def load(modules: Sequence[str]) -> None:
    """
    Load modules, once.

    Args:
        modules: Full names; the same tuple each time.
    """
    if modules in _loaded:
        return
    if threading.current_thread() is threading.main_thread():
        thread = threading.Thread(target=_load, args=(modules,), name="lmg-offline.load", daemon=True)
        try:
            thread.start()
            thread.join()
        except RuntimeError:  # none to be had, or the interpreter is shutting down
            _load(modules)
    else:
        _load(modules)


def _load(modules: Sequence[str]) -> None:
    with _gate:
        for module in modules:
            import_module(module)
        _loaded.add(modules)


class Late(Generic[T]):
    """Makes something once. Safe from any thread; whoever comes meanwhile waits."""

    def __init__(self, modules: Sequence[str], make: Callable[[], T]) -> None:
        """
        Args:
            modules: What is to be loaded before, as for `load`.

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
            load(self._modules)
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
