"""The journal: modes, durability in threads and processes, damage, forks."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lmg_offline._journal.desk import Desk
from lmg_offline._journal.engine import APPLICATION_ID, driver_connection
from lmg_offline._journal.journal import Journal
from lmg_offline._support.clock import SystemClock
from lmg_offline._support.filelock import FileLock
from lmg_offline.errors import JournalUnavailable, ValidationError
from tests.fakes import ManualClock, Rig


def open_journal(folder: Path) -> Journal:
    return Journal.open(folder, SystemClock(), durable=True)


def seqs(journal: Journal) -> list[int]:
    return [row[0] & 0xFFFFFFFF for row in journal.store.read("SELECT position FROM entries ORDER BY position")]


def test_the_folder_and_every_file_are_the_owners_alone(tmp_path: Path) -> None:
    """0700 and 0600, also for what lies beside the journal."""
    journal = open_journal(tmp_path / "deep" / "er")
    journal.append("track", "{}")
    folder = tmp_path / "deep" / "er"

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    journal.close()


@pytest.mark.parametrize("durable", [True, False])
def test_the_pragmas_are_those_of_the_design(tmp_path: Path, durable: bool) -> None:
    """WAL, a sync per commit for "full", secure deletion, no automatic checkpoints."""
    journal = Journal.open(tmp_path / "j", ManualClock(), durable=durable)
    found = journal.store.run(
        lambda connection: {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "wal_autocheckpoint", "application_id",
                         "auto_vacuum", "trusted_schema")
        }
    )  # fmt: skip

    expected = {"journal_mode": "wal", "synchronous": 2 if durable else 1, "secure_delete": 1}
    expected |= {"wal_autocheckpoint": 0, "application_id": APPLICATION_ID, "auto_vacuum": 1, "trusted_schema": 0}
    assert expected == found
    journal.close()


def test_two_clients_of_a_process_share_one_writer(tmp_path: Path) -> None:
    """And the stronger durability of the two holds for both."""
    weak = Journal.open(tmp_path / "j", SystemClock(), durable=False)
    strong = Journal.open(tmp_path / "j", SystemClock(), durable=True)

    assert weak.store is strong.store
    assert 2 == weak.store.run(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar())
    weak.close()
    strong.append("track", "{}")
    strong.close()


def test_a_weak_journal_is_made_durable_beside_other_writers(tmp_path: Path) -> None:
    """The sync asks for it each round, while the app's threads write: neither meets an error."""
    journal = Journal.open(tmp_path / "j", SystemClock(), durable=False)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(100):
                journal.append("track", "{}")
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        journal.store.make_durable()
    for writer in writers:
        writer.join()
    level = journal.store.run(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar())
    journal.close()

    assert ([], 1) == (errors, level)


def test_a_weak_journal_is_made_durable_by_a_commit_of_its_own(tmp_path: Path) -> None:
    """
    SQLite syncs at commits alone, and one that changes no byte of any page is none: the log must grow.

    Once for what was written, and not again.
    """
    journal = Journal.open(tmp_path / "j", SystemClock(), durable=False)
    journal.append("track", "{}")
    sizes = [journal.store.wal_bytes()]
    for _ in range(2):
        journal.store.make_durable()
        sizes.append(journal.store.wal_bytes())
    journal.close()

    assert sizes[0] < sizes[1] == sizes[2]


def test_threads_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    """Sixteen threads: every number once, no gap."""
    journal = open_journal(tmp_path / "j")
    threads = [threading.Thread(target=lambda: [journal.append("track", "{}") for _ in range(50)]) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(range(1, 801)) == seqs(journal)
    journal.close()


def test_one_callers_error_is_not_another_ones(tmp_path: Path) -> None:
    """A work that fails in a shared commit takes nobody else's down."""
    journal = open_journal(tmp_path / "j")
    raised: list[Exception] = []

    def fail(connection: object) -> None:
        raise ValueError("mine")

    def failing() -> None:
        for _ in range(50):
            try:
                journal.store.run(fail)
            except ValueError as error:
                raised.append(error)

    threads = [threading.Thread(target=failing) for _ in range(4)]
    threads += [threading.Thread(target=lambda: [journal.append("track", "{}") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 200 == len(raised)
    assert list(range(1, 201)) == seqs(journal)
    journal.close()


_WRITER = """
import sys
from pathlib import Path
from lmg_offline._journal.journal import Journal
from lmg_offline._support.clock import SystemClock
journal = Journal.open(Path(sys.argv[1]), SystemClock(), durable=True)
for number in range(int(sys.argv[2])):
    print(journal.append("track", "{}").text, flush=True)
journal.close()
"""


def _writer(folder: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_WRITER), str(folder), str(count)], stdout=subprocess.PIPE, text=True
    )


def test_processes_share_a_journal(tmp_path: Path) -> None:
    """Four processes at once: every number once, no gap, nobody locked out."""
    children = [_writer(tmp_path / "j", 50) for _ in range(4)]
    returned = [line for child in children for line in child.communicate(timeout=60)[0].split()]
    journal = open_journal(tmp_path / "j")

    assert [0, 0, 0, 0] == [child.returncode for child in children]
    assert 200 == len(set(returned))
    assert list(range(1, 201)) == seqs(journal)
    journal.close()


def test_what_returned_survives_kill_9(tmp_path: Path) -> None:
    """Killed in the middle: all that returned is there, and at most one more."""
    child = _writer(tmp_path / "j", 100_000)
    assert child.stdout is not None
    returned = [child.stdout.readline().strip() for _ in range(100)]
    child.send_signal(signal.SIGKILL)
    returned += child.stdout.read().split()
    child.wait()
    child.stdout.close()
    journal = open_journal(tmp_path / "j")
    states = [Desk(journal, lambda: None).receipt(receipt) for receipt in returned if receipt.count("-") == 4]

    assert {"journaled"} == set(states)
    assert 0 <= len(seqs(journal)) - len(states) <= 1
    assert list(range(1, len(seqs(journal)) + 1)) == seqs(journal)
    journal.close()


def test_a_forked_child_opens_its_own_connection(tmp_path: Path) -> None:
    """Parent and child go on writing to one journal."""
    journal = open_journal(tmp_path / "j")
    journal.append("track", "{}")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            journal.append("track", "{}")
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    journal.append("track", "{}")

    assert 0 == os.waitstatus_to_exitcode(status)
    assert [1, 2, 3] == seqs(journal)
    journal.close()


def test_a_fork_during_a_checkpoint_ends(tmp_path: Path) -> None:
    """The sync empties the WAL while the app forks: neither waits for the other for ever."""
    code = textwrap.dedent("""
        import os, sys, threading
        from pathlib import Path
        from lmg_offline._journal.journal import Journal
        from lmg_offline._support.clock import SystemClock
        journal, stop = Journal.open(Path(sys.argv[1]), SystemClock(), durable=False), threading.Event()
        def work(call):
            while not stop.is_set():
                call()
        calls = (journal.store.checkpoint, lambda: journal.append("track", "{}"))
        threads = [threading.Thread(target=work, args=(call,), daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        for _ in range(50):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        stop.set()
        for thread in threads:
            thread.join()
        journal.close()
    """)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "j")], timeout=60, check=False)

    assert 0 == done.returncode


def test_a_close_does_not_wait_for_a_process_that_holds_the_journal(tmp_path: Path) -> None:
    """Longer than it was told, and nothing is lost: the next opening takes in the log."""
    journal = open_journal(tmp_path / "j")
    journal.append("track", "{}")
    other = FileLock(tmp_path / "j" / "journal.lock")
    assert other.acquire(1)
    started = time.monotonic()
    journal.close(0.1)
    took_s = time.monotonic() - started
    other.release()
    other.close()
    again = open_journal(tmp_path / "j")

    assert took_s < 5
    assert [1] == seqs(again)
    again.close()


def test_an_interrupt_right_after_begin_leaves_no_transaction_open(tmp_path: Path) -> None:
    """In a write and in a read: the next one can begin."""
    journal = open_journal(tmp_path / "j")
    store = journal.store
    with pytest.raises(KeyboardInterrupt), interrupting_after(store._reading(), "exec_driver_sql", "BEGIN"):
        store.read_with(lambda connection: None)
    writer = driver_connection(store._writing())
    with pytest.raises(KeyboardInterrupt), interrupting_after(writer, "execute", "BEGIN IMMEDIATE"):
        store.run(lambda connection: None)

    assert (1, 2) == (store.read_with(lambda connection: 1), store.run(lambda connection: 2))
    journal.close()


@contextmanager
def interrupting_after(connection: object, method: str, statement: str) -> Iterator[None]:
    """Ctrl-C right after a statement was executed, before its caller goes on."""
    real = getattr(connection, method)

    def execute(sql: str, *arguments: Any) -> Any:
        found = real(sql, *arguments)
        if sql == statement:
            raise KeyboardInterrupt
        return found

    setattr(connection, method, execute)
    try:
        yield
    finally:
        delattr(connection, method)


def test_an_identify_in_one_process_is_seen_by_all(tmp_path: Path) -> None:
    """A journal has one current person, and an entry gets the lane of that moment."""
    journal = open_journal(tmp_path / "j")
    journal.append("track", "{}")
    code = (
        "import sys; from pathlib import Path; from lmg_offline._journal.journal import Journal;"
        "from lmg_offline._support.clock import SystemClock;"
        "j = Journal.open(Path(sys.argv[1]), SystemClock(), durable=True);"
        "j.identify('ann', None, None); j.reset(); j.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], check=True)
    written = journal.append("track", "{}")

    assert 2 == written.position >> 32
    assert journal.current().user_id is None
    journal.close()


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """Downgrading the package damages nothing."""
    open_journal(tmp_path / "j").close()
    connection = sqlite3.connect(tmp_path / "j" / "journal.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()

    with pytest.raises(JournalUnavailable, match="newer"):
        open_journal(tmp_path / "j")


def test_a_crash_while_it_is_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """A half-made draft is made anew."""
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "journal.db.new").write_bytes(b"half")
    journal = open_journal(tmp_path / "j")

    assert [] == seqs(journal)
    journal.close()


def test_a_symbolic_link_in_the_journals_place_is_refused(tmp_path: Path) -> None:
    """Nobody's other file is written to."""
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "journal.db").symlink_to(tmp_path / "victim")
    with pytest.raises(JournalUnavailable):
        open_journal(tmp_path / "j")

    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("text", ["", "1", "x.y.z", "1.1.none", "99.1.a", "1.99999999999.a"])
def test_what_is_no_receipt_id_is_said_so(tmp_path: Path, text: str) -> None:
    """A wrong id is an error, never a state."""
    rig = Rig(tmp_path / "j")
    with pytest.raises(ValidationError, match="receipt"):
        rig.desk.receipt(text)
    rig.close()


def test_reset_clears_what_the_device_knew(tmp_path: Path) -> None:
    """The next person finds no profile and no search terms; the entries stay queued."""
    rig = Rig(tmp_path / "j")
    rig.journal.identify("ann", None, {"email": "ann@example.com"})
    rig.session.save_term("shoes")
    rig.journal.reset()

    assert ({}, [], 1) == (rig.journal.profile(), rig.session.recent_terms(), len(rig.desk.entries()))
    rig.close()


def test_the_profile_is_what_was_last_known(tmp_path: Path) -> None:
    """Acknowledged and unsent writes together; None clears."""
    rig = Rig(tmp_path / "j")
    rig.update(email="a@example.com", age=3, gone=True)
    rig.drain()
    rig.update(age=4, gone=None)

    assert {"email": "a@example.com", "age": 4} == rig.journal.profile()
    rig.close()
