"""`lmg-offline status|audit|queue`: see and mend a journal, without sending anything."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output import fields_of, print_json, print_pairs, print_wrapped

if TYPE_CHECKING:
    from ..client import Client

Verb = Callable[["Client", argparse.Namespace], int]
DEFAULT_APP = "lmg-offline"


def add_to(verbs: Any) -> None:
    """Add the verbs' words."""
    _add(verbs, "status", "what is queued, and what the sync is doing", run_status)
    _add(verbs, "audit", "account for every accepted write; exit 1 if it does not add up", run_audit)
    queue = verbs.add_parser("queue", help="list, retry, discard, export queued writes")
    inner = queue.add_subparsers(dest="what", required=True, metavar="WHAT")
    _add(inner, "list", "lanes, parked ones with the reason, and dead letters", run_list)
    for name, help_text, run in (
        ("retry", "queue a dead letter again", run_retry),
        ("discard", "give up a dead letter or parked entry", run_discard),
    ):
        _add(inner, name, help_text, run).add_argument("entry_id", metavar="ID")
    export = _add(inner, "export", "write queued and refused entries to a file, as NDJSON", run_export)
    export.add_argument("file", metavar="FILE", type=Path)
    export.add_argument("--force", action="store_true", help="replace the file")


def _add(verbs: Any, name: str, help_text: str, verb: Verb) -> Any:
    parser = verbs.add_parser(name, help=help_text)
    add_where(parser)
    parser.set_defaults(run=lambda arguments: _on_journal(verb, arguments))
    return parser


def add_where(parser: Any) -> None:
    """Add the words that name a journal, and the one for JSON."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--data-dir", type=Path, metavar="DIR", help="the journal's folder; default: LMG_DATA_DIR")
    which.add_argument("--app-name", metavar="NAME", help=f"or the app whose folder it is; default: {DEFAULT_APP}")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def folder_named(arguments: argparse.Namespace) -> Path:
    """Return the folder that the words or the environment name: a flag wins, the name of an app included."""
    from .._journal.location import folder_of

    chosen = arguments.data_dir or (None if arguments.app_name else os.environ.get("LMG_DATA_DIR"))
    return folder_of(arguments.app_name or DEFAULT_APP, Path(chosen) if chosen else None)


def client_of(folder: Path) -> Client:
    """Open a client that sends nothing, with the bounds of the app, which stay as they are."""
    from .._journal.journal import Journal
    from .._support.clock import SystemClock
    from ..client import Client

    journal = Journal.open(folder, SystemClock(), durable=True)
    bounds = journal.bounds
    try:
        return Client("", data_dir=folder, sync=False, max_entries=bounds.max_entries, max_bytes=bounds.max_bytes)
    finally:
        journal.close()


def _on_journal(verb: Verb, arguments: argparse.Namespace) -> int:
    """Open the journal that is there, and no other."""
    from .._journal.aside import Aside
    from .._journal.store import FILE_NAME

    folder = folder_named(arguments)
    if not (folder / FILE_NAME).exists() and not Aside(folder / FILE_NAME).is_begun():
        print(f"lmg-offline: there is no journal in {folder}; name its folder with --data-dir", file=sys.stderr)
        return 3
    with client_of(folder) as client:
        return verb(client, arguments)


def run_status(client: Client, arguments: argparse.Namespace) -> int:
    """Print the status."""
    status = client.status()
    explained = client.explain()
    if arguments.json:
        print_json({**fields_of(status), "explain": explained})
        return 0
    age = None if status.oldest_age is None else f"{status.oldest_age:.0f} s"
    print_pairs(
        [
            ("journal", status.journal),
            ("session", f"{status.session_id} ({status.state})"),
            ("queued", status.queued),
            ("parked", status.parked),
            ("dead letters", status.dead_letters),
            ("oldest entry", age),
            ("on disk", f"{status.journal_bytes:,} of {_most(status.max_bytes)} bytes"),
            ("room for", f"{_most(status.max_entries)} entries"),
            ("last synced", status.last_synced_at),
            ("dialect", status.dialect),
            ("suspended", status.suspended),
            ("last error", status.last_error),
            ("sync restarts", status.restarts or None),
        ]
    )
    for sentence in explained:
        print_wrapped(sentence, "  ")
    return 0


def _most(bound: int | None) -> str:
    return "any number of" if bound is None else f"at most {bound:,}"


def run_audit(client: Client, arguments: argparse.Namespace) -> int:
    """Print the audit; 1 when it does not add up."""
    audit = client.audit()
    if arguments.json:
        print_json({**fields_of(audit), "adds_up": audit.adds_up})
    else:
        print_pairs(
            [
                ("accepted", audit.accepted),
                ("acknowledged", audit.acknowledged),
                ("queued", audit.queued),
                ("parked", audit.parked),
                ("dead letters", audit.dead_letters),
                *[(f"ledger: {reason}", count) for reason, count in audit.ledger.items()],
            ]
        )
        print("It adds up." if audit.adds_up else "It does NOT add up: keep the folder and report this.")
    return 0 if audit.adds_up else 1


def run_list(client: Client, arguments: argparse.Namespace) -> int:
    """Print the lanes that matter and the dead letters."""
    lanes, dead = client.journal.lanes(), client.journal.dead_letters()
    if arguments.json:
        entries = [_without_payload(entry) for entry in client.journal.entries()]
        print_json({"lanes": lanes, "entries": entries, "dead_letters": [_without_payload(item) for item in dead]})
        return 0
    for lane in lanes:
        print(f"{lane.session_id}  {lane.status:<7} {lane.state:<10} {lane.queued:>6} queued")
        if lane.parked_code:
            print_wrapped(f"{lane.parked_code}: {lane.parked_message}", "    ")
    print(f"{len(dead)} dead letters" if dead else "no dead letters")
    for letter in dead:
        print(f"{letter.id}  {letter.kind:<11}{letter.code}")
        print_wrapped(letter.message, "    ")
    return 0


def run_retry(client: Client, arguments: argparse.Namespace) -> int:
    """Queue a dead letter again."""
    receipt_id = client.journal.retry(arguments.entry_id)
    if arguments.json:
        print_json({"receipt_id": receipt_id})
    else:
        print(f"queued again as {receipt_id}")
    return 0


def run_discard(client: Client, arguments: argparse.Namespace) -> int:
    """Give an entry up."""
    client.journal.discard(arguments.entry_id)
    if arguments.json:
        print_json({"discarded": arguments.entry_id})
    else:
        print("discarded; the ledger names it")
    return 0


def run_export(client: Client, arguments: argparse.Namespace) -> int:
    """Write every queued and refused entry, payload and all, to a file of the owner's alone."""
    target: Path = arguments.file
    rows = [*client.journal.entries(), *client.journal.dead_letters()]
    text = "".join(json.dumps(fields_of(row), ensure_ascii=False) + "\n" for row in rows)
    try:
        if not arguments.force:
            _write_new(target, text)
        else:
            # A new file takes the place of the old one: modes and links of the old one have no say.
            beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            _write_new(beside, text)
            beside.replace(target)
    except FileExistsError:
        print(f"lmg-offline: {target} exists; give --force to replace it", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"lmg-offline: {target} can't be written ({error.strerror})", file=sys.stderr)
        return 3
    if arguments.json:
        print_json({"exported": len(rows), "file": str(target)})
    else:
        print(f"{len(rows)} entries written to {target}; it holds personal data")
    return 0


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, 0600 from the start."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _without_payload(row: object) -> dict[str, object]:
    return {name: value for name, value in fields_of(row).items() if name != "payload"}
