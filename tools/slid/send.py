"""The people sent through the SDK to a server of their own, and what its Admin API then answers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from lmg_offline import Client
from lmg_offline.cli.admin import Admin
from lmg_offline.verification import sign_user_id
from tools.cluster.databases import database
from tools.cluster.postgres import free_port
from tools.cluster.servers import Facts, announced, serving

from .from_the_file import NONE, SEGMENTS, Row, is_verified, reports, user_id

FILE = Path(__file__).resolve().parents[2] / "lmg_offline" / "cli" / "data" / "slid.csv"
WITHIN_S = 1800.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What the Admin API answered, by what was asked: reports, segments' counts and members."""

    parts: dict[str, Any]


def answers_of(kind: str, rows: list[Row], folder: Path) -> Answers:
    """
    Send everybody to an empty database of a kind, and ask for every report and segment.

    Raises:
        NoPostgres, NoServer: They can't be had.

        TimeoutError: Not all was delivered.
    """
    with ExitStack() as stack:
        url = stack.enter_context(database(kind, folder))
        facts = announced(stack.enter_context(serving(free_port(), url, folder)))
        send(facts, rows, folder / "journal")
        return ask(Admin(facts.endpoint, facts.admin_key), rows)


def send(facts: Facts, rows: list[Row], folder: Path) -> None:
    """Let each come to the kiosk, say who they are, and leave; wait until all is delivered."""
    today = datetime.now(UTC).date()
    with Client(facts.write_key, endpoint=facts.endpoint, data_dir=folder, durability="normal") as client:
        for row in rows:
            token = sign_user_id(facts.verification_key, user_id(row)) if is_verified(row) else None
            client.user.identify(user_id(row), token)
            client.user.update(_profile(row, today))
            client.user.reset_session()
        if not client.flush(WITHIN_S):
            raise TimeoutError(f"{client.status().queued:,} entries were not delivered within {WITHIN_S:.0f} s")


def ask(admin: Admin, rows: list[Row]) -> Answers:
    """Ask for every report, over everybody and each segment, and for each segment's members."""
    parts: dict[str, Any] = {f"report {by}": admin.get("reports/demographics", by=by) for by in reports(rows)}
    for number, segment in enumerate(SEGMENTS):
        path = f"segments/segment-{number}"
        admin.put(path, {"name": segment.name, "rule": segment.rule})
        parts[f"count {segment.name}"] = admin.get(path)["count"]
        parts[f"members {segment.name}"] = sorted(user["user_id"] for user in admin.all(f"{path}/members"))
        for by in reports(rows):
            found = admin.get("reports/demographics", by=by, segment=f"segment-{number}")
            parts[f"report {by} of {segment.name}"] = found
    return Answers(parts)


def _profile(row: Row, today: date) -> dict[str, Any]:
    """Return the profile: the age becomes the birthday of somebody who turned it today."""
    year, day = today.year - int(row["age"]), today.day - (today.month == 2 and today.day == 29)
    traits: dict[str, Any] = {name: float(row[name]) for name in ("education", "wages") if row[name] != NONE}
    traits |= {"language": row["language"]} if row["language"] != NONE else {}
    return {"gender": row["sex"].lower(), "birthday": date(year, today.month, day), "traits": traits}
