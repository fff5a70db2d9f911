"""
Children for the rows that kill: forked from a process that has imported everything and holds nothing.

A child costs some 10 ms instead of the half second of an import, and ends as a
process of its own does: finalizers, exit handlers, threads and all. The nursery
itself never opens a journal, nor starts a thread.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

PRELOADED = (
    "tools.faults.visits",
    "tools.faults.disk_visits",
    "tools.faults.folder",
    "tools.faults.exits",
    "tools.faults.exits_in_time",
)
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Child:
    """One child. Its number may be reused once `wait` has said that it ended."""

    nursery: Nursery
    pid: int
    pidfd: int

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal; nothing happens when it has ended."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            pass  # it was faster

    def has_ended(self, timeout_s: float) -> bool:
        """Wait until it has ended or the time is up; say whether it has."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def wait(self, timeout_s: float) -> int | None:
        """
        Wait for its end, and forget it.

        Returns:
            Its exit code, or the negative number of the signal; None when the
            time was up, and it was killed.
        """
        ended = self.has_ended(timeout_s)
        if not ended:
            self.kill()
        code = self.nursery.ask({"reap": self.pid})
        os.close(self.pidfd)
        return int(code) if ended else None


class Nursery:
    """The process that forks them; ends with the `with` block."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
        if has_shim():
            environment["LD_PRELOAD"] = str(built_shim())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=environment,
        )
        self.ask({})

    def start(self, task: str, output: Path, words: Mapping[str, object]) -> Child:
        """
        Start a child.

        Args:
            task: A function, as "module:name".

            output: Where what it prints is appended.

            words: The function's keywords; JSON values.
        """
        pid = int(self.ask({"task": task, "words": words, "output": str(output)}))
        return Child(self, pid, os.pidfd_open(pid))

    def ask(self, request: Mapping[str, object]) -> int:
        """Send one request and return the answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("unreachable: both are pipes")
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nursery of children has ended; its own error is above")
        return int(line)

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def in_memory() -> Path | None:
    """Return a folder in memory, where a sync costs nothing; None where there is none."""
    found = Path("/dev/shm")
    return found if found.is_dir() and os.access(found, os.W_OK) else None


def has_shim() -> bool:
    """There is a compiler for it, and a system that preloads."""
    return sys.platform == "linux" and shutil.which("cc") is not None


@functools.cache
def built_shim() -> Path:
    """Compile the shim, once a process."""
    folder = Path(tempfile.mkdtemp(prefix="lmg-faults-shim-"))
    target = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl", "-lpthread"], check=True)
    return target


def shim() -> Any:
    """Return the shim of this process, which was started by a nursery; None without one."""
    if not os.environ.get("LD_PRELOAD"):
        return None
    return ctypes.CDLL(None)


def main() -> None:
    """Answer requests until there are no more; in a child, do the task and return."""
    for name in PRELOADED:
        importlib.import_module(name)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        answer = 0
        if "reap" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["reap"], 0)[1])
        elif "task" in request:
            answer = os.fork()
            if answer == 0:
                _be_child(request)
                return
        sys.stdout.buffer.write(b"%d\n" % answer)
        sys.stdout.buffer.flush()


def _be_child(request: Mapping[str, Any]) -> None:
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    module, _, name = request["task"].partition(":")
    try:
        getattr(importlib.import_module(module), name)(**request["words"])
    except Exception:
        traceback.print_exc()
        sys.exit(1)


if __name__ == "__main__":
    main()
