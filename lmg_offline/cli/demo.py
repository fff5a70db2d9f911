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
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LMGError
from .platform import is_missing

if TYPE_CHECKING:
    from ..client import Client

KILL_AFTER_SHARE = 0.4
LOOK_EVERY_S = 0.01
SHOW_EVERY_S = 2.0
DRAIN_TIMEOUT_S = 3600.0
STALLED_AFTER_S = 60.0
SHOWN = 20


class DemoError(LMGError):
    """A part of the demo could not be run; its own words are on stderr."""


def add_to(verbs: Any) -> None:
    """Add the verb's words."""
    parser = verbs.add_parser("demo", help="the main job, shown: an offline kiosk, real people, the network is back")
    parser.add_argument("--people", type=_people, metavar="N", help="only the first N of 7,425")
    parser.add_argument("--lmg-only", action="store_true", help="against a platform without our extension")
    parser.add_argument("--keep", action="store_true", help="leave the data folder, and name it")
    parser.set_defaults(run=run_demo)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 when everything agrees."""
    if is_missing():
        return 3
    folder = Path(tempfile.mkdtemp(prefix="lmg-offline-demo-"))
    try:
        return Demo(folder, arguments.people, _say, lmg_only=arguments.lmg_only).run()
    finally:
        if arguments.keep:
            _say(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


class Demo:
    """One run in one folder."""

    def __init__(
        self, folder: Path, most: int | None, say: Callable[[str], None], *, lmg_only: bool = False
    ) -> None:
        from .people import load

        self._folder = folder
        self._most = most
        self._people = load(most)
        self._port = _free_port()
        self._say = say
        self._lmg_only = lmg_only
        self._in_flight = 0

    def run(self) -> int:
        """Do it all; return the exit code."""
        from .demo_kiosk import LEFT

        with self._platform() as facts:
            self._put_content(facts)
        self._say(f"1. The network is down. People at the kiosk: {len(self._people):,}.")
        self._serve_and_kill(facts)
        promises = [line for line in self._oracle() if line["call"] != LEFT]
        self._say(f"   {len(promises):,} writes returned; {self._queued():,} entries wait on its disk.")
        self._say("2. The network is back.")
        with self._platform() as facts:
            if not self._drain(facts):
                return 1
            self._say("3. What the platform has, next to what the file says:")
            return 0 if self._agrees(facts, promises) else 1

    @contextmanager
    def _platform(self) -> Iterator[dict[str, str]]:
        """Run `platform serve --dev` on our port; yield what it announces."""
        database = f"sqlite:///{self._folder / 'platform.db'}"
        words = ["platform", "serve", "--dev", "--port", str(self._port), "--database", database]
        words += ["--lmg-only"] if self._lmg_only else []
        command = [sys.executable, "-m", "lmg_offline.cli.main", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                line = child.stdout.readline() if child.stdout is not None else ""
                if not line:
                    raise DemoError("the platform did not start; its reason is above")
                yield json.loads(line)
            finally:
                child.terminate()

    def _put_content(self, facts: dict[str, str]) -> None:
        from .admin import Admin
        from .demo_kiosk import OFFERS

        admin = Admin(facts["endpoint"], facts["admin_key"])
        for offer_id, business_id in OFFERS:
            admin.put(f"businesses/{business_id}", {"name": business_id.removeprefix("business-").title()})
            headline = offer_id.removeprefix("offer-").title()
            admin.put(f"offers/{offer_id}", {"business_id": business_id, "headline": headline})

    def _serve_and_kill(self, facts: dict[str, str]) -> None:
        """Let the kiosk serve, kill it part-way, start it again."""
        from .demo_kiosk import LEFT

        with self._kiosk(facts) as child:
            while child.poll() is None and self._lines() < KILL_AFTER_SHARE * 5 * len(self._people):
                time.sleep(LOOK_EVERY_S)
            ended = child.poll()
            child.kill()
        if ended == 0:
            self._say("   It was done before it could be killed; with more people it is not.")
            return
        if ended is not None:
            raise DemoError("the kiosk failed; its reason is above")
        self._in_flight = 1
        served = sum(line["call"] == LEFT for line in self._oracle())
        self._say(f"   Killed with SIGKILL after {served:,} of them; it starts again.")
        with self._kiosk(facts) as child:
            pass
        if child.returncode:
            raise DemoError("the kiosk failed; its reason is above")

    def _kiosk(self, facts: dict[str, str]) -> subprocess.Popen[str]:
        job = {
            "folder": str(self._folder),
            "endpoint": facts["endpoint"],
            "write_key": facts["write_key"],
            "key": facts["verification_key"],
            "people": self._most,
        }
        command = [sys.executable, "-m", "lmg_offline.cli.demo_kiosk"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
        if child.stdin is not None:
            # Keys go through a pipe: the words of a command are there for every user to read.
            child.stdin.write(json.dumps(job))
            child.stdin.close()
        return child

    def _lines(self) -> int:
        from .demo_kiosk import ORACLE

        path = self._folder / ORACLE
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def _oracle(self) -> list[dict[str, Any]]:
        from .demo_kiosk import ORACLE, read_oracle

        return read_oracle(self._folder / ORACLE)

    def _queued(self) -> int:
        from ..client import Client
        from .demo_kiosk import JOURNAL

        with Client("", data_dir=self._folder / JOURNAL, sync=False) as client:
            return client.status().queued

    def _drain(self, facts: dict[str, str]) -> bool:
        from ..client import Client
        from .demo_kiosk import JOURNAL

        started = time.monotonic()
        with Client(facts["write_key"], endpoint=facts["endpoint"], data_dir=self._folder / JOURNAL) as client:
            total = client.status().queued
            with _progress(total, self._say) as advance:
                self._flush(client, total, started, advance)
            status, audit, explained = client.status(), client.audit(), client.explain()
        took_s = time.monotonic() - started
        self._say(f"   {audit.acknowledged:,} entries delivered in {took_s:.1f} s.")
        if status.queued or status.parked or status.dead_letters or not audit.adds_up:
            self._say(f"   NOT all: {status.queued:,} queued, {status.parked:,} parked, "
                      f"{status.dead_letters:,} refused.")  # fmt: skip
            for sentence in explained[:SHOWN]:
                self._say(f"   {sentence}")
            return False
        return True

    def _flush(self, client: Client, total: int, started: float, advance: Callable[[int], None]) -> None:
        """Wait until all is delivered, the time is up, or nothing has moved for too long."""
        left, moved_at = total, started
        while not client.flush(SHOW_EVERY_S):
            queued, now = client.status().queued, time.monotonic()
            if queued != left:
                left, moved_at = queued, now
                advance(total - queued)
            if now - moved_at > STALLED_AFTER_S or now - started > DRAIN_TIMEOUT_S:
                return
        advance(total)

    def _agrees(self, facts: dict[str, str], promises: list[dict[str, Any]]) -> bool:
        """Print the reports and the verdict."""
        from . import people
        from .admin import Admin
        from .demo_check import compare, differences, table

        admin = Admin(facts["endpoint"], facts["admin_key"])
        same = True
        for title, counted, order in (
            ("gender", people.by_gender(self._people), people.GENDERS),
            ("age band", people.by_age_band(self._people), people.BAND_NAMES),
        ):
            report = admin.get("reports/demographics", by=title.replace(" ", "_"))
            reported = {row["value"]: row["count"] for row in report["rows"]}
            self._say("")
            reported["missing"], counted["missing"] = report["missing"], 0
            same &= table(title, reported, counted, order, self._say)
        states = {person.user_id: "VERIFIED" if person.is_verified else "IDENTIFIED" for person in self._people}
        found = {user["user_id"]: user["state"] for user in admin.all("users")}
        wrong_people = differences(states, found)
        self._say("")
        by_state = Counter(found.values()), Counter(states.values())
        same &= table("state", *by_state, ("IDENTIFIED", "VERIFIED"), self._say)
        log = admin.all("entries")
        refused = [f"{row['kind']} {row['id']}: {row['code']}" for row in log if row["status"] != "applied"]
        findings = compare(promises, log)
        self._say("")
        self._say(f"4. {len(promises):,} promised; {len(log):,} sent, {len(log) - len(refused):,} applied, "
                  f"{len(refused):,} refused.")  # fmt: skip
        if findings.unpromised[: self._in_flight]:
            self._say("   One more than promised: on disk when the kill came, before the call returned.")
        self._say(f"   {len(findings.lost)} lost, {len(findings.twice)} twice, {len(findings.out_of_order)} "
                  f"out of order; {len(findings.mistaken)} under a wrong person.")  # fmt: skip
        faults = {**findings.faults(self._in_flight), "refused": refused, "person": wrong_people}
        for name, lines in faults.items():
            for line in lines[:SHOWN]:
                self._say(f"   {name}: {line}")
        holds = same and not any(faults.values())
        self._say("   The reports equal those computed from the file." if holds else "   This does NOT agree.")
        return holds


@contextmanager
def _progress(total: int, say: Callable[[str], None]) -> Iterator[Callable[[int], None]]:
    """Yield what to call with the number of entries delivered: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        shown = [0]

        def line(done: int) -> None:
            if done < total and done - shown[0] >= total / 4:
                shown[0] = done
                say(f"   {done:,} of {total:,} entries delivered")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("   delivering"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, width=78)) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _people(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a number of people, 1 or more")
    return int(text)


def _say(line: str) -> None:
    print(line, flush=True)
