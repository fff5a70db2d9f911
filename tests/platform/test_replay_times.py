"""Replay: when the platform takes an entry to have happened."""

from __future__ import annotations

import pytest
from kiosk import DAY_MS, MINUTE_MS, Kiosk, Site, identify, lane, position, track, update_of

from lmg_offline.platform.ingest import CLOCK_TOLERANCE_MS, LONGEST_WAY_MS
from lmg_offline.platform.store import tables


def dated(site: Site) -> list[tuple[int, bool]]:
    """Return for each entry how long before its application it happened, and whether that is in doubt."""
    rows = site.rows(tables.entries, "seq")
    return [(row["applied_at"] - row["occurred_at"], row["uncertain"]) for row in rows]


@pytest.mark.parametrize(
    ("ahead_ms", "is_doubted"),
    [(0, False), (CLOCK_TOLERANCE_MS // 2, False), (2 * CLOCK_TOLERANCE_MS, True), (-2 * CLOCK_TOLERANCE_MS, True)],
)
def test_an_age_by_the_clock_is_believed_of_a_clock_that_is_right(
    site: Site, kiosk: Kiosk, ahead_ms: int, is_doubted: bool
) -> None:
    """A clock that is hours off now says nothing of then; an age by the time since boot is sure whatever it shows."""
    by_clock = {**track(2, "b", age_ms=5000), "by_clock": True}
    kiosk.send(lane([track(1, "a", age_ms=9000), by_clock, track(3, "c", age_ms=1000)]), clock_ahead_ms=ahead_ms)

    assert [(9000, False), (9000, True) if is_doubted else (5000, False), (1000, False)] == dated(site)


@pytest.mark.parametrize(
    ("reckoned_ago_ms", "is_taken"),
    [(MINUTE_MS // 2, True), (LONGEST_WAY_MS + MINUTE_MS, False), (-MINUTE_MS, False)],
    ids=["a slow way", "a platform whose clock was moved on", "and back"],
)
def test_what_a_device_reckons_dates_its_entries_if_it_can_be(
    site: Site, kiosk: Kiosk, reckoned_ago_ms: int, is_taken: bool
) -> None:
    """However long the request is under way, its entries were made when they were made."""
    kiosk.send(lane([track(1, "a", age_ms=1000)]), reckoned_ago_ms=reckoned_ago_ms)

    ((age_ms, is_doubted),) = dated(site)
    assert not is_doubted
    assert age_ms >= reckoned_ago_ms + 1000 if is_taken else age_ms == 1000


def test_a_retried_entry_that_the_platform_never_saw_overwrites_nothing_newer(site: Site, kiosk: Kiosk) -> None:
    """The device had set it aside itself, or a backup lost its row: it is as old as it is, not as its number."""
    kiosk.one([identify(1, "ann", age_ms=DAY_MS), update_of(2, {"name": "new"}, age_ms=MINUTE_MS)])

    old = update_of(3, {"name": "old", "city": "Kelowna"}, age_ms=2 * MINUTE_MS)
    unknown = update_of(4, {"name": "older"}, age_ms=None)
    reply = kiosk.one([{**old, "retried": True}, {**unknown, "retried": True}, track(5, "a")], after=position(2))

    assert [{"seq": 3, "attributes": ["name"]}, {"seq": 4, "attributes": ["name"]}] == reply["conflicts"]
    assert {"name": "new", "city": "Kelowna"} == site.profile("ann")
    assert [2 * MINUTE_MS, True, 1000] == [dated(site)[2][0], dated(site)[3][1], dated(site)[4][0]]
