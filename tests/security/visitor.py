"""
A child process in which somebody visits a kiosk: `python -m tests.security.visitor FOLDER DURABILITY MODE`.

It takes a JSON object from its first line of input and then goes on line by
line; after each step it writes the step's name. The parent looks at the files:
in this process they are open, and opening them once more would drop SQLite's locks.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from lmg_offline import Client
from lmg_offline._journal.store import Store

FLUSH_S = 60.0


def say(step: str) -> None:
    """Tell the parent that a step is done, and wait for its word."""
    sys.stdout.write(step + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


def visit(client: Client, person: dict[str, Any]) -> None:
    """Leave every kind of trace that a person can leave on the device."""
    client.activity.track("before", {"note": person["before"]})
    client.user.identify(person["user_id"], person["token"], profile=None)
    client.user.update({"email": person["email"], "name": person["name"], "traits": {person["trait"]: person["value"]}})
    client.activity.track("seen", {"note": person["property"]})
    client.offer.bookmark(person["offer"])
    client.search.save_term(person["term"])


def look(client: Client, person: dict[str, Any]) -> None:
    """Read what the platform says to this person, so that it is in the cache."""
    client.business.list(search=person["term"], timeout=FLUSH_S)
    client.business.list(limit_to_saved=True, timeout=FLUSH_S)


def crash_at_checkpoint(_store: Store) -> None:
    """Die with the reset committed and its log not emptied."""
    os._exit(9)


def main(folder: str, durability: str, mode: str) -> None:
    """Play one part."""
    person = json.loads(sys.stdin.readline())
    if mode == "reader":
        reader = sqlite3.connect(f"file:{Path(folder) / 'journal.db'}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchall()
        say("reading")
        reader.close()
        say("read")
        return
    where = {"endpoint": person["endpoint"], "data_dir": folder, "durability": durability}
    with Client(person["write_key"], **where) as client:
        if mode == "stay":
            say("open")
            return
        if mode != "next":
            visit(client, person)
            if not client.flush(FLUSH_S):
                raise SystemExit("the queue was not drained")
            look(client, person)
            say("written")
            if mode == "crash":
                Store.checkpoint = crash_at_checkpoint  # type: ignore[method-assign]
            if mode == "forget":
                client.user.forget()
            elif mode == "take over":
                client.user.identify("next-person")
            else:
                client.user.reset_session()
        if not client.flush(FLUSH_S):
            raise SystemExit("the queue was not drained")
        if mode == "forget":
            # Without the extension only a person can see to an erasure: a dead letter says whose until they have.
            for letter in client.journal.dead_letters():
                client.journal.discard(letter.id)
        say("drained")


if __name__ == "__main__":
    main(*sys.argv[1:])
