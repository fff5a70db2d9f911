"""Observers of one thing: each told, in order, whatever the others do."""

from __future__ import annotations

import logging
import threading

import pytest

from lmg_offline._support.observers import Feed, Observers


def boom(*words: object) -> None:
    raise RuntimeError("secret")


def test_one_that_raises_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the kind of error, not its text."""
    observers: Observers[[int]] = Observers("thing")
    heard: list[int] = []
    observers.add(boom)
    observers.add(heard.append)
    with caplog.at_level(logging.DEBUG, "lmg_offline"):
        told = observers.tell(5)

    assert (1, [5], 2) == (told, heard, len(observers))
    assert ("callback raised", "thing", "RuntimeError") == (
        caplog.records[0].message, caplog.records[0].__dict__["event"], caplog.records[0].__dict__["error"],
    )  # fmt: skip
    assert "secret" not in caplog.text


def test_what_add_returns_ends_it() -> None:
    """Twice is as good as once."""
    observers: Observers[[int]] = Observers("thing")
    heard: list[int] = []
    end = observers.add(heard.append)
    end()
    end()

    assert (0, [], 0) == (observers.tell(5), heard, len(observers))


def test_a_feed_shows_what_there_is_and_what_comes() -> None:
    """Once at once when there is something, else when there is; the same again is nothing new."""
    feed: Feed[str] = Feed("thing")
    early: list[str] = []
    late: list[str] = []
    feed.add(early.append)
    feed.publish(feed.ticket(), "a")
    end = feed.add(late.append)
    feed.publish(feed.ticket(), "a")
    feed.publish(feed.ticket(), "b")
    end()
    feed.publish(feed.ticket(), "c")

    assert (["a", "b", "c"], ["a", "b"], "c") == (early, late, feed.value)


def test_an_answer_to_an_older_question_replaces_nothing() -> None:
    """The reply that was overtaken on its way."""
    feed: Feed[str] = Feed("thing")
    first, second = feed.ticket(), feed.ticket()
    feed.publish(second, "new")
    feed.publish(first, "old")

    assert "new" == feed.value


def test_only_the_value_that_is_meant_is_dropped() -> None:
    """A newer one stays; one dropped is news again."""
    feed: Feed[list[int]] = Feed("thing")
    heard: list[list[int]] = []
    feed.add(heard.append)
    old, new = [1], [2]
    feed.publish(feed.ticket(), old)
    feed.publish(feed.ticket(), new)
    feed.drop(old)
    kept = feed.value
    feed.drop(new)
    feed.publish(feed.ticket(), [2])

    assert ([2], [[1], [2], [2]]) == (kept, heard)


def test_a_callback_that_causes_a_change_does_not_upset_the_order() -> None:
    """Everybody sees a before b, though a's first observer made b."""
    feed: Feed[str] = Feed("thing")
    first: list[str] = []
    second: list[str] = []

    def change(value: str) -> None:
        first.append(value)
        if value == "a":
            feed.publish(feed.ticket(), "b")

    feed.add(change)
    feed.add(second.append)
    feed.publish(feed.ticket(), "a")

    assert (["a", "b"], ["a", "b"]) == (first, second)


def test_an_observer_that_waits_for_another_thread_is_called_in_order_all_the_same() -> None:
    """That thread may publish meanwhile: it is not kept waiting, and its value comes next."""
    feed: Feed[str] = Feed("thing")
    heard: list[str] = []

    def watch(value: str) -> None:
        if value == "a":
            other = threading.Thread(target=lambda: feed.publish(feed.ticket(), "b"))
            other.start()
            other.join()
        heard.append(value)

    feed.add(watch)
    feed.publish(feed.ticket(), "a")

    assert ["a", "b"] == heard


def test_an_interrupt_in_a_callback_leaves_the_feed_usable() -> None:
    """Ctrl-C goes on upwards; the next value is told."""
    feed: Feed[str] = Feed("thing")
    heard: list[str] = []

    def interrupted(value: str) -> None:
        if value == "a":
            raise KeyboardInterrupt
        heard.append(value)

    feed.add(interrupted)
    with pytest.raises(KeyboardInterrupt):
        feed.publish(feed.ticket(), "a")
    feed.publish(feed.ticket(), "b")

    assert ["b"] == heard
