"""
Scenes of callbacks that misbehave, and of threads of the SDK that die: it goes on, and everything is delivered.

Each is a function of a `Life`.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from lmg_offline import Client
from lmg_offline._transport.http import HttpTransport
from lmg_offline.errors import LMGError
from lmg_offline.verification import sign_user_id

from .exits_lives import ENDS_WITHIN_S, HUNG, Life, fail
from .visits import Notebook, app_form, identify, step, track, update

CALLS = 12
INTERRUPTS = 150
MANY = 20  # of a notebook in which more is noted than in others, and above which there is none
EVENTS = ("online", "synced", "identified", "verified", "session_reset")
CALLBACK = 10  # number of the first notebook that a callback may use


class Boom(BaseException):
    """As little of an Exception as KeyboardInterrupt and SystemExit."""


KINDS: tuple[type[BaseException], ...] = (ValueError, MemoryError, Boom, SystemExit, KeyboardInterrupt, GeneratorExit)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds; end this process when it does not in time."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            fail(HUNG + what)
        time.sleep(0.002)


def _raising(life: Life) -> tuple[Callable[..., None], list[int]]:
    """Return a callback that raises, each time something else, and the list that counts how often."""
    raised: list[int] = []

    def callback(*details: object) -> None:
        raised.append(1)
        raise KINDS[len(raised) % len(KINDS)]("made up")

    return callback, raised


def event_raises(life: Life) -> None:
    """Callbacks of events raise, on the sync thread: an exception of every kind."""
    client = life.open()
    callback, raised = _raising(life)
    for event in EVENTS[:-1]:
        client.on(event, callback)
    life.begin_writing(client, 2)
    life.write(client, 0, CALLS)
    wait_until(lambda: len(raised) >= 3, "no events came")
    life.settle(client)


def receipt_raises(life: Life) -> None:
    """What was added to an identification raises when it is answered."""
    client = life.open()
    callback, raised = _raising(life)
    notebook = life.notebook(0)
    kept = []
    for _ in range(4):
        found = identify(client, notebook, life.site["verification_key"], is_verified=life.rng.random() < 0.5)
        found.add_done_callback(callback)
        kept.append(found)
        update(client, notebook)
    life.begin_writing(client, 1)
    life.settle(client)
    if not all(found.done() for found in kept):
        fail("an identification without an answer")
    if len(raised) != len(kept):
        fail(f"{len(raised)} of {len(kept)} callbacks of an identification were called")


def token_provider_raises(life: Life) -> None:
    """The token has expired, and the app's provider raises again and again before it gives a fresh one."""
    key = life.site["verification_key"]
    raised: list[int] = []

    def provider(user_id: str) -> str:
        if len(raised) < len(KINDS):
            raised.append(1)
            raise KINDS[len(raised) - 1]("made up")
        return sign_user_id(key, user_id, at=datetime.now(UTC))

    client = _open(life, provider)
    notebook = life.notebook(0)
    person = f"person-{life.rng.getrandbits(60):x}"
    n, value = notebook.begin("identify", person, True)
    token = sign_user_id(key, person, at=datetime.now(UTC) - timedelta(days=400))
    notebook.did(n, client.user.identify(person, hmac=token, profile=app_form(value)).id)
    for _ in range(3):
        update(client, notebook)
    wait_until(lambda: len(raised) == len(KINDS), "the provider is not asked again")
    life.settle(client)


def _open(life: Life, provider: Callable[[str], str]) -> Client:
    from .stage import FastClock

    site = life.site
    return Client(
        site["write_key"],
        endpoint=site["endpoint"],
        data_dir=site["folder"],
        durability="normal",
        clock=FastClock(),
        token_provider=provider,
    )


def _calling(life: Life, call: Callable[[Client, Notebook], object]) -> Client:
    """Call from a callback of an event, a few times, while others write. Return the client, when it was done."""
    client = life.open()
    notebook = life.notebook(CALLBACK)
    called: list[int] = []

    def callback(details: object) -> None:
        if len(called) < 3:
            called.append(1)
            call(client, notebook)
            called.append(1)

    client.on("online", callback)
    client.on("synced", callback)
    life.begin_writing(client, 2)
    wait_until(lambda: len(called) >= 2, "a call from a callback did not return")
    return client


def callback_writes(life: Life) -> None:
    """A callback writes."""

    def call(client: Client, notebook: Notebook) -> None:
        track(client, notebook)
        update(client, notebook)

    life.settle(_calling(life, call))


def callback_identifies(life: Life) -> None:
    """A callback says that somebody else is here."""
    key = life.site["verification_key"]
    life.settle(_calling(life, lambda client, notebook: identify(client, notebook, key, is_verified=False)))


def callback_resets(life: Life) -> None:
    """A callback ends the session."""
    life.settle(_calling(life, lambda client, notebook: client.user.reset_session()))


def callback_flushes(life: Life) -> None:
    """A callback waits for a delivery which only its own thread could make: with a timeout, and without."""

    def call(client: Client, notebook: Notebook) -> None:
        track(client, notebook)
        client.flush(0.05)
        client.flush()

    life.settle(_calling(life, call))


def callback_waits(life: Life) -> None:
    """A callback waits for a receipt and for an identification, without a timeout."""
    key = life.site["verification_key"]

    def call(client: Client, notebook: Notebook) -> None:
        n, value = notebook.begin("track")
        receipt = client.activity.track("seen", value)
        notebook.did(n, receipt.id)
        receipt.wait()
        try:
            identify(client, notebook, key, is_verified=False).result()
        except TimeoutError:
            pass  # it can't be answered while we are here

    life.settle(_calling(life, call))


def callback_closes(life: Life) -> None:
    """A callback closes the client; the next one has everything."""
    _calling(life, lambda client, notebook: client.close())
    life.stop_writing()
    client = life.open()
    life.write(client, 0, CALLS)
    life.settle(client)


def sync_dies(life: Life) -> None:
    """The sync thread is killed again and again, wherever it is."""
    client = life.open()
    life.begin_writing(client, 2)
    for _ in range(4):
        time.sleep(life.rng.random() * 0.03)
        kill_thread("lmg-offline.sync", Boom)
    life.settle(client)


def sync_dies_idle(life: Life) -> None:
    """The sync thread is killed when there is nothing to do, and nobody calls: another one takes its place."""
    client = life.open()
    life.write(client, 0, 3)
    if not client.flush(ENDS_WITHIN_S):
        fail(HUNG + "not delivered")
    wait_until(lambda: kill_thread("lmg-offline.sync", SystemExit), "there is no sync thread")
    wait_until(lambda: client.status().restarts == 1, "status() does not say that the sync thread had died")
    wait_until(lambda: thread_of("lmg-offline.sync") is not None, "no sync thread took its place")
    life.write(client, 1, CALLS)
    life.settle(client)


def sync_dies_in_a_flush(life: Life) -> None:
    """The sync thread is killed while a flush without a timeout waits for it."""
    client = life.open()
    life.write(client, 0, CALLS)
    flushed = threading.Event()

    def flush() -> None:
        if client.flush():
            flushed.set()

    threading.Thread(target=flush, daemon=True).start()
    for _ in range(3):
        kill_thread("lmg-offline.sync", Boom)
        time.sleep(life.rng.random() * 0.005)
    if not flushed.wait(ENDS_WITHIN_S):
        fail(HUNG + "flush, when the sync thread had died")
    life.settle(client)


def network_dies(life: Life) -> None:
    """The thread of the requests is killed again and again, wherever it is."""
    client = life.open()
    life.begin_writing(client, 2)
    for _ in range(4):
        time.sleep(life.rng.random() * 0.03)
        kill_thread("lmg-offline.replay", Boom)
    life.settle(client)


def interrupted_often(life: Life) -> None:
    """Ctrl-C by the hundred, wherever the main thread is in its writes: the next write goes on as if nothing was."""
    client = life.open()
    life.begin_writing(client, 2)
    notebook, rng, caught = life.notebook(MANY), life.rng, 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    deadline = time.monotonic() + ENDS_WITHIN_S
    while caught < INTERRUPTS:
        if time.monotonic() > deadline:
            fail(HUNG + "writes, when one was interrupted")
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0001, 0.003))
            for _ in range(10):  # an interrupt that meets a finalizer is lost, and another one must follow
                _call_something(life, client, notebook)
        except KeyboardInterrupt:
            caught += 1
        except LMGError as error:
            fail(f"a write after an interrupt raised {type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    life.settle(client)


def _call_something(life: Life, client: Client, notebook: Notebook) -> None:
    choice = life.rng.random()
    if choice < 0.2:
        client.status()
    elif choice < 0.7:
        track(client, notebook)
    else:
        step(client, notebook, life.site["verification_key"], life.rng)


def out_of_memory(life: Life) -> None:
    """Requests fail with what is no error of the network."""
    real: Any = HttpTransport._exchange
    left = [len(KINDS)]

    def failing(self: Any, *arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise KINDS[left[0]]("made up")
        return real(self, *arguments)

    HttpTransport._exchange = failing  # type: ignore[method-assign,assignment]  # the fault of this scene
    client = life.open()
    life.begin_writing(client, 2)
    wait_until(lambda: not left[0], "the sync does not try again")
    life.settle(client)


def no_more_threads(life: Life) -> None:
    """For a while the system gives no new thread."""
    real = threading.Thread.start
    left = [4]

    def failing(self: threading.Thread) -> None:
        if self.name.startswith("lmg-offline") and left[0]:
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        real(self)

    threading.Thread.start = failing  # type: ignore[method-assign]  # the fault of this scene
    client = life.open()
    life.begin_writing(client, 2)
    wait_until(lambda: not left[0], "no thread is started any more")
    life.settle(client)


def thread_of(name: str) -> threading.Thread | None:
    """Return the running thread of a name."""
    return next((each for each in threading.enumerate() if each.name == name), None)


def kill_thread(name: str, kind: type[BaseException]) -> bool:
    """
    Raise an exception in a thread at the next line it runs; say whether there was such a thread.

    Not while any thread is just being started: CPython keeps it under the number
    of the one that starts it, and a thread that is killed in its first line
    leaves `Thread.start` waiting for ever. Those are in limbo, and none comes
    there while its lock is held (Python 3.11 to 3.13, `threading.Thread.start`).
    """
    kill = ctypes.pythonapi.PyThreadState_SetAsyncExc
    internals: Any = threading
    with internals._active_limbo_lock:
        if internals._limbo:
            return False
        ident = next((each.ident for each in threading.enumerate() if each.name == name), None)
        return bool(ident and kill(ctypes.c_ulong(ident), ctypes.py_object(kind)))


SCENES: dict[str, Callable[[Life], None]] = {
    scene.__name__: scene
    for scene in (
        event_raises,
        receipt_raises,
        token_provider_raises,
        callback_writes,
        callback_identifies,
        callback_resets,
        callback_flushes,
        callback_waits,
        callback_closes,
        sync_dies,
        sync_dies_idle,
        sync_dies_in_a_flush,
        network_dies,
        interrupted_often,
        out_of_memory,
        no_more_threads,
    )
}
