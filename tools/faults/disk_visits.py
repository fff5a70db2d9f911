"""What a child does on a bad disk: it writes, and notes what returned and what raised."""

from __future__ import annotations

import ctypes
import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lmg_offline import Client
from lmg_offline.errors import JournalError, JournalFull, LMGError

from .nursery import shim
from .visits import FLUSH_WITHIN_S, Notebook, identify, open_client, step, track, update

CALLS_A_RUN = 6
CALLS_AFTER = 2
TAKEN_AGAIN = 20
NOTE = "x" * 120
# Source: sched.h and sys/mount.h.
_NEW_MOUNTS = 0x00020000
_PRIVATE = (1 << 14) | (1 << 18)


class SmallDisk:
    """
    A folder with little room: a file system in memory that only this process sees, or one kept small by the shim.

    Attributes:
        kind: Which, in words.

        folder: The journal's.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._shim = shim()
        self._size = size
        self._home = folder
        folder.mkdir(mode=0o700)
        if self._mount():
            self.kind, self.folder = f"a file system of {size >> 20} MiB", folder / "journal"
        else:
            self.kind, self.folder = f"a folder of {size >> 20} MiB", folder
            self.drain()

    @property
    def is_mounted(self) -> bool:
        """It is a file system, which nobody else can see."""
        return self.folder != self._home

    def fill(self) -> None:
        """Somebody else takes all that is left."""
        if not self.is_mounted:
            used = sum(path.stat().st_size for path in self.folder.iterdir())
            self._shim.faults_limit(str(self.folder).encode(), ctypes.c_int64(used))
            return
        with (self._home / "others").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def drain(self) -> None:
        """They give it back."""
        if self.is_mounted:
            (self._home / "others").unlink()
        else:
            self._shim.faults_limit(str(self.folder).encode(), ctypes.c_int64(self._size))

    def _mount(self) -> bool:
        """Mount it in a name space of this process; False where that is not allowed."""
        libc = ctypes.CDLL(None, use_errno=True)
        where, what = str(self._home).encode(), f"size={self._size},mode=0700".encode()
        return bool(
            libc.unshare(_NEW_MOUNTS) == 0
            and libc.mount(b"none", b"/", None, _PRIVATE, None) == 0
            and libc.mount(b"tmpfs", where, b"tmpfs", 0, what) == 0
        )


class Account:
    """
    What became of the calls.

    Attributes:
        wrong: One line for each error that is none of ours, or says too little.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.raised = self.returned = 0
        self.wrong: list[str] = []

    def make(self, call: Callable[[], object], *allowed: type[LMGError]) -> bool:
        """Make a call that may raise one of these; say whether it returned."""
        try:
            call()
        except allowed as error:
            self.raised += 1
            self._notebook.failed()
            if not str(error):
                self.wrong.append(f"{type(error).__name__} without a word")
            return False
        except Exception as error:
            self.wrong.append(f"a call raised {type(error).__name__}")
            self._notebook.failed()
            return False
        self.returned += 1
        return True


def fill_up(site: dict[str, Any], log: str, first: int, seed: str, writes: int, size: int, result: str) -> None:
    """
    Write so often while others fill the disk twice; the second time, open the journal anew, and then send.

    At the end the journal lies where everybody can see it.
    """
    rng, notebook = random.Random(seed), Notebook(log, first)
    account, disk = Account(notebook), SmallDisk(Path(site["folder"]), size)
    site = {**site, "folder": str(disk.folder), "durability": "full"}
    client, opened_full, raised_before = open_client(site, sends=False), 0, 0
    for number in range(writes):
        if number in (writes * 3 // 10, writes * 7 // 10):
            raised_before = account.raised
        if number == writes * 11 // 20:
            disk.drain()
        is_full = writes * 3 // 10 <= number < writes * 11 // 20 or number >= writes * 7 // 10
        if is_full and account.raised < raised_before + TAKEN_AGAIN:
            disk.fill()  # what the journal wins back from its log is taken too
        if number in (writes * 15 // 20, writes * 17 // 20):
            client.close()
            disk.fill()  # also what SQLite had for itself while the journal was open
            client = open_client(site, sends=number == writes * 17 // 20)
            opened_full += 1
        account.make(partial(_write, client, notebook, site["verification_key"], rng), JournalFull)
    for _ in range(3):
        client.flush(FLUSH_WITHIN_S / 3)
    queued = client.status().queued
    client.close()
    folder = disk.folder
    if disk.is_mounted:
        folder = Path(log).with_name("found")
        shutil.copytree(disk.folder, folder)
    told = {"raised": account.raised, "returned": account.returned, "wrong": account.wrong, "queued": queued}
    Path(result).write_text(
        json.dumps({**told, "opened_full": opened_full, "disk": disk.kind, "folder": str(folder)}), encoding="utf-8"
    )


def _write(client: Client, notebook: Notebook, key: str, rng: random.Random) -> None:
    """One entry, and sometimes somebody else before it."""
    choice = rng.random()
    if choice < 0.01 and client.user.id is not None:
        client.user.reset_session()
    if client.user.id is None:
        identify(client, notebook, key, is_verified=rng.random() < 0.5)
    elif choice < 0.1:
        update(client, notebook)
    else:
        track(client, notebook, note=NOTE)


def suffer(
    site: dict[str, Any], log: str, first: int, seed: str, at: int, error: int, on: bool, fresh: bool, result: str
) -> None:
    """
    Open a journal and write while one deed fails, or all from one on; then go on when the fault is over.

    Every call returns, or raises a JournalError and has written nothing.
    """
    rng = random.Random(seed)
    folder = Path(site["folder"])
    if fresh:
        folder = folder.with_name(f"new-{first}")
        site, log = {**site, "folder": str(folder)}, f"{log}-new"
    notebook = Notebook(log, first)
    account, recorder = Account(notebook), shim()
    site = {**site, "durability": "full"}
    before = 0
    if not fresh:
        with open_client(site, sends=False) as client:
            before = client.audit().accepted
    recorder.faults_fail(str(folder).encode(), at, error, int(on))
    found: list[Client] = []
    account.make(lambda: found.append(open_client(site, sends=False)), JournalError)
    for _ in range(CALLS_A_RUN if found else 0):
        account.make(lambda: step(found[0], notebook, site["verification_key"], rng), JournalError)
    deeds = recorder.faults_seen()
    recorder.faults_fail(str(folder).encode(), 0, 0, 0)
    if not found:
        account.make(lambda: found.append(open_client(site, sends=False)))
    for _ in range(CALLS_AFTER if found else 0):
        account.make(lambda: step(found[0], notebook, site["verification_key"], rng))
    for client in found:
        client.close()
    with open_client(site, sends=False) as client:
        audit = client.audit()
        if audit.accepted - before != notebook.kept or not audit.adds_up:
            more = audit.accepted - before
            account.wrong.append(f"{more} entries after {notebook.kept} calls that returned: {audit}")
        if client._journal.store.read("PRAGMA integrity_check") != [("ok",)]:
            account.wrong.append("the file is damaged")
    Path(result).write_text(json.dumps({"deeds": deeds, "wrong": account.wrong}), encoding="utf-8")
