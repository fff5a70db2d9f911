"""Redeeming against a real platform: asked, prompted, journaled, delivered once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmg_offline import (
    Client,
    LMGError,
    OfferState,
    OfflineError,
    Prompt,
    PromptResolver,
    RedemptionPending,
    RedemptionReason,
    RedemptionRefused,
)
from lmg_offline.platform.server import Running
from lmg_offline.redemption import PromptKind
from lmg_offline.verification import sign_user_id
from tests.e2e.conftest import Serve
from tests.e2e.support import Admin, client_of

SINGLE = {"kind": "single", "args": [{"name": "confirmPromptDisplayed"}]}


def set_up(platform: Running, redemption: object = SINGLE) -> Admin:
    """Put a business, a place, and an offer that can be redeemed."""
    admin = Admin(platform)
    admin.content()
    offer = {"business_id": "b1", "headline": "Cafe offer", "redemption": redemption}
    status, body = admin.ask("PUT", "offers/o1", offer)
    assert status in (200, 201), body
    return admin


@pytest.fixture
def client(platform: Running, tmp_path: Path) -> Iterator[Client]:
    """A client with ann, who is verified, at a platform with the offer."""
    set_up(platform)
    with client_of(platform, tmp_path / "j") as found:
        found.user.identify("ann", sign_user_id(platform.verification_key, "ann"))
        yield found


def redemptions(admin: Admin) -> list[tuple[str, str]]:
    return [(row["user_id"], row["status"]) for row in admin.entries() if row["kind"] == "redeem"]


def test_an_offer_is_shown_confirmed_and_redeemed(client: Client, platform: Running) -> None:
    """The whole way: state, prompt answered on another thread, receipt, new state; the second time it is used."""
    states: list[OfferState] = []
    errors: list[LMGError] = []
    prompts: list[Prompt] = []
    controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
    controller.on_state_changed(states.append)
    controller.on_error(errors.append)

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        prompts.append(prompt)
        threading.Thread(target=resolver.resolve).start()

    controller.on_prompt_required(ask)
    receipt = controller.redeem(timeout=20)

    assert receipt is not None and "acknowledged" == receipt.state
    assert [("default", False), ("redeemed", False)] == [(state.display_status, state.stale) for state in states]
    assert [(PromptKind.CONFIRM, "confirmPromptDisplayed")] == [(prompt.kind, prompt.name) for prompt in prompts]
    assert controller.redeem(timeout=20) is None
    assert [RedemptionReason.OFFER_USED] == [
        RedemptionReason.of(error.reason) for error in errors if isinstance(error, RedemptionRefused)
    ]
    assert [("ann", "applied")] == redemptions(Admin(platform))
    assert client.audit().adds_up


def test_a_cancelled_prompt_redeems_nothing(client: Client, platform: Running) -> None:
    """The offer stays as it was."""
    cancelled: list[str] = []
    controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
    controller.on_cancelled(lambda: cancelled.append("cancelled"))
    controller.on_prompt_required(lambda prompt, resolver: resolver.cancel())

    assert controller.redeem(timeout=20) is None
    state = controller.refresh(20)
    assert state is not None
    assert (["cancelled"], "default", []) == (cancelled, state.display_status, redemptions(Admin(platform)))


def test_two_devices_of_one_person_redeem_once(
    client: Client, platform: Running, dialect: str, tmp_path: Path
) -> None:
    """Both were told that it can be redeemed; the second is refused, and told so."""
    args: dict[str, Any] = {"confirmPromptDisplayed": True}
    with client_of(platform, tmp_path / "other") as other:
        other.user.identify("ann", sign_user_id(platform.verification_key, "ann"))
        second = other.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
        second.on_prompt_required(lambda prompt, resolver: (_redeem(client, args), resolver.resolve()))
        with pytest.raises(RedemptionRefused):
            second.redeem(timeout=20)
        letters = [letter.kind for letter in other.journal.dead_letters()]

        assert ["redeem"] == letters
        assert second.state is not None and "redeemed" == second.state.display_status
    # In the LMG dialect the device itself sees that it comes too late, and does not send it.
    refused = [("ann", "refused")] if dialect == "replay" else []
    assert [("ann", "applied"), *refused] == redemptions(Admin(platform))


def _redeem(client: Client, args: dict[str, Any]) -> None:
    receipt = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20).redeem(args=args, timeout=20)
    assert receipt is not None and "acknowledged" == receipt.state


def test_offline_the_state_is_shown_as_stale_and_nothing_is_redeemed(serve: Serve, tmp_path: Path) -> None:
    """What was heard is shown, but redeeming needs the platform's word."""
    with serve() as platform:
        set_up(platform)
        client = client_of(platform, tmp_path / "j")
        client.user.identify("ann", sign_user_id(platform.verification_key, "ann"))
        controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
    with client:
        state = controller.refresh(5)
        with pytest.raises(OfflineError):
            controller.redeem(args={"confirmPromptDisplayed": True}, timeout=5)

        assert state is not None and state.stale
        assert ("default", 0, None) == (state.display_status, client.status().queued, controller.unconfirmed)


def test_offline_an_offer_that_allows_it_is_journaled_and_judged_on_arrival(
    serve: Serve, dialect: str, tmp_path: Path
) -> None:
    """Two devices redeem the last one; the real platform says of no offer that it allows it."""
    limits = {"global": {"total": 1}}
    args = {"confirmPromptDisplayed": True}
    with serve(f"sqlite:///{tmp_path / 'platform.db'}") as platform:
        set_up(platform, {**SINGLE, "offline": True, "limits": limits})
        clients = [client_of(platform, tmp_path / name) for name in ("one", "two")]
        for client, user_id in zip(clients, ("ann", "bob"), strict=True):
            client.user.identify(user_id, sign_user_id(platform.verification_key, user_id))
        controllers = [client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20) for client in clients]
        assert [dialect == "replay"] * 2 == [each.state is not None and each.state.offline for each in controllers]
    expected: type[LMGError] = RedemptionPending if dialect == "replay" else OfflineError
    for client, controller in zip(clients, controllers, strict=True):
        for _ in range(2):
            with pytest.raises(expected):
                controller.redeem(args=args, timeout=5)
        assert (dialect == "replay") == (controller.unconfirmed is not None)
        client.close()
    if dialect == "lmg":
        return
    with serve(f"sqlite:///{tmp_path / 'platform.db'}") as platform:
        states = []
        for name in ("one", "two"):
            with client_of(platform, tmp_path / name) as client:
                assert client.flush(20)
                states.append([letter.code for letter in client.journal.dead_letters()])
        assert [("ann", "applied"), ("bob", "refused")] == redemptions(Admin(platform))
    assert [[], ["redemption_sold_out"]] == states


CHILD = """
import sys, threading
from lmg_offline import Client, RedemptionPending
client = Client(sys.argv[1], endpoint=sys.argv[2], data_dir=sys.argv[3])
client.user.identify("ann", sys.argv[4])
controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
client.flush(20)
for name in ("replay", "graph"):  # the network is gone as soon as the state is known
    setattr(client._transport(), name, lambda *args, **kwargs: threading.Event().wait())
try:
    controller.redeem(args={"confirmPromptDisplayed": True}, timeout=1)
except RedemptionPending as pending:
    print(pending.receipt_id, flush=True)
threading.Event().wait()
"""


def test_killed_before_the_answer_it_is_redeemed_once(platform: Running, tmp_path: Path) -> None:
    """SIGKILL after the entry is on disk: a new process finds it, delivers it, and makes no second one."""
    admin = set_up(platform)
    token = sign_user_id(platform.verification_key, "ann")
    words = [platform.write_key, platform.endpoint, str(tmp_path / "j"), token]
    command = [sys.executable, "-c", textwrap.dedent(CHILD), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            promised = child.stdout.readline().strip()
        finally:
            os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
    before = redemptions(admin)

    with client_of(platform, tmp_path / "j", sync=False) as client:
        controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=0)
        with pytest.raises(RedemptionPending) as raised:
            controller.redeem(args={"confirmPromptDisplayed": True}, timeout=0)
    with client_of(platform, tmp_path / "j") as client:
        assert client.flush(30)
        state = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20).state
        receipt = client.journal.receipt(promised)

    assert (promised, "acknowledged") == (raised.value.receipt_id, receipt)
    assert ([], [("ann", "applied")]) == (before, redemptions(admin))
    assert state is not None and ("redeemed", False) == (state.display_status, state.stale)


def test_the_next_person_redeems_for_themselves(client: Client, platform: Running) -> None:
    """Ann leaves while she is asked; nothing is redeemed for her nor for bob; bob then redeems his own."""
    errors: list[LMGError] = []
    controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
    controller.on_error(errors.append)

    def ask(prompt: Prompt, resolver: PromptResolver) -> None:
        if client.user.id == "ann":
            client.user.identify("bob", sign_user_id(platform.verification_key, "bob"))
        resolver.resolve()

    controller.on_prompt_required(ask)

    assert controller.redeem(timeout=20) is None
    assert ["SessionChanged"] == [error.reason for error in errors if isinstance(error, RedemptionRefused)]
    assert controller.state is None
    assert controller.redeem(timeout=20) is not None
    assert [("bob", "applied")] == redemptions(Admin(platform))


def test_a_wrong_pin_is_refused_and_the_right_one_redeems(platform: Running, tmp_path: Path) -> None:
    """Entered as text, with its zeros; the platform alone knows it."""
    set_up(platform, {"kind": "single", "pin": "0042"})
    with client_of(platform, tmp_path / "j") as client:
        client.user.identify("ann", sign_user_id(platform.verification_key, "ann"))
        controller = client.offer.get_redemption_controller("o1", "b1", "l1", timeout=20)
        pins = ["9999", "0042"]
        controller.on_prompt_required(lambda prompt, resolver: resolver.resolve(pins.pop(0)))
        with pytest.raises(RedemptionRefused) as raised:
            controller.redeem(timeout=20)
        receipt = controller.redeem(timeout=20)

        assert receipt is not None and "acknowledged" == receipt.state
    assert ("redemption_pin", False) == (raised.value.reason, "9999" in str(raised.value))


def test_an_offer_without_redemption_says_so(platform: Running, tmp_path: Path) -> None:
    """The reason is the platform's."""
    Admin(platform).content()
    with client_of(platform, tmp_path / "j") as client:
        controller = client.offer.get_redemption_controller("o2", "b2", "l2", timeout=20)
        with pytest.raises(RedemptionRefused) as raised:
            controller.redeem(timeout=20)

    assert RedemptionReason.NOT_SUPPORTED == raised.value.reason
