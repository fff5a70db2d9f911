"""
A primary with two quorum-synchronous standbys, three servers, clients that write; then primary and a server are killed.

What was promised to the clients is held against the log of the new primary by
the oracle of `tools.faults`: every entry once, in order.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from lmg_offline import Client
from lmg_offline.cli.admin import Admin
from tools.faults.kiosk import BUSINESSES, OFFERS, Kiosk
from tools.faults.oracle import Oracle, Report, judge
from tools.faults.stage import take_evidence

from .balancer import balancing
from .postgres import WITHIN_S, NoPostgres, Server, free_port, new_server, place, url
from .servers import Facts, announced_at, serving

DATABASE = "platform"
NAMES = ("a", "b", "c")
STEP_S = 0.05
_PERSONS_OF_ONE = 1_000_000
_QUORUM = {"synchronous_commit": "on", "synchronous_standby_names": "ANY 1 (a, b, c)"}
_PAUSE = """
SELECT max(pause) FROM (
    SELECT applied_at - lag(applied_at) OVER (ORDER BY applied_at) AS pause, applied_at FROM entries
) AS gaps WHERE applied_at >= {killed_at}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of it.

    Attributes:
        report: Of the oracle.

        entries: How many were promised.

        before: How many of them the platform had taken when the primary was killed.

        promoted_s: From the kill to the new primary's first answer.

        paused_s: The longest time in which no entry was taken, from the kill on.
    """

    report: Report
    entries: int
    before: int
    promoted_s: float
    paused_s: float


def fail_over(clients: int, seconds: float, seed: int, tell: Callable[[str], None]) -> Outcome:
    """
    Do all of it.

    Args:
        clients: How many write.

        seconds: How long they do; the primary is killed after a third of it, a server after two.

        tell: Is told each step.
    """
    with place() as folder, ExitStack() as stack:
        nodes = cluster(folder, stack)
        primary, standbys = nodes[0], nodes[1:]
        primary.ask(f"CREATE DATABASE {DATABASE}")
        ports = [free_port() for _ in NAMES]
        servers = [stack.enter_context(serving(port, url(nodes, DATABASE), folder)) for port in ports]
        facts = announced_at(stack.enter_context(balancing(ports)), servers)
        admin = Admin(facts.endpoint, facts.admin_key)
        for business, offer in zip(BUSINESSES, OFFERS, strict=True):
            admin.put(f"businesses/{business}", {"name": business})
            admin.put(f"offers/{offer}", {"business_id": business, "headline": offer})
        tell(f"primary and two standbys, {len(servers)} servers, {clients} clients")

        writers = [Writer(facts, folder / f"journal-{number}", seed, number) for number in range(clients)]
        for writer in writers:
            stack.callback(writer.client.close, 5)
            writer.start()
        time.sleep(seconds / 3)

        before = int(primary.ask("SELECT count(*) FROM entries", DATABASE) or 0)
        killed_at, began = time.time_ns() // 1_000_000, time.monotonic()
        primary.kill()
        tell(f"primary killed with SIGKILL, {before:,} entries taken")
        new = promote(standbys)
        promoted_s = time.monotonic() - began
        tell(f"standby {NAMES[nodes.index(new)]} promoted, {promoted_s:.1f} s after the kill")
        time.sleep(seconds / 3)
        servers[0].kill()
        tell("a server killed with SIGKILL")
        time.sleep(seconds / 3)

        report = Report("failover", tries=2)
        for writer in writers:
            report += writer.finish()
        oracles = [writer.kiosk.oracle for writer in writers]
        promised = sum(len(oracle.calls) for oracle in oracles)
        tell(f"{promised:,} entries promised; " + ("all delivered" if report.holds else "not all delivered"))
        report += judge_each(oracles, facts)
        paused_ms = new.ask(_PAUSE.format(killed_at=killed_at), DATABASE)
        return Outcome(report, promised, before, promoted_s, float(paused_ms or "nan") / 1000)


def judge_each(oracles: Sequence[Oracle], facts: Facts) -> Report:
    """Hold what each client was promised against its part of the log; what is in no part was made by nobody."""
    report, judged = Report("failover"), 0
    for oracle in oracles:
        evidence = take_evidence(facts, oracle)
        whole = evidence.log or ()
        sessions = {call.session_id for call in oracle.calls}
        mine = [line for line in whole if line["session_id"] in sessions]
        judged += len(mine)
        report += judge("failover", oracle, replace(evidence, log=mine))
        if oracle is oracles[-1] and judged != len(whole):
            report = report.found("mistaken", f"{len(whole) - judged} entries of nobody's sessions")
    return report


def cluster(folder: Path, stack: ExitStack) -> list[Server]:
    """Start a primary and two standbys of it, of which one at least has every commit before it is acknowledged."""
    primary = new_server(folder / NAMES[0])
    stack.callback(primary.kill)
    primary.start()
    standbys = [primary.standby(folder / name, name, _QUORUM) for name in NAMES[1:]]
    for standby in standbys:
        stack.callback(standby.kill)
        standby.start()
    primary.stop()
    primary.settings = _QUORUM
    primary.start()
    wait_until(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == "2")
    return [primary, *standbys]


def promote(standbys: Sequence[Server]) -> Server:
    """
    Promote the standby that has more, let the others follow it, and return it when it takes writes.

    Not before all of them have lost the old primary: what it still hands to one
    of them counts as acknowledged.
    """
    alone = "SELECT count(*) FROM pg_stat_wal_receiver"
    wait_until(lambda: all(standby.ask(alone) == "0" for standby in standbys))
    received = {
        id(standby): int(standby.ask("SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn") or 0) for standby in standbys
    }
    new = max(standbys, key=lambda standby: received[id(standby)])
    new.ask("SELECT pg_promote(true, 60)")
    for standby in standbys:
        if standby is not new:
            name = standby.folder.name
            standby.ask(
                f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={new.port} user=postgres"
                f" application_name={name}'"
            )
            standby.ask("SELECT pg_reload_conf()")
    wait_until(lambda: new.ask("SELECT pg_is_in_recovery()") == "False")
    return new


def wait_until(is_met: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WITHIN_S
    while not is_met():
        if time.monotonic() > deadline:
            raise NoPostgres("the cluster does not come to what was asked of it in time")
        time.sleep(0.02)


class Writer:
    """A client with somebody before it who writes until told to stop."""

    def __init__(self, facts: Facts, folder: Path, seed: int, number: int) -> None:
        self.client = Client(facts.write_key, endpoint=facts.endpoint, data_dir=folder, durability="normal")
        rng = random.Random(f"failover {seed} {number}")
        self.kiosk = Kiosk(self.client, facts.verification_key, rng, first_person=number * _PERSONS_OF_ONE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name=f"writer-{number}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def finish(self) -> Report:
        """Stop writing at the end of a visit, and deliver the rest."""
        self._stopping.set()
        self._thread.join(WITHIN_S)
        report = Report("failover")
        if not self.client.flush(4 * WITHIN_S):
            report = report.found("hung", f"{self.client.status().queued} entries not delivered")
        audit = self.client.audit()
        for name in ("dead_letters", "parked", "queued"):
            if getattr(audit, name):
                report = report.found("lost", f"{getattr(audit, name)} {name.replace('_', ' ')} at the end")
        return report

    def _write(self) -> None:
        while not self._stopping.is_set():
            for _ in self.kiosk.visit():
                self._stopping.wait(STEP_S)
