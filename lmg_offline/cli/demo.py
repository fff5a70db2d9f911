"""
`lmg-offline demo`: the main job, shown and checked.

A kiosk without network serves real people, is killed, and goes on; then the
platform starts. What it ends up with is compared with what the kiosk was
promised and with the file the people come from.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .platform import is_missing

KILL_AT = 0.4
DRAIN_TIMEOUT_S = 600.0


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    parser = verbs.add_parser("demo", help="the main job, shown: an offline kiosk, real people, the network is back")
    parser.add_argument("--people", type=int, default=None, metavar="N", help="only the first N of 7,425")
    parser.add_argument("--keep", action="store_true", help="leave the data folder, and name it")
    parser.set_defaults(run=run_demo)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 when everything agrees."""
    if is_missing():
        return 3
    if arguments.people is not None and arguments.people < 1:
        print("lmg-offline: --people is 1 or more", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="lmg-offline-demo-"))
    try:
        return _Demo(folder, arguments.people).run()
    finally:
        if arguments.keep:
            print(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Findings:
    """Promises and log entries that do not agree, by kind; all empty when they do."""

    lost: list[str]
    twice: list[str]
    out_of_order: list[str]
    mistaken: list[str]

    @property
    def any(self) -> bool:
        """Something does not agree."""
        return bool(self.lost or self.twice or self.out_of_order or self.mistaken)


class _Demo:
    def __init__(self, folder: Path, most: int | None) -> None:
        from . import people

        self.folder = folder
        self.people = people.load(most)
        self.most = most
        self.port = _free_port()

    def run(self) -> int:
        with self._platform() as facts:
            self._put_content(facts)
        print(f"1. The network is down. A kiosk serves {len(self.people):,} people.")
        self._serve_and_kill(facts)
        oracle = self._oracle()
        promised = [line for line in oracle if line["receipt"] is not None]
        print(f"   {len(promised):,} writes returned, {_queued(self.folder):,} entries are on disk.")
        print("2. The network is back.")
        with self._platform() as facts:
            if not self._drain(facts):
                return 1
            return self._compare(facts, promised)

    @contextmanager
    def _platform(self) -> Iterator[dict[str, str]]:
        """Run `platform serve --dev` on our port; yield what it announces."""
        database = f"sqlite:///{self.folder / 'platform.db'}"
        words = ["platform", "serve", "--dev", "--port", str(self.port), "--database", database]
        child = subprocess.Popen(
            [sys.executable, "-m", "lmg_offline.cli.main", *words], stdout=subprocess.PIPE, text=True
        )
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            if not line:
                raise SystemExit("the platform did not start; see the lines above")
            yield json.loads(line)
        finally:
            child.terminate()
            child.wait(30)
            if child.stdout is not None:
                child.stdout.close()

    def _put_content(self, facts: dict[str, str]) -> None:
        from .demo_kiosk import OFFERS

        admin = _Admin(facts)
        for offer_id, business_id in OFFERS:
            admin.put(f"businesses/{business_id}", {"name": business_id.removeprefix("business-").title()})
            headline = offer_id.removeprefix("offer-").title()
            admin.put(f"offers/{offer_id}", {"business_id": business_id, "headline": headline})

    def _serve_and_kill(self, facts: dict[str, str]) -> None:
        """Let the kiosk serve, kill it part-way, start it again."""
        child = self._kiosk(facts)
        while child.poll() is None and len(self._oracle()) < KILL_AT * len(self.people) * 5:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        child.wait()
        print(f"   Killed after {len(self._oracle()):,} calls, and started again.")
        if self._kiosk(facts).wait():
            raise SystemExit("the kiosk failed; see the lines above")

    def _kiosk(self, facts: dict[str, str]) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "lmg_offline.cli.demo_kiosk"], stdin=subprocess.PIPE, text=True
        )
        assert child.stdin is not None
        job = {"folder": str(self.folder), "endpoint": facts["endpoint"], "write_key": facts["write_key"]}
        with child.stdin:
            child.stdin.write(json.dumps({**job, "key": facts["verification_key"], "people": self.most}))
        return child

    def _oracle(self) -> list[dict[str, Any]]:
        from .demo_kiosk import read_oracle

        return read_oracle(self.folder / "oracle.ndjson")

    def _drain(self, facts: dict[str, str]) -> bool:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from ..client import Client

        columns = (TextColumn("   delivering"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
        started = time.monotonic()
        with Client(facts["write_key"], endpoint=facts["endpoint"], data_dir=self.folder / "journal") as client:
            total = client.status().queued
            with Progress(*columns, disable=not sys.stderr.isatty(), console=_stderr()) as progress:
                task = progress.add_task("", total=total)
                while not client.flush(0.5) and time.monotonic() - started < DRAIN_TIMEOUT_S:
                    progress.update(task, completed=total - client.status().queued)
                progress.update(task, completed=total - client.status().queued)
            status, audit = client.status(), client.audit()
        took_s = time.monotonic() - started
        print(f"   {total - status.queued:,} entries sent in {took_s:.1f} s.")
        if status.queued or status.parked or not audit.adds_up:
            print(f"   NOT delivered: {status.queued} queued, {status.parked} parked ({status.last_error}).")
            return False
        return True

    def _compare(self, facts: dict[str, str], promised: list[dict[str, Any]]) -> int:
        from . import people

        admin = _Admin(facts)
        log = admin.all("entries")
        refused = [row for row in log if row["status"] != "applied"]
        same = True
        for by, counted in (("gender", people.by_gender(self.people)), ("age_band", people.by_age_band(self.people))):
            report = admin.get(f"reports/demographics?by={by}")
            reported = {row["value"]: row["count"] for row in report["rows"]}
            same &= _print_report(by, reported, counted, report["total"], report["missing"])
        same &= report["total"] == len(self.people)
        findings = compare(promised, log)
        print(f"3. {len(promised):,} promised, {len(log):,} in the platform's log: "
              f"{len(log) - len(refused):,} applied, {len(refused):,} refused.")  # fmt: skip
        print(f"   {len(findings.lost)} lost, {len(findings.twice)} twice, "
              f"{len(findings.out_of_order)} out of order, {len(findings.mistaken)} mistaken.")  # fmt: skip
        for name in ("lost", "twice", "out_of_order", "mistaken"):
            for row in getattr(findings, name)[:20]:
                print(f"   {name}: {row}")
        for row in refused[:20]:
            print(f"   refused: {row['kind']} {row['id']} ({row['code']})")
        if findings.any or refused or not same:
            print("   It does NOT agree.")
            return 1
        print("   The platform's report equals the one computed from the file.")
        return 0


def compare(promised: list[dict[str, Any]], log: list[dict[str, Any]]) -> Findings:
    """
    Hold the platform's log against what the kiosk was promised.

    Args:
        promised: The oracle's lines with a receipt, in the order of the calls.

        log: The platform's entries, in the order of application.

    Returns:
        Entry ids that are lost, there twice, not in the order of their session,
        or under another person. An entry that no call promised is the one that
        was in flight at the kill; it counts as lost-and-found, at most one.
    """
    place: dict[str, int] = {}
    twice = []
    for number, row in enumerate(log):
        if row["id"] in place:
            twice.append(row["id"])
        place[row["id"]] = number
    lost, mistaken, out_of_order = [], [], []
    last: dict[str, tuple[int, int]] = {}
    for line in promised:
        entry_id = line["receipt"].split(".", 2)[2]
        if entry_id not in place:
            lost.append(entry_id)
            continue
        row = log[place[entry_id]]
        if line["user_id"] is not None and row["user_id"] != line["user_id"]:
            mistaken.append(entry_id)
        here = (place[entry_id], row["seq"])
        before = last.get(row["session_id"])
        if before is not None and not (before[0] < here[0] and before[1] < here[1]):
            out_of_order.append(entry_id)
        last[row["session_id"]] = here
    known = {line["receipt"].split(".", 2)[2] for line in promised}
    strangers = [row["id"] for row in log if row["id"] not in known]
    return Findings(lost, twice + strangers[1:], out_of_order, mistaken)


def _print_report(by: str, reported: dict[str, int], counted: dict[str, int], total: int, missing: int) -> bool:
    from .people import BANDS

    print(f"\n   {by.replace('_', ' '):<12}{'platform':>10}{'file':>10}{'share':>9}")
    order = [name for _, _, name in BANDS] if by == "age_band" else sorted({*reported, *counted})
    for value in order:
        if value in reported or value in counted:
            left, right = reported.get(value, 0), counted.get(value, 0)
            mark = "" if left == right else "   <- differs"
            print(f"   {value:<12}{left:>10,}{right:>10,}{left / total if total else 0:>9.1%}{mark}")
    print(f"   {'missing':<12}{missing:>10,}{0:>10,}\n")
    return reported == counted and missing == 0


class _Admin:
    """The Admin API, as far as the demo needs it."""

    def __init__(self, facts: dict[str, str]) -> None:
        import urllib.request

        self._open = urllib.request.urlopen
        self._request = urllib.request.Request
        self._base = facts["endpoint"] + "/admin/v1/"
        self._headers = {"Authorization": f"Bearer {facts['admin_key']}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        with self._open(self._request(self._base + path, headers=self._headers), timeout=120) as reply:
            return json.load(reply)

    def put(self, path: str, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        request = self._request(self._base + path, data=data, headers=self._headers, method="PUT")
        with self._open(request, timeout=30):
            pass

    def all(self, path: str) -> list[dict[str, Any]]:
        """Return the items of every page."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"{path}?limit=1000{cursor}")
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"


def _queued(folder: Path) -> int:
    from ..client import Client

    with Client("", data_dir=folder / "journal", sync=False) as client:
        return client.status().queued


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _stderr() -> Any:
    from rich.console import Console

    return Console(stderr=True, width=78)
