"""
What a request may know and write of redemptions: the offers it names, and the steps taken on them.

A book that locks holds the rows of its offers until the transaction ends, and
reads what was used of them only afterwards: two transactions that redeem one
offer follow one another, and the second counts what the first has used. SQLite
has one writer at a time, so that there the lock is the transaction itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, or_, select, union

from lmg_offline.platform.content.tables import businesses, locations, offers
from lmg_offline.platform.redemption.rules import State, rules_of, zone_of
from lmg_offline.platform.redemption.states import Step
from lmg_offline.platform.redemption.status import Standing
from lmg_offline.platform.redemption.windows import Window
from lmg_offline.platform.store.tables import redemptions


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Who redeems: the user, or the session while it has none. The repr leaves the user out."""

    session_id: str
    user_hash: int | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """What redeeming needs to know of an offer. The repr leaves the rules out: they hold the PIN's hash."""

    id: str
    business_id: str
    is_enabled: bool
    is_shown: bool
    redemption: Mapping[str, Any] | None = field(repr=False)
    location_ids: frozenset[str]

    def holds_at(self, place: Place | None) -> bool:
        """Whether the offer can be seen at a place; None for no place in particular."""
        if place is None or not self.is_shown:
            return self.is_shown
        is_ours = place.is_enabled and place.business_id == self.business_id
        return is_ours and (not self.location_ids or place.id in self.location_ids)


@dataclass(frozen=True, slots=True)
class Place:
    """
    What redeeming needs to know of a location.

    Attributes:
        point: [longitude, latitude] in degrees.

        zone: Its time zone.
    """

    id: str
    business_id: str
    is_enabled: bool
    point: tuple[float, float]
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class _Taken:
    """A step with whose it is."""

    number: int
    session_id: str | None
    user_hash: int | None = field(repr=False)
    step: Step


class Book:
    """
    The offers that a request names, with the steps that its people have taken on them.

    Attributes:
        new: Rows of `redemptions` to be written.
    """

    def __init__(
        self,
        connection: Connection,
        property_id: str,
        offer_keys: Collection[str],
        *,
        session_ids: Collection[str],
        user_hashes: Collection[int],
        is_locking: bool = True,
        claimed: Mapping[str, int] | None = None,
    ) -> None:
        """
        Read, and hold the offers when `is_locking`.

        Args:
            connection: In a transaction; one that may write when `is_locking`.

            property_id: The property.

            offer_keys: Ids or slugs of offers.

            session_ids: The sessions whose steps are wanted.

            user_hashes: The users whose steps are wanted.

            is_locking: Steps may be recorded.

            claimed: The user whom a session's steps pass to in this request, by
                session id; looked at each time.
        """
        self.new: list[dict[str, Any]] = []
        self._connection = connection
        self._property_id = property_id
        self._claimed: Mapping[str, int] = {} if claimed is None else claimed
        self._places: dict[str, Place | None] = {}
        self._used: dict[tuple[str, frozenset[State], Window | None], int] = {}
        self._offers = self._load_offers(offer_keys, is_locking) if offer_keys else {}
        ids = sorted({offer.id for offer in self._offers.values()})
        self._taken = self._load_taken(ids, session_ids, user_hashes)
        self._numbers = self._load_numbers(ids) if is_locking and ids else {}

    def offer(self, key: str) -> Offer | None:
        """Return an offer by id or slug, or None."""
        return self._offers.get(key)

    def place(self, key: str) -> Place | None:
        """Return a location by id or slug, or None."""
        if key not in self._places:
            self._places[key] = self._load_place(key)
        return self._places[key]

    def standing(
        self, offer: Offer, place: Place | None, who: Redeemer | None, now_ms: int, *, is_entitled: bool
    ) -> Standing:
        """
        Return how somebody stands before an offer.

        Somebody who is not entitled is shown no history: it may be that of a
        user whom they merely claim to be.

        Args:
            offer: Of this book.

            place: Where; None for no place in particular, whose clock is UTC.

            who: None for somebody without a session.

            now_ms: When, in milliseconds since 1970 UTC.

            is_entitled: The property's policy takes redemptions of this person.
        """
        rules = None
        if offer.redemption is not None:
            rules = rules_of(offer.redemption) if place is None else rules_of(offer.redemption, place.zone)
        return Standing(
            rules,
            self.history(offer.id, who) if is_entitled and who is not None else (),
            now_ms,
            used_by_all=partial(self._used_by_all, offer.id),
            is_enabled=offer.is_enabled,
            is_visible=offer.holds_at(place),
            is_entitled=is_entitled,
        )

    def history(self, offer_id: str, who: Redeemer) -> tuple[Step, ...]:
        """Return the steps of one person on an offer, in the order of time, then of arrival."""
        own = [taken for taken in self._taken.get(offer_id, ()) if self._is_own(taken, who)]
        return tuple(taken.step for taken in sorted(own, key=lambda taken: (taken.step.at_ms, taken.number)))

    def last_at_ms(self, session_id: str) -> int:
        """Return when a session took its latest step on the offers of this book; 0 when it took none."""
        own = (taken.step.at_ms for each in self._taken.values() for taken in each if taken.session_id == session_id)
        return max(own, default=0)

    def record(self, offer: Offer, place: Place, who: Redeemer, step: Step, entry_id: str) -> None:
        """Note a step that takes effect, to be written with the batch."""
        number = self._numbers.get(offer.id, 0) + 1
        self._numbers[offer.id] = number
        self._taken.setdefault(offer.id, []).append(_Taken(number, who.session_id, who.user_hash, step))
        for counted in [key for key in self._used if key[0] == offer.id]:
            _, states, window = counted
            if step.to_state in states and (window is None or window.holds(step.at_ms)):
                self._used[counted] += 1
        self.new.append(
            {
                "property_id": self._property_id,
                "offer_id": offer.id,
                "number": number,
                "entry_id": entry_id,
                "session_id": who.session_id,
                "user_hash": who.user_hash,
                "user_id": who.user_id,
                "location_id": place.id,
                "business_id": offer.business_id,
                "from_state": step.from_state,
                "to_state": step.to_state,
                "occurred_at": step.at_ms,
            }
        )

    def _is_own(self, taken: _Taken, who: Redeemer) -> bool:
        if taken.user_hash is not None:
            return taken.user_hash == who.user_hash
        passes_to = None if taken.session_id is None else self._claimed.get(taken.session_id)
        return taken.session_id == who.session_id or (passes_to is not None and passes_to == who.user_hash)

    def _used_by_all(self, offer_id: str, states: frozenset[State], window: Window | None) -> int:
        """Count everybody's steps, those of this book among them."""
        key = (offer_id, states, window)
        if key not in self._used:
            self._used[key] = self._count(*key) + sum(
                row["to_state"] in states and (window is None or window.holds(row["occurred_at"]))
                for row in self.new
                if row["offer_id"] == offer_id
            )
        return self._used[key]

    def _count(self, offer_id: str, states: frozenset[State], window: Window | None) -> int:
        table = redemptions
        query = (
            select(func.count())
            .select_from(table)
            .where(
                table.c.property_id == self._property_id,
                table.c.offer_id == offer_id,
                table.c.to_state.in_(sorted(state.value for state in states)),
            )
        )
        if window is not None:
            query = query.where(table.c.occurred_at >= window.start_ms, table.c.occurred_at < window.end_ms)
        return self._connection.execute(query).scalar_one()

    def _load_offers(self, keys: Collection[str], is_locking: bool) -> dict[str, Offer]:
        query = (
            select(offers.c.id, offers.c.slug, offers.c.business_id, offers.c.enabled, offers.c.document)
            .add_columns(businesses.c.enabled.label("business_enabled"))
            .outerjoin(
                businesses,
                (businesses.c.property_id == offers.c.property_id) & (businesses.c.id == offers.c.business_id),
            )
            .where(offers.c.property_id == self._property_id, or_(offers.c.id.in_(keys), offers.c.slug.in_(keys)))
            .order_by(offers.c.id)
        )
        if is_locking:
            query = query.with_for_update(of=offers)
        rows = self._connection.execute(query).all()
        found = {
            row.id: Offer(
                row.id,
                row.business_id,
                row.enabled,
                bool(row.business_enabled),
                row.document.get("redemption"),
                frozenset(row.document.get("location_ids") or ()),
            )
            for row in rows
        }
        return {**{row.slug: found[row.id] for row in reversed(rows)}, **found}

    def _load_place(self, key: str) -> Place | None:
        table = locations
        rows = self._connection.execute(
            select(table.c.id, table.c.business_id, table.c.enabled, table.c.longitude, table.c.latitude)
            .add_columns(table.c.document)
            .where(table.c.property_id == self._property_id, or_(table.c.id == key, table.c.slug == key))
            .order_by(table.c.id)
        ).all()
        row = next((row for row in rows if row.id == key), rows[0] if rows else None)
        if row is None:
            return None
        zone = zone_of(row.document["address"].get("timezone") or "UTC")
        return Place(row.id, row.business_id, row.enabled, (row.longitude, row.latitude), zone)

    def _load_taken(
        self, offer_ids: Collection[str], session_ids: Collection[str], user_hashes: Collection[int]
    ) -> dict[str, list[_Taken]]:
        found: dict[str, list[_Taken]] = {offer_id: [] for offer_id in offer_ids}
        if not offer_ids:
            return found
        table = redemptions
        # Each by an index: OR over both goes through all that was ever taken of the offer.
        ways = (table.c.session_id.in_(session_ids), table.c.user_hash.in_(sorted(user_hashes)))
        mine = select(table).where(table.c.property_id == self._property_id, table.c.offer_id.in_(offer_ids))
        rows = self._connection.execute(union(*(mine.where(way) for way in ways)))
        for row in rows:
            step = Step(row.from_state, row.to_state, row.occurred_at)
            found[row.offer_id].append(_Taken(row.number, row.session_id, row.user_hash, step))
        return found

    def _load_numbers(self, offer_ids: Collection[str]) -> dict[str, int]:
        table = redemptions
        rows = self._connection.execute(
            select(table.c.offer_id, func.max(table.c.number))
            .where(table.c.property_id == self._property_id, table.c.offer_id.in_(offer_ids))
            .group_by(table.c.offer_id)
        )
        return {row[0]: row[1] for row in rows}
