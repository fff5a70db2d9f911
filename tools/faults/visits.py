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
from pathlib import Path
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


class Notebook:
    """Keeps what was begun and what returned."""

    def __init__(self, path: str, first: int) -> None:
        """
        Args:
            first: The number of the first call; every call of a row has one of its own.
        """
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._number = first

    def begin(self, kind: str, person: str | None = None, is_verified: bool = False) -> tuple[int, dict[str, object]]:
        """Note that a call is made; return its number and its value in wire form."""
        self._number += 1
        n = self._number
        value: dict[str, object] = {"n": n} if kind == "track" else {f"own_{n}": n, "last": n, "name": f"Name {n}"}
        self.note({"do": n, "kind": kind, "value": value, "person": person, "verified": is_verified})
        return n, value

    def did(self, number: int, receipt: str) -> None:
        """Note that it returned."""
        self.note({"did": number, "receipt": receipt})

    def note(self, line: Mapping[str, object]) -> None:
        """Write one line."""
        os.write(self._fd, json.dumps(line).encode() + b"\n")


def open_client(site: Mapping[str, Any]) -> Client:
    """Open a client of the platform and journal that `site` names."""
    return Client(
        site["write_key"],
        endpoint=site["endpoint"],
        data_dir=site["folder"],
        durability=site.get("durability", "normal"),
        clock=FastClock() if site.get("fast", True) else None,
    )


def track(client: Client, notebook: Notebook) -> None:
    """Write one activity."""
    n, value = notebook.begin("track")
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


def visit(site: dict[str, Any], log: str, first: int, seed: str, trap: dict[str, Any] | None, pause: float) -> None:
    """Write as people do, one after the other, until killed."""
    rng = random.Random(seed)
    notebook = Notebook(log, first)
    set_trap(site["folder"], trap)
    client = open_client(site)
    for _ in range(MOST_WRITES):
        step(client, notebook, site["verification_key"], rng)
        time.sleep(rng.random() * pause)
    signal.pause()


def take_turns(site: dict[str, Any], log: str, first: int, seed: str, writes: int, pause: float) -> None:
    """Write so often, and end. Others do the same in the same journal."""
    rng = random.Random(seed)
    notebook = Notebook(log, first)
    with open_client(site) as client:
        for _ in range(writes):
            step(client, notebook, site["verification_key"], rng)
            time.sleep(rng.random() * pause)


def write_straight(site: dict[str, Any], log: str, record: str, writes: int, pause: float) -> None:
    """Write so often while the folder's files are recorded, each return marked in the record."""
    notebook = Notebook(log, 0)
    recorder = shim()
    Path(site["folder"]).mkdir(mode=0o700)
    recorder.faults_record(site["folder"].encode(), record.encode())
    with open_client(site) as client:
        for number in range(1, writes + 1):
            n, value = notebook.begin("track")
            receipt = client.activity.track("seen", value)
            recorder.faults_mark(number)
            notebook.did(n, receipt.id)
            time.sleep(pause)


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
