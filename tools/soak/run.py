"""The soak: platform and writers as processes, the network between them, samples, and the verdict."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from lmg_offline import Client
from lmg_offline.cli.admin import Admin

from ..faults.oracle import Call, Oracle, Report, judge
from ..faults.proxy import FaultProxy
from ..faults.stage import take_evidence
from .samples import Measure, Sample, drained, flatness, sizes, take
from .weather import Weather
from .writer import OFFERS, Board

WRITERS = 3
SAMPLES_AT_LEAST = 48
SAMPLE_EVERY_S = 5.0
LOOK_EVERY_S = 0.05
END_WITHIN_S = 60.0
EMPTIED_WITHIN_S = 10.0
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """
    What is asked for.

    Attributes:
        rate: Calls a second, of each of the three writers.

        dialect: `replay`, or `lmg` for a platform without our extension.
    """

    minutes: float
    seed: int
    rate: float
    dialect: str = "replay"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    report: Report
    measures: Sequence[Measure]
    samples: Sequence[Sample]
    weather_changes: int

    @property
    def holds(self) -> bool:
        """Nothing was found, and everything is flat."""
        return self.report.holds and all(measure.holds for measure in self.measures)


@dataclass(frozen=True, slots=True)
class Platform:
    """What the stage needs to know of the platform."""

    endpoint: str
    write_key: str = field(repr=False)
    verification_key: str = field(repr=False)
    admin_key: str = field(repr=False)


class Process:
    """A child that speaks JSON, one object a line."""

    def __init__(self, words: Sequence[str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.vitals = psutil.Process(self._child.pid)

    def say(self, line: str) -> None:
        """Give it a line."""
        if self._child.stdin is not None:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return what it says next; empty when it has ended."""
        line = self._child.stdout.readline() if self._child.stdout is not None else ""
        found: dict[str, Any] = json.loads(line) if line else {}
        return found

    def end(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        return self._child.wait(END_WITHIN_S)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *what: object) -> None:
        self._child.terminate()
        self._child.wait(END_WITHIN_S)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


def soak(setting: Setting) -> Outcome:
    """Run it, and judge."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lmg-soak-")))
        words = ["lmg_offline.cli.main", "platform", "serve", "--dev", "--port", "0"]
        words += ["--database", f"sqlite:///{folder / 'platform.db'}"]
        server = stack.enter_context(Process(words + ["--lmg-only"] * (setting.dialect == "lmg")))
        platform = Platform(**server.hear())
        _put_content(platform)
        proxy = stack.enter_context(FaultProxy(platform.endpoint))
        return _Soak(setting, folder, server, platform, proxy).run()


class _Soak:
    """One soak under way."""

    def __init__(
        self, setting: Setting, folder: Path, server: Process, platform: Platform, proxy: FaultProxy
    ) -> None:
        self._setting = setting
        self._folder = folder
        self._journal = folder / "journal"
        self._server = server
        self._platform = platform
        self._proxy = proxy
        self._weather = Weather(proxy, setting.seed)
        self._samples: list[Sample] = []
        self._report = Report("soak")

    def run(self) -> Outcome:
        """Write, drain, judge."""
        (self._folder / "board").write_text(json.dumps(asdict(Board())), "utf-8")
        with Client("", data_dir=self._journal, sync=False):
            pass
        empty_bytes = (self._journal / "journal.db").stat().st_size
        with self._writers() as writers:
            self._let_them_write(writers)
            open_wal_bytes = self._drain(writers)
        after = sizes(self._journal)
        oracle = self._oracle()
        self._account(oracle)
        report = self._report + judge("soak", oracle, take_evidence(self._platform, oracle))
        sessions = len({call.session_id for call in oracle.calls})
        measures = [*flatness(self._samples), *drained(empty_bytes, open_wal_bytes, after, sessions)]
        tries = self._weather.changes
        return Outcome(replace(report, tries=tries), measures, self._samples, tries)

    @contextmanager
    def _writers(self) -> Iterator[list[Process]]:
        with ExitStack() as stack:
            writers = [stack.enter_context(Process(["tools.soak.writer"])) for _ in range(WRITERS)]
            for number, writer in enumerate(writers):
                # Keys go through a pipe: the words of a command are there for every user to read.
                writer.say(json.dumps(self._job(number)))
            for writer in writers:
                if not writer.hear():
                    raise RuntimeError("a writer could not start; its reason is above")
            yield writers

    def _job(self, number: int) -> Facts:
        return {
            "number": number,
            "writers": WRITERS,
            "sends": number == 0,
            "rate": self._setting.rate,
            "seed": self._setting.seed,
            "journal": str(self._journal),
            "board": str(self._folder / "board"),
            "promises": str(self._promises(number)),
            "endpoint": self._proxy.endpoint,
            "write_key": self._platform.write_key,
            "key": self._platform.verification_key,
        }

    def _promises(self, number: int) -> Path:
        return self._folder / f"promises-{number}.ndjson"

    def _let_them_write(self, writers: Sequence[Process]) -> None:
        """Change the weather and take samples until the time is up."""
        length_s = self._setting.minutes * 60
        every_s = min(SAMPLE_EVERY_S, length_s / SAMPLES_AT_LEAST)
        started, due_s = time.monotonic(), 0.0
        while (now_s := time.monotonic() - started) < length_s:
            self._weather.at(now_s)
            if now_s >= due_s:
                due_s += every_s
                self._samples.append(self._sample(now_s, writers))
            time.sleep(LOOK_EVERY_S)

    def _sample(self, at_s: float, writers: Sequence[Process]) -> Sample:
        names = ["sender", *(f"writer {number}" for number in range(1, WRITERS))]
        processes = {"platform": self._server.vitals}
        processes |= {name: writer.vitals for name, writer in zip(names, writers, strict=True)}
        return take(at_s, self._weather.now, processes, self._journal)

    def _drain(self, writers: Sequence[Process]) -> int:
        """
        Stop the writers, let the network heal, wait until all is sent and everybody has closed.

        Returns:
            The log's size in bytes when all was sent and nobody had closed yet.
        """
        self._weather.clear()
        for writer in writers[1:]:
            self._stopped(writer)
        self._stopped(writers[0])
        open_wal_bytes = self._emptied()
        for writer in writers:
            writer.say("close")
        for writer in writers:
            if writer.end():
                self._found("hung", "a writer did not close in time, or failed")
        return open_wal_bytes

    def _emptied(self) -> int:
        """Give the drain's checkpoint time, and return what is left of the log, in bytes."""
        deadline = time.monotonic() + EMPTIED_WITHIN_S
        while (size := sizes(self._journal).get("journal.db-wal", 0)) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        return size

    def _stopped(self, writer: Process) -> None:
        writer.say("stop")
        said = writer.hear()
        if not said.get("drained"):
            self._found("hung", f"{said.get('queued', 'all')} entries not delivered in time")
        for line in said.get("alarms", ["a writer failed; its reason is above"]):
            self._found("wrong_value", f"the SDK logged an error: {line}")

    def _oracle(self) -> Oracle:
        """
        Return the promises of all writers, in the order in which the journal has them.

        Their order between processes is known to nobody else; within a process
        it must be the order of the calls.
        """
        calls: list[Call] = []
        states: dict[str, str] = {}
        for number in range(WRITERS):
            own = []
            with self._promises(number).open(encoding="utf-8") as lines:
                for line in map(json.loads, lines):
                    is_verified = line.pop("verified")
                    own.append(Call(**line))
                    if line["kind"] == "identify":
                        states[line["person"]] = "VERIFIED" if is_verified else "IDENTIFIED"
            places = [_place(call) for call in own]
            if places != sorted(set(places)):
                self._found("out_of_order", f"the receipts of writer {number}")
            calls += own
        calls.sort(key=_place)
        # Who has never said who they are is known to nobody.
        return Oracle([call if call.person in states else replace(call, person=None) for call in calls], states)

    def _account(self, oracle: Oracle) -> None:
        """Hold the SDK's own account against what was promised."""
        with Client("", data_dir=self._journal, sync=False) as client:
            audit = client.audit()
            if not audit.adds_up or audit.accepted != len(oracle.calls):
                self._found("wrong_value", "the SDK's own audit does not add up")
            for call in oracle.calls:
                state = client.journal.receipt(call.receipt)
                if state != "acknowledged":
                    self._found("lost", f"the receipt of {call.kind} {call.entry_id} says {state}")

    def _found(self, finding: str, line: str) -> None:
        self._report = self._report.found(finding, line)


def _place(call: Call) -> tuple[int, int]:
    lane, seq, _ = call.receipt.split(".", 2)
    return int(lane), int(seq)


def _put_content(platform: Platform) -> None:
    admin = Admin(platform.endpoint, platform.admin_key)
    for offer_id, business_id in OFFERS:
        admin.put(f"businesses/{business_id}", {"name": business_id.removeprefix("business-").title()})
        admin.put(f"offers/{offer_id}", {"business_id": business_id, "headline": offer_id.removeprefix("offer-")})
