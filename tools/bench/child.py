"""
One process: one system at one task. It writes the numbers that it found to a file, as JSON.

Called as `python -m tools.bench.child TASK SYSTEM RESULT WORDS`. Before anything
of a peer is loaded, every way to another machine is closed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from .systems.port import NOWHERE, Place

HERE = ("127.0.0.1", "localhost", "::1")


class NotLoopback(OSError):
    """Something wanted to speak to another machine."""


def stay_here(event: str, words: tuple[Any, ...]) -> None:
    """Refuse names and addresses of other machines; an audit hook, which nothing in the process can take away."""
    if event == "socket.getaddrinfo" and words[0] not in (*HERE, None, ""):
        raise NotLoopback("a benchmark looked up another machine's name")
    if event in ("socket.connect", "socket.sendto"):
        address = words[1]
        if isinstance(address, tuple) and address[0] not in HERE:
            raise NotLoopback("a benchmark wanted to reach another machine")


def main(words: list[str]) -> None:
    """Do the task, and end at once: what a peer would still do at the exit of a process is nobody's result."""
    task, system, result, more = words
    given = json.loads(more)
    place = Place(Path(given.pop("folder")), given.pop("endpoint", None) or NOWHERE)
    sys.addaudithook(stay_here)
    found = importlib.import_module(f"{__package__}.tasks.{task}").run(system, place, **given)
    Path(result).write_text(json.dumps(found), "utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
