"""`lmg-offline doctor`: says in words what is wrong with a journal and what to do, and mends what is safe to mend."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .output import print_json, print_pairs, print_wrapped

HOLDS, FOUND, UNUSABLE = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: facts for people, and findings; `reason` says why no more could be seen."""

    facts: list[tuple[str, object]]
    findings: list[Any]
    reason: str | None = None


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    from .journal import add_where

    parser = verbs.add_parser("doctor", help="say what is wrong with a journal and what to do; exit 1 if anything is")
    add_where(parser)
    parser.add_argument("--mend", action="store_true", help="mend what is safe to mend")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, mend if asked to, look again, and print."""
    from .journal import folder_named

    folder = folder_named(arguments)
    first = look(folder)
    mended: list[Any] = []
    last = first
    if arguments.mend and any(finding.mendable for finding in first.findings):
        mend(folder, first)
        last = look(folder)
        left = [(finding.name, finding.what) for finding in last.findings]
        mended = [each for each in first.findings if each.mendable and (each.name, each.what) not in left]
    _print(last, mended, arguments.json)
    if last.reason is not None:
        return UNUSABLE
    return FOUND if last.findings else HOLDS


def look(folder: Path) -> Look:
    """Look at everything there is to see of the journal in `folder`."""
    from .._journal.aside import Aside
    from .._journal.store import FILE_NAME
    from ..errors import JournalError
    from .doctor_look import look_aside, look_at_disk, look_at_files, look_inside

    facts: list[tuple[str, object]] = [("folder", str(folder))]
    path = folder / FILE_NAME
    if not folder.is_dir() or not (path.is_file() or Aside(path).is_begun()):
        return Look(facts, [], f"there is no journal in {folder}; name its folder with --data-dir")
    try:
        findings = look_at_files(folder)
        if any(finding.name == "symlink" for finding in findings):
            return Look(facts, findings, "a symbolic link is in the way")
        findings += look_at_disk(folder) + look_aside(folder)
        if not path.is_file():
            return Look(facts, findings)
        inside = look_inside(folder)
    except OSError as error:
        return Look(facts, [], f"{folder} can't be looked at ({error.strerror})")
    except JournalError as error:
        return Look(facts, findings, str(error))
    facts += [("version", inside.version), ("sender", _sender(folder))]
    if inside.is_newer:
        return Look(facts, findings, "a newer version of the package wrote this journal; install it")
    findings += inside.damage
    if inside.damage or any(finding.name == "unfinished" for finding in findings):
        return Look(facts, findings)
    return _look_at_queue(folder, facts, findings)


def _look_at_queue(folder: Path, facts: list[tuple[str, object]], findings: list[Any]) -> Look:
    from .._support.clock import SystemClock
    from ..errors import JournalError
    from .doctor_queue import look_at_queue
    from .journal import client_of

    try:
        with client_of(folder) as client:
            status = client.status()
            facts += [
                ("queued", status.queued),
                ("parked", status.parked),
                ("dead letters", status.dead_letters),
                ("on disk", f"{status.journal_bytes:,} bytes"),
                ("last synced", status.last_synced_at),
                ("recovered", None if status.recovery is None else status.recovery.at),
            ]
            return Look(facts, findings + look_at_queue(client, SystemClock().wall_ms()))
    except JournalError as error:
        return Look(facts, findings, str(error))


def mend(folder: Path, found: Look) -> None:
    """Do what is safe: modes, ballast, log, recovery, and the removal of what was recovered from."""
    from .._journal import aside
    from .doctor_look import OWN_FILES
    from .journal import client_of

    names = {finding.name for finding in found.findings if finding.mendable}
    if "mode" in names:
        folder.chmod(0o700)
        for name in OWN_FILES:
            if (folder / name).is_file() and not (folder / name).is_symlink():
                (folder / name).chmod(0o600)
    if found.reason is None and names & {"ballast", "log", "damaged", "unfinished"}:
        with client_of(folder) as client:  # the opening makes ballast, and ends or begins a recovery
            client._journal.store.checkpoint()
    if "damaged" in names and any(finding.name == "damaged" for finding in look(folder).findings):
        with client_of(folder) as client:  # what no opening minds: a row that is not what was written
            client._journal.store.recover()
    if "damaged-folders" in names:
        aside.drop(folder)


def _sender(folder: Path) -> str:
    """Say which process has the right to send."""
    from .._journal.exclusive import ExclusiveFile
    from ..errors import JournalError

    path = folder / "lease.db"
    try:
        lease = ExclusiveFile.try_open(path) if path.is_file() else None
    except JournalError:
        return "can't be seen"
    if lease is not None:
        lease.close()
        return "no process"
    return _holder(path) if path.is_file() else "no process"


def _holder(path: Path) -> str:
    """
    Name the process that holds a lock on the file.

    Source: /proc/locks, proc(5): type, kind, process, and the file by device and inode.
    """
    try:
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return "a process"
    inode = str(path.stat().st_ino)
    for line in lines:
        words = line.split()
        if words[1] == "POSIX" and words[3] == "WRITE" and words[5].rpartition(":")[2] == inode:
            return f"process {words[4]}"
    return "a process"


def _print(last: Look, mended: list[Any], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                **{name.replace(" ", "_"): value for name, value in last.facts},
                "findings": last.findings,
                "mended": mended,
                "reason": last.reason,
                "ok": last.reason is None and not last.findings,
            }
        )
    else:
        print_pairs(last.facts)
        for finding in mended:
            print_wrapped(f"Mended: {finding.what}")
        for number, finding in enumerate(last.findings, 1):
            print_wrapped(f"{number}. {finding.what}")
            print_wrapped(f"Why it matters: {finding.why}", "   ")
            print_wrapped(f"Way out: {finding.way_out}", "   ")
            if finding.mendable:
                print_wrapped("`lmg-offline doctor --mend` does it.", "   ")
        if last.reason is None and not last.findings:
            print("Nothing is wrong.")
    if last.reason is not None:
        print(f"lmg-offline: {last.reason}", file=sys.stderr)
