"""
The SDKs that queue in memory: what is not sent when the process ends is lost.

Each with its defaults, but for the endpoint and room for all of a run in its
queue, so that nothing is dropped for lack of it.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

from ..work import wire
from .port import Place, System

ROOM = 100_000


def segment(place: Place) -> System:
    """segment-analytics-python."""
    from segment.analytics.client import Client

    client = Client("bench", host=place.endpoint, max_queue_size=ROOM)
    return System(lambda number: client.identify(f"user-{number}", wire(number)), client.flush)


def rudder(place: Place) -> System:
    """rudder-sdk-python."""
    from rudderstack.analytics.client import Client

    client = Client("bench", host=place.endpoint, max_queue_size=ROOM)
    return System(lambda number: client.identify(f"user-{number}", wire(number)), client.flush)


def posthog(place: Place) -> System:
    """posthog."""
    from posthog import Posthog

    client = Posthog("bench", host=place.endpoint, max_queue_size=ROOM)
    return System(
        lambda number: client.set(distinct_id=f"user-{number}", properties=wire(number)),
        lambda: client.flush(timeout_seconds=None),
    )


def snowplow(place: Place) -> System:
    """snowplow-tracker, with the emitter that has a thread."""
    from snowplow_tracker.emitters import AsyncEmitter
    from snowplow_tracker.self_describing_json import SelfDescribingJson
    from snowplow_tracker.tracker import Tracker

    url = urlsplit(place.endpoint)
    emitter = AsyncEmitter(url.hostname or "", protocol="http", port=url.port)
    tracker = Tracker("bench", emitter)
    schema = "iglu:com.example/profile/jsonschema/1-0-0"
    return System(
        lambda number: tracker.track_self_describing_event(SelfDescribingJson(schema, wire(number))),
        emitter.sync_flush,
    )


def mixpanel(place: Place) -> System:
    """mixpanel with its buffer of 50; the call that fills it sends, and raises when nobody is there."""
    from mixpanel import BufferedConsumer, Mixpanel

    consumer = BufferedConsumer(people_url=f"{place.endpoint}/engage", retry_limit=0)
    lock = threading.Lock()  # guards the consumer's buffer, which it does not do itself
    client = Mixpanel("bench", consumer=consumer)

    def write(number: int) -> None:
        with lock:
            client.people_set(f"user-{number}", wire(number))

    return System(write, consumer.flush)


def amplitude(place: Place) -> System:
    """amplitude-analytics."""
    from amplitude import Amplitude, Config, EventOptions, Identify

    written = 0
    answered = threading.Semaphore(0)
    config = Config(server_url=f"{place.endpoint}/2/httpapi", callback=lambda *answer: answered.release())
    client = Amplitude("bench", config)

    def write(number: int) -> None:
        nonlocal written
        written += 1
        identify = Identify()
        for name, value in wire(number).items():
            identify.set(name, value)
        client.identify(identify, EventOptions(user_id=f"user-{number}"))

    def finish() -> None:
        client.flush()
        for _ in range(written):
            answered.acquire()

    return System(write, finish)
