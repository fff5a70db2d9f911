"""Redemptions in the journal: at most one of an offer on its way for a person, and never for the next."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmg_offline.errors import ClientClosed, RedemptionPending, RedemptionRefused
from tests.fakes import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path / "j")
    yield found
    found.close()


def redeem(rig: Rig, offer_id: str = "o1") -> str:
    """Journal one for who is here now; return its receipt's id, or the word for why not."""
    try:
        return rig.session.redeem(rig.session.mark(), {"offer_id": offer_id}).id
    except RedemptionPending as pending:
        return f"pending {pending.receipt_id}"


def queued(rig: Rig) -> list[tuple[str, str]]:
    return [(entry.kind, str(entry.payload["offer_id"])) for entry in rig.desk.entries() if entry.kind == "redeem"]


def test_one_of_an_offer_at_a_time(rig: Rig) -> None:
    """A second is turned away with the receipt of the first; another offer is not; once delivered, it goes again."""
    first = redeem(rig)
    second, other = redeem(rig), redeem(rig, "o2")
    before = queued(rig)
    rig.drain()
    third = redeem(rig)

    assert (f"pending {first}", [("redeem", "o1"), ("redeem", "o2")]) == (second, before)
    assert not other.startswith("pending") and not third.startswith("pending")


def test_a_second_visit_of_a_person_knows_of_the_first(rig: Rig) -> None:
    """Ann redeems, leaves and comes back before it is delivered: it is still hers."""
    rig.session.identify("ann", None, None)
    first = redeem(rig)
    rig.session.reset()
    nobody = rig.session.unconfirmed("o1")
    rig.session.identify("bob", None, None)
    bob = rig.session.unconfirmed("o1")
    rig.session.identify("ann", None, None)
    ann = rig.session.unconfirmed("o1")

    assert (None, None) == (nobody, bob)
    assert ann is not None and first == ann.id
    assert f"pending {first}" == redeem(rig)


def test_what_was_made_under_a_refused_claim_keeps_nobody_from_redeeming(rig: Rig) -> None:
    """Somebody claimed to be ann; their lane is parked; ann redeems."""
    rig.session.identify("ann", "bad", None)
    redeem(rig)
    rig.drain()
    rig.session.identify("ann", None, None)

    assert rig.session.unconfirmed("o1") is None
    assert not redeem(rig).startswith("pending")
    assert [("redeem", "o1"), ("redeem", "o1")] == queued(rig)


def test_for_somebody_else_than_it_was_decided_for_nothing_is_written(rig: Rig) -> None:
    """After a reset, an identify, another's identify."""
    outcomes = []
    for step in (rig.session.reset, lambda: rig.session.identify("ann", None, None),
                 lambda: rig.session.identify("bob", None, None)):  # fmt: skip
        mark = rig.session.mark()
        step()
        with pytest.raises(RedemptionRefused) as raised:
            rig.session.redeem(mark, {"offer_id": "o1"})
        outcomes.append(raised.value.reason)

    assert (["SessionChanged"] * 3, []) == (outcomes, queued(rig))


def test_the_same_person_again_is_nobody_else(rig: Rig) -> None:
    """A refreshed token on the way changes nothing."""
    rig.session.identify("ann", None, None)
    mark = rig.session.mark()
    rig.session.identify("ann", "newer", None)
    rig.session.redeem(mark, {"offer_id": "o1"})

    assert [("redeem", "o1")] == queued(rig)


def test_eight_presses_at_once_are_one_redemption(rig: Rig) -> None:
    """The look at what is queued and the entry are one transaction."""
    outcomes: list[str] = []
    gate = threading.Barrier(8)

    def press() -> None:
        gate.wait(10)
        outcomes.append(redeem(rig))

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    receipts = [outcome for outcome in outcomes if not outcome.startswith("pending")]
    assert (1, [f"pending {receipts[0]}"] * 7) == (len(receipts), [o for o in outcomes if o not in receipts])
    assert [("redeem", "o1")] == queued(rig)


def test_a_damaged_entry_does_not_keep_anybody_from_redeeming(rig: Rig) -> None:
    """Bytes that are no JSON are not looked into; the sync sets them aside."""
    redeem(rig)
    rig.journal.store.run(lambda c: c.exec_driver_sql("UPDATE entries SET body = '{'").rowcount)

    assert not redeem(rig).startswith("pending")


def test_a_refusal_is_found_by_its_receipt(rig: Rig) -> None:
    """Its code and sentence, and none for what was not refused."""
    rig.platform.refuse = lambda entry: "sold_out" if entry["payload"].get("offer_id") == "o1" else None
    refused, taken = redeem(rig), redeem(rig, "o2")
    rig.drain()

    assert (("sold_out", "no"), None) == (rig.session.refusal(refused), rig.session.refusal(taken))


def test_the_entry_holds_what_was_given_and_hides_it(rig: Rig) -> None:
    """For the platform to read, not for a log."""
    rig.session.redeem(rig.session.mark(), {"offer_id": "o1", "client_args": {"pin": "0042"}})
    body = rig.journal.store.read("SELECT body FROM entries")[0][0]

    assert {"offer_id": "o1", "client_args": {"pin": "0042"}} == json.loads(body)
    assert "0042" not in repr(rig.desk.entries())


def test_a_closed_client_redeems_nothing(rig: Rig) -> None:
    """As every other write."""

    def closed() -> None:
        raise ClientClosed("closed")

    mark = rig.session.mark()
    rig.session._open_check = closed
    with pytest.raises(ClientClosed):
        rig.session.redeem(mark, {"offer_id": "o1"})
    with pytest.raises(ClientClosed):
        rig.session.unconfirmed("o1")
