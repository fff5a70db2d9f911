"""What each request asks is found by an index: nothing goes through all that a property has of something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from kiosk import Kiosk, Site, bookmark, forget, identify, position, track, update_of
from shop import Shop, redeem
from sqlalchemy import Engine, event

from lmg_offline.platform.store import tables

# What grows with people and devices, other than what a site writes itself.
GROWING = {
    table.name
    for table in (
        tables.devices, tables.sessions, tables.users, tables.session_values, tables.user_values, tables.entries,
        tables.profile_values, tables.profile_members, tables.entry_repeats, tables.activity, tables.bookmarks,
        tables.redemptions, tables.tombstones,
    )
}  # fmt: skip
WALKS = re.compile(r"SCAN (\w+)(?! VIRTUAL)|SEARCH (\w+) USING [\w ]+ \(property_id=\?\)")
TRAITS = "{ getSessionTraits { traits } }"

pytestmark = pytest.mark.sqlite


@pytest.fixture
def sent() -> Iterator[dict[str, Any]]:
    """Every statement that any engine executes, with its parameters."""
    found: dict[str, Any] = {}

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            found[statement] = parameters[0] if many and parameters else parameters

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def walked(engine: Engine, sent: dict[str, Any]) -> set[str]:
    """Return where a statement goes through a growing table, as SQLite plans it in a database without statistics."""
    with engine.connect() as connection:
        plans = {
            statement: [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in list(sent.items())
        }
    found = [(step, WALKS.search(step), statement) for statement, steps in plans.items() for step in steps]
    return {f"{step}: {statement}" for step, match, statement in found if match and set(match.groups()) & GROWING}


def test_a_replay_goes_through_nobody_elses_rows(shop: Shop, kiosk: Kiosk, site: Site, sent: dict[str, Any]) -> None:
    """Every kind of entry, first and again."""
    entries = [
        update_of(1, {"tags": ["a"]}),
        identify(2, "ann", verify=True),
        track(3, "seen"),
        bookmark(4, "coffee"),
        redeem(5),
    ]
    kiosk.one(entries, token=site.token("ann"))
    kiosk.one([update_of(6, {"tags": ["b"]})], after=position(5), token=site.token("ann"))
    kiosk.one([forget(7)], after=position(6), token=site.token("ann"))

    assert {"sessions", "session_values", "redemptions"} <= {word for text in sent for word in re.findall(r"\w+", text)}
    assert set() == walked(site.engine, sent)


def test_what_is_left_of_a_person_keeps_its_members(kiosk: Kiosk, site: Site, sent: dict[str, Any]) -> None:
    """One of two sessions is forgotten: the lists of the other one can still be asked for."""
    for session, tag in (("s1", "a"), ("s2", "b")):
        kiosk.one([identify(1, "ann", lane=session), update_of(2, {f"of {session}": [tag]}, lane=session)],
                  session=session)  # fmt: skip
    kiosk.one([forget(3)], after=position(2))

    assert set() == walked(site.engine, sent)
    rows = site.rows(tables.profile_members)
    assert [("of s2", "b")] == [(row["attribute"], row["member"]) for row in rows]


def test_an_erasure_finds_what_is_one_persons(kiosk: Kiosk, site: Site, sent: dict[str, Any]) -> None:
    """By the Admin API, of everything that there can be of somebody."""
    kiosk.one([identify(1, "ann"), update_of(2, {"tags": ["a"]}), track(3, "seen")])
    headers = {"Authorization": f"Bearer {site.keys.admin_key}"}

    assert 204 == site.http.delete("/admin/v1/users/ann", headers=headers).status_code
    assert set() == walked(site.engine, sent)


def test_a_session_is_found_by_its_token(site: Site, kiosk: Kiosk, sent: dict[str, Any]) -> None:
    """And so is what it may see."""
    token = kiosk.one([update_of(1, {"tags": ["a"]})])["session_token"]

    assert "errors" not in site.ask("/graph/auth", TRAITS, token)
    assert set() == walked(site.engine, sent)


def test_a_step_in_the_shop_counts_one_offer(shop: Shop, sent: dict[str, Any]) -> None:
    """By what it may be counted by: the person, the session, or the offer with the state."""
    ann = shop.person("ann")

    shop.step(ann)
    assert set() == walked(shop.site.engine, sent)


def test_a_platform_that_is_written_to_counts_for_its_planner(site: Site, kiosk: Kiosk) -> None:
    """So that what is asked rarely is found by an index, too, in a database that has grown."""
    for number in range(110):
        kiosk.one([identify(1, f"user-{number}", lane=f"s{number}")], session=f"s{number}")

    with site.engine.connect() as connection:
        counted = connection.exec_driver_sql("SELECT tbl FROM sqlite_stat1 WHERE tbl = 'users'").scalars().all()
    assert {"users"} == set(counted)
