"""How long an import takes, and how long it is from the start of a process to its first write on disk."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..systems.port import NOWHERE, Place
from ..work import profile

IMPORTS = {
    "bare python": "pass",
    "lmg_offline": "import lmg_offline",
    "lmg_offline.Client": "from lmg_offline import Client",
    "four packages": "import sqlalchemy, platformdirs, urllib3, marshmallow",
    "segment": "import segment.analytics",
    "posthog": "import posthog",
    "rudder": "import rudderstack.analytics",
    "snowplow": "import snowplow_tracker",
    "mixpanel": "import mixpanel",
    "amplitude": "import amplitude",
}
_OURS = """
from lmg_offline import Client
own = Client("wk_bench", endpoint=ENDPOINT, data_dir=FOLDER, durability="full", sync=SYNC)
own.user.update(PROFILE)
"""
_CONNECTED = """
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("PRAGMA synchronous=FULL")
"""
_BARE = f"""
import json, sqlite3
connection = sqlite3.connect(FOLDER + "/entries.db", isolation_level=None)
{_CONNECTED}
connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
connection.execute("INSERT INTO entries (body) VALUES (?)", (json.dumps(PROFILE),))
"""
_ALCHEMY = f"""
import json, marshmallow, sqlalchemy
engine = sqlalchemy.create_engine("sqlite:///" + FOLDER + "/entries.db")
@sqlalchemy.event.listens_for(engine, "connect")
def set_up(connection, record):
    {_CONNECTED.strip().replace(chr(10), chr(10) + "    ")}
table = sqlalchemy.Table("entries", sqlalchemy.MetaData(),
    sqlalchemy.Column("seq", sqlalchemy.Integer, primary_key=True),
    sqlalchemy.Column("body", sqlalchemy.Text, nullable=False))
table.create(engine)
with engine.begin() as connection:
    connection.execute(sqlalchemy.insert(table), dict(body=json.dumps(PROFILE)))
"""
FIRST_WRITES = {
    "lmg": _OURS.replace("SYNC", "True"),
    "lmg, no sync": _OURS.replace("SYNC", "False"),
    "sqlite3": _BARE,
    "sqlalchemy+marshmallow": _ALCHEMY,
}
_EXIT = "import os; sys.stdout.flush(); os._exit(0)"


def run(system: str, place: Place, *, what: str, repeats: int) -> dict[str, float]:
    """
    Start so many interpreters, one after the other, and return the median; one more before them fills the caches.

    Args:
        what: `import`: the import alone, by a clock inside. `first-write`: from
            before the start to the commit, by the clock that processes share.
    """
    took = _imported if what == "import" else _written
    return {"ms": statistics.median([took(system, place) for _ in range(repeats + 1)][1:])}


def _imported(system: str, _place: Place) -> float:
    inside = f"import time; began = time.perf_counter()\n{IMPORTS[system]}\nprint(time.perf_counter() - began)"
    return float(_python(inside)) * 1000


def _written(system: str, place: Place) -> float:
    folder = tempfile.mkdtemp(dir=place.folder)
    given = {"FOLDER": repr(folder), "ENDPOINT": repr(NOWHERE), "PROFILE": repr(profile(1))}
    code = FIRST_WRITES[system]
    for name, value in given.items():
        code = code.replace(name, value)
    began = time.monotonic()
    return (float(_python(f"{code}\nimport sys, time; print(time.monotonic()); {_EXIT}")) - began) * 1000


def _python(code: str) -> str:
    # -P: the current folder is not searched, as for an app that is installed.
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(tempfile.gettempdir()))
    if done.returncode:
        raise RuntimeError(f"a process that was to start ended with {done.returncode}: {done.stderr}")
    return done.stdout.splitlines()[-1]
