"""People at a kiosk: what they write is promised, and kept for the oracle."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from lmg_offline import Client
from lmg_offline.errors import OfflineError, PlatformError
from lmg_offline.verification import sign_user_id

from .oracle import Call, Oracle

READ_TIMEOUT_S = 2.0
HUNG_AFTER_S = 10.0

BUSINESSES = ("business-cafe", "business-rink", "business-shop")
OFFERS = ("offer-coffee", "offer-skates", "offer-books")


class Kiosk:
    """
    Writes as people at a kiosk do, one after the other, and keeps what was promised.

    Attributes:
        oracle: What was promised.
    """

    def __init__(
        self, client: Client, verification_key: str, rng: random.Random, *, first_person: int = 0
    ) -> None:
        self._client = client
        self._key = verification_key
        self._rng = rng
        self.oracle = Oracle()
        self._visits = first_person
        self._number = 0

    def visit(self) -> Iterator[str]:
        """
        One person's visit; yields after each call that wrote, with its kind.

        Some look around before they say who they are, some give a token, all
        leave at the end. No two visits are of the same person.
        """
        rng = self._rng
        self._visits += 1
        person, is_verified = f"person-{self._visits}", rng.random() < 0.5
        for _ in range(rng.randrange(3)):
            yield self._track(person, anonymous=True)
        if rng.random() < 0.3:
            yield self._update(person, anonymous=True)
        yield self._identify(person, is_verified)
        for _ in range(rng.randrange(1, 5)):
            choice = rng.random()
            if choice < 0.45:
                yield self._update(person)
            elif choice < 0.8 or not is_verified:
                yield self._track(person)
            else:
                yield self._bookmark(person)
        self._client.user.reset_session()

    def look(self) -> str | None:
        """
        Read what the kiosk shows; return what is wrong with it, or None.

        Out of reach and refused are answers; anything but the right content is not.
        """
        started = time.monotonic()
        try:
            page = self._client.business.list(timeout=READ_TIMEOUT_S)
        except (OfflineError, PlatformError):
            page = None
        except Exception as error:  # whatever comes out here is what the row looks for
            return f"a read raised {type(error).__name__}"
        if time.monotonic() - started > READ_TIMEOUT_S + HUNG_AFTER_S:
            return "a read took longer than its timeout"
        if page is not None and set(BUSINESSES) != {business.id for business in page}:
            return "a read showed something else than the platform has"
        return None

    def _track(self, person: str, *, anonymous: bool = False) -> str:
        session, value = self._client.user.session_id, {"n": self._next()}
        receipt = self._client.activity.track("seen", value)
        return self._kept("track", receipt.id, session, person, value, anonymous=anonymous)

    def _update(self, person: str, *, anonymous: bool = False) -> str:
        session, value = self._client.user.session_id, self._profile()
        receipt = self._client.user.update(_app_form(value))
        return self._kept("update", receipt.id, session, person, value, anonymous=anonymous)

    def _identify(self, person: str, is_verified: bool) -> str:
        value = self._profile() if self._rng.random() < 0.5 else {}
        token = sign_user_id(self._key, person) if is_verified else None
        session = self._client.user.session_id
        receipt = self._client.user.identify(person, hmac=token, profile=_app_form(value) if value else None)
        self.oracle.states[person] = "VERIFIED" if is_verified else "IDENTIFIED"
        return self._kept("identify", receipt.id, session, person, value)

    def _bookmark(self, person: str) -> str:
        place = self._rng.randrange(len(OFFERS))
        is_saved = self._rng.random() < 0.7
        call = self._client.offer.bookmark if is_saved else self._client.offer.unbookmark
        session, value = self._client.user.session_id, {"offer_id": OFFERS[place]}
        receipt = call(OFFERS[place], BUSINESSES[place])
        return self._kept("bookmark" if is_saved else "unbookmark", receipt.id, session, person, value)

    def _profile(self) -> dict[str, object]:
        """Return a profile in wire form: one attribute of its own, which shows a lost write, and one that all share."""
        number = self._next()
        return {f"own_{number}": number, "last": number, "name": f"Name {number}"}

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _kept(
        self,
        kind: str,
        receipt: str,
        session: str,
        person: str,
        value: Mapping[str, object],
        *,
        anonymous: bool = False,
    ) -> str:
        self.oracle.returned(Call(kind, receipt, session, person, anonymous, value))
        return kind


def _app_form(wire_form: Mapping[str, object]) -> Any:
    """Return a profile as the app gives it: custom traits by themselves."""
    return {"name": wire_form["name"], "traits": {k: v for k, v in wire_form.items() if k != "name"}}
