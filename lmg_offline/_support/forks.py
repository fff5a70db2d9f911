"""
What a forked child makes anew.

A lock that some thread of the parent held at the instant of the fork stays held
in the child, where that thread does not exist. So whoever keeps a lock, or has a
thread, says here how to begin again. Everything else is left as it was.

Source: POSIX, fork, "RATIONALE".
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """Something with locks or threads of its own."""

    def renew(self) -> None:
        """In a forked child, before anything else runs there: make locks and threads anew."""
        ...


_known: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_in_child(owner: Renewable) -> None:
    """Have `owner.renew()` called in each forked child, for as long as the owner lives."""
    _known.add(owner)


def _after_fork_in_child() -> None:
    for owner in list(_known):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
