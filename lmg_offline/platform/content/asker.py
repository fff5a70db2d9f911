"""The person that content is shown to: how old, in which segments, interested in what."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cached_property

from sqlalchemy import Connection, func, select

from lmg_offline.platform import interests
from lmg_offline.platform.segments import conditions
from lmg_offline.platform.segments import store as segments
from lmg_offline.platform.segments.tables import segments as segment_table
from lmg_offline.platform.store.tables import profile_values, users


class Asker:
    """
    What content depends on of one person; each thing is read when first asked for.

    Who claims to be somebody that has been verified, and was not verified
    themselves, is treated as nobody: what is shown would tell of the other's profile.
    """

    def __init__(
        self, connection: Connection, property_id: str, user_hash: int | None, *, verified: bool, now_ms: int
    ) -> None:
        self._connection = connection
        self._property_id = property_id
        self._claimed = user_hash
        self._verified = verified
        self._now_ms = now_ms

    @cached_property
    def user_hash(self) -> int | None:
        """Who it is, or None for nobody."""
        if self._claimed is None or self._verified:
            return self._claimed
        query = select(users.c.state).where(
            users.c.property_id == self._property_id, users.c.user_hash == self._claimed
        )
        return None if self._connection.execute(query).scalar_one_or_none() == "verified" else self._claimed

    @cached_property
    def age(self) -> int | None:
        """In whole years on the day of the question, in UTC, as in segments; None where it is not known."""
        if self.user_hash is None:
            return None
        query = select(profile_values.c.value).where(
            profile_values.c.property_id == self._property_id,
            profile_values.c.user_hash == self.user_hash,
            profile_values.c.attribute == "birthday",
        )
        found = self._connection.execute(query).scalar_one_or_none()
        born = None if found is None else json.loads(found)
        if born is None:
            return None
        birthday, today = date.fromisoformat(born), datetime.fromtimestamp(self._now_ms / 1000, UTC).date()
        return today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))

    def segments_of(self, ids: Iterable[str]) -> set[str]:
        """Return which of some segments the person is in, now."""
        wanted = sorted(set(ids))
        if self.user_hash is None or not wanted:
            return set()
        scope = conditions.only(
            segments.scope(self._connection, self._property_id, self._now_ms), self.user_hash
        )
        table = segment_table
        kept = self._connection.execute(
            select(table.c.id).where(table.c.property_id == self._property_id, table.c.id.in_(wanted))
        ).scalars()
        found = [segments.get(self._connection, self._property_id, each) for each in kept.all()]
        rules = [(each.id, conditions.holds(each.rule, scope)) for each in found if each is not None]
        if not rules:
            return set()
        query = select(*(rule.label(f"holds_{place}") for place, (_, rule) in enumerate(rules))).where(
            users.c.property_id == self._property_id, users.c.user_hash == self.user_hash
        )
        row = self._connection.execute(query).one_or_none()
        return set() if row is None else {id_ for (id_, _), holds in zip(rules, row, strict=True) if holds}

    @cached_property
    def interests(self) -> dict[str, int]:
        """The person's points by category, above zero. See `platform.interests`."""
        if self.user_hash is None:
            return {}
        half_life = segments.half_life_days(self._connection, self._property_id)
        found = interests.points(
            interests.Question(self._property_id, self._now_ms, half_life, self.user_hash)
        ).subquery()
        query = select(found.c.category, func.sum(found.c.points)).group_by(found.c.category)
        return {category: int(points) for category, points in self._connection.execute(query) if points > 0}
