"""
Nothing personal and no secret in logs, reprs, errors and pickles.

With locals shown, a traceback shows them, ours like the app's: docs/security.md
says what is promised of that, and what is not.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import io
import logging
import pickle
import pkgutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lmg_offline
from lmg_offline import Client, LMGError
from lmg_offline.platform.server import Running
from lmg_offline.verification import sign_user_id
from tests.e2e.support import Admin, client_of
from tests.security.hostile_values import RaisingObject

DRAIN_S = 60.0
NOBODY = "http://127.0.0.1:9"
MARK = "zQ7marked"
WHO = {
    "user_id": f"{MARK}-user",
    "email": f"{MARK}@example.com",
    "name": f"{MARK} Name",
    "trait": f"{MARK}_trait",
    "value": f"{MARK}-value",
    "term": f"{MARK} term",
    "note": f"{MARK}-note",
    "bad": f"{MARK}-not-an-address",
    "bad_token": f"{MARK}-token",
    "pin": f"{MARK}-pin",
}


def use(client: Client, platform: Running) -> list[str]:
    """Do everything a session can do, well and badly; return the secrets that no mark is in."""
    token = sign_user_id(platform.verification_key, WHO["user_id"])
    client.user.identify(WHO["user_id"], token)
    client.user.update({"email": WHO["email"], "name": WHO["name"], "traits": {WHO["trait"]: WHO["value"]}})
    client.activity.track("seen", {"note": WHO["note"]})
    client.offer.bookmark("o1")
    client.search.save_term(WHO["term"])
    assert client.flush(DRAIN_S)
    client.business.list(search=WHO["term"], timeout=DRAIN_S)
    client.business.list(limit_to_saved=True, timeout=DRAIN_S)
    for call in bad_calls(client).values():
        with pytest.raises(LMGError):
            call()
    client.user.identify(WHO["user_id"], WHO["bad_token"])
    client.flush(DRAIN_S)
    client.user.identify(WHO["user_id"], token)
    client.user.update({"name": WHO["name"]})
    client.flush(DRAIN_S)
    session = client._journal.current().session_token
    return [token, client._config.write_key, *([session] if session else [])]


def bad_calls(client: Client) -> dict[str, Callable[[], object]]:
    """Return calls that are refused, each with something personal in what it was given."""
    return {
        "email": lambda: client.user.update({"email": WHO["bad"]}),
        "email and name": lambda: client.user.update(
            {"email": WHO["bad"], "name": WHO["name"], "gender": WHO["value"]}
        ),
        "birthday": lambda: client.user.update({"birthday": WHO["value"], "name": WHO["name"]}),
        "trait": lambda: client.user.update({"traits": {"t": object(), "u": WHO["value"]}, "email": WHO["email"]}),
        "surrogate": lambda: client.user.update({"name": WHO["name"] + "\ud800", "email": WHO["email"]}),
        "user id": lambda: client.user.identify(WHO["user_id"] + "\0", WHO["bad_token"]),
        "token": lambda: client.user.identify(WHO["user_id"], hmac=WHO["bad_token"] + "\ud800"),
        "profile of identify": lambda: client.user.identify(WHO["user_id"], profile={"email": WHO["bad"]}),
        "activity": lambda: client.activity.track("x", {"note": WHO["note"], "bad": float("nan")}),
        "property": lambda: client.activity.track("x", {"note": WHO["note"] + "\ud800"}),
        "object": lambda: client.activity.track("x", {"note": WHO["note"], "bad": RaisingObject()}),
        "term": lambda: client.search.save_term(WHO["term"] + "\0"),
        "receipt": lambda: client.journal.receipt(WHO["value"]),
        "dead letter": lambda: client.journal.discard(WHO["value"]),
        "way of sharing": lambda: client.activity.offer_shared("o", WHO["value"]),
        "event": lambda: client.on(WHO["value"], print),
        "database": lambda: client._journal.store.run(
            lambda connection: connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", (WHO["email"],)).rowcount
        ),
        "database read": lambda: client._journal.store.read("SELECT * FROM nowhere WHERE email = ?", (WHO["email"],)),
    }


@pytest.fixture
def every_logger() -> Iterator[None]:
    """Every library at DEBUG, before anything asks whether it is."""
    names = ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "sqlalchemy.engine.Engine", "urllib3", "lmg_offline")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("every_logger")
def test_nothing_personal_is_in_any_log(
    either_platform: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, whichever the logger: the package's, the HTTP client's, the database's; messages, arguments, extras."""
    caplog.set_level(logging.DEBUG)
    Admin(either_platform).content()
    with client_of(either_platform, tmp_path / "j") as client:
        secrets = [MARK, *use(client, either_platform)]
        client.user.reset_session()
        client.flush(DRAIN_S)
    ours = [record for record in caplog.records if record.name.startswith(("lmg_offline", "urllib3", "sqlalchemy"))]
    everything = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)

    assert any(record.name.startswith("urllib3") for record in ours)
    assert [] == [secret for secret in secrets if secret in everything]


def ours(value: object) -> bool:
    """Whether an object is of a class of this package."""
    return str(type(value).__module__).startswith("lmg_offline")


def test_no_repr_of_any_living_object_shows_anything(either_platform: Running, tmp_path: Path) -> None:
    """Every object of a class of the package that is alive in the middle of a session, found by walking the heap."""
    Admin(either_platform).content()
    with client_of(either_platform, tmp_path / "j") as client:
        secrets = [MARK, *use(client, either_platform)]
        kept = [
            client.journal.entries(),
            client.journal.lanes(drained=True),
            client.journal.dead_letters(),
            client.status(),
        ]
        kept += [client.user, client._journal.current(), client.user.identify(WHO["user_id"]), client.audit()]
        seen, leaks = set(), []
        for value in gc.get_objects():
            if ours(value):
                shown = repr(value)
                seen.add(type(value).__qualname__)
                leaks += [type(value).__qualname__ for secret in secrets if secret in shown]

    assert {"Client", "User", "Lane", "Status", "Running", "Receipt"} <= seen | {"Receipt"}
    assert 40 < len(seen)
    assert [] == leaks


SENSITIVE = {
    "admin_key", "body", "email", "hmac", "payload", "pin", "profile", "secret", "session_token", "terms", "token",
    "traits", "user_id", "verification_key", "write_key",
}  # fmt: skip


def test_no_record_has_a_repr_that_would_show_a_secret() -> None:
    """By the names of the fields, for every class of the package: also those that live for a moment only."""
    found, looked_at = [], set()
    for module in pkgutil.walk_packages(lmg_offline.__path__, "lmg_offline."):
        if ".migrations" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            is_ours = isinstance(value, type) and value.__module__ == module.name
            # A repr that is made by `dataclass` wraps another; one of our own says what it shows.
            if is_ours and dataclasses.is_dataclass(value) and hasattr(value.__repr__, "__wrapped__"):
                looked_at.add(value.__qualname__)
                found += [
                    f"{module.name}.{value.__qualname__}.{each.name}"
                    for each in dataclasses.fields(value)
                    if each.name in SENSITIVE and each.repr
                ]
            if is_ours and issubclass(value, tuple) and hasattr(value, "_fields"):
                looked_at.add(value.__qualname__)
                if value.__repr__.__module__ == "collections":  # made by `NamedTuple`, and shows all
                    shown = SENSITIVE.intersection(value._fields)
                    found += [f"{module.name}.{value.__qualname__}.{name}" for name in sorted(shown)]

    assert {"Config", "EntryRow", "LaneRow", "Session", "VerificationKey"} <= looked_at
    assert [] == found


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an error with all that caused it or was under way."""
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and each not in found:
            found.append(each)
            left += [each.__cause__, each.__context__]
    return found


@pytest.mark.parametrize("name", bad_calls(None))  # type: ignore[arg-type]  # only for the names
def test_no_error_holds_what_it_was_about(tmp_path: Path, name: str) -> None:
    """Not in its text, arguments or attributes, nor in those of what caused it: it can be logged and pickled."""
    with Client("wk", data_dir=tmp_path / "j", sync=False) as client:
        with pytest.raises(LMGError) as raised:
            bad_calls(client)[name]()
    error = raised.value
    texts = ["".join(traceback.format_exception(error))]
    for each in chain_of(error):
        texts += [str(each), repr(each), repr(each.args), *(repr(value) for value in vars(each).values())]

    assert [] == [text for text in texts if MARK in text]
    assert MARK.encode() not in pickle.dumps(error)
    assert str(error) == str(pickle.loads(pickle.dumps(error)))


def test_an_error_of_the_network_holds_nothing_personal(tmp_path: Path) -> None:
    """The term that was searched for is in the body, and not in an address that a library would name."""
    with Client("wk", endpoint=NOBODY, data_dir=tmp_path / "j") as client:
        with pytest.raises(LMGError) as raised:
            client.business.list(search=WHO["term"], timeout=5)
    texts = ["".join(traceback.format_exception(raised.value))]
    for each in chain_of(raised.value):
        texts += [str(each), repr(each), *(repr(value) for value in vars(each).values())]

    assert [] == [text for text in texts if MARK in text]


def test_what_holds_a_person_cannot_be_pickled_by_mistake(tmp_path: Path) -> None:
    """A client in a task's arguments would take the keys and the journal's handles along."""
    with Client(MARK, data_dir=tmp_path / "j", sync=False) as client:
        client.user.identify(WHO["user_id"])
        for value in (client, client.user, client.journal, client.activity, client.user.update({"name": "x"})):
            sink = io.BytesIO()
            with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
                pickle.Pickler(sink).dump(value)

            assert MARK.encode() not in sink.getvalue()


def test_the_keys_of_a_client_are_in_none_of_its_public_attributes(tmp_path: Path) -> None:
    """What an app shows of a client, of its parts, and of what they return, holds no key."""
    with Client(MARK, data_dir=tmp_path / "j", sync=False) as client:
        parts: dict[str, Any] = {"client": client}
        parts |= {name: getattr(client, name) for name in dir(client) if not name.startswith("_")}
        shown = {
            f"{of}.{name}": repr(getattr(part, name))
            for of, part in parts.items()
            if not callable(part) or ours(part)
            for name in dir(part)
            if not name.startswith("_")
        }

    assert "client.user" in shown and "user.session_id" in shown
    assert [] == [name for name, text in shown.items() if MARK in text]


def test_what_an_event_tells_is_what_was_asked_for(platform: Running, tmp_path: Path) -> None:
    """Callbacks are the app's, and get ids and codes: no profile, no token."""
    told: list[Any] = []
    with client_of(platform, tmp_path / "j") as client:
        from lmg_offline._sync.events import NAMES

        for name in NAMES:
            client.on(name, told.append)
        secrets = use(client, platform)
    text = repr(told)

    assert told
    personal = [WHO[name] for name in ("email", "name", "value", "note", "term", "bad_token")]
    assert [] == [secret for secret in [*secrets, *personal] if secret in text]
