"""The oracle must be able to find what it looks for: each kind of fault, planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tools.faults.oracle import FINDINGS, Call, Evidence, Oracle, Person, Report, judge, table

Log = list[dict[str, Any]]
People = dict[str, Person]


def entry(seq: int) -> str:
    return f"entry-{seq}"


def call(kind: str, seq: int, person: str, value: dict[str, Any], *, anonymous: bool = False) -> Call:
    lane = 1 if person == "ann" else 2
    return Call(kind, f"{lane}.{seq % 10}.{entry(seq)}", f"session-{lane}", person, anonymous, value)


CALLS = [
    call("track", 1, "ann", {"n": 1}, anonymous=True),
    call("update", 2, "ann", {"city": "Oslo"}, anonymous=True),
    call("identify", 3, "ann", {"tier": "gold", "gone": 1}),
    call("update", 4, "ann", {"tier": "silver", "gone": None}),
    call("bookmark", 5, "ann", {"offer_id": "coffee"}),
    call("identify", 11, "bob", {}),
    call("track", 12, "bob", {"n": 2}),
]


def oracle() -> Oracle:
    return Oracle(list(CALLS), {"ann": "VERIFIED", "bob": "IDENTIFIED"})


def log() -> Log:
    """What the platform's log says when all is well."""
    return [
        {
            "id": each.entry_id,
            "session_id": each.session_id,
            "seq": each.seq,
            "kind": each.kind,
            "user_id": None if each.anonymous else each.person,
            "status": "applied",
            "code": None,
        }
        for each in CALLS
    ]


def people() -> People:
    """What the platform holds of its people when all is well."""
    return {
        "ann": Person(
            "VERIFIED",
            {"city": "Oslo", "tier": "silver"},
            [{"id": entry(1), "properties": {"n": 1}}],
            frozenset({"coffee"}),
        ),
        "bob": Person("IDENTIFIED", {}, [{"id": entry(12), "properties": {"n": 2}}], frozenset()),
    }


def test_a_platform_that_did_everything_right_has_no_finding() -> None:
    """Nothing lost, twice, out of order, mistaken or wrong."""
    assert Report("row") == judge("row", oracle(), Evidence(log(), people()))


def lose(found: Log, who: People) -> None:
    del found[3]


def refuse(found: Log, who: People) -> None:
    found[3].update(status="refused", code="invalid_payload")


def repeat(found: Log, who: People) -> None:
    found.append({**found[3]})


def take_the_same_number(found: Log, who: People) -> None:
    found[4]["seq"] = 4


def swap(found: Log, who: People) -> None:
    found[2], found[3] = found[3], found[2]


def give_to_bob(found: Log, who: People) -> None:
    found[3]["user_id"] = "bob"


def give_to_nobody(found: Log, who: People) -> None:
    found[3]["user_id"] = None


def put_into_bobs_session(found: Log, who: People) -> None:
    found[0]["session_id"] = "session-2"


def invent(found: Log, who: People) -> None:
    found.append({**found[3], "id": "nobody's", "seq": 6})


def forget_bob(found: Log, who: People) -> None:
    del who["bob"]


def verify_bob(found: Log, who: People) -> None:
    who["bob"] = Person("VERIFIED", {}, who["bob"].activity, frozenset())


def bring_back(found: Log, who: People) -> None:
    who["ann"] = Person("VERIFIED", {"city": "Oslo", "tier": "gold"}, who["ann"].activity, frozenset({"coffee"}))


def lose_an_attribute(found: Log, who: People) -> None:
    who["ann"] = Person("VERIFIED", {"tier": "silver"}, who["ann"].activity, frozenset({"coffee"}))


def keep_what_was_cleared(found: Log, who: People) -> None:
    profile = {"city": "Oslo", "tier": "silver", "gone": 1}
    who["ann"] = Person("VERIFIED", profile, who["ann"].activity, frozenset({"coffee"}))


def lose_a_bookmark(found: Log, who: People) -> None:
    who["ann"] = Person("VERIFIED", who["ann"].profile, who["ann"].activity, frozenset())


def count_twice(found: Log, who: People) -> None:
    seen = [{"id": entry(12), "properties": {"n": 2}}, {"id": "another id", "properties": {"n": 2}}]
    who["bob"] = Person("IDENTIFIED", {}, seen, frozenset())


def mix_activity_up(found: Log, who: People) -> None:
    who["ann"], who["bob"] = (
        Person("VERIFIED", who["ann"].profile, who["bob"].activity, frozenset({"coffee"})),
        Person("IDENTIFIED", {}, who["ann"].activity, frozenset()),
    )


def lose_activity(found: Log, who: People) -> None:
    who["bob"] = Person("IDENTIFIED", {}, [], frozenset())


def change_activity(found: Log, who: People) -> None:
    who["bob"] = Person("IDENTIFIED", {}, [{"id": entry(12), "properties": {"n": 3}}], frozenset())


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (lose, {"lost": 1}),
        (refuse, {"lost": 1}),
        (repeat, {"twice": 1}),
        (take_the_same_number, {"twice": 1, "out_of_order": 1}),
        (swap, {"out_of_order": 1}),
        (give_to_bob, {"mistaken": 1}),
        (give_to_nobody, {"mistaken": 1}),
        (put_into_bobs_session, {"twice": 1, "mistaken": 4}),
        (invent, {"mistaken": 1}),
        (forget_bob, {"lost": 2}),
        (verify_bob, {"wrong_value": 1}),
        (bring_back, {"wrong_value": 1}),
        (lose_an_attribute, {"lost": 1}),
        (keep_what_was_cleared, {"wrong_value": 1}),
        (lose_a_bookmark, {"wrong_value": 1}),
        (count_twice, {"twice": 1, "mistaken": 1}),
        (mix_activity_up, {"mistaken": 2}),
        (lose_activity, {"lost": 1}),
        (change_activity, {"wrong_value": 1}),
    ],
)
def test_what_is_planted_is_found(plant: Callable[[Log, People], None], expected: dict[str, int]) -> None:
    """Each fault under its own name, and with a line that says which entry it is about."""
    found, who = log(), people()
    plant(found, who)
    report = judge("row", oracle(), Evidence(found, who))

    assert expected == {name: getattr(report, name) for name in FINDINGS if getattr(report, name)}
    assert sum(expected.values()) == len(report.details)
    assert not report.holds


def test_a_dialect_without_numbers_is_judged_by_what_is_kept() -> None:
    """No log: activity, profiles, states and bookmarks still count."""
    who = people()
    assert judge("row", oracle(), Evidence(None, who)).holds
    count_twice([], who)
    lose_an_attribute([], who)
    report = judge("row", oracle(), Evidence(None, who))

    assert (1, 1) == (report.lost, report.twice)


def test_a_platform_may_name_sessions_itself() -> None:
    """One session may get several names in its life; one name for two sessions is a mistake."""
    found = log()
    for place, line in enumerate(found):
        line["session_id"] = f"named-{line['session_id']}-{place // 3}"
    assert judge("row", oracle(), Evidence(found, people())).holds
    for line in found:
        line["session_id"] = "one for all"

    assert 0 < judge("row", oracle(), Evidence(found, people())).mistaken


def test_what_moved_to_another_session_is_known_by_its_id() -> None:
    """A device that took itself for a copy goes on elsewhere, with the identity first and other numbers."""
    found = log()
    for line in found[2:5]:
        line.update(session_id="session-9", seq=line["seq"] - 1)
    identity = {"id": "made by the move", "kind": "identify", "session_id": "session-9", "seq": 1, "user_id": "ann"}
    found.insert(2, {**identity, "status": "applied", "code": None})
    moved = frozenset(entry(seq) for seq in range(1, 6))
    who = people()
    who["ann"] = Person("VERIFIED", {"tier": "silver"}, [], frozenset({"coffee"}))

    # What ann did before she said who she is was delivered in the old session: nobody may claim it.
    assert judge("row", oracle(), Evidence(found, who, moved)).holds
    assert not judge("row", oracle(), Evidence(found, who)).holds


def test_reports_add_up_and_show() -> None:
    """One line a row, the findings below it, and no more of them than one can read."""
    one = Report("row", tries=3, lost=1, details=("lost: entry-1",))
    many = Report("row", tries=4, twice=30, details=tuple(f"twice: entry-{number}" for number in range(30)))
    both = one + many
    shown = table([both])

    assert (7, 1, 30, 31) == (both.tries, both.lost, both.twice, len(both.details))
    assert "row: lost: entry-1" in shown
    assert "row: and 11 more" in shown
    assert not both.holds
    assert Report("row").found("hung", "it") == Report("row", hung=1, details=("hung: it",))
