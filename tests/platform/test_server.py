"""The server as a process: announced, stopped, started again, several at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from lmg_offline.platform import properties
from lmg_offline.platform.search.engines import is_index
from lmg_offline.platform.server import running
from lmg_offline.platform.store import migrate
from lmg_offline.platform.store.engine import close_engine, make_engine, transact, writing
from lmg_offline.platform.store.metadata import metadata
from lmg_offline.platform.store.migrate import upgrade

CODE = """
import json, sys
from lmg_offline.platform.server import serve
from lmg_offline.platform.settings import Settings
if __name__ == "__main__":
    sys.exit(serve("127.0.0.1", 0, sys.argv[1], Settings(dev=sys.argv[2] == "dev"), int(sys.argv[3]),
                   lambda facts: print(json.dumps(facts), flush=True)))
"""


@contextmanager
def serving(
    folder: Path, mode: str = "dev", workers: int = 1
) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """Run a server process; yield what it announced and the process."""
    script = folder / "serve.py"
    script.write_text(CODE, encoding="utf-8")
    command = [sys.executable, str(script), f"sqlite:///{folder / 'platform.db'}", mode, str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            if process.poll() is None:
                process.kill()


def asked(facts: dict[str, str]) -> int:
    """Ask the server something with its write key and return the status."""
    answer = httpx.post(
        f"{facts['endpoint']}/graph/auth",
        json={"query": "mutation { createSession { token } }"},
        headers={"X-Integration-Write-Key": facts["write_key"]},
        trust_env=False,
        timeout=10,
    )
    return answer.status_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_announced_answers_and_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """The first line comes when requests are accepted; a stop takes no longer than a moment."""
    with serving(tmp_path) as (facts, process):
        status = asked(facts)
        began = time.monotonic()
        process.send_signal(number)
        code = process.wait(10)
        took_s = time.monotonic() - began

    assert {"endpoint", "write_key", "verification_key", "admin_key"} == set(facts)
    assert (200, 0) == (status, code)
    assert took_s < 5


def test_the_keys_of_development_stay_over_a_restart(tmp_path: Path) -> None:
    """The property is made once."""
    announced = []
    for _ in range(2):
        with serving(tmp_path) as (facts, process):
            announced.append({name: facts[name] for name in facts if name != "endpoint"})
            process.terminate()
            process.wait(10)

    assert announced[0] == announced[1]


def test_without_development_no_key_is_announced(tmp_path: Path) -> None:
    """Properties are made by an operator then, and there is no page for queries."""
    with serving(tmp_path, "production") as (facts, _):
        page = httpx.get(f"{facts['endpoint']}/graph/auth", trust_env=False)

    assert {"write_key": None, "verification_key": None, "admin_key": None} == {
        name: facts[name] for name in facts if name != "endpoint"
    }
    assert 405 == page.status_code


def test_several_processes_share_one_socket(tmp_path: Path) -> None:
    """Requests are answered, and all processes end with the first."""
    with serving(tmp_path, workers=2) as (facts, process):
        statuses = [asked(facts) for _ in range(6)]
        process.terminate()
        code = process.wait(15)

    assert ([200] * 6, 0) == (statuses, code)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the ids of the processes that answer."""
    found = set()
    with suppress(psutil.Error):  # the server has ended
        for child in psutil.Process(process.pid).children():
            with suppress(psutil.Error):  # this one has
                if "spawn_main" in " ".join(child.cmdline()):
                    found.add(child.pid)
    return found


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """The others go on, and so does the server."""
    with serving(tmp_path, workers=2) as (facts, process):
        before = workers_of(process)
        os.kill(min(before), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(after := workers_of(process) - {min(before)}) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        statuses = [asked(facts) for _ in range(4)]
        process.terminate()
        code = process.wait(30)

    assert (2, 2) == (len(before), len(after))
    assert ([200] * 4, 0) == (statuses, code)


def test_workers_that_keep_dying_end_the_server(tmp_path: Path) -> None:
    """A supervisor shall see it, rather than a server that is busy with starting."""
    with serving(tmp_path, workers=2) as (_, process):
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            for pid in workers_of(process):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        code = process.wait(30)

    assert 3 == code


def test_migrations_make_what_the_tables_declare(empty_database_url: str) -> None:
    """No table, column, index or constraint differs; a second run changes nothing."""
    engine = make_engine(empty_database_url)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        options = {"include_name": lambda name, kind, parents: not is_index(name)}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        checks = {
            table: {check["name"] for check in inspect(connection).get_check_constraints(table)}
            for table in ("properties", "sessions", "entries")
        }
    close_engine(engine)

    assert [] == found
    assert {
        "properties": {"ck_properties_bookmarking", "ck_properties_redemption_audience"},
        "sessions": {"ck_sessions_state", "ck_sessions_user"},
        "entries": {"ck_entries_status"},
    } == checks


def test_a_database_of_before_redemption_is_brought_along(empty_database_url: str, tmp_path: Path) -> None:
    """Nothing that was in it is lost."""
    engine = make_engine(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO properties (id, name, created_at, tombstone_secret, settings)"
                " VALUES ('p', 'P', 1, 's', '{}')"
            )
        )
        connection.execute(
            text("INSERT INTO devices VALUES ('p', 'd', 'hash', 1, 1, 0.0, NULL)"),
        )
    migrate.upgrade(engine)

    with engine.connect() as connection:
        found = connection.execute(text("SELECT redemption_audience FROM properties")).scalar_one()
        devices = connection.execute(text("SELECT count(*) FROM devices")).scalar_one()
    close_engine(engine)
    assert ("identified", 1) == (found, devices)


def test_two_processes_that_start_at_once_make_one_schema_and_one_property(empty_database_url: str) -> None:
    """One waits for the other, whoever comes first."""
    barrier = threading.Barrier(3)
    keys: list[properties.Keys] = []

    def start() -> None:
        engine = make_engine(empty_database_url)
        barrier.wait(5)
        upgrade(engine)
        keys.append(transact(engine, lambda connection: properties.dev_keys(connection, 0)))
        close_engine(engine)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert 3 == len(keys)
    assert keys[0] == keys[1] == keys[2]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_a_database_that_cannot_serve_is_refused(url: str) -> None:
    """In memory or of another kind: said at once."""
    with pytest.raises(ValueError, match="platform"):
        make_engine(url)


def test_a_stopped_platform_comes_back_where_it_was(tmp_path: Path) -> None:
    """With its port, its keys and its data."""
    url = f"sqlite:///{tmp_path / 'platform.db'}"
    with running(url) as first:
        pass
    with running(url, port=int(first.endpoint.rsplit(":", 1)[1])) as second:
        same = (first.endpoint, first.write_key) == (second.endpoint, second.write_key)

    assert same
    assert first.write_key not in repr(second)
