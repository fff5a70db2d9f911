"""The cases of this folder, and what the placeholders in them stand for. The format is in README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from lmg_offline import __version__

FOLDER = Path(__file__).parent
COMMON: Mapping[str, Any] = json.loads((FOLDER / "common.json").read_text("utf-8"))

# What a reply's Date says where nobody runs who has a clock.
SAMPLE_MS = 1_790_000_000_000
SAMPLE_DATE = "Mon, 21 Sep 2026 14:13:20 GMT"

CALLS = ("graph", "replay", "query", "collect")
_CASE = {"name", "why", "settings", "content", "steps"}
_STEP = {"call", "path", "headers", "body", "raw", "reply", "outcome", "read", "platform", "sdk", "reason", "do"}
_REPLY = {"status", "headers", "body", "raw"}


@dataclass(frozen=True, slots=True)
class Step:
    """
    One request and its reply, as templates.

    Attributes:
        call: The method of the SDK's transport that sends it.

        is_for_platform: Whether the platform can be made to answer so.

        is_from_sdk: Whether the SDK can be made to ask so.

        then: What the one who runs the platform does before the next step; such a step has no request.
    """

    call: str
    path: Any
    headers: Mapping[str, Any]
    body: Any
    raw: Any
    status: int
    reply_headers: Mapping[str, Any]
    reply_body: Any
    reply_raw: Any
    outcome: Mapping[str, Any]
    read: Any
    is_for_platform: bool
    is_from_sdk: bool
    then: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """Steps that follow one another at one platform, with settings and content of its own."""

    name: str
    settings: Mapping[str, Any]
    content: Mapping[str, Any]
    steps: tuple[Step, ...]


def sample_token(what: Mapping[str, Any]) -> str:
    """Stand in for a verification token; the SDK passes tokens on without looking into them."""
    return "-".join(str(part) for part in what.values())


class Values:
    """What placeholders stand for while one case runs."""

    def __init__(
        self,
        endpoint: str,
        *,
        write_key: str = "wk_contract",
        sign: Callable[[Mapping[str, Any]], str] = sample_token,
        made: Callable[[str], str] = str,
    ) -> None:
        """
        Args:
            endpoint: Base URL of whoever answers.

            sign: Makes a verification token for a `$sign` placeholder.

            made: Returns the id that the device has made for a name.
        """
        self.endpoint = endpoint
        self.write_key = write_key
        self.sign = sign
        self.made = made
        self.known: dict[str, Any] = {}
        self.reply: Any = None
        self._samples = 0

    def sample(self, name: str) -> str:
        """Return a text that was not used before."""
        self._samples += 1
        return f"{name}-{self._samples}"


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or a reply, with every placeholder filled."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def load_cases() -> dict[str, Case]:
    """
    Return every case by `file: name`.

    Raises:
        ValueError: A case is not in the format.
    """
    found: dict[str, Case] = {}
    for file in sorted(FOLDER.glob("*.json")):
        if file.name == "common.json":
            continue
        for given in _resolved(json.loads(file.read_text("utf-8"))["cases"]):
            title = f"{file.stem}: {given.get('name')}"
            _check(title, given, _CASE, required={"name", "why", "steps"})
            if title in found:
                raise ValueError(f"{title}: there are two of this name")
            steps = tuple(_step(f"{title}, step {number}", step) for number, step in enumerate(given["steps"], 1))
            found[title] = Case(given["name"], given.get("settings", {}), given.get("content", {}), steps)
    return found


def request_of(step: Step, values: Values) -> Message:
    """Return a step's request, every placeholder filled."""
    standard = COMMON["headers"]["collect" if step.call == "collect" else "graph"]
    headers = _headers({**standard, **step.headers}, values)
    path = fill(step.path, values)
    return Message(
        path if "://" in path else values.endpoint + path, 0, headers, _bytes(fill(step.body, values), step.raw, values)
    )


def reply_of(step: Step, values: Values) -> Message:
    """Return a step's reply, with samples for what differs run by run; they are remembered."""
    body = fill(step.reply_body, values)
    values.reply = body
    headers = _headers({**COMMON["headers"]["reply"], **step.reply_headers}, values)
    return Message("", step.status, headers, _bytes(body, step.reply_raw, values))


def fill(template: Any, values: Values) -> Any:
    """Return the template with every placeholder filled; samples stand for what differs run by run."""
    name = _placeholder(template)
    if name in _DIFFERING:
        sample = _DIFFERING[name].sample(values, template[name])
        return _remember(values, template[name], sample)
    if name is not None:
        return _FIXED[name](values, template)
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    return template


def faults(template: Any, actual: Any, values: Values, where: str = "") -> list[str]:
    """Return where a value is not what its template says, one sentence each; what differs run by run is remembered."""
    name = _placeholder(template)
    if name in _DIFFERING:
        if not _DIFFERING[name].fits(values, actual):
            return [f"{where}: {actual!r} is no {name}"]
        _remember(values, template[name], actual)
        return []
    if name == "$json":
        if not isinstance(actual, str):
            return [f"{where}: {actual!r} is no text of JSON"]
        return faults(template[name], json.loads(actual), values, f"{where} as JSON")
    if name is not None:
        template = fill(template, values)
    if isinstance(template, dict) and isinstance(actual, dict):
        found = [f"{where}.{key}: is missing" for key in template.keys() - actual.keys()]
        found += [f"{where}.{key}: is not in the template" for key in actual.keys() - template.keys()]
        for key in template.keys() & actual.keys():
            found += faults(template[key], actual[key], values, f"{where}.{key}")
        return found
    if isinstance(template, list) and isinstance(actual, list) and len(template) == len(actual):
        return [
            fault
            for index, (wanted, given) in enumerate(zip(template, actual, strict=True))
            for fault in faults(wanted, given, values, f"{where}.{index}")
        ]
    is_same = template == actual and isinstance(template, bool) == isinstance(actual, bool)
    return [] if is_same else [f"{where}: expected {template!r}, was {actual!r}"]


def _resolved(tree: Any) -> Any:
    """Return the tree with what common.json names, and the shape of errors, in their place."""
    if isinstance(tree, dict):
        if tree.keys() == {"$error"}:
            status, message_id = tree["$error"]
            error = {"name": {"$text": None}, "message": {"$text": "message"}}
            return {"errors": [{**error, "statusCode": status, "messageId": message_id}]}
        if tree.keys() == {"$document"}:
            return COMMON["documents"][tree["$document"]]
        if "$template" in tree:
            rest = {key: value for key, value in tree.items() if key != "$template"}
            return _resolved({**COMMON["templates"][tree["$template"]], **rest})
        return {key: _resolved(value) for key, value in tree.items()}
    return [_resolved(item) for item in tree] if isinstance(tree, list) else tree


def _step(title: str, given: Mapping[str, Any]) -> Step:
    _check(title, given, _STEP, required=set() if "do" in given else {"call", "path", "reply"})
    reply = given.get("reply", {"status": 0})
    _check(title, reply, _REPLY, required={"status"})
    outcome = given.get("outcome", {})
    outcome = {"type": outcome} if isinstance(outcome, str) else outcome
    if "do" not in given and (given["call"] not in CALLS or "type" not in outcome):
        raise ValueError(f"{title}: needs a call of {CALLS} and an outcome with a type")
    if ("platform" in given or "sdk" in given) != ("reason" in given):
        raise ValueError(f"{title}: a step for one side alone says why, as `reason`")
    return Step(
        call=given.get("call", ""),
        path=given.get("path"),
        headers=given.get("headers", {}),
        body=given.get("body"),
        raw=given.get("raw"),
        status=reply["status"],
        reply_headers=reply.get("headers", {}),
        reply_body=reply.get("body"),
        reply_raw=reply.get("raw"),
        outcome=outcome,
        read=given.get("read"),
        is_for_platform=given.get("platform", True),
        is_from_sdk=given.get("sdk", True),
        then=given.get("do"),
    )


def _check(title: str, given: Mapping[str, Any], known: set[str], required: set[str]) -> None:
    if not required <= given.keys() <= known:
        raise ValueError(f"{title}: needs {sorted(required)}, and may have {sorted(known)}")


def _headers(template: Mapping[str, Any], values: Values) -> dict[str, str]:
    """Return headers by lower-case name; one that is null is not there."""
    return {name.lower(): fill(value, values) for name, value in template.items() if value is not None}


def _bytes(body: Any, raw: Any, values: Values) -> bytes:
    if raw is not None:
        text: str = fill(raw, values)
        return text.encode()
    return b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _placeholder(template: Any) -> str | None:
    """Return the name of a placeholder: the first key of an object, if it begins with a dollar sign."""
    name = next(iter(template), None) if isinstance(template, dict) else None
    if name is None or not name.startswith("$"):
        return None
    if name not in _DIFFERING and name not in _FIXED:
        raise ValueError(f"there is no placeholder {name}")
    return str(name)


def _remember(values: Values, name: str | None, value: Any) -> Any:
    if name is not None:
        values.known[name] = value
    return value


@dataclass(frozen=True, slots=True)
class _Differing:
    """What differs run by run: a sample of it, and whether a value is one."""

    sample: Callable[[Values, str | None], Any]
    fits: Callable[[Values, Any], bool]


def _is_text(values: Values, actual: Any) -> bool:
    return isinstance(actual, str) and actual != ""


def _is_ms(values: Values, actual: Any) -> bool:
    return isinstance(actual, int) and not isinstance(actual, bool) and actual > SAMPLE_MS // 2


def _is_iso(values: Values, actual: Any) -> bool:
    return isinstance(actual, str) and datetime.fromisoformat(actual).utcoffset() == timedelta()


def _is_date(values: Values, actual: Any) -> bool:
    return isinstance(actual, str) and actual.endswith(" GMT") and parsedate_to_datetime(actual) is not None


def _is_url(values: Values, actual: Any) -> bool:
    return (
        isinstance(actual, str) and re.fullmatch(re.escape(values.endpoint) + r"(/[A-Za-z0-9_-]+)+", actual) is not None
    )


_DIFFERING: Mapping[str | None, _Differing] = {
    "$text": _Differing(lambda values, name: values.sample(name or "text"), _is_text),
    "$ms": _Differing(lambda values, name: SAMPLE_MS, _is_ms),
    "$iso": _Differing(lambda values, name: "2026-09-21T14:13:20.000+00:00", _is_iso),
    "$date": _Differing(lambda values, name: SAMPLE_DATE, _is_date),
    "$url": _Differing(lambda values, name: f"{values.endpoint}/{values.sample('collector')}", _is_url),
}


def _reply_at(values: Values, template: Mapping[str, Any]) -> Any:
    found = values.reply
    for key in template["$reply"]:
        found = found[key]
    return found


_FIXED: Mapping[str, Callable[[Values, Mapping[str, Any]], Any]] = {
    "$get": lambda values, template: values.known[template["$get"]],
    "$made": lambda values, template: values.made(template["$made"]),
    "$sign": lambda values, template: values.sign(template),
    "$write_key": lambda values, template: values.write_key,
    "$version": lambda values, template: __version__,
    "$json": lambda values, template: json.dumps(
        fill(template["$json"], values), ensure_ascii=False, separators=(",", ":")
    ),
    "$join": lambda values, template: "".join(fill(part, values) for part in template["$join"]),
    "$repeat": lambda values, template: template["$repeat"] * template["times"],
    "$reply": _reply_at,
}
