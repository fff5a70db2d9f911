"""Server processes of the platform, on ports of this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ENDS_WITHIN_S = 15


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server announces."""

    endpoint: str
    write_key: str = field(repr=False)
    verification_key: str = field(repr=False)
    admin_key: str = field(repr=False)


class NoServer(Exception):
    """One did not start, or not as it was asked to. Its own error is in the log beside the database."""


@contextmanager
def serving(port: int, database_url: str, folder: Path, workers: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Run a server of so many processes for as long as the block lasts; its log goes to the folder."""
    command = [sys.executable, "-m", "lmg_offline.cli.main", "platform", "serve", "--dev", "--port", str(port)]
    with (folder / f"server-{port}.log").open("ab") as log:
        command += ["--database", database_url, "--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def announced(server: subprocess.Popen[str]) -> Facts:
    """Wait until a server is there; return its keys and where it is."""
    said = json.loads(_line(server.stdout))
    return Facts(said["endpoint"], said["write_key"], said["verification_key"], said["admin_key"])


def announced_at(endpoint: str, servers: Sequence[subprocess.Popen[str]]) -> Facts:
    """Wait until all are there; return the keys, which are the same, with the one endpoint in front of them."""
    found = [announced(server) for server in servers]
    keys = [(facts.write_key, facts.verification_key, facts.admin_key) for facts in found]
    if any(each != keys[0] for each in keys):
        raise NoServer("servers of one database announce different keys")
    return Facts(endpoint, *keys[0])


def _line(stream: IO[str] | None) -> str:
    line = stream.readline() if stream is not None else ""
    if not line:
        raise NoServer("a server did not start; its own error is in the log beside the database")
    return line
