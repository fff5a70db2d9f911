"""
The traps that SDKs of this kind fell into, each a test against ours.

The first 25 are what their users complained of most, numbered as they were
gathered, with the public thread as the source; after them the bugs that a naive
build would copy. What a short test can't show by itself it shows in part, and
names the test that shows the rest.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from lmg_offline import AudienceState, Client
from lmg_offline._journal import store
from lmg_offline._support.clock import SystemClock
from lmg_offline._support.filelock import FileLock
from lmg_offline.errors import IdentifyRejected, JournalCorrupt, JournalFull, JournalLocked
from lmg_offline.platform.server import Running
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing
from lmg_offline.verification import sign_user_id
from tests.e2e.support import Admin, client_of
from tools.faults.exchanges import Answer, CutAfterForward, CutBeforeForward, Exchange, Fault, HalfOpen, Pass
from tools.faults.proxy import FaultProxy
from tools.faults.stage import FastClock, QuickClient

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
DRAIN_S = 60.0
HUNG_AFTER_S = 30.0
PORTAL = Answer(200, (("Content-Type", "text/html"),), b"<html>Welcome to our wireless network</html>")


@pytest.fixture
def admin(shared_platform: Running) -> Admin:
    """What the platform has."""
    return Admin(shared_platform)


@pytest.fixture
def proxy(shared_platform: Running) -> Iterator[FaultProxy]:
    """A bad network on the way to the platform."""
    with FaultProxy(shared_platform.endpoint) as found:
        yield found


def quick(platform: Running, proxy: FaultProxy, folder: Path, **settings: Any) -> Client:
    """Return a client behind the proxy, whose waits between attempts pass quickly."""
    return QuickClient(platform.write_key, endpoint=proxy.endpoint, data_dir=folder, clock=FastClock(), **settings)


def only_first(count: int, fault: Fault) -> Callable[[Exchange], Fault]:
    """Return a script that plays a fault so many times, and then lets everything pass."""
    left = [fault] * count
    return lambda exchange: left.pop() if left else Pass()


def applied(admin: Admin, *receipts: Any) -> list[tuple[str, str | None]]:
    """Return (entry id, user id) of these writes in the order in which the platform applied them, repeats and all."""
    wanted = {receipt.id.split(".", 2)[2] for receipt in receipts}
    return [
        (row["id"], row["user_id"]) for row in admin.entries() if row["id"] in wanted and row["status"] == "applied"
    ]


def entry_ids(*receipts: Any) -> list[str]:
    """Return the entries' ids of these writes."""
    return [receipt.id.split(".", 2)[2] for receipt in receipts]


def run(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a program of its own and return how it ended."""
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


def test_01_a_device_saves_before_it_sends(tmp_path: Path) -> None:
    """
    Python on devices wanted save-then-send, and got queues in memory.

    Source: raven-python#1046, openpilot#20372, posthog-js#1583.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        receipt = client.activity.track("measured", {"celsius": 21.5})
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        entry = client.journal.entries()[0]

        assert "journaled" == client.journal.receipt(receipt.id)
        assert (receipt.id, {"celsius": 21.5}) == (entry.receipt_id, entry.payload["properties"])


def test_02_what_was_made_before_a_kill_is_sent(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    Everything sat in memory until settings had arrived; killed at the first start, offline, all was lost.

    Source: analytics-react-native#833, Analytics-CSharp#121. Many kills: tests/faults/test_kills.py::test_a_process_that_is_killed_again_and_again_loses_nothing.
    """  # noqa: E501
    code = (
        "import os, signal, sys; from lmg_offline import Client\n"
        "client = Client('wk', endpoint='http://127.0.0.1:9', data_dir=sys.argv[1])\n"
        "client.user.identify('killed'); client.activity.track('made before the kill')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = run(code, tmp_path / "j").returncode
    with client_of(shared_platform, tmp_path / "j") as client:
        assert client.flush(DRAIN_S)

    assert -signal.SIGKILL == ended
    assert ["made before the kill"] == [row["name"] for row in admin.get("users/killed/activity")["items"]]


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503), CutBeforeForward(), PORTAL], ids=["500", "503", "no connection", "portal"]
)
def test_03_no_outage_is_long_enough_to_drop_anything(
    shared_platform: Running, admin: Admin, proxy: FaultProxy, tmp_path: Path, fault: Fault
) -> None:
    """
    After so many failed attempts the queue was dropped; failing to reach the network counted as one.

    It goes on by itself, with no new write to wake it: no attempt is the last one.
    Source: Amplitude-TypeScript#1908, posthog-android (maxRetries), posthog-js#3314, powersync-native#15.
    """
    proxy.script = only_first(40, fault)
    with quick(shared_platform, proxy, tmp_path / "j") as client:
        receipts = [client.activity.track("during the outage", {"n": n}) for n in range(3)]
        tried = proxy.wait_for(41, HUNG_AFTER_S)
        arrived = client.flush(DRAIN_S)

    assert (True, True) == (tried, arrived)
    assert entry_ids(*receipts) == [row[0] for row in applied(admin, *receipts)]


def test_04_a_record_that_is_sent_again_counts_once(
    shared_platform: Running, admin: Admin, proxy: FaultProxy, tmp_path: Path
) -> None:
    """
    The same record came in 5 to 12 times.

    Source: mixpanel-react-native#443, Parse-SDK-Android#417.
    """
    proxy.script = only_first(8, CutAfterForward())
    with quick(shared_platform, proxy, tmp_path / "j") as client:
        client.user.identify("sent-again")
        for number in range(5):
            client.activity.track("seen", {"n": number})
        assert client.flush(DRAIN_S)
        audit = client.audit()

    assert list(range(5)) == [row["properties"]["n"] for row in admin.get("users/sent-again/activity")["items"]]
    assert (6, 6, True) == (audit.accepted, audit.acknowledged, audit.adds_up)


def test_05_a_lost_answer_does_not_apply_a_write_twice(
    shared_platform: Running, admin: Admin, proxy: FaultProxy, tmp_path: Path
) -> None:
    """
    An increment was applied again when its answer was lost; an insert that was had met "duplicate key" for ever.

    Here the repeat would undo what another device wrote in between.
    Source: firebase-android-sdk#8440, azure-mobile-services#811.
    """
    proven = sign_user_id(shared_platform.verification_key, "counted")
    with (
        client_of(shared_platform, tmp_path / "other") as other,
        quick(shared_platform, proxy, tmp_path / "j") as client,
    ):
        client.user.identify("counted", proven)
        assert client.flush(DRAIN_S)
        proxy.script = lambda exchange: CutAfterForward()
        receipt = client.user.update({"traits": {"visits": 1}})
        assert proxy.wait_for(len(proxy.seen()) + 3, HUNG_AFTER_S)
        other.user.identify("counted", proven, profile=None)
        other.user.update({"traits": {"visits": 2}})
        assert other.flush(DRAIN_S)
        proxy.script = lambda exchange: Pass()
        assert client.flush(DRAIN_S)

    assert {"visits": 2} == admin.user("counted")["profile"]["traits"]
    assert 1 == len(applied(admin, receipt))


def test_06_order_is_kept(shared_platform: Running, admin: Admin, proxy: FaultProxy, tmp_path: Path) -> None:
    """
    The newest came first, or failed ones came after newer ones.

    Source: snowplow-android-tracker#738 and #326, Parse-SDK-iOS-OSX#427.
    """
    faults = [CutAfterForward(), Answer(500), CutBeforeForward()] * 4
    proxy.script = lambda exchange: faults.pop() if faults else Pass()
    with quick(shared_platform, proxy, tmp_path / "j") as client:
        receipts = []
        for number in range(60):
            receipts.append(client.activity.track("step", {"n": number}))
            if number % 20 == 19:
                client.flush(DRAIN_S)
        assert client.flush(DRAIN_S)

    assert entry_ids(*receipts) == [row[0] for row in applied(admin, *receipts)]


@pytest.fixture
def refusing(platform: Running, tmp_path: Path) -> Iterator[tuple[Running, Client]]:
    """A platform that has just been told to take no bookmarks, and a client that does not know it yet."""
    with client_of(platform, tmp_path / "j") as client:
        client.user.identify("Ann with a space", sign_user_id(platform.verification_key, "Ann with a space"))
        assert client.flush(DRAIN_S)
        with writing(platform.engine) as connection:
            connection.execute(update(tables.properties).values(bookmarking="disabled"))
        yield platform, client


def test_07_one_bad_write_holds_up_nothing(refusing: tuple[Running, Client]) -> None:
    """
    A write that the server refuses blocked the queue; so did a space in a user id.

    Source: rudder-sdk-android#359, customerio-ios#195, powersync.dart#452.
    """
    platform, client = refusing
    client.activity.track("before")
    client.offer.bookmark("o1")
    client.activity.track("after")
    assert client.flush(DRAIN_S)

    assert ["before", "after"] == [
        row["name"] for row in Admin(platform).get("users/Ann%20with%20a%20space/activity")["items"]
    ]


def test_08_a_refused_write_does_not_vanish(refusing: tuple[Running, Client]) -> None:
    """
    It was gone with a line in the log, if that. It is listed, with the reason, and can be sent again.

    Source: firebase-android-sdk#6181, flutterfire#13138.
    """
    platform, client = refusing
    told: list[object] = []
    client.on("dead_letter", told.append)
    receipt = client.offer.bookmark("o1")
    state = receipt.wait(DRAIN_S)
    letters = client.journal.dead_letters()
    with writing(platform.engine) as connection:
        connection.execute(update(tables.properties).values(bookmarking="verified_only"))
    client.journal.retry(letters[0].id)
    assert client.flush(DRAIN_S)

    assert ("refused", 1, 1) == (state, len(told), len(letters))
    assert letters[0].code and letters[0].message and letters[0].payload["offer_id"] == "o1"
    assert ("acknowledged", []) == (receipt.state, client.journal.dead_letters())


def test_09_an_expired_token_is_neither_a_loop_nor_a_loss(
    shared_platform: Running, admin: Admin, tmp_path: Path
) -> None:
    """
    The token was frozen in the row: 401 for ever, or the row was thrown away; the next person's token was sent for it.

    Source: iterable-swift-sdk#1085, Parse-SDK-JS#2015, OneSignal-Android-SDK#2586.
    """
    asked: list[str] = []

    def fresh(user_id: str) -> str:
        asked.append(user_id)
        return sign_user_id(shared_platform.verification_key, user_id)

    expired = sign_user_id(shared_platform.verification_key, "expired", at=datetime(2020, 1, 1, tzinfo=UTC))
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify("expired", expired)
        receipt = client.user.update({"name": "Ex"})
        client.user.identify("next", sign_user_id(shared_platform.verification_key, "next"))
    with client_of(shared_platform, tmp_path / "j", token_provider=fresh) as client:
        assert client.flush(DRAIN_S)

    assert ["expired"] == asked
    assert [("VERIFIED", "Ex"), ("VERIFIED", None)] == [
        (found["state"], found["profile"]["name"]) for found in (admin.user("expired"), admin.user("next"))
    ]
    assert [("expired")] == [row[1] for row in applied(admin, receipt)]


def test_10_a_new_token_is_not_a_new_person(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    A fingerprint of the token took a refresh for another user, and threw the queue away.

    Source: lunora#79, OneSignal-Website-SDK#1496. A refresh that comes while the old one is being refused:
    tests/sync/test_runner.py::test_a_newer_token_is_not_thrown_away_by_the_refusal_of_the_old_one.
    """
    old = sign_user_id(shared_platform.verification_key, "refreshed", at=datetime(2020, 1, 1, tzinfo=UTC))
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify("refreshed", old)
        receipt = client.user.update({"name": "Re"})
        session_id = client.user.session_id
        client.user.identify("refreshed", sign_user_id(shared_platform.verification_key, "refreshed"))
        after = client.user.session_id
    with client_of(shared_platform, tmp_path / "j") as client:
        assert client.flush(DRAIN_S)
        state = client.user.state
    found = admin.user("refreshed")

    assert (session_id, AudienceState.VERIFIED) == (after, state)
    assert ("VERIFIED", "Re", 1) == (found["state"], found["profile"]["name"], len(found["sessions"]))
    assert 1 == len(applied(admin, receipt))


def test_11_nobodys_queue_is_sent_as_somebody_elses(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    The queue was sent as whoever was there when it was sent.

    Source: PackRat#2751, ground-android#1683, Eventra#2749, APM#429.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        receipts = {}
        for person in ("first", "second", "third"):
            client.user.identify(person)
            receipts[person] = client.user.update({"name": f"Name of {person}"})
    with client_of(shared_platform, tmp_path / "j") as client:
        client.user.identify("who is here now")
        assert client.flush(DRAIN_S)

    assert [(entry_ids(receipt)[0], person) for person, receipt in receipts.items()] == applied(
        admin, *receipts.values()
    )
    assert [f"Name of {person}" for person in receipts] == [
        admin.user(person)["profile"]["name"] for person in receipts
    ]


def test_12_leaving_does_not_delete_what_was_queued(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    The usual remedy against 11 was to empty the queue at logout; the last event before a reset was lost.

    Source: iterable-android-sdk#315, ground-android#1683, posthog-android#169.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify("left")
        receipt = client.activity.track("the last thing")
        client.user.reset_session()
    with client_of(shared_platform, tmp_path / "j") as client:
        assert client.flush(DRAIN_S)

    assert [(entry_ids(receipt)[0], "left")] == applied(admin, receipt)


def test_13_who_was_deleted_is_not_made_again(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    After a logout the SDK still sent, and made a profile again that had been deleted.

    Source: customerio-ios#218.
    """
    with client_of(shared_platform, tmp_path / "online") as client:
        client.user.identify("deleted", sign_user_id(shared_platform.verification_key, "deleted"))
        assert client.flush(DRAIN_S)
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "offline", sync=False) as client:
        client.user.identify("deleted", sign_user_id(shared_platform.verification_key, "deleted"))
        client.user.update({"name": "Somebody"})
        client.user.reset_session()
    erased = admin.ask("DELETE", "users/deleted")[0]
    with client_of(shared_platform, tmp_path / "offline") as client:
        client.flush(DRAIN_S)
        letters = {letter.code for letter in client.journal.dead_letters()}

    assert (204, 404) == (erased, admin.ask("GET", "users/deleted")[0])
    assert {"forgotten"} == letters


def test_14_what_follows_an_identify_is_that_persons(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    The call after `identify` went out as anonymous; who it was was read later, on another thread.

    Source: analytics-react-native#584, analytics-android#522.
    """
    made: list[Any] = []
    with client_of(shared_platform, tmp_path / "j") as client:
        for number in range(10):
            client.user.identify(f"quick-{number}")
            made.append(client.activity.track("at once"))
            thread = threading.Thread(target=lambda: made.append(client.activity.track("from another thread")))
            thread.start()
            thread.join()
            client.user.reset_session()
        assert client.flush(DRAIN_S)

    assert [f"quick-{number // 2}" for number in range(20)] == [row[1] for row in applied(admin, *made)]


def test_15_what_comes_after_a_logout_is_nobodys(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    On shared devices, events after a logout landed on the old user, or in the old session.

    Source: intercom-ios#276, dd-sdk-reactnative#53.
    """
    with client_of(shared_platform, tmp_path / "j") as client:
        client.user.identify("gone home")
        before = client.activity.track("mine")
        client.user.reset_session()
        after = client.activity.track("nobody's")
        assert client.flush(DRAIN_S)
    rows = {row["id"]: row for row in admin.entries()}
    mine, nobodys = (rows[entry_ids(receipt)[0]] for receipt in (before, after))

    assert ("gone home", None) == (mine["user_id"], nobodys["user_id"])
    assert mine["session_id"] != nobodys["session_id"]
    assert ["mine"] == [row["name"] for row in admin.get("users/gone%20home/activity")["items"]]


def test_16_the_anonymous_id_stays_and_is_nobody_elses(tmp_path: Path) -> None:
    """
    It was lost with an upgrade; everybody had the id "anonymousId".

    Source: analytics-android#326, analytics-react-native#439, posthog-ios#319. Over an upgrade of the journal:
    tests/journal/test_migrations.py::test_what_version_1_held_is_sent_by_this_one.
    """
    seen = []
    for folder in ("j", "j", "another"):
        with Client("wk", data_dir=tmp_path / folder, sync=False) as client:
            seen.append(client.user.session_id)

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert 20 < len(seen[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_17_a_forked_child_loses_nothing(tmp_path: Path) -> None:
    """
    Behind gunicorn, writes of the children were lost in silence, or flush waited for ever.

    Source: posthog-python#290, analytics-python#171, langfuse-python#1658. With the platform:
    tests/e2e/test_main_job.py::test_a_forked_child_writes_and_the_parent_sends.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j") as client:
        client.activity.track("parent")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                client.activity.track("child")
                code = 0 if not client.flush(0.1) and client.close(1.0) is not None else 2
            finally:
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        client.activity.track("parent again")
        names = [entry.payload["name"] for entry in client.journal.entries()]

    assert 0 == ended
    assert ["parent", "child", "parent again"] == names


def test_18_close_and_flush_return_though_the_resolver_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A name that is not resolved is outside of connect and read time-outs: close never returned.

    Source: launchdarkly/python-server-sdk#493, analytics-python#85.
    """
    let_go, asked = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        asked.set()
        let_go.wait(HUNG_AFTER_S * 2)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    client = Client("wk", endpoint="http://never.test", data_dir=tmp_path / "j")
    try:
        client.activity.track("seen")
        hung = asked.wait(HUNG_AFTER_S)
        began = time.monotonic()
        flushed = client.flush(0.3)
        client.close(0.3)
        took_s = time.monotonic() - began
    finally:
        let_go.set()

    assert (True, False) == (hung, flushed)
    assert took_s < HUNG_AFTER_S


def test_19_nothing_is_started_while_the_interpreter_ends(tmp_path: Path) -> None:
    """
    Since Python 3.12 no thread can be started then: it raised, or hung. What is written there is on disk all the same.

    Source: cpython#113964, sentry-python#2299, opentelemetry-python#4752.
    """
    code = (
        "import atexit, sys\n"
        "def last():\n"
        "    from lmg_offline import Client\n"
        "    client = Client('wk', endpoint='http://127.0.0.1:9', data_dir=sys.argv[1], durability='normal')\n"
        "    client.activity.track('at the end')\n"
        "    client.flush(0.05)\n"
        "atexit.register(last)"
    )
    ended = run(code, tmp_path / "j")
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        names = [entry.payload["name"] for entry in client.journal.entries()]

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ["at the end"] == names


def test_20_many_clients_are_not_many_threads_for_ever(tmp_path: Path) -> None:
    """
    One worker for each client object, never ended: threads and memory leaked.

    Source: mem0#3376 and #4535.
    """
    warm = Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", durability="normal")
    warm.activity.track("seen")
    warm.close(HUNG_AFTER_S)
    before = {thread.ident for thread in threading.enumerate()}
    for _ in range(20):
        with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", durability="normal") as client:
            client.activity.track("seen")
    left = [thread.name for thread in threading.enumerate() if thread.ident not in before and thread.is_alive()]

    assert len(left) <= 1, left


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 400], ids=["empty", "garbage"])
def test_21_a_damaged_store_is_never_deleted(tmp_path: Path, content: bytes) -> None:
    """
    It was a crash at every start, or the file was deleted with everything in it.

    Source: mixpanel-android#343, OneSignal-Android-SDK#1432, persist-queue#58, opentelemetry-collector-contrib#35899.
    What can be read of one: issue 4, item 5.
    """
    Client("wk", data_dir=tmp_path / "j", sync=False).close()
    (tmp_path / "j" / "journal.db").write_bytes(content)
    for _ in range(2):
        with suppress(JournalCorrupt), Client("wk", data_dir=tmp_path / "j", sync=False) as client:
            client.activity.track("goes on")

    assert content in [path.read_bytes() for path in (tmp_path / "j").rglob("*") if path.is_file()]


def test_22_a_power_cut_loses_nothing_that_returned(tmp_path: Path) -> None:
    """
    fsync was off, or on for the file and not for the log: a backlog was gone after a power cut.

    Full is the default, for every connection that writes. Source: opentelemetry-collector-contrib#20266, #50102.
    The settings: tests/journal/test_journal.py::test_the_pragmas_are_those_of_the_design.
    """
    levels = {}
    for name, settings in {"default": {}, "full": {"durability": "full"}, "normal": {"durability": "normal"}}.items():
        with Client("wk", data_dir=tmp_path / name, sync=False, **settings) as client:  # type: ignore[arg-type]
            client.activity.track("seen")
            levels[name] = client._journal.store.run(
                lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()
            )
            durable = client._journal.store.wait_until_durable(HUNG_AFTER_S)
            assert durable, "with normal too, within a second of the last write"

    assert {"default": 2, "full": 2, "normal": 1} == levels


def test_23_a_full_queue_is_said_and_drops_nothing(tmp_path: Path) -> None:
    """
    The newest, or the oldest, was dropped in silence; a full disk was a crash; what did not fit went past the queue.

    Source: split android-client#219, analytics-android#701, analytics-kotlin#283 and #273, persist-queue#132.
    Several processes: tests/journal/test_bounds.py::test_processes_together_keep_to_the_bound and
    tests/journal/test_journal.py::test_processes_share_a_journal.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", max_entries=3, sync=False) as client:
        for number in range(3):
            client.activity.track("fits", {"n": number})
        with pytest.raises(JournalFull, match="entries"):
            client.activity.track("does not fit")
        client.user.identify("is never turned away")
        kept = [(entry.kind, entry.payload.get("name")) for entry in client.journal.entries()]
        audit = client.audit()

    assert [("track", "fits")] * 3 + [("identify", None)] == kept
    assert audit.adds_up


def test_24_every_write_says_what_became_of_it(shared_platform: Running, tmp_path: Path) -> None:
    """
    There was no way to wait for one write, nor to hear that it was dropped.

    Source: rxdb#8632, posthog-python#731, Amplitude-JavaScript#243.
    """
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", sync=False) as client:
        receipt = client.activity.track("seen")
        states = [receipt.state]
    with client_of(shared_platform, tmp_path / "j") as client:
        assert client.flush(DRAIN_S)
        states.append(client.journal.receipt(receipt.id))
        rejected = client.user.identify("receipt", "no token at all")
        with pytest.raises(IdentifyRejected, match="token"):
            rejected.result(DRAIN_S)

    assert ["journaled", "acknowledged"] == states


class WrongClock(SystemClock):
    """A device whose clock was never set: it believes that it is 1971."""

    def wall_ms(self) -> int:
        return 31_536_000_000 + super().wall_ms() % 86_400_000


def test_25_privacy_and_clocks(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """
    Opting out left the queue full; data was held by nobody's consent; a wrong clock dated everything.

    Source: matomo-sdk-android#149, cpp_client_telemetry#666, firebase-ios-sdk#16509, PostHog#98250, posthog-js#3808,
    analytics-ios#693 and customerio-ios#1059 (a queue in the clear: docs/security.md says what is promised).
    Erasures that meet a send under way: tests/platform/test_replay_people.py::test_writes_from_before_an_erasure_are_refused_however_late.
    """  # noqa: E501
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", clock=WrongClock(), sync=False) as client:
        client.user.identify("opts out")
        client.user.update({"name": "Out"})
        client.user.forget()
        left = [entry.kind for entry in client.journal.entries()]
        client.user.identify("stays")
        client.activity.track("held until somebody agrees")
        held = client.status().queued
    with client_of(shared_platform, tmp_path / "j", clock=WrongClock()) as client:
        assert client.flush(DRAIN_S)
    row = admin.get("users/stays/activity")["items"][0]
    off_s = abs((datetime.now(UTC) - datetime.fromisoformat(row["occurred_at"])).total_seconds())

    assert (["forget"], 3) == (left, held)
    assert 404 == admin.ask("GET", "users/opts%20out")[0]
    assert off_s < 3600


# Bugs that a naive build would copy, where none of the above meets them


class OldClock(SystemClock):
    """A device that wrote half a year ago, in an earlier boot."""

    def wall_ms(self) -> int:
        return super().wall_ms() - 180 * 86_400_000

    def boot_id(self) -> str:
        return "a boot of half a year ago"


def test_nothing_grows_too_old_to_be_sent(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """Peers prune by age, 12 hours to 30 days, before the first send."""
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", clock=OldClock(), sync=False) as client:
        receipt = client.activity.track("half a year ago")
    with client_of(shared_platform, tmp_path / "j") as client:
        oldest_age = client.status().oldest_age or 0
        assert client.flush(DRAIN_S)

    assert 170 * 86_400 < oldest_age
    assert 1 == len(applied(admin, receipt))


class JumpyClock(SystemClock):
    """The wall clock goes back an hour at each look."""

    def __init__(self) -> None:
        super().__init__()
        self._hours = 0

    def wall_ms(self) -> int:
        self._hours += 1
        return super().wall_ms() - self._hours * 3_600_000


def test_the_order_is_not_the_clocks(shared_platform: Running, admin: Admin, tmp_path: Path) -> None:
    """`ORDER BY created_at` turns the queue round when the clock goes back."""
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j", clock=JumpyClock(), sync=False) as client:
        receipts = [client.activity.track("step", {"n": number}) for number in range(10)]
    with client_of(shared_platform, tmp_path / "j") as client:
        assert client.flush(DRAIN_S)

    assert entry_ids(*receipts) == [row[0] for row in applied(admin, *receipts)]


def test_a_number_is_never_used_again(shared_platform: Running, tmp_path: Path) -> None:
    """A row id without AUTOINCREMENT starts over in an empty table: the platform takes the new write for the old."""
    seen = []
    for _ in range(3):
        with client_of(shared_platform, tmp_path / "j") as client:
            seen.append(client.activity.track("seen"))
            assert client.flush(DRAIN_S)
            assert [] == client.journal.entries()

    assert [1, 2, 3] == [int(receipt.id.split(".")[1]) for receipt in seen]


def test_what_is_under_way_is_still_in_the_journal(shared_platform: Running, proxy: FaultProxy, tmp_path: Path) -> None:
    """Delete-then-send loses what a crash meets on the way; flush gives up in time, and close too."""
    proxy.script = lambda exchange: HalfOpen(forward=True)
    with quick(shared_platform, proxy, tmp_path / "j") as client:
        client.activity.track("under way")
        reached = proxy.wait_for(1, HUNG_AFTER_S)
        flushed, queued = client.flush(0.2), client.status().queued

    assert (True, False, 1) == (reached, flushed, queued)


def test_a_locked_journal_is_not_a_damaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`database is locked` was taken for corruption, and the file thrown away."""
    monkeypatch.setattr(store, "LOCK_TIMEOUT_S", 0.2)
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        client.activity.track("before")
        other = FileLock(tmp_path / "j" / "journal.lock")
        assert other.acquire(HUNG_AFTER_S)
        with pytest.raises(JournalLocked, match="call again"):
            client.activity.track("meanwhile")
        other.close()
        client.activity.track("after")

        assert ["before", "after"] == [entry.payload["name"] for entry in client.journal.entries()]


def test_an_identity_lies_in_no_second_file(tmp_path: Path) -> None:
    """A user id in a file of preferences stays there when the queue is emptied, and is in no backup's encryption."""
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify("only-in-the-journal", "token-only-in-the-journal")
    holders = {path.name for path in (tmp_path / "j").iterdir() if b"only-in-the-journal" in path.read_bytes()}

    assert {"journal.db"} == holders


def test_an_identify_again_is_one_person_and_one_session(
    shared_platform: Running, admin: Admin, tmp_path: Path
) -> None:
    """Apps call it at every screen. Source: customerio-ios#1080."""
    with client_of(shared_platform, tmp_path / "j") as client:
        sessions = {client.user.identify("again") and client.user.session_id for _ in range(5)}
        assert client.flush(DRAIN_S)

    assert 1 == len(sessions) == len(admin.user("again")["sessions"])


def test_the_body_of_a_request_is_in_no_log(
    shared_platform: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Peers log "making request: …" at DEBUG.

    A whole session: tests/security/test_leaks.py::test_nothing_personal_is_in_any_log.
    """
    caplog.set_level(logging.DEBUG)
    with client_of(shared_platform, tmp_path / "j") as client:
        client.activity.track("said", {"secret": "word-in-a-body"})
        assert client.flush(DRAIN_S)

    assert "urllib3" in {record.name.split(".")[0] for record in caplog.records}
    assert "word-in-a-body" not in caplog.text
