"""
Answers that speak the replay protocol and are not true: mixed up, out of date, out of step.

Source: docs/protocol.md, section 3: the device believes only what is named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from .answers import JSON, BadAnswer, Effect, Made
from .exchanges import Answer, Exchange, Reply

STRANGER = "00000000-0000-7000-8000-000000000000"

Json = dict[str, Any]
Change = Callable[[Json, Json], None]


def _lie(name: str, change: Change, effect: Effect = Effect.RETRY) -> BadAnswer:
    """Return the platform's answer with its first lane changed; without the platform, an invented one."""

    def make(exchange: Exchange, reply: Reply | None) -> Made:
        asked: list[Json] = _variables(exchange)["lanes"]
        told = _invented(asked) if reply is None else _told(reply)
        if told is None:
            return Answer(200 if reply is None else reply.status, (JSON,), b"" if reply is None else reply.body)
        change(told["lanes"][0], asked[0])
        return _answer(told)

    return BadAnswer(name, make, effect, operation="Replay")


def _text(name: str, change: Callable[[bytes], bytes], kind: tuple[str, str] = JSON) -> BadAnswer:
    """Return the platform's answer with its bytes changed."""

    def make(exchange: Exchange, reply: Reply | None) -> Made:
        return Answer(200, (kind,), change(b"" if reply is None else reply.body))

    return BadAnswer(name, make, moments=("after",))


def _variables(exchange: Exchange) -> Json:
    variables = exchange.document().get("variables")
    if not isinstance(variables, dict):
        raise AssertionError("unreachable: a replay carries variables")
    return variables


def _told(reply: Reply) -> Json | None:
    """Return what the platform said, or None when it was no answer in the protocol."""
    document = json.loads(reply.body)
    found: Json | None = (document.get("data") or {}).get("replay")
    return found


def _invented(asked: list[Json]) -> Json:
    """Return a reply in which nothing was handled: what the platform would say of what it knew before."""
    lanes = [
        {
            "session_id": lane["session_id"],
            "status": "ok",
            "applied_through": lane["after"],
            "state": "anonymous",
            "session_token": None,
            "refused": [],
            "conflicts": [],
            "code": None,
            "message": None,
            "restored": False,
        }
        for lane in asked
    ]
    return {"protocol": 1, "time": time.time_ns() // 1_000_000, "settings": {}, "lanes": lanes}


def _answer(told: Json) -> Answer:
    return Answer(200, (JSON,), json.dumps({"data": {"replay": told}}).encode())


def _position(seq: int, entry_id: str | None) -> Json:
    return {"seq": seq, "id": entry_id if seq else None}


def _last(asked: Json) -> Json:
    """Return the place of the last entry that was sent, or of what came before it."""
    found: Json = asked["entries"][-1] if asked["entries"] else asked["after"]
    return found


def _another_session(lane: Json, asked: Json) -> None:
    lane["session_id"] = STRANGER


def _ahead(lane: Json, asked: Json) -> None:
    lane["applied_through"] = _position(int(_last(asked)["seq"]) + 7, STRANGER)


def _of_another_id(lane: Json, asked: Json) -> None:
    lane["applied_through"] = _position(int(_last(asked)["seq"]) or 1, STRANGER)


def _behind(lane: Json, asked: Json) -> None:
    lane["applied_through"] = _position(max(0, int(asked["after"]["seq"]) - 1), STRANGER)


def _unmoved(lane: Json, asked: Json) -> None:
    lane["applied_through"] = asked["after"]


def _only_the_first(lane: Json, asked: Json) -> None:
    if lane["applied_through"] != asked["after"]:
        first = asked["entries"][0]
        lane["applied_through"] = _position(first["seq"], first["id"])


def _refuses(seq_of: Callable[[Json], int], id_of: Callable[[Json], str]) -> Change:
    def change(lane: Json, asked: Json) -> None:
        refused = {"seq": seq_of(asked), "id": id_of(asked), "code": "invalid_payload", "message": "No."}
        lane["refused"] = [refused]

    return change


def _nothing_applied_but_refused(lane: Json, asked: Json) -> None:
    _unmoved(lane, asked)
    _refuses(lambda lane: int(_last(lane)["seq"]) or 1, lambda lane: str(_last(lane)["id"] or STRANGER))(lane, asked)


def _without(name: str) -> Change:
    def change(lane: Json, asked: Json) -> None:
        del lane[name]

    return change


def _with(name: str, value: object) -> Change:
    def change(lane: Json, asked: Json) -> None:
        lane[name] = value

    return change


def _lanes(name: str, change: Callable[[list[Json]], list[Json]]) -> BadAnswer:
    """Return the platform's answer with its list of lanes changed."""

    def make(exchange: Exchange, reply: Reply | None) -> Made:
        told = _invented(_variables(exchange)["lanes"]) if reply is None else _told(reply)
        if told is None:
            return Answer(502, (JSON,))
        return _answer({**told, "lanes": change(told["lanes"])})

    return BadAnswer(name, make, operation="Replay")


LIES: tuple[BadAnswer, ...] = (
    _lie("a lie: the reply of another session", _another_session),
    _lie("a lie: applied ahead of what was sent", _ahead, Effect.FORK),
    _lie("a lie: applied through another id", _of_another_id, Effect.FORK),
    _lie("a lie: applied behind what was acknowledged", _behind),
    _lie("a lie: nothing moved", _unmoved),
    _lie("a lie: only the first was applied", _only_the_first),
    _lie("a lie: an entry of nobody refused", _refuses(lambda lane: int(_last(lane)["seq"]) or 1, lambda _: STRANGER)),
    _lie("a lie: refused and not handled", _nothing_applied_but_refused),
    _lie("a lie: an unknown status", _with("status", "fine")),
    _lie("a lie: parked without a code", _with("status", "parked")),
    _lie("a lie: a state of nobody", _with("state", "godlike")),
    _lie("a lie: applied through a text", _with("applied_through", "all of it")),
    _lie("a lie: applied through a negative number", _with("applied_through", {"seq": -1, "id": STRANGER})),
    _lie("a lie: applied through a number without an id", _with("applied_through", {"seq": 1, "id": None})),
    _lie("a lie: no applied_through", _without("applied_through")),
    _lie("a lie: no session", _without("session_id")),
    _lanes("a lie: no lanes", lambda lanes: []),
    _lanes("a lie: a lane twice", lambda lanes: [*lanes, lanes[0]]),
    _lanes("a lie: a lane too many", lambda lanes: [*lanes, {**lanes[0], "session_id": STRANGER}]),
    _text("the right answer as text/plain", lambda body: body, ("Content-Type", "text/plain")),
    _text("the right answer without a type", lambda body: body, ("X-Nothing", "here")),
    _text("the right answer, cut", lambda body: body[: len(body) // 2]),
    _text("the right answer, twice", lambda body: body + body),
    _text("the right answer behind a byte order mark", lambda body: b"\xef\xbb\xbf" + body),
    _text("the right answer behind a banner", lambda body: b"<!-- ad -->" + body),
    _text("the right answer with NaN beside it", lambda body: b'{"x": NaN, ' + body[1:]),
    _text("the right answer and a second data", lambda body: body[:-1] + b', "data": {}}'),
    _text("the right answer and errors", lambda body: b'{"errors": [{"message": "No."}], ' + body[1:]),
)
