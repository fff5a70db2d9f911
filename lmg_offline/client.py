"""The client: the one place that builds the parts and hands them out."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from ._core.arguments import check_wait
from ._journal import location
from ._journal.desk import Desk
from ._journal.journal import Journal
from ._journal.readcache import ReadCache
from ._journal.records import Recovery
from ._support.clock import Clock, SystemClock, utc_from_ms
from ._support.log import log
from ._sync.events import Callback, Events
from ._sync.late import Late, load
from ._sync.lease import Lease
from ._sync.session import Session
from ._sync.thread import SyncThread
from .activity import Activity
from .config import MAX_BYTES, MAX_ENTRIES, Config, LmgSettings, make_config
from .device import Device
from .errors import ClientClosed, JournalError
from .geo import ContentFilter
from .user import User

if TYPE_CHECKING:
    from ._journal.shown import Audit
    from ._sync.reads import Reads
    from ._sync.runner import Runner
    from ._sync.tokens import TokenProvider
    from ._transport.http import HttpTransport
    from .business import BusinessApi
    from .collection import CollectionApi
    from .location import LocationApi
    from .offer import OfferApi
    from .search import SearchApi
    from .status import Status

EXIT_TIMEOUT_S = 1.0
CLOSE_GRACE_S = 0.5  # for the journal's file alone, which takes milliseconds unless somebody holds it
FLUSH_POLL_S = 0.2
HURRY_EVERY_S = 1.0
RECOVERED = "journal_recovered"
# What is loaded when it is first needed; see `late.py`.
_HERE = (
    "lmg_offline._core.explain",
    "lmg_offline._journal.marks",
    "lmg_offline._journal.outbox",
    "lmg_offline._journal.shown",
    "lmg_offline._sync.reads",
    "lmg_offline.business",
    "lmg_offline.collection",
    "lmg_offline.location",
    "lmg_offline.offer",
    "lmg_offline.search",
    "lmg_offline.status",
)
_NETWORK = (*_HERE, "lmg_offline._sync.runner", "lmg_offline._transport.http")


class Client:
    """
    The SDK. Opening it never needs the network; every write is on disk when its call returns.

    Safe from any thread, and usable as a context manager.
    """

    def __init__(
        self,
        write_key: str | None = None,
        *,
        endpoint: str | None = None,
        app_name: str = "lmg-offline",
        data_dir: str | os.PathLike[str] | None = None,
        durability: str = "full",
        max_entries: int | None = MAX_ENTRIES,
        max_bytes: int | None = MAX_BYTES,
        token_provider: TokenProvider | None = None,
        sync: bool = True,
        language: str | None = None,
        timezone: str | None = None,
        lmg: LmgSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """
        Open the journal and, unless `sync` is False, begin to send.

        Args:
            write_key: The integration's write key; default: LMG_WRITE_KEY.

            endpoint: Base URL of the platform; default: LMG_ENDPOINT.

            app_name: Names the folder under the user's data folder.

            data_dir: The folder itself; default: LMG_DATA_DIR, else by app_name.

            durability: `full` survives power loss, `normal` a crash of the process.

            max_entries: The most entries the journal holds, parked and refused
                ones counted; None: any number. When it is full, profile writes
                that later ones supersede are merged; then writes raise
                JournalFull. Who identifies, resets or forgets is never turned away.

            max_bytes: The most bytes it takes on disk; None: whatever the disk has.

            token_provider: Called by the sync with a user id when that user's
                token has expired; returns a fresh one, or None.

            sync: False: journal only, nothing is ever sent.

            language: Language code sent with each request; default: the system's.

            timezone: IANA name of the time zone sent with each request; default: the system's.

            lmg: How to speak to a platform without the replay extension, where
                its public facts leave that open.

            clock: The clocks to read; for tests.

        Raises:
            ValidationError: A setting is out of bounds.

            JournalError: The folder or file can't be used; the message says why.
        """
        config = make_config(
            write_key,
            endpoint=endpoint,
            app_name=app_name,
            data_dir=data_dir,
            durability=durability,
            sync=sync,
            max_entries=max_entries,
            max_bytes=max_bytes,
        )
        self._config = config
        self._closed = False
        self._folder = location.folder_of(config.app_name, config.data_dir)
        self._clock = clock or SystemClock()
        self._device = Device(self._clock, language, timezone)
        self._journal = Journal.open(
            self._folder, self._clock, durable=config.durability == "full", bounds=config.bounds
        )
        self._events = Events()
        recovery = self._journal.store.recovery
        self._untold = None if recovery is None or recovery.told else recovery
        own = weakref.WeakMethod(self._hear_of)  # a client that nobody holds any more can go
        self._end_hearing = self._journal.store.on_recovery(lambda news: (hear := own()) and hear(news))
        self._build(config, token_provider, lmg or LmgSettings())
        _live.add(self)

    def _build(self, config: Config, token_provider: TokenProvider | None, lmg: LmgSettings) -> None:
        self._cache = ReadCache(self._journal.store, config.bounds.max_bytes)
        self._content_filter = ContentFilter()
        self._transport: Late[HttpTransport] | None = None
        self._runner: Late[Runner] | None = None
        self._thread: SyncThread | None = None
        if config.sync:
            self._transport = transport = Late(_NETWORK, lambda: self._new_transport(config))
            self._runner = Late(_NETWORK, lambda: self._new_runner(config, transport(), token_provider, lmg))
            self._thread = SyncThread(
                self._runner, Lease(self._folder), self._journal.store, lambda: self._session.settle()
            )
        self._desk = Desk(self._journal, self._wake)
        self._session = Session(self._journal, self._desk, self._cache, self._runner, self._thread, self._check_open)
        self.user = User(self._session, lambda: self._events.emit("session_reset"))
        self.activity = Activity(self._session)
        self.identify = self.user.identify
        if self._thread is not None:
            self._thread.start()

    def _new_transport(self, config: Config) -> HttpTransport:
        from ._transport.http import HttpTransport

        return HttpTransport(
            config.endpoint,
            config.write_key,
            deadline_s=config.request_deadline_s,
            client_headers=self._device.headers,
        )

    def _new_runner(
        self, config: Config, transport: HttpTransport, token_provider: TokenProvider | None, lmg: LmgSettings
    ) -> Runner:
        from ._journal.outbox import Outbox
        from ._sync.runner import Runner

        return Runner(
            self._journal,
            Outbox(self._journal),
            transport,
            self._events,
            endpoint=config.endpoint,
            write_key=config.write_key,
            token_provider=token_provider,
            device=self._device,
            lmg=lmg,
            app_id=config.app_name,
        )

    # What reads and redeems is loaded when it is first used: a new process comes to its first write without it.

    @cached_property
    def _reads(self) -> Reads:
        load(_HERE)
        from ._journal.outbox import Outbox
        from ._sync.reads import Reads

        return Reads(
            self._journal, Outbox(self._journal), self._cache, self._transport, self._runner, self._thread
        )

    @cached_property
    def business(self) -> BusinessApi:
        """Businesses, one or a feed of them."""
        load(_HERE)
        from .business import BusinessApi

        return BusinessApi(self._reads, self._session, self._content_filter)

    @cached_property
    def offer(self) -> OfferApi:
        """Offers: read, saved, redeemed."""
        load(_HERE)
        from .offer import OfferApi

        return OfferApi(
            self._reads,
            self._session,
            self._content_filter,
            self._device.position,
            monotonic_s=self._clock.monotonic_s,
        )

    @cached_property
    def location(self) -> LocationApi:
        """A business's locations."""
        load(_HERE)
        from .location import LocationApi

        return LocationApi(self._reads, self._session, self._content_filter)

    @cached_property
    def collection(self) -> CollectionApi:
        """Collections of businesses."""
        load(_HERE)
        from .collection import CollectionApi

        return CollectionApi(self._reads, self._session, self._content_filter)

    @cached_property
    def search(self) -> SearchApi:
        """Search, and the person's recent terms."""
        load(_HERE)
        from .search import SearchApi

        return SearchApi(self._reads, self._session, self._content_filter)

    @property
    def journal(self) -> Desk:
        """The queue, its dead letters and ledger, for operators."""
        self._check_open()
        load(_HERE)
        return self._desk

    @property
    def data_dir(self) -> str:
        """The folder of the journal."""
        return str(self._folder)

    def set_ordering_point(self, lat: float | None, lon: float | None = None) -> None:
        """Order what reads return by the distance from a point, in degrees; None clears it."""
        self._content_filter.set_ordering_point(lat, lon)

    def set_context_geo_area(self, points: Sequence[tuple[float, float]] | None) -> None:
        """Show only what lies in a ring of (lat, lon), in degrees; None clears it."""
        self._content_filter.set_context_geo_area(points)

    def set_context_geo_circle(self, centre: tuple[float, float] | None, radius_m: float | None = None) -> None:
        """Show only what lies within `radius_m` metres of (lat, lon); None clears it."""
        self._content_filter.set_context_geo_circle(centre, radius_m)

    def set_device_location(
        self,
        lat: float | None,
        lon: float | None = None,
        accuracy_m: float | None = None,
        at: datetime | None = None,
    ) -> None:
        """
        Say where the device is; None forgets it. Kept in memory alone.

        It goes with each request, and answers what redemptions ask of a place.

        Args:
            lat: Latitude in degrees.

            lon: Longitude in degrees.

            accuracy_m: How far off it may be, in metres.

            at: When it was measured, an aware datetime; default: now.

        Raises:
            ValidationError: A value is out of range.
        """
        self._device.set_position(lat, lon, accuracy_m, at)

    def on(self, event: str, callback: Callback) -> Callable[[], None]:
        """
        Call `callback` with a mapping of details at every event of this name.

        It runs on the sync thread (for `session_reset` on the caller's) and may
        call the client. Returns a function that ends it. `journal_recovered`
        comes on the thread of the call that found the damage; when that was
        before anybody asked for it, it comes at once.

        Raises:
            ValidationError: There is no such event.
        """
        end = self._events.on(event, callback)
        news = self._untold
        if news is not None and self._events.is_wanted(RECOVERED):
            self._tell_of(news)
        return end

    def _hear_of(self, recovery: Recovery) -> None:
        """The journal was damaged: tell the app, or keep it until somebody asks."""
        self._untold = recovery
        if self._events.is_wanted(RECOVERED):
            self._tell_of(recovery)

    def _tell_of(self, recovery: Recovery) -> None:
        self._untold = None
        self._events.emit(
            RECOVERED,
            at=utc_from_ms(recovery.at),
            recovered=recovery.recovered,
            lost=recovery.lost,
            folder=recovery.folder,
        )
        try:
            self._journal.store.note_told(recovery.recovery_id)
        except JournalError as error:  # told once more at the next opening, then
            log.warning("a recovery's event was not noted", extra={"error": type(error).__name__})

    def flush(self, timeout: float | None = None) -> bool:
        """
        Wait until every entry made before the call is acknowledged or a dead letter.

        Returns:
            False when the time is up, or at once when all that is left is
            parked or suspended, or when this client does not send and nobody else
            does, or in a callback of `on`, which runs on the thread that would have to send.

        Raises:
            ValidationError: The timeout is no number.
        """
        return self._flush(timeout, lambda: True)

    def _flush(self, timeout: float | None, is_wanted: Callable[[], bool]) -> bool:
        """As `flush`, until nobody wants it any more."""
        load(_HERE)
        from ._journal.marks import Marks

        self._check_open()
        store = self._journal.store
        marks = Marks(store)
        deadline = None if timeout is None else time.monotonic() + check_wait(timeout)
        hurried_at = -HURRY_EVERY_S
        while True:
            seen = store.writes
            left = marks.left()
            if not left or None not in left:
                return not left
            now = time.monotonic()
            left_s = FLUSH_POLL_S if deadline is None else deadline - now
            if left_s <= 0 or not is_wanted():
                return False
            if self._runner is None or self._thread is None or self._thread.is_current:
                return False
            self._thread.start()  # if it has died
            runner = self._runner()
            view = runner.view()
            if view.suspended_code is not None:
                return False
            if now - hurried_at >= HURRY_EVERY_S and (hurried_at < 0 or not view.online):
                hurried_at = now
                runner.hurry()
                self._thread.wake()
            store.wait_for_write(seen, min(left_s, FLUSH_POLL_S))

    def status(self) -> Status:
        """Return what is queued and what the sync is doing."""
        load(_HERE)
        from ._journal.outbox import Outbox
        from .status import Recovered, Status

        self._check_open()
        counts = self._desk.counts()
        lane = self._journal.current()
        view = self._runner().view() if self._runner is not None else None
        recovery = self._journal.store.recovery
        now_ms = self._clock.wall_ms()
        oldest = counts.oldest_made_at
        saved = Outbox(self._journal).saved_sync()
        synced_at = view.last_synced_at if view is not None else saved.last_synced_at
        thread_error = self._thread.error if self._thread is not None else None
        return Status(
            queued=counts.queued,
            parked=counts.parked,
            dead_letters=counts.dead_letters,
            oldest_age=None if oldest is None else max(0.0, (now_ms - oldest) / 1000),
            online=view.online if view is not None else None,
            sending=self._thread is not None and self._thread.sends,
            suspended=view.suspended_code if view is not None else saved.suspended_code,
            last_synced_at=None if synced_at is None else utc_from_ms(synced_at),
            last_error=thread_error or (view.last_error if view is not None else saved.last_error),
            restarts=self._thread.restarts if self._thread is not None else 0,
            next_attempt_in=view.next_attempt_s if view is not None and counts.queued else None,
            dialect=view.dialect if view is not None else saved.dialect,
            state=lane.state,
            session_id=lane.session_id,
            journal=str(self._journal.store.path),
            journal_bytes=self._journal.store.used_bytes(),
            max_entries=self._journal.bounds.max_entries,
            max_bytes=self._journal.bounds.max_bytes,
            recovery=None if recovery is None else Recovered(
                utc_from_ms(recovery.at), recovery.recovered, recovery.lost, recovery.folder
            ),
        )

    def explain(self) -> list[str]:
        """Return one sentence per lane that is not moving: why, and what would unblock it."""
        load(_HERE)
        from ._core.explain import LaneFacts, SyncFacts, explain

        status = self.status()
        waiting = self._waiting()
        lanes = [
            LaneFacts(
                lane.session_id, lane.queued, lane.parked_code, lane.parked_message, waiting.get(lane.session_id)
            )
            for lane in self._desk.lanes()
        ]
        return explain(
            lanes,
            SyncFacts(
                self._thread is not None,
                status.sending,
                status.suspended,
                status.online,
                status.last_error,
                status.next_attempt_in,
            ),
        )

    def _waiting(self) -> dict[str, tuple[float, str]]:
        """Return for each session whose lane the sync leaves out for now: for how many seconds, and why."""
        if self._runner is None:
            return {}
        waiting = self._runner().waiting()
        found = self._journal.store.read("SELECT lane_id, session_id FROM lanes WHERE drained = 0") if waiting else []
        return {session_id: waiting[lane_id] for lane_id, session_id in found if lane_id in waiting}

    def audit(self) -> Audit:
        """Count every accepted entry and what became of it; see `Audit.adds_up`."""
        self._check_open()
        load(_HERE)
        return self._desk.audit()

    def close(self, timeout: float = 2.0) -> bool:
        """
        Stop sending and close the journal. Never loses anything; safe to call twice.

        Args:
            timeout: Longest time to wait for the sync thread, and for others that
                hold the journal, in seconds.

        Returns:
            Whether the sync thread ended in time.
        """
        if self._closed:
            return True
        self._closed = True
        deadline = time.monotonic() + timeout
        _live.discard(self)
        try:
            if self._transport is not None and self._transport.made is not None:
                self._transport.made.close()
            return self._thread.close(timeout) if self._thread is not None else True
        finally:
            self._end_hearing()
            self._journal.close(max(CLOSE_GRACE_S, deadline - time.monotonic()))

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed("the client was closed; open a new one")

    def _wake(self) -> None:
        if self._thread is not None:
            self._thread.wake()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._config.endpoint}, {'closed' if self._closed else 'open'}>"


_live: weakref.WeakSet[Client] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """At exit: everything is on disk already, so only let the journal go tidily, and soon."""
    for client in list(_live):
        client.close(EXIT_TIMEOUT_S)
