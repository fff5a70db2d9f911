"""After a person has left and their writes are delivered, no byte of them is on the device."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lmg_offline.platform.server import Running
from lmg_offline.verification import sign_user_id
from tests.e2e.support import Admin

ROOT = Path(__file__).parents[2]
SECRETS = {
    "user_id": "departed-user-7Q",
    "email": "departed.7Q@example.com",
    "name": "Departed 7Q Name",
    "trait": "departed_7q_trait",
    "value": "departed-7Q-value",
    "property": "departed-7Q-property",
    "before": "departed-7Q-before",
    "term": "departed 7Q term",
    "offer": "departed-7Q-offer",
}
GONE_WITHIN_S = 20.0


class Visitor:
    """A child process that goes on when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_for(self, step: str) -> None:
        """Wait until the child has said that it is so far."""
        assert self._process.stdout is not None
        assert step == self._process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let the child do its next step."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def crashed(self) -> bool:
        """Wait for the child to die of its crash; say whether it did."""
        return self._process.wait(30) == 9


@contextmanager
def visitor(folder: Path, person: dict[str, str], durability: str, mode: str) -> Iterator[Visitor]:
    """Run one part of `tests.security.visitor`; it has ended when the block has."""
    command = [sys.executable, "-m", "tests.security.visitor", str(folder), durability, mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(person) + "\n")
            process.stdin.flush()
            yield Visitor(process)
        finally:
            if process.poll() is None:
                process.kill()


def person_of(platform: Running) -> dict[str, str]:
    """Somebody with a good token, and where to reach the platform."""
    token = sign_user_id(platform.verification_key, SECRETS["user_id"])
    return {**SECRETS, "token": token, "endpoint": platform.endpoint, "write_key": platform.write_key}


def found_in(folder: Path, person: dict[str, str]) -> list[str]:
    """Return which of the person's secrets lie in the bytes of the folder, in whichever encoding."""
    every = b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    names = [*SECRETS, "token"]
    return [name for name in names if person[name].encode() in every or person[name].encode("utf-16-le") in every]


def left_after(folder: Path, person: dict[str, str]) -> list[str]:
    """Wait until nothing of the person is left; return what still is when the time is up."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (found := found_in(folder, person)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(
    ("leaving", "durability"), [("leave", "full"), ("leave", "normal"), ("forget", "full"), ("take over", "full")]
)
def test_nothing_of_a_departed_person_is_on_the_device(
    either_platform: Running, tmp_path: Path, leaving: str, durability: str
) -> None:
    """
    However they left, with the client still open: not in the database, its log, its index or the files beside it.

    What they wrote is on the platform, so it was not thrown away.
    """
    Admin(either_platform).content()
    folder, person = tmp_path / "j", person_of(either_platform)
    with visitor(folder, person, durability, leaving) as child:
        child.wait_for("written")
        while_here = found_in(folder, person)
        child.go_on()
        child.wait_for("drained")
        left = left_after(folder, person)
        child.go_on()
    arrived = Admin(either_platform).ask("GET", f"users/{person['user_id']}")

    assert "user_id" in while_here
    assert [] == left
    assert [] == found_in(folder, person)
    if leaving != "forget":
        assert person["email"] == arrived[1]["profile"]["email"]


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_nothing_is_left_though_another_process_has_the_journal_open(
    platform: Running, tmp_path: Path, durability: str
) -> None:
    """Its connections see the reset, and keep nothing back."""
    Admin(platform).content()
    folder, person = tmp_path / "j", person_of(platform)
    with ExitStack() as stack:
        other = stack.enter_context(visitor(folder, person, durability, "stay"))
        other.wait_for("open")
        child = stack.enter_context(visitor(folder, person, durability, "leave"))
        child.wait_for("written")
        child.go_on()
        child.wait_for("drained")
        left = left_after(folder, person)
        child.go_on()
        other.go_on()

    assert [] == left


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_nothing_is_left_once_a_reader_in_the_way_has_ended(platform: Running, tmp_path: Path, durability: str) -> None:
    """As long as it reads, SQLite must keep what it sees; soon afterwards the log is emptied."""
    Admin(platform).content()
    folder, person = tmp_path / "j", person_of(platform)
    with ExitStack() as stack:
        child = stack.enter_context(visitor(folder, person, durability, "leave"))
        child.wait_for("written")
        reader = stack.enter_context(visitor(folder, person, durability, "reader"))
        reader.wait_for("reading")
        child.go_on()
        child.wait_for("drained")
        in_the_way = found_in(folder, person)
        reader.go_on()
        reader.wait_for("read")
        left = left_after(folder, person)
        child.go_on()
        reader.go_on()

    assert in_the_way
    assert [] == left


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_nothing_is_left_after_a_crash_between_the_reset_and_its_checkpoint(
    platform: Running, tmp_path: Path, durability: str
) -> None:
    """The next start, by whomever, empties the log that the crash left behind."""
    Admin(platform).content()
    folder, person = tmp_path / "j", person_of(platform)
    with visitor(folder, person, durability, "crash") as child:
        child.wait_for("written")
        child.go_on()
        crashed = child.crashed()
    at_the_crash = found_in(folder, person)
    with visitor(folder, person, durability, "next") as child:
        child.wait_for("drained")
        left = left_after(folder, person)
        child.go_on()

    assert crashed
    assert at_the_crash
    assert [] == left
