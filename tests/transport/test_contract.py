"""The cases of tests/contract against the SDK's transport, a server playing the platform's part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest

from lmg_offline._core import content
from lmg_offline._transport import http, port
from lmg_offline._transport.http import HttpTransport
from lmg_offline.device import Device
from lmg_offline.protocol import lmg as wire
from lmg_offline.protocol.replay import DOCUMENT
from tests.contract.cases import FOLDER, SAMPLE_MS, Case, Message, Step, Values, faults, load_cases, request_of
from tests.contract.player import Player, playing
from tests.fakes import ManualClock

CASES = load_cases()
PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

# Fields of an outcome that a case need not repeat: what the reply says, and the SDK's own words.
MESSAGE = {"$reply": ["errors", 0, "message"]}
IMPLIED: Mapping[str, Mapping[str, Any]] = {
    "GraphData": {"data": {"$reply": ["data"]}, "at_ms": SAMPLE_MS},
    "Answer": {"data": {"$reply": ["data"]}},
    "Replayed": {"reply": {"$reply": ["data", "replay"]}},
    "Retry": {"reason": {"$text": None}, "retry_after_s": None, "reached": True},
    "Split": {"reason": {"$text": None}},
    "Refused": {"message": MESSAGE},
    "Suspend": {"reason": MESSAGE},
    "NotSpoken": {"reason": MESSAGE},
    "DeviceRefused": {"reason": MESSAGE},
}


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    """One server for all cases."""
    with playing() as found:
        yield found


def device_of(headers: Mapping[str, str]) -> Device:
    """Return a device that was told what a request's headers say of it."""
    clock = ManualClock()
    device = Device(clock, "en", "UTC")
    device.language, device.timezone = headers.get("x-client-locale"), headers.get("x-client-timezone")
    if "x-device-geopoint" in headers:
        longitude, latitude = json.loads(headers["x-device-geopoint"])
        accuracy = headers.get("x-device-geopoint-accuracy")
        device.set_position(latitude, longitude, None if accuracy is None else float(accuracy), None)
        clock.advance(float(headers["x-device-geopoint-age"]))
    return device


def send(step: Step, request: Message, endpoint: str) -> object:
    """Have the SDK send a request, and return what it makes of the reply."""
    headers = request.headers
    transport = HttpTransport(
        endpoint,
        headers.get("x-integration-write-key", ""),
        deadline_s=5,
        client_headers=device_of(headers).headers,
    )
    try:
        match step.call:
            case "graph":
                path = request.path.removeprefix(endpoint)
                token, entry = headers.get("x-session-token"), headers.get("x-client-entry")
                return transport.graph(path, request.body, session_token=token, entry=entry)
            case "replay":
                return transport.replay(request.body)
            case "query":
                token, etag = headers.get("x-session-token"), headers.get("if-none-match")
                return transport.query(request.body, session_token=token, etag=etag, deadline_s=5)
            case _:
                return transport.collect(request.path, request.body)
    finally:
        transport.close()


def plain(value: object) -> Any:
    """Return a dataclass as JSON has it."""
    return json.loads(json.dumps(asdict(value)))  # type: ignore[call-overload]  # of any kind


def read(data: dict[str, object]) -> Any:
    """Return what the SDK reads out of an operation's data."""
    operation = next(iter(data))
    if operation.endswith("SessionTraits"):
        traits, warnings = wire.load_traits(data, operation)
        return {"traits": traits, "warnings": list(warnings)}
    if operation.endswith("Bookmark"):
        return wire.load_truth(data, operation)
    if operation == "offerState":
        return plain(wire.load_offer_now(data))
    if operation == "offer":
        return plain(content.parsed(data, "offer", content.offer))
    return plain(wire.load_session(data, operation))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_transport_sends_the_request_and_understands_the_reply(
    case: Case, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte and header for header, as to another machine; and each reply is one outcome."""
    monkeypatch.setattr(http, "_is_here", lambda host: False)
    values = Values(player.endpoint)
    for number, step in enumerate(case.steps, 1):
        if step.then is not None:
            continue
        player.play([step], values)
        outcome = send(step, request_of(step, values), player.endpoint)
        expected = {**IMPLIED.get(step.outcome["type"], {}), **step.outcome}

        assert not step.is_from_sdk or [] == player.differences(), f"step {number}"
        assert expected.pop("type") == type(outcome).__name__, f"step {number}: {outcome}"
        assert [] == faults(expected, plain(outcome), values, f"step {number}, outcome")
        if isinstance(outcome, port.GraphData | port.Answer) and step.read is not None:
            assert [] == faults(step.read, read(outcome.data or {}), values, f"step {number}, read")


def test_every_name_in_the_tables_of_the_protocol_is_in_a_case() -> None:
    """Headers, fields, kinds, codes and error ids: what docs/protocol.md names, some case sends or answers."""
    rows = [line for line in PROTOCOL.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [cell for row in rows for cell in row.split("|")[1:3]]
    named = {name for cell in cells[::2] for name in re.findall(r"`([A-Za-z_-]+)`", cell)}
    named |= {name for cell in cells[1::2] for name in re.findall(r"`(lmg-[a-z-]+)`", cell)}
    written = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.json"))

    assert {"X-Sdk-Name", "made_at", "unbookmark", "token_expired", "session_taken", "lmg-too-large"} <= named
    assert [] == sorted(name for name in named if f'"{name}"' not in written)


def test_every_outcome_of_the_transport_is_in_a_case() -> None:
    """Of each call, every type that it can return."""
    returned = {
        "graph": port.GraphOutcome,
        "replay": port.ReplayOutcome,
        "query": port.QueryOutcome,
        "collect": port.CollectOutcome,
    }
    possible = {(call, kind.__name__) for call, union in returned.items() for kind in get_args(union)}

    assert possible == {
        (step.call, step.outcome["type"]) for case in CASES.values() for step in case.steps if step.call
    }


def test_every_operation_of_the_sdk_is_in_a_case() -> None:
    """Letter for letter."""
    documents = {*wire.AUTH_DOCUMENTS, *wire.DEFAULT_DOCUMENTS, DOCUMENT}
    asked = {step.body.get("query") for case in CASES.values() for step in case.steps if isinstance(step.body, dict)}

    assert set() == documents - asked
