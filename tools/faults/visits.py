"""
What a child does that may die at any moment: it writes, and notes each call before and after it.

The file it notes in is its own, written with one system call a line: what a
killed process has written is there, so a line "did" is a promise.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

import lmg_offline._sync.lmg.dialect
import lmg_offline._sync.runner
import lmg_offline._transport.http  # noqa: F401 - the nursery has it before it forks
from lmg_offline import Client
from lmg_offline.verification import sign_user_id

from .nursery import shim
from .stage import FastClock

MOST_WRITES = 150
LONGEST_PAUSE_S = 0.008
FLUSH_WITHIN_S = 60.0
BEAT_S = 0.02


class Notebook:
    """
    Keeps what was begun and what returned.

    Attributes:
        kept: How many entries returned.
    """

    def __init__(self, path: str, first: int) -> None:
        """
        Args:
            first: The number of the first call; every call of a row has one of its own.
        """
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._number = first
        self.kept = 0

    def begin(
        self,
        kind: str,
        person: str | None = None,
        is_verified: bool = False,
        more: Mapping[str, object] | None = None,
    ) -> tuple[int, dict[str, object]]:
        """Note that a call is made; return its number and its value in wire form."""
        self._number += 1
        n = self._number
        profile = {f"own_{n}": n, "last": n, "name": f"Name {n}"}
        value: dict[str, object] = {"n": n, **(more or {})} if kind == "track" else {**profile}
        self.note({"do": n, "kind": kind, "value": value, "person": person, "verified": is_verified})
        return n, value

    def did(self, number: int, receipt: str) -> None:
        """Note that it returned."""
        self.kept += 1
        self.note({"did": number, "receipt": receipt})

    def failed(self) -> None:
        """Note that the last call, if it has not returned, raised: it has written nothing."""
        self.note({"raised": self._number})

    def note(self, line: Mapping[str, object]) -> None:
        """Write one line."""
        os.write(self._fd, json.dumps(line).encode() + b"\n")


def open_client(site: Mapping[str, Any], *, sends: bool = True) -> Client:
    """Open a client of the platform and journal that `site` names, which sends or does not."""
    return Client(
        site["write_key"],
        endpoint=site["endpoint"],
        data_dir=site["folder"],
        durability=site.get("durability", "normal"),
        sync=sends,
        clock=FastClock() if site.get("fast", True) else None,
    )


def track(client: Client, notebook: Notebook, **more: object) -> None:
    """Write one activity, with these properties beside its number."""
    n, value = notebook.begin("track", more=more)
    notebook.did(n, client.activity.track("seen", value).id)


def update(client: Client, notebook: Notebook) -> None:
    """Write one profile."""
    n, value = notebook.begin("update")
    notebook.did(n, client.user.update(app_form(value)).id)


def identify(client: Client, notebook: Notebook, key: str, *, is_verified: bool) -> Any:
    """Say who is here: somebody new. Return what identify returns."""
    person = f"person-{os.urandom(8).hex()}"
    n, value = notebook.begin("identify", person, is_verified)
    token = sign_user_id(key, person) if is_verified else None
    found = client.user.identify(person, hmac=token, profile=app_form(value))
    notebook.did(n, found.id)
    return found


def app_form(value: Mapping[str, object]) -> dict[str, Any]:
    """Return a profile as the app gives it."""
    return {"name": value["name"], "traits": {key: each for key, each in value.items() if key != "name"}}


def visit(
    site: dict[str, Any], log: str, first: int, seed: str, trap: dict[str, Any] | None, pause: float, sends: bool
) -> None:
    """Write as people do, one after the other, until killed."""
    rng = random.Random(seed)
    notebook = Notebook(log, first)
    set_trap(site["folder"], trap)
    client = open_client(site, sends=sends)
    for _ in range(MOST_WRITES):
        step(client, notebook, site["verification_key"], rng)
        time.sleep(rng.random() * pause)
    signal.pause()


def take_turns(
    site: dict[str, Any], log: str, first: int, seed: str, writes: int, pause: float, sends: bool = True
) -> None:
    """Write so often, and end. Others do the same in the same journal."""
    rng = random.Random(seed)
    notebook = Notebook(log, first)
    with open_client(site, sends=sends) as client:
        for _ in range(writes):
            step(client, notebook, site["verification_key"], rng)
            time.sleep(rng.random() * pause)


def be_recorded(site: dict[str, Any], log: str, first: int, seed: str, record: str, calls: int, pause: float) -> None:
    """
    Make so many calls, in three openings of which the second sends, while the folder's files are recorded.

    After each call that returned, the record has a mark with its number, from
    `first` on, and the notebook says who is there. At the end it says for how long
    this process did not get to run, at worst.
    """
    rng = random.Random(seed)
    notebook = Notebook(log, first)
    recorder = shim()
    recorder.faults_record(site["folder"].encode(), record.encode())
    metronome = Metronome()
    marks = first
    for number, sends in enumerate((False, True, False)):
        with open_client(site, sends=sends) as client:
            notebook.note({"opened": marks, "session": client.user.session_id, "person": client.user.id})
            for _ in range(calls // 3 if number else calls - 2 * (calls // 3)):
                step(client, notebook, site["verification_key"], rng)
                marks += 1
                recorder.faults_mark(marks)
                notebook.note({"mark": marks, "session": client.user.session_id, "person": client.user.id})
                time.sleep(pause * rng.random())
            if sends and not client.flush(FLUSH_WITHIN_S):
                raise TimeoutError("not everything arrived in time")
    notebook.note({"longest_stall_s": metronome.longest_stall_s})


class Metronome:
    """
    Measures for how long this process did not get to run: a promise in seconds holds on a machine that does.

    Attributes:
        longest_stall_s: The worst so far.
    """

    def __init__(self) -> None:
        self.longest_stall_s = 0.0
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(BEAT_S)
            now = time.monotonic()
            self.longest_stall_s = max(self.longest_stall_s, now - before - BEAT_S)
            before = now


def step(client: Client, notebook: Notebook, key: str, rng: random.Random) -> None:
    """One call of somebody at the kiosk: mostly a write, now and then somebody comes or goes."""
    choice = rng.random()
    is_anonymous = client.user.id is None
    if is_anonymous and choice < 0.3:
        identify(client, notebook, key, is_verified=rng.random() < 0.5)
    elif not is_anonymous and choice < 0.07:
        client.user.reset_session()
    elif choice < 0.6:
        update(client, notebook)
    else:
        track(client, notebook)


def set_trap(folder: str, trap: Mapping[str, Any] | None) -> None:
    """
    Say where this process dies.

    Args:
        trap: `{"calls": n, "after": 0 or 1}`: at the Nth system call that changes
            the folder, before or after it. `{"lines": n, "under": part}`: at the
            Nth line of the package's modules whose path holds the part.
    """
    if trap is None:
        return
    if "calls" in trap:
        found = shim()
        if found is not None:
            found.faults_kill(folder.encode(), trap["calls"], trap["after"])
        return
    left = [int(trap["lines"])]
    under = f"lmg_offline/{trap['under']}"

    def line(frame: FrameType, event: str, argument: object) -> Any:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, argument: object) -> Any:
        return line if under in frame.f_code.co_filename else None

    threading.settrace(call)
    sys.settrace(call)
