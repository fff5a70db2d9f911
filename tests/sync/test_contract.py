"""What the SDK composes for what an app writes, against the requests of tests/contract/client.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from lmg_offline._transport.http import HttpTransport
from lmg_offline.activity import Activity
from lmg_offline.protocol.profile import Gender
from lmg_offline.user import User
from tests.contract.cases import Case, Values, load_cases, sample_token
from tests.contract.player import playing
from tests.fakes import Rig

CASES = {title: case for title, case in load_cases().items() if title.startswith("client: ")}

ANN = {"name": "Ann", "birthday": date(1968, 4, 3), "traits": {"tier": "gold"}}
LATER = {"email": "ann@example.com", "gender": Gender.PREFER_NOT_TO_SAY, "traits": {"tier": None}}

REDEEM = {
    "offer_id": "o1",
    "business_id": "b1",
    "location_id": "l1",
    "current_state": "default",
    "transition_index": 0,
    "target": "redeemed",
    "used": 0,
    "client_args": {"confirmPromptDisplayed": True},
}


class App:
    """An app on a manual clock. The ids that its SDK makes have names, by the order in which they are made."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.rig = Rig(folder, HttpTransport(endpoint, "wk_contract", deadline_s=5))
        self.user = User(self.rig.session, lambda: None)
        self.activity = Activity(self.rig.session)
        device = self.rig.outbox.device()
        self.names = {"device": device.device_id, "secret": device.secret}
        self._entries: list[str] = []

    def made(self, name: str) -> str | None:
        """Return an id by its name; `exchange N` is that of the exchange under way."""
        return self.rig.outbox.device().exchange_id if name.startswith("exchange") else self.names[name]

    def save(self, *, saved: bool) -> None:
        """Save an offer of one place, or take it back."""
        business_id, location_ids = ("b1", ["l1"]) if saved else (None, [])
        self.rig.session.bookmark("o1", business_id, location_ids, saved)

    def redeem(self) -> None:
        """Take the step that the offer was shown with."""
        self.rig.session.redeem(self.rig.session.mark(), REDEEM)

    def sync(self) -> None:
        """Let the sync do all it can do at this instant."""
        read = self.rig.journal.store.read
        self._entries += [row[0] for row in read("SELECT id FROM entries ORDER BY position", ())]
        lanes = [row[0] for row in read("SELECT session_id FROM lanes ORDER BY lane_id", ())]
        self.names |= {f"entry {number}": name for number, name in enumerate(self._entries, 1)}
        self.names |= {f"lane {number}": name for number, name in enumerate(lanes, 1)}
        while self.rig.runner.step() == 0:
            pass

    def close(self) -> None:
        """Let go of the journal and the connections."""
        self.rig.platform.close()
        self.rig.close()


def use_replays(app: App) -> None:
    """Two people, one of them at first without a proof, who wants to be forgotten in the end."""
    app.activity.offer_viewed("o1")
    app.user.identify("ann", hmac=sample_token({"$sign": "ann"}), profile=ANN)
    app.user.update(LATER)
    app.save(saved=True)
    app.save(saved=False)
    app.redeem()
    app.user.reset_session()
    app.activity.track("café", {"n": 1.5, "deep": {"list": [1, None, True]}})
    app.user.identify("bob")
    app.rig.clock.advance(5)
    app.sync()
    app.user.identify("bob", sample_token({"$sign": "bob"}))
    app.sync()
    app.user.forget()
    app.rig.clock.advance(60)
    app.sync()


def use_operations(app: App) -> None:
    """One person, who wants to be forgotten in the end."""
    app.activity.offer_viewed("o1")
    app.activity.track("café", {"n": 1.5, "deep": {"list": [1, None, True]}})
    app.user.identify("ann", hmac=sample_token({"$sign": "ann"}), profile=ANN)
    app.user.update(LATER)
    app.save(saved=True)
    app.save(saved=False)
    app.redeem()
    app.rig.clock.advance(5)
    app.sync()
    app.user.forget()
    app.sync()


USES: Mapping[str, Callable[[App], None]] = {
    "client: a client's writes are replayed": use_replays,
    "client: a client's writes go out one by one": use_operations,
}


@pytest.mark.parametrize(("case", "use"), [(CASES[title], use) for title, use in USES.items()], ids=USES)
def test_what_an_app_writes_is_what_the_case_sends(case: Case, use: Callable[[App], None], tmp_path: Path) -> None:
    """From the app's call to the bytes on the wire, request after request, and none beside them."""
    with playing() as player:
        app = App(tmp_path / "journal", player.endpoint)
        player.play(case.steps, Values(player.endpoint, made=app.made))
        use(app)
        app.close()

    assert [] == player.differences()


def test_every_case_of_a_client_is_compared() -> None:
    """A case in client.json without a use would compare nothing."""
    assert USES.keys() == CASES.keys()
