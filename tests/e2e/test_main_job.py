"""The main job: offline, killed, replayed, everyone right."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmg_offline import (
    AudienceState,
    Client,
    ClientClosed,
    IdentifyRejected,
    OfflineError,
    PlatformError,
    ValidationError,
    VerificationRequired,
)
from lmg_offline.platform.server import Running
from lmg_offline.verification import sign_user_id
from tests.bad_profiles import BAD_PROFILES
from tests.e2e.conftest import Serve
from tests.e2e.support import Admin, client_of

_OFFLINE = """
import json, sys
from lmg_offline import Client
job = json.loads(sys.argv[1])
client = Client("wk_nobody", endpoint="http://127.0.0.1:9", data_dir=job["folder"])
def note(user, receipt):
    print(json.dumps([user, receipt.id]), flush=True)
note("ann", client.user.identify("ann", job["token"]))
for number in range(1000):
    note("ann", client.user.update({"traits": {"count": number}}))
client.user.reset_session()
note("bob", client.user.identify("bob"))
for number in range(10**6):
    note("bob", client.user.update({"traits": {"count": number}}))
"""


def test_everything_that_returned_arrives_once_in_order_under_its_person(serve: Serve, tmp_path: Path) -> None:
    """No network at all, two people, kill -9, restart; then the platform starts."""
    database = f"sqlite:///{tmp_path / 'platform.db'}"
    with serve(database) as keys:
        token = sign_user_id(keys.verification_key, "ann")
    job = json.dumps({"folder": str(tmp_path / "journal"), "token": token})
    child = subprocess.Popen([sys.executable, "-c", _OFFLINE, job], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    promised = [json.loads(child.stdout.readline()) for _ in range(1100)]
    child.send_signal(signal.SIGKILL)
    promised += [json.loads(line) for line in child.stdout.read().splitlines() if line.endswith("]")]
    child.wait()
    child.stdout.close()
    with serve(database) as platform, client_of(platform, tmp_path / "journal") as client:
        assert AudienceState.IDENTIFIED is client.user.state
        assert client.flush(280)  # one entry a request in one of the dialects
        log = Admin(platform).entries()
        states = [Admin(platform).user(name)["state"] for name in ("ann", "bob")]
        audit = client.audit()

    ids = [receipt.split(".", 2)[2] for _, receipt in promised]
    assert ids == [row["id"] for row in log][: len(ids)]
    assert 0 <= len(log) - len(ids) <= 1
    assert [user for user, _ in promised] == [row["user_id"] for row in log][: len(ids)]
    assert {"applied"} == {row["status"] for row in log}
    assert ["VERIFIED", "IDENTIFIED"] == states
    assert (True, 0, len(log)) == (audit.adds_up, audit.queued, audit.acknowledged)


def test_four_people_with_four_tokens(platform: Running, tmp_path: Path) -> None:
    """Refused and expired are parked with the reason; good and none are delivered; a later token releases."""
    key, old = platform.verification_key, datetime(2020, 1, 1, tzinfo=UTC)
    tokens = {
        "refused": sign_user_id(key, "somebody else"),
        "expired": sign_user_id(key, "expired", at=old),
        "good": sign_user_id(key, "good", at=datetime.now(UTC)),
        "unverified": None,
    }
    with Client("wk", endpoint="http://127.0.0.1:9", data_dir=tmp_path / "j", sync=False) as client:
        for user_id, token in tokens.items():
            client.user.identify(user_id, token)
            client.user.update({"name": user_id})
            client.user.reset_session()
        assert client.audit().adds_up
    admin = Admin(platform)
    with client_of(platform, tmp_path / "j") as client:
        assert not client.flush(30)
        parked = {lane.user_id: lane.parked_code for lane in client.journal.lanes() if lane.status == "parked"}
        assert {"refused": "token_refused", "expired": "token_expired"} == parked
        assert 2 == len([sentence for sentence in client.explain() if "token" in sentence])
        assert ("VERIFIED", "IDENTIFIED") == (admin.user("good")["state"], admin.user("unverified")["state"])
        assert [404, 404] == [admin.ask("GET", f"users/{name}")[0] for name in ("refused", "expired")]
        assert (4, True) == (client.audit().parked, client.audit().adds_up)

        released: list[object] = []
        client.on("released", released.append)
        client.user.identify("expired", sign_user_id(key, "expired"))
        assert not client.flush(30)
        assert "expired" == admin.user("expired")["profile"]["name"]
        assert (2, True, 1) == (client.audit().parked, client.audit().adds_up, len(released))

        for entry in client.journal.entries():
            client.journal.discard(entry.id)
        assert client.flush(5)
        assert {"discarded": 2} == client.audit().ledger
        assert client.audit().adds_up


def test_a_rejected_identification_raises_and_frees_the_app(platform: Running, tmp_path: Path) -> None:
    """The future, the event, the new anonymous session, and asyncio."""
    heard = threading.Event()
    with client_of(platform, tmp_path / "j") as client:
        client.on("identify_rejected", lambda details: heard.set())
        identification = client.user.identify("ann", sign_user_id(platform.verification_key, "bob"))

        async def wait() -> object:
            return await asyncio.wait_for(asyncio.wrap_future(identification), 20)

        with pytest.raises(IdentifyRejected, match="token_refused"):
            asyncio.run(wait())
        assert heard.wait(5)
        assert (AudienceState.ANONYMOUS, None) == (client.user.state, client.user.id)


def test_a_receipt_answers_in_the_next_process(platform: Running, tmp_path: Path) -> None:
    """Stored by one process, acknowledged in another."""
    code = (
        "import sys; from lmg_offline import Client\n"
        "with Client('', data_dir=sys.argv[1], sync=False) as client: print({})"
    )
    write = [sys.executable, "-c", code.format("client.activity.track('seen').id"), str(tmp_path / "j")]
    receipt = subprocess.run(write, capture_output=True, text=True, check=True).stdout.strip()
    with client_of(platform, tmp_path / "j") as client:
        assert client.flush(20)
    read = [sys.executable, "-c", code.format(f"client.journal.receipt({receipt!r})"), str(tmp_path / "j")]

    assert "acknowledged" == subprocess.run(read, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("call", ["update", "identify"])
def test_bad_profiles_name_the_field_and_write_nothing(tmp_path: Path, call: str) -> None:
    """Every kind of wrong profile; the entry table stays as it was, byte for byte."""
    with Client("wk", endpoint="http://127.0.0.1:9", data_dir=tmp_path / "j", sync=False) as client:
        client.activity.track("before")
        store = client._journal.store
        before = store.read("SELECT * FROM entries")
        tried = 0
        for name, profile, field in BAD_PROFILES:
            if call == "identify" and profile is None:
                continue  # an identify without a profile is a good one
            with pytest.raises(ValidationError) as raised:
                client.user.update(profile) if call == "update" else client.user.identify("ann", profile=profile)  # type: ignore[arg-type]
            assert field in raised.value.fields, name
            tried += 1

        assert tried >= 30
        assert before == store.read("SELECT * FROM entries")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        pytest.param(("",), "user_id", id="empty id"),
        pytest.param((5,), "user_id", id="number as id"),
        pytest.param(("a\x00",), "user_id", id="NUL"),
        pytest.param(("a", 5), "options", id="options of a number"),
        pytest.param(("a", {"token": "x"}), "options.token", id="unknown option"),
        pytest.param(("a", {"hmac": 5}), "hmac", id="token of a number"),
    ],
)
def test_bad_identify_arguments_are_named(tmp_path: Path, arguments: tuple[object, ...], field: str) -> None:
    """Before anything is written."""
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        with pytest.raises(ValidationError) as raised:
            client.user.identify(*arguments)  # type: ignore[arg-type]

        assert ([field], AudienceState.ANONYMOUS) == (raised.value.fields, client.user.state)


def test_reads_answer_from_the_cache_when_the_platform_is_gone(serve: Serve, dialect: str, tmp_path: Path) -> None:
    """And say so; the next person sees none of it."""
    with serve() as platform:
        Admin(platform).content()
        client = client_of(platform, tmp_path / "j")
        fresh = client.business.list(timeout=20)
        again = client.business.list(timeout=20)
        assert ["Cafe", "Rink"] == [business.name for business in fresh] == [business.name for business in again]
        assert ["Cafe offer"] == [offer.headline for offer in client.business.get("b1").offers]
        assert "Rink offer" == client.offer.get("o2").headline
        assert ["c1"] == [item.id for item in client.collection.list(tags=["x"])]
        assert ["b1", "b2"] == [business.id for business in client.collection.business.list("c1")]
        assert ["b2"] == [business.id for business in client.business.list(search="rink")]
        if dialect == "replay":
            assert ["b1"] == [business.id for business in client.business.list(tags=["t1"])]
        else:
            with pytest.raises(PlatformError, match="tagNames"):  # the real platform has no tags of businesses
                client.business.list(tags=["t1"])
        client.set_ordering_point(51.0, -119.0)
        assert ["l2", "l1"] == [place.id for place in client.location.list()]
        assert ["b2", "b1"] == [business.id for business in client.business.list()]
        client.set_ordering_point(None)
        client.set_context_geo_circle((50.0, -119.0), 10_000)
        assert ["b1"] == [business.id for business in client.business.list()]
        client.set_context_geo_circle(None)
        with pytest.raises(PlatformError, match="404"):
            client.offer.get("nothing")
        with pytest.raises(PlatformError, match="user-not-identified"):
            client.business.list(limit_to_saved=True)
    stale = client.business.list(timeout=20)
    assert (["Cafe", "Rink"], True) == ([business.name for business in stale], stale.stale)
    assert stale.as_of is not None and fresh.as_of is not None and stale.as_of >= fresh.as_of
    client.user.reset_session()
    with pytest.raises(OfflineError):
        client.business.list(timeout=5)
    client.close()


def test_bookmarks_need_a_token(tmp_path: Path) -> None:
    """Not for nobody, not on a mere claim."""
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        with pytest.raises(VerificationRequired):
            client.offer.bookmark("o1")
        client.user.identify("ann", "a token that waits for its answer")
        assert "journaled" == client.offer.bookmark("o1", "b1").state
        page = client.business.list(limit_to_saved=True)

        assert (["b1"], ["o1"], True) == ([b.id for b in page], [o.id for o in page[0].offers], page.stale)


def test_only_the_whole_saved_list_settles_own_bookmarks(serve: Serve, tmp_path: Path) -> None:
    """A filtered one says nothing of the rest; and no older answer shows an offer as it was."""
    with serve() as platform:
        Admin(platform).content()
        client = client_of(platform, tmp_path / "j")
        client.user.identify("ann", sign_user_id(platform.verification_key, "ann"))
        assert not client.offer.get("o1", timeout=20).is_bookmarked
        client.offer.bookmark("o1", "b1")
        assert client.flush(20)
        assert [] == list(client.business.list(limit_to_saved=True, search="nomatch", timeout=20))
        assert 1 == len(client._session.bookmarks())
        assert ["b1"] == [business.id for business in client.business.list(limit_to_saved=True, timeout=20)]
        assert [] == client._session.bookmarks()
    assert client.offer.get("o1", timeout=5).is_bookmarked
    assert ["b1"] == [business.id for business in client.business.list(limit_to_saved=True, timeout=5)]
    client.close()


def test_two_processes_send_once(platform: Running, tmp_path: Path) -> None:
    """One holds the lease, both write, both see the end."""
    with client_of(platform, tmp_path / "j") as one, client_of(platform, tmp_path / "j") as two:
        receipts = [(one, two)[number % 2].activity.track("seen").id for number in range(100)]
        assert one.flush(30)
        assert two.flush(30)
        assert "acknowledged" == two.journal.receipt(receipts[0])
    ids = [row["id"] for row in Admin(platform).entries()]

    assert [receipt.split(".", 2)[2] for receipt in receipts] == ids


def test_a_forked_child_writes_and_the_parent_sends(dialect: str, tmp_path: Path) -> None:
    """A live client survives os.fork on both sides; the platform is a process of its own, as it would be."""
    words = ["platform", "serve", "--dev", "--port", "0", "--database", f"sqlite:///{tmp_path / 'platform.db'}"]
    words += ["--lmg-only"] if dialect == "lmg" else []
    server = subprocess.Popen([sys.executable, "-m", "lmg_offline.cli.main", *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    facts = json.loads(server.stdout.readline())
    codes = []
    with Client(facts["write_key"], endpoint=facts["endpoint"], data_dir=tmp_path / "j") as client:
        for _ in range(10):
            client.activity.track("parent")
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    client.activity.track("child")
                    code = 0
                finally:
                    os._exit(code)
            client.activity.track("parent again")
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert client.flush(30)
        audit = client.audit()
    server.terminate()
    server.wait(30)
    server.stdout.close()

    assert [0] * 10 == codes
    assert (30, 30, True) == (audit.accepted, audit.acknowledged, audit.adds_up)


def test_a_full_queue_does_not_keep_the_interpreter_from_exiting(tmp_path: Path) -> None:
    """Exit without close, nothing reachable: soon, and without loss."""
    code = (
        "import sys; from lmg_offline import Client\n"
        "client = Client('wk', endpoint='http://127.0.0.1:9', data_dir=sys.argv[1])\n"
        "for _ in range(100): client.activity.track('seen')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "j")], timeout=30, capture_output=True, text=True, check=True
    )
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        assert ("", 100) == (done.stderr, client.status().queued)


def test_a_wrong_write_key_suspends_and_a_good_one_goes_on(platform: Running, tmp_path: Path) -> None:
    """flush says False at once; nothing is dropped."""
    with Client("wk_wrong", endpoint=platform.endpoint, data_dir=tmp_path / "j") as client:
        client.activity.track("seen")
        assert not client.flush(20)
        assert "lmg-write-key-refused" == client.status().suspended
        assert ["write key" in sentence for sentence in client.explain()] == [True]
        with pytest.raises(OfflineError):
            client.business.list(timeout=5)
    with client_of(platform, tmp_path / "j") as client:
        assert client.flush(20)
        assert client.status().suspended is None


def test_a_closed_client_says_so(tmp_path: Path) -> None:
    """Every call, and closing twice is fine."""
    client = Client("wk", data_dir=tmp_path / "j", sync=False)
    client.close()
    client.close()

    for call in (client.status, client.user.reset_session, lambda: client.activity.track("x"), client.flush):
        with pytest.raises(ClientClosed):
            call()
    assert "closed" in repr(client)


def test_an_event_of_no_name_is_refused_and_a_raising_callback_stops_nothing(platform: Running, tmp_path: Path) -> None:
    """The app's mistake is logged by its kind, and the sync goes on."""
    with client_of(platform, tmp_path / "j") as client:
        with pytest.raises(ValidationError):
            client.on("nonsense", print)
        end = client.on("synced", lambda details: 1 / 0)
        client.activity.track("one")
        assert client.flush(20)
        end()
        client.activity.track("two")
        assert client.flush(20)


def test_forget_erases_the_person_on_both_sides(platform: Running, dialect: str, tmp_path: Path) -> None:
    """What was delivered is erased; what was queued never arrives. The real platform can but clear the profile."""
    with client_of(platform, tmp_path / "j") as client:
        client.user.identify("ann", sign_user_id(platform.verification_key, "ann"), profile=None)
        client.user.update({"email": "ann@example.com"})
        assert client.flush(20)
        assert 200 == Admin(platform).ask("GET", "users/ann")[0]
        receipt = client.user.forget()
        state = receipt.wait(20)
        assert client.user.id is None
        if dialect == "replay":
            assert ("acknowledged", 404) == (state, Admin(platform).ask("GET", "users/ann")[0])
        else:
            assert ("refused", None) == (state, Admin(platform).user("ann")["profile"]["email"])
            assert ["erasure_not_offered"] == [letter.code for letter in client.journal.dead_letters()]


def test_nothing_personal_is_logged_or_shown(
    platform: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole flow at DEBUG, with marked secrets: none in logs, reprs or messages."""
    secrets = ["SECRET-user", "SECRET@example.com", "SECRET-name", "SECRET-trait", "SECRET-term"]
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    with client_of(platform, tmp_path / "j") as client:
        token = sign_user_id(platform.verification_key, secrets[0])
        texts.append(repr(client.user.identify(secrets[0], token, profile=None)))
        texts.append(repr(client.user.update({"email": secrets[1], "name": secrets[2], "traits": {"x": secrets[3]}})))
        client.search.save_term(secrets[4])
        client.business.list(search=secrets[4])
        assert client.flush(20)
        with pytest.raises(ValidationError) as raised:
            client.user.update({"email": secrets[2]})
        texts += [str(raised.value), repr(client.user), repr(client), repr(client.journal.lanes(drained=True))]
        texts += [repr(client.journal.entries()), repr(client.status()), repr(client._journal.current())]
        client.user.identify(secrets[0], "SECRET-token")
        client.flush(20)
    everything = "\n".join(texts) + caplog.text

    assert [] == [secret for secret in [*secrets, token, "SECRET-token"] if secret in everything]
