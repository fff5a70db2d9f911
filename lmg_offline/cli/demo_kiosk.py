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

OFFERS = (("offer-coffee", "business-cafe"), ("offer-skates", "business-rink"), ("offer-books", "business-shop"))


def run(folder: Path, endpoint: str, write_key: str, key: str, people: list[Person]) -> None:
    """Serve the people that the oracle file does not name as finished."""
    oracle = folder / "oracle.ndjson"
    finished = {line["person"] for line in read_oracle(oracle) if line["call"] == "reset"}
    today = datetime.now(UTC).date()
    with oracle.open("a", encoding="utf-8") as file, Client(
        write_key, endpoint=endpoint, data_dir=folder / "journal", sync=False
    ) as client:
        # Killed in the middle of a person: they left the kiosk, the next one starts afresh.
        client.user.reset_session()
        for person in people:
            if person.number not in finished:
                serve(client, person, file, sign_user_id(key, person.user_id) if person.is_verified else None, today)


def serve(client: Client, person: Person, oracle: TextIO, token: str | None, today: date) -> None:
    """One person's visit."""
    note = _Notes(oracle, person.number)
    note("track", None, client.activity.track("screen_opened", {"screen": "welcome"}).id)
    note("identify", person.user_id, client.user.identify(person.user_id, token).id)
    note("update", person.user_id, client.user.update(person.profile(today)).id)
    offer_id, business_id = OFFERS[person.number % len(OFFERS)]
    note("track", person.user_id, client.activity.track("offer_viewed", {"offer_id": offer_id}).id)
    if person.is_verified and person.number % 2:
        note("bookmark", person.user_id, client.offer.bookmark(offer_id, business_id).id)
    client.user.reset_session()
    note("reset", None, None)


class _Notes:
    """Writes down a call that has returned; one write a line, so that a kill leaves whole lines."""

    def __init__(self, file: TextIO, person: int) -> None:
        self._file = file
        self._person = person

    def __call__(self, call: str, user_id: str | None, receipt_id: str | None) -> None:
        line = {"person": self._person, "call": call, "user_id": user_id, "receipt": receipt_id}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def read_oracle(path: Path) -> list[dict[str, object]]:
    """Return what was written down; a line that the kill cut is no promise."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text("utf-8").split("\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # empty, or cut by the kill and continued by the next line
    return found


if __name__ == "__main__":
    job = json.loads(sys.stdin.read())
    run(Path(job["folder"]), job["endpoint"], job["write_key"], job["key"], load(job["people"]))
