"""A second process on the same journal: does what it is told, line by line, and stays open in between."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection

from lmg_offline._journal.journal import Journal
from lmg_offline.errors import JournalFull
from tests.fakes import ManualClock

ROOT = Path(__file__).parents[2]


class OtherProcess:
    """The parent's end. Its journal stays open from call to call, as another app's would."""

    def __init__(self) -> None:
        self._child = _start()
        atexit.register(self.end)

    def do(self, folder: Path, what: str, *words: str | None) -> str:
        """
        Do one thing to the journal in `folder` and return what came of it: a receipt's id, or a session's.

        Raises:
            JournalFull: The write did not fit there.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps([str(folder), what, *words]) + "\n")
        self._child.stdin.flush()
        answer: dict[str, str] = json.loads(self._child.stdout.readline())
        if "full" in answer:
            raise JournalFull(answer["full"])
        assert "error" not in answer, answer["error"]
        return answer["done"]

    def crash(self, folder: Path) -> None:
        """Die in the middle of a write, as a power switch would have it; another process takes its place."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps([str(folder), "crash"]) + "\n")
        self._child.stdin.flush()
        assert "" == self._child.stdout.readline()
        self.end()
        self._child = _start()

    def end(self) -> None:
        """End the child."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()


@cache
def other_process() -> OtherProcess:
    """Return the one that all tests share: starting it takes longer than a test."""
    return OtherProcess()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.properties.other_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _die(connection: Connection) -> NoReturn:
    """Write what must never be seen, and end before it is committed."""
    connection.exec_driver_sql("UPDATE lanes SET last_position = last_position + 1")
    connection.exec_driver_sql("DELETE FROM entries")
    os._exit(1)


def _do(journal: Journal, what: str, *words: str) -> str:
    match what:
        case "append":
            return journal.append(words[0], words[1]).text
        case "identify":
            return journal.identify(words[0], words[1], None).written.text
        case "reset":
            return journal.reset()
        case "forget":
            return journal.forget()[0].text
        case "crash":
            journal.store.run(_die)
    raise ValueError(what)


def _main() -> None:
    """Serve until the parent closes the pipe."""
    journals: dict[str, Journal] = {}
    for line in sys.stdin:
        folder, what, *words = json.loads(line)
        try:
            if what == "close":
                found = journals.pop(folder, None)
                if found is not None:
                    found.close()
                done = ""
            else:
                if folder not in journals:
                    journals[folder] = Journal.open(Path(folder), ManualClock(), durable=False)
                done = _do(journals[folder], what, *words)
            answer = {"done": done}
        except JournalFull as full:
            answer = {"full": str(full)}
        except Exception as error:  # told to the parent, which fails with it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the pipe to the parent


if __name__ == "__main__":
    _main()
