"""What somebody does at a device during the outage, as calls of the SDK."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from lmg_offline import Client
from lmg_offline._journal.outbox import Outbox
from lmg_offline._journal.records import EntryRow

# Stands for the person in entries that are made once and given to many devices; not found in any other text.
SOMEBODY = "person-of-the-fleet"
# More than any backlog holds.
_MOST_BYTES = 1 << 40


def user_id(number: int) -> str:
    """Return who stands at a device."""
    return f"fleet-{number}"


def write(client: Client, person: str, token: str, entries: int) -> tuple[str, ...]:
    """Make so many calls: say who it is, fill in the profile, look at offers. Return the receipts' ids."""
    receipts = [client.user.identify(person, token).id]
    if entries > 1:
        receipts.append(client.user.update(_profile(person)).id)
    for place in range(2, entries):
        shown = {"offer_id": f"offer-{place}", "screen": "welcome", "seconds": place * 1.5}
        receipts.append(client.activity.track("offer_viewed", shown).id)
    return tuple(receipts)


def template(entries: int) -> tuple[EntryRow, ...]:
    """Return the entries of SOMEBODY as the SDK journals them, so that nothing here has to know their form."""
    with tempfile.TemporaryDirectory(prefix="lmg-fleet-") as folder:
        with Client("", data_dir=Path(folder), sync=False, durability="normal") as client:
            write(client, SOMEBODY, "not sent", entries)
            (batch,) = Outbox(client._journal).next_batch(entries, _MOST_BYTES, ())
            return batch.entries


def _profile(person: str) -> dict[str, object]:
    traits = {"education": 14.5, "wages": 21.25, "language": "English", "floor": 3, "newsletter": True}
    return {
        "email": f"{person}@example.com",
        "name": f"Somebody {person}",
        "birthday": date(1984, 5, 17),
        "gender": "female",
        "traits": {**traits, "tags": ["skating", "coffee"]},
    }
