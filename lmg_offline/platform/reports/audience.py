"""Whom a report is about: all of a property's people, or a segment's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, select

from lmg_offline.platform.segments.conditions import Condition
from lmg_offline.platform.store.tables import users

# No column is called so: a name in GROUP BY that is a column's too would mean the column.
GROUPED = ("shown_value", "shown_state")


@dataclass(frozen=True, slots=True)
class Audience:
    """
    The people of one report.

    Attributes:
        condition: On `users`; None for everybody.
    """

    property_id: str
    condition: Condition | None = None

    def people(self) -> Condition:
        """Return the condition on `users`."""
        mine = users.c.property_id == self.property_id
        return mine if self.condition is None else and_(mine, self.condition)

    def joined(self, table: FromClause) -> tuple[Any, Condition]:
        """Return a table of values joined with the people it is about, and what must hold."""
        same = and_(users.c.property_id == table.c.property_id, users.c.user_hash == table.c.user_hash)
        return table.join(users, same), and_(table.c.property_id == self.property_id, self.people())

    def by_state(self, connection: Connection) -> dict[str, int]:
        """Count them by state; both states are there."""
        query = select(users.c.state, func.count()).where(self.people()).group_by(users.c.state)
        return {"identified": 0, "verified": 0, **{row[0]: row[1] for row in connection.execute(query)}}


def counted(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    """Return what a report selects, to be grouped by `GROUPED`: a value, the state, how many."""
    return column.label(GROUPED[0]), users.c.state.label(GROUPED[1]), func.count()
