"""The replay mutation: both sides read the examples of the document and refuse what breaks it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmg_offline.errors import ValidationError
from lmg_offline.protocol import replay
from lmg_offline.protocol.replay import Device, Entry, Identity, Position, load_reply, load_request

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
DEVICE, LANE, REPLY = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def changed(value: Any, path: str, new: Any) -> Any:
    """Return a copy with one place changed; `...` removes it."""
    result = copy.deepcopy(value)
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place = result
    for step in way:
        place = place[step]
    if new is ...:
        del place[last]
    else:
        place[last] = new
    return result


def test_the_document_is_sent_byte_for_byte() -> None:
    """The mutation in the code is the one in the document, on one line."""
    assert f"```graphql\n{replay.DOCUMENT}\n```" in DOCUMENT


@pytest.mark.parametrize(
    "constant",
    [
        replay.WRITE_KEY_HEADER,
        replay.SESSION_HEADER,
        replay.SDK_NAME,
        replay.API_VERSION,
        replay.SESSION_EXPIRED,
        replay.WRITE_KEY_REFUSED,
        replay.DEVICE_REFUSED,
        replay.MALFORMED,
        replay.TOO_LARGE,
        replay.INVALID_PAYLOAD,
        replay.UNKNOWN_KIND,
        replay.SESSION_TAKEN,
        replay.BOOKMARKING_DISABLED,
        replay.IDENTIFICATION_REQUIRED,
        replay.VERIFICATION_REQUIRED,
        replay.FORGOTTEN,
        replay.TOKEN_MISSING,
    ],
)
def test_the_names_in_the_code_are_those_of_the_document(constant: str) -> None:
    """A stranger who builds a server from the document meets the same words."""
    assert f"`{constant}`" in DOCUMENT or f'"{constant}"' in DOCUMENT


def test_the_example_of_a_request_is_read() -> None:
    """The platform takes what the document shows."""
    device, lanes = load_request(DEVICE, [LANE])

    exchange = Position(17, DEVICE["exchange"]["id"])
    assert Device(DEVICE["id"], DEVICE["secret"], 1790000000000, exchange, 1790000000100) == device
    assert Identity("user-1", verified=True) == lanes[0].identity
    assert Position(41, LANE["after"]["id"]) == lanes[0].after
    assert LANE["token"] == lanes[0].token
    assert (
        Entry(42, LANE["entries"][0]["id"], "update", 1790000000000, 5000, LANE["entries"][0]["payload"]),
    ) == lanes[0].entries


def test_the_example_of_a_reply_is_read_whole_or_unwrapped() -> None:
    """The SDK takes what the document shows."""
    reply = load_reply(REPLY)

    assert reply == load_reply(REPLY["data"]["replay"])
    settings = {"bookmarking": "verified_only", "redemption_audience": "identified"}
    assert (1, 1790000000123, settings) == (reply.protocol, reply.time, reply.settings)
    lane = reply.lanes[0]
    assert ("ok", 42, "verified", False) == (lane.status, lane.applied_through.seq, lane.state, lane.restored)
    assert ((40, "invalid_payload"),) == tuple((refused.seq, refused.code) for refused in lane.refused)
    assert ((42, ("email",)),) == tuple((conflict.seq, conflict.attributes) for conflict in lane.conflicts)


def test_a_lane_may_be_empty_and_new() -> None:
    """An empty lane opens its session."""
    _, lanes = load_request(
        DEVICE, [{"session_id": "s", "after": {"seq": 0, "id": None}, "token": None, "entries": []}]
    )

    assert replay.START == lanes[0].after
    assert () == lanes[0].entries


@pytest.mark.parametrize(
    ("path", "new"),
    [
        pytest.param("entries/0/kind", "teleport", id="unknown kind"),
        pytest.param("entries/0/payload", None, id="null payload"),
        pytest.param("entries/0/payload", "\ud800", id="payload that is text"),
        pytest.param("entries/0/payload", ..., id="no payload"),
        pytest.param("entries/0/payload", {"profile": {"age": 2**70}}, id="bad payload"),
        pytest.param("entries/0/age_ms", None, id="unknown age"),
        pytest.param("entries/0/made_at", -5, id="a clock before 1970"),
        pytest.param("entries/0/seq", 77, id="a gap"),
        pytest.param("entries/0/new_field", 1, id="a field of a newer SDK"),
        pytest.param("new_field", 1, id="a field of a newer SDK on the lane"),
        pytest.param("token", ..., id="no token"),
        pytest.param("identity", ..., id="no identity"),
        pytest.param("identity", None, id="a null identity"),
        pytest.param("identity/since", 1, id="a field of a newer SDK on the identity"),
    ],
)
def test_trouble_with_one_entry_does_not_fail_the_request(path: str, new: Any) -> None:
    """What concerns one entry is decided for that entry alone."""
    _, lanes = load_request(DEVICE, [changed(LANE, path, new)])

    assert 1 == len(lanes[0].entries)


@pytest.mark.parametrize(
    ("path", "new", "field"),
    [
        pytest.param("session_id", "", "lanes.0.session_id", id="empty session"),
        pytest.param("session_id", "x" * 65, "lanes.0.session_id", id="long session"),
        pytest.param("session_id", 5, "lanes.0.session_id", id="session is a number"),
        pytest.param("session_id", "\ud800", "lanes.0.session_id", id="lone surrogate"),
        pytest.param("after", ..., "lanes.0.after", id="no after"),
        pytest.param("after", None, "lanes.0.after", id="null after"),
        pytest.param("after/id", None, "lanes.0.after.id", id="a number without an id"),
        pytest.param("after/seq", 0, "lanes.0.after.id", id="an id without a number"),
        pytest.param("after/seq", -1, "lanes.0.after.seq", id="below the start"),
        pytest.param("after/seq", True, "lanes.0.after.seq", id="a truth as number"),
        pytest.param("after/seq", 42, "lanes.0.entries.0.seq", id="entry not beyond after"),
        pytest.param("token", 5, "lanes.0.token", id="token is a number"),
        pytest.param("identity", "user-1", "lanes.0.identity", id="identity is text"),
        pytest.param("identity/user_id", "", "lanes.0.identity.user_id", id="identity of nobody"),
        pytest.param("identity/verified", 1, "lanes.0.identity.verified", id="verified is a number"),
        pytest.param("entries", ..., "lanes.0.entries", id="no entries"),
        pytest.param("entries", {}, "lanes.0.entries", id="entries are an object"),
        pytest.param("entries/0", None, "lanes.0.entries.0", id="null entry"),
        pytest.param("entries/0/seq", "42", "lanes.0.entries.0.seq", id="seq is text"),
        pytest.param("entries/0/seq", 42.0, "lanes.0.entries.0.seq", id="seq is a float"),
        pytest.param("entries/0/seq", 2**53 + 1, "lanes.0.entries.0.seq", id="seq beyond 2**53"),
        pytest.param("entries/0/id", None, "lanes.0.entries.0.id", id="no entry id"),
        pytest.param("entries/0/age_ms", -1, "lanes.0.entries.0.age_ms", id="from the future"),
        pytest.param("entries/0/age_ms", ..., "lanes.0.entries.0.age_ms", id="no age"),
        pytest.param("entries/0/made_at", None, "lanes.0.entries.0.made_at", id="no wall time"),
        pytest.param("entries/0/kind", "", "lanes.0.entries.0.kind", id="empty kind"),
    ],
)
def test_a_broken_lane_is_refused_naming_the_place(path: str, new: Any, field: str) -> None:
    """A malformed envelope fails the request, with a name to look at."""
    with pytest.raises(ValidationError) as caught:
        load_request(DEVICE, [changed(LANE, path, new)])

    assert [field] == caught.value.fields


@pytest.mark.parametrize(
    ("device", "lanes", "field"),
    [
        pytest.param(None, [], "device", id="no device"),
        pytest.param("d", [], "device", id="device is text"),
        pytest.param(changed(DEVICE, "id", ""), [], "device.id", id="empty device id"),
        pytest.param(changed(DEVICE, "secret", None), [], "device.secret", id="no secret"),
        pytest.param(changed(DEVICE, "sent_at", "now"), [], "device.sent_at", id="sent_at is text"),
        pytest.param(changed(DEVICE, "exchange", 3), [], "device.exchange", id="exchange is a number"),
        pytest.param(changed(DEVICE, "exchange/id", None), [], "device.exchange.id", id="half an exchange"),
        pytest.param(DEVICE, None, "lanes", id="no lanes"),
        pytest.param(DEVICE, {}, "lanes", id="lanes are an object"),
        pytest.param(DEVICE, [None], "lanes.0", id="null lane"),
        pytest.param(DEVICE, [LANE, LANE], "lanes.1.session_id", id="one session twice"),
    ],
)
def test_a_broken_request_is_refused(device: object, lanes: object, field: str) -> None:
    """What is no request is not half applied."""
    with pytest.raises(ValidationError) as caught:
        load_request(device, lanes)

    assert [field] == caught.value.fields


def test_faults_of_the_device_and_of_the_lanes_come_together() -> None:
    """Whoever builds an SDK sees all faults of a request at once."""
    with pytest.raises(ValidationError) as caught:
        load_request(changed(DEVICE, "id", ...), [changed(LANE, "session_id", ...)])

    assert ["device.id", "lanes.0.session_id"] == caught.value.fields


def many(count: int) -> dict[str, Any]:
    """Return the example's lane with so many entries."""
    entry = LANE["entries"][0]
    return {**LANE, "entries": [{**entry, "seq": 42 + number, "id": f"e{number}"} for number in range(count)]}


def test_500_entries_are_read_and_501_are_refused() -> None:
    """The bound of the document holds for all lanes together."""
    _, lanes = load_request(DEVICE, [many(499), {**LANE, "session_id": "other"}])
    assert 500 == sum(len(lane.entries) for lane in lanes)

    with pytest.raises(ValidationError) as caught:
        load_request(DEVICE, [many(500), {**LANE, "session_id": "other"}])

    assert ["lanes"] == caught.value.fields


def test_entries_out_of_order_are_refused() -> None:
    """The order in a lane is the order of the numbers."""
    lane = many(3)
    lane["entries"].reverse()

    with pytest.raises(ValidationError) as caught:
        load_request(DEVICE, [lane])

    assert ["lanes.0.entries.1.seq"] == caught.value.fields


@pytest.mark.parametrize(
    ("path", "new", "field"),
    [
        pytest.param("protocol", 2, "protocol", id="another protocol"),
        pytest.param("protocol", "1", "protocol", id="protocol is text"),
        pytest.param("time", ..., "time", id="no time"),
        pytest.param("settings", [], "settings", id="settings are a list"),
        pytest.param("lanes", ..., "lanes", id="no lanes"),
        pytest.param("lanes/0/session_id", ..., "lanes.0.session_id", id="no session"),
        pytest.param("lanes/0/status", "fine", "lanes.0.status", id="unknown status"),
        pytest.param("lanes/0/status", "parked", "lanes.0.code", id="parked without a code"),
        pytest.param("lanes/0/state", "unknown", "lanes.0.state", id="unknown state"),
        pytest.param("lanes/0/applied_through", ..., "lanes.0.applied_through", id="no position"),
        pytest.param("lanes/0/applied_through", None, "lanes.0.applied_through", id="null position"),
        pytest.param("lanes/0/applied_through/id", None, "lanes.0.applied_through.id", id="half a position"),
        pytest.param("lanes/0/refused/0/code", None, "lanes.0.refused.0.code", id="refused without a code"),
        pytest.param("lanes/0/refused/0/seq", 0, "lanes.0.refused.0.seq", id="refused before the start"),
        pytest.param("lanes/0/conflicts/0/attributes", "email", "lanes.0.conflicts.0.attributes", id="text"),
        pytest.param("lanes/0/message", "\0", "lanes.0.message", id="NUL in a sentence"),
        pytest.param("lanes/0/session_token", "\ud800", "lanes.0.session_token", id="lone surrogate"),
        pytest.param("lanes/0/restored", "yes", "lanes.0.restored", id="restored is text"),
    ],
)
def test_a_reply_that_breaks_the_protocol_is_refused(path: str, new: Any, field: str) -> None:
    """Only what speaks the protocol counts as an acknowledgement."""
    with pytest.raises(ValidationError) as caught:
        load_reply(changed(REPLY["data"]["replay"], path, new))

    assert [field] == caught.value.fields


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param("ok", id="text"),
        pytest.param({}, id="an empty object"),
        pytest.param({"data": None}, id="no data"),
        pytest.param({"data": {"replay": None}}, id="null replay"),
        pytest.param({"status": "online"}, id="a captive portal"),
        pytest.param({**REPLY, "errors": [{"message": "no"}]}, id="errors beside data"),
    ],
)
def test_another_body_is_not_a_reply(body: object) -> None:
    """A 200 that does not speak the protocol acknowledges nothing."""
    with pytest.raises(ValidationError):
        load_reply(body)


def test_a_lane_named_twice_in_a_reply_is_refused() -> None:
    """An answer that contradicts itself is none."""
    inner = REPLY["data"]["replay"]

    with pytest.raises(ValidationError) as caught:
        load_reply({**inner, "lanes": inner["lanes"] * 2})

    assert ["lanes.1.session_id"] == caught.value.fields


def test_a_forked_lane_may_name_no_position() -> None:
    """Nothing of a forked lane was applied."""
    inner = changed(REPLY["data"]["replay"], "lanes/0/status", "forked")

    lane = load_reply(changed(inner, "lanes/0/applied_through", None)).lanes[0]

    assert replay.START == lane.applied_through


def test_a_newer_server_may_say_more() -> None:
    """Fields that are not known are left out."""
    inner = changed(changed(REPLY["data"]["replay"], "region", "eu"), "lanes/0/hint", {"a": 1})

    assert load_reply(REPLY) == load_reply(inner)


@given(JSON, JSON)
def test_no_json_makes_reading_raise_anything_else(first: object, second: object) -> None:
    """Whatever is sent, the answer is a value or a ValidationError."""
    readers: list[Callable[[], object]] = [
        lambda: load_request(first, second),
        lambda: load_request(DEVICE, [{**LANE, "entries": second, "after": first}]),
        lambda: load_reply(first),
        lambda: load_reply({**REPLY["data"]["replay"], "lanes": [first, second]}),
    ]
    for read in readers:
        try:
            read()
        except ValidationError as error:
            assert error.fields


def test_no_repr_shows_a_secret_a_token_or_a_payload() -> None:
    """What is logged by accident holds nothing worth stealing."""
    device, lanes = load_request(DEVICE, [LANE])
    reply = load_reply(changed(REPLY, "data/replay/lanes/0/session_token", "tok-1"))
    shown = f"{device!r} {lanes!r} {lanes[0].entries!r} {reply!r}"

    shown += repr(lanes[0].identity)

    for hidden in (DEVICE["secret"], LANE["token"], "ann@example.com", "tok-1", "user-1"):
        assert hidden not in shown
