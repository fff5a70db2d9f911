"""
One of the processes that share the journal: writes at a steady rate until told to stop.

Everybody at the kiosk is in one session, whichever process writes. Who stands
there is on a board beside the journal: a write holds its lock shared, a word of
who it is and the end of a visit hold it alone. So the oracle knows for each call
whose it was, without asking the SDK.
"""

from __future__ import annotations

import fcntl
import json
import random
import select
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from lmg_offline import Client
from lmg_offline.config import Config
from lmg_offline.verification import sign_user_id

from ..faults.alarm import Alarm

REQUEST_DEADLINE_S = 2.0
DRAIN_WITHIN_S = 300.0
TURN_SHARE = 0.06
ATTRIBUTES = 50
OFFERS = (("offer-coffee", "business-cafe"), ("offer-skates", "business-rink"), ("offer-books", "business-shop"))


class PatientClient(Client):
    """A client whose requests give up after two seconds, so that half-open connections are many."""

    def _build(self, config: Config, *rest: Any, **more: Any) -> None:
        super()._build(config._replace(request_deadline_s=REQUEST_DEADLINE_S), *rest, **more)


@dataclass(frozen=True, slots=True)
class Board:
    """
    Who stands at the kiosk.

    Attributes:
        visits: Counts people, from 1; no two visits are of the same person.

        said: They have said who they are.

        verified: They have shown a token.
    """

    visits: int = 1
    said: bool = False
    verified: bool = False

    @property
    def person(self) -> str:
        """The user id of whoever stands there."""
        return f"person-{self.visits}"


class Writer:
    """Makes the calls and writes down what each promised."""

    def __init__(self, client: Client, job: Mapping[str, Any], promises: TextIO) -> None:
        self._client = client
        self._key = str(job["key"])
        self._place = int(job["number"])
        self._writers = int(job["writers"])
        self._rng = random.Random(f"writer {job['seed']} {self._place}")
        self._board = Path(job["board"])
        self._promises = promises
        self._count = 0

    def write(self) -> None:
        """Make one call."""
        if self._rng.random() < TURN_SHARE:
            with self._at_the_board(fcntl.LOCK_EX) as (board, file):
                after = self._leave(board) if board.said else self._identify(board)
                file.seek(0)
                file.truncate()
                file.write(json.dumps(asdict(after)))
                file.flush()
            return
        with self._at_the_board(fcntl.LOCK_SH) as (board, _):
            choice = self._rng.random()
            if choice < 0.4:
                self._update(board)
            elif choice < 0.8 or not board.verified:
                self._track(board)
            else:
                self._bookmark(board)

    @contextmanager
    def _at_the_board(self, lock: int) -> Iterator[tuple[Board, TextIO]]:
        with self._board.open("r+", encoding="utf-8") as file:
            fcntl.flock(file, lock)
            yield Board(**json.loads(file.read())), file

    def _leave(self, board: Board) -> Board:
        self._client.user.reset_session()
        return Board(board.visits + 1)

    def _identify(self, board: Board) -> Board:
        is_verified = self._rng.random() < 0.5
        token = sign_user_id(self._key, board.person) if is_verified else None
        session = self._client.user.session_id
        receipt = self._client.user.identify(board.person, hmac=token)
        after = replace(board, said=True, verified=is_verified)
        self._promise("identify", receipt.id, session, after, {}, anonymous=False)
        return after

    def _update(self, board: Board) -> None:
        number = self._next()
        value: dict[str, object] = {f"own_{number % ATTRIBUTES}": number, "last": number}
        session = self._client.user.session_id
        receipt = self._client.user.update({"traits": value})
        self._promise("update", receipt.id, session, board, value, anonymous=not board.said)

    def _track(self, board: Board) -> None:
        value = {"n": self._next()}
        session = self._client.user.session_id
        receipt = self._client.activity.track("seen", value)
        self._promise("track", receipt.id, session, board, value, anonymous=not board.said)

    def _bookmark(self, board: Board) -> None:
        is_saved = self._rng.random() < 0.7
        call = self._client.offer.bookmark if is_saved else self._client.offer.unbookmark
        offer_id, business_id = self._rng.choice(OFFERS)
        session = self._client.user.session_id
        receipt = call(offer_id, business_id)
        kind = "bookmark" if is_saved else "unbookmark"
        self._promise(kind, receipt.id, session, board, {"offer_id": offer_id}, anonymous=False)

    def _next(self) -> int:
        """Return a number that no other writer has."""
        self._count += 1
        return self._count * self._writers + self._place

    def _promise(
        self, kind: str, receipt: str, session: str, board: Board, value: Mapping[str, object], *, anonymous: bool
    ) -> None:
        line = {
            "kind": kind,
            "receipt": receipt,
            "session_id": session,
            "person": board.person,
            "anonymous": anonymous,
            "value": value,
            "verified": board.verified,
        }
        self._promises.write(json.dumps(line) + "\n")
        self._promises.flush()


def run(job: Mapping[str, Any]) -> None:
    """Write until a line comes on stdin; send what is left if this one sends; say how it ended; close at the next."""
    with (
        Alarm() as alarm,
        Path(job["promises"]).open("w", encoding="utf-8") as promises,
        PatientClient(
            job["write_key"], endpoint=job["endpoint"], data_dir=job["journal"], sync=job["sends"]
        ) as client,
    ):
        writer = Writer(client, job, promises)
        tell({"ready": True})
        due_s, every_s = time.monotonic(), 1 / job["rate"]
        while not select.select([sys.stdin], [], [], max(0.0, due_s - time.monotonic()))[0]:
            writer.write()
            due_s = max(due_s + every_s, time.monotonic() - 1)
        sys.stdin.readline()
        drained = client.flush(DRAIN_WITHIN_S) if job["sends"] else True
        tell({"drained": drained, "queued": client.status().queued, "alarms": alarm.lines})
        sys.stdin.readline()


def tell(facts: Mapping[str, object]) -> None:
    """Say something to the process that started this one."""
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    run(json.loads(sys.stdin.readline()))
