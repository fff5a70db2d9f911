"""
The kiosk of the demo, a process of its own: no network, one person after the other.

After each call has returned it writes that down in the oracle file, so that the
file knows what was promised when the process is killed.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from .. import Client
from ..verification import sign_user_id
from .people import Person, load

ORACLE = "oracle.ndjson"
JOURNAL = "journal"
OFFERS = (("offer-coffee", "business-cafe"), ("offer-skates", "business-rink"), ("offer-books", "business-shop"))
LEFT = "left"


def run(folder: Path, endpoint: str, write_key: str, key: str, people: list[Person]) -> None:
    """Serve the people that the oracle file does not name as having left."""
    path = folder / ORACLE
    gone = {line["number"] for line in read_oracle(path) if line["call"] == LEFT}
    today = datetime.now(UTC).date()
    with path.open("a", encoding="utf-8") as oracle:
        if oracle.tell():
            oracle.write("\n")  # ends a line that the kill may have cut
        with Client(write_key, endpoint=endpoint, data_dir=folder / JOURNAL, sync=False) as client:
            # Whoever stood here at the kill has left, and is served again from the start.
            client.user.reset_session()
            for person in people:
                if person.number not in gone:
                    token = sign_user_id(key, person.user_id) if person.is_verified else None
                    serve(client, person, token, today, oracle)


def serve(client: Client, person: Person, token: str | None, today: date, oracle: TextIO) -> None:
    """One person's visit."""

    def note(call: str, receipt_id: str | None, *, anonymous: bool = False) -> None:
        line = {
            "number": person.number,
            "person": person.user_id,
            "call": call,
            "receipt": receipt_id,
            "anonymous": anonymous,
        }
        oracle.write(json.dumps(line) + "\n")
        oracle.flush()

    note("track", client.activity.track("screen_opened", {"screen": "welcome"}).id, anonymous=True)
    note("identify", client.user.identify(person.user_id, token).id)
    note("update", client.user.update(person.profile(today)).id)
    offer_id, business_id = OFFERS[person.number % len(OFFERS)]
    note("track", client.activity.track("offer_viewed", {"offer_id": offer_id}).id)
    if person.is_verified and person.number % 2:
        note("bookmark", client.offer.bookmark(offer_id, business_id).id)
    client.user.reset_session()
    note(LEFT, None)


def read_oracle(path: Path) -> list[dict[str, object]]:
    """Return what was written down; a line that the kill cut is no promise."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # empty, or cut
    return found


if __name__ == "__main__":
    job = json.loads(sys.stdin.read())
    run(Path(job["folder"]), job["endpoint"], job["write_key"], job["key"], load(job["people"]))
