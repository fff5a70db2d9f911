"""
The row of the fault matrix in which the journal's folder is taken away, or may not be written.

Each child opens, writes and goes on as it would in an app, as somebody whom the
modes of files bind. A call that raised must not arrive, one that returned must.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lmg_offline import Client
from lmg_offline.errors import JournalError, JournalUnavailable

from .disk_visits import Account
from .kills import grounds
from .nursery import Nursery
from .oracle import Report
from .stage import Stage
from .visits import Notebook, open_client, step

ENDS_WITHIN_S = 120.0
CALLS = 4
# Source: linux/capability.h: the two by which root passes over the modes of files.
_CAPABILITIES_VERSION = 0x20080522
_PASS_OVER_MODES = (1 << 1) | (1 << 2)

# What is done to the folder, and whether it can't be opened meanwhile.
TROUBLES = {
    "read-only file": True,
    "read-only folder": True,
    "read-only lock": True,
    "something else in its place": True,
    "read-only folder while open": False,
    "moved away while open": False,
}


def bad_folder(stage: Stage, seed: int, count: int) -> Report:
    """
    Bring trouble over the journal's folder, and see it said, borne, and forgotten when it is over.

    A try is one trouble.
    """
    report, rng = Report("bad-folder"), random.Random(f"bad-folder {seed}")
    with Nursery() as nursery, grounds(stage, nursery) as ground:
        kinds = list(TROUBLES)
        for number in range(count):
            trouble = kinds[number % len(kinds)]
            result = ground.home / "result"
            task = "tools.faults.folder:bear"
            child = ground.start(task, seed=f"{rng.random()}", trouble=trouble, result=str(result))
            code = child.wait(ENDS_WITHIN_S)
            report += Report("bad-folder", tries=1)
            if code is None:
                return report.found("hung", f"{trouble}: the process did not end")
            if code != 0:
                return report.found("wrong_value", f"{trouble}: the process ended with {code}: {ground.output()}")
            for line in json.loads(result.read_text("utf-8")):
                report = report.found("wrong_value", f"{trouble}: {line}")
        return report + ground.verdict("bad-folder", 0)


def bear(site: dict[str, Any], log: str, first: int, seed: str, trouble: str, result: str) -> None:
    """In a child: write, have the trouble, write, be rid of it, write."""
    be_bound_by_modes()
    rng, notebook, folder = random.Random(seed), Notebook(log, first), Path(site["folder"])
    account = Account(notebook)

    def write(client: Client, *allowed: type[JournalError]) -> None:
        for _ in range(CALLS):
            account.make(lambda: step(client, notebook, site["verification_key"], rng), *allowed)

    with open_client(site, sends=False) as client:
        write(client)
        if not TROUBLES[trouble]:
            with _trouble(trouble, folder):
                write(client, JournalError)
            write(client)
    if TROUBLES[trouble]:
        with _trouble(trouble, folder):
            account.wrong += _refusal(lambda: open_client(site, sends=False), folder)
        with open_client(site, sends=False) as client:
            write(client)
    Path(result).write_text(json.dumps(account.wrong), encoding="utf-8")


def _refusal(opening: Callable[[], Client], folder: Path) -> list[str]:
    """Return what is wrong with how an opening fails: it must name the place and the way out."""
    try:
        opening().close()
    except JournalUnavailable as error:
        return [] if str(folder) in str(error) and ";" in str(error) else ["the error names no place or no way out"]
    except Exception as error:
        return [f"the opening raised {type(error).__name__}"]
    return ["it could be opened"]


@contextmanager
def _trouble(trouble: str, folder: Path) -> Iterator[None]:
    away = folder.with_name("away")
    read_only = {"read-only file": folder / "journal.db", "read-only lock": folder / "journal.lock"}
    path = read_only.get(trouble, folder)
    if trouble in ("something else in its place", "moved away while open"):
        folder.rename(away)
        if trouble.startswith("something"):
            folder.write_text("not a folder")
        yield
        with suppress(FileNotFoundError):
            folder.unlink()
        away.rename(folder)
    else:
        mode = path.stat().st_mode
        path.chmod(mode & 0o577)
        yield
        path.chmod(mode)


def be_bound_by_modes() -> None:
    """Give up root's right to read and write whatever it likes; nothing to do for anybody else."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for the higher numbers
    if libc.capget(head, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for number in (0, 1):
        sets[number] &= ~_PASS_OVER_MODES & 0xFFFFFFFF
    if libc.capset(head, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
