"""A row under way: everything set up, faults under a script, and the verdict at the end."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lmg_offline import Client
from lmg_offline.cli.admin import Admin

from .alarm import Alarm
from .exchanges import Script, passing
from .kiosk import BUSINESSES, OFFERS, Kiosk
from .oracle import Report, judge
from .proxy import FaultProxy
from .stage import PlatformFacts, Stage

CLOSE_WITHIN_S = 5.0
STEP_S = 0.005


@dataclass(slots=True)
class Play:
    """
    A row under way.

    Attributes:
        rng: The only source of chance.

        report: What was found so far; `verdict` adds the rest.

        alarm: What the SDK logged as an error.
    """

    stage: Stage
    platform: PlatformFacts
    proxy: FaultProxy
    client: Client
    kiosk: Kiosk
    rng: random.Random
    report: Report
    alarm: Alarm

    def drain(self) -> bool:
        """
        Wait until everything that can go is delivered, hurrying each attempt; say whether it was.

        `flush` hurries the next attempt each time it is called. A client that is
        suspended is not hurried by anything: it is woken to see that its (fast)
        clock has moved on.
        """
        within_s = self.stage.drain_within_s
        deadline = time.monotonic() + within_s
        while not self.client.flush(STEP_S):
            if not self.client.status().queued:
                return True  # what is left is parked, which is for the verdict
            if time.monotonic() > deadline:
                self.found("hung", f"{self.client.status().queued} entries not delivered in {within_s:g} s")
                return False
            self.client._wake()
            time.sleep(STEP_S)
        return True

    def look(self) -> None:
        """Read, and note what is wrong with what is shown."""
        wrong = self.kiosk.look()
        if wrong is not None:
            self.found("hung" if "longer" in wrong else "wrong_value", wrong)

    def found(self, finding: str, line: str) -> None:
        """Note one finding."""
        self.report = self.report.found(finding, line)

    def verdict(self, tries: int) -> Report:
        """Let the network heal, deliver what is left, and hold everything against the evidence."""
        self.proxy.script = passing
        if not self.drain():
            return replace(self.report, tries=tries)
        self._account()
        moved = self._moved()
        if not self.client.close(CLOSE_WITHIN_S):
            self.found("hung", "close did not end in time")
        evidence = replace(self.stage.take_evidence(self.platform, self.kiosk.oracle), moved=moved)
        for line in self.alarm.lines:
            self.found("wrong_value", f"the SDK logged an error: {line}")
        judged = judge(self.report.row, self.kiosk.oracle, evidence)
        return replace(self.report + judged, tries=tries)

    def _account(self) -> None:
        """Hold the SDK's own account against what was promised."""
        audit = self.client.audit()
        if not audit.adds_up or audit.accepted < len(self.kiosk.oracle.calls):
            self.found("wrong_value", "the SDK's own audit does not add up")
        for name in ("dead_letters", "parked", "queued"):
            if getattr(audit, name):
                self.found("lost", f"{getattr(audit, name)} {name.replace('_', ' ')} at the end")
        for call in self.kiosk.oracle.calls:
            state = self.client.journal.receipt(call.receipt)
            if state != "acknowledged":
                self.found("wrong_value", f"the receipt of {call.kind} {call.entry_id} says {state}")

    def _moved(self) -> frozenset[str]:
        """Return the ids of entries that went on under another session: the ledger names them."""
        moved = {
            (row.session_id, seq)
            for row in self.client.journal.ledger()
            if row.reason == "moved"
            for seq in range(row.first_seq, row.last_seq + 1)
        }
        calls = self.kiosk.oracle.calls
        return frozenset(call.entry_id for call in calls if (call.session_id, call.seq) in moved)


@contextmanager
def playing(row: str, seed: int, script: Script, stage: Stage) -> Iterator[Play]:
    """Set everything up for one row, and take it down."""
    with (
        stage.make_platform() as platform,
        tempfile.TemporaryDirectory(prefix="lmg-faults-") as folder,
        FaultProxy(platform.endpoint, script) as proxy,
    ):
        admin = Admin(platform.endpoint, platform.admin_key)
        for business, offer in zip(BUSINESSES, OFFERS, strict=True):
            admin.put(f"businesses/{business}", {"name": business.removeprefix("business-").title()})
            admin.put(f"offers/{offer}", {"business_id": business, "headline": offer.removeprefix("offer-").title()})
        rng = random.Random(f"{row} {seed}")
        with stage.make_client(platform, proxy.endpoint, Path(folder) / "journal") as client:
            kiosk = Kiosk(client, platform.verification_key, rng)
            with Alarm() as alarm:
                yield Play(stage, platform, proxy, client, kiosk, rng, Report(row), alarm)
