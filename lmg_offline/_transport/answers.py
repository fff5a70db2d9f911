"""
What an answer means: status, headers and body in, one outcome out. Pure.

Only what speaks the protocol counts: a captive portal, a proxy's cache or a cut
body is a failed attempt, whatever its status says.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from .._core import snowplow
from .._core.schedule import Retry, Split, Suspend
from ..errors import ValidationError
from ..protocol import replay as wire
from ..protocol.canonical import decode
from .port import (
    Answer,
    Collected,
    CollectOutcome,
    DeviceRefused,
    GraphData,
    GraphOutcome,
    NotSpoken,
    QueryOutcome,
    Refused,
    Replayed,
    ReplayOutcome,
    SessionExpired,
)

Headers = Mapping[str, str]

# How GraphQL servers say that a document does not fit their schema.
_UNKNOWN = re.compile(
    r"Cannot query field|Unknown (type|argument|field)|doesn't exist on type|isn't a defined input type"
)


def replay_outcome(status: int, headers: Headers, body: bytes) -> ReplayOutcome:
    parsed = _parse(headers, body)
    message_id, message = _first_error(parsed)
    if status == 200 and isinstance(parsed, dict) and not parsed.get("errors"):
        data = parsed.get("data")
        if isinstance(data, dict) and "replay" in data:
            try:
                return Replayed(wire.load_reply(data["replay"]))
            except ValidationError:
                return Retry("the platform's reply is not the replay protocol", reached=True)
    if _is_unknown_document(message_id, message):
        return NotSpoken(message)
    if status in (401, 403) and message_id == wire.DEVICE_REFUSED:
        return DeviceRefused(message)
    if status in (401, 403):
        return Suspend(message_id or f"http_{status}", message or f"the write key was refused (HTTP {status})")
    if status == 413:
        return Split("the request was too large", malformed=False)
    if status == 400 and message_id == wire.MALFORMED:
        return Split(message or "the platform could not read the request", malformed=True)
    return _retry(status, headers)


def graph_outcome(status: int, headers: Headers, body: bytes) -> GraphOutcome:
    """
    Return what an answer to one operation of the LMG dialect means.

    Source: the public facts of the platform's API: 2xx with data is success, an
    error body is `errors[0]` with name, message, statusCode and messageId.
    """
    parsed = _parse(headers, body)
    message_id, message = _first_error(parsed)
    if message_id == wire.SESSION_EXPIRED:
        return SessionExpired()
    if not isinstance(parsed, dict) or not parsed.get("errors"):
        data = parsed.get("data") if isinstance(parsed, dict) else None
        if 200 <= status < 300 and isinstance(data, dict):
            return GraphData(data, _date_ms(headers))
        if status in (401, 403):
            return Suspend(f"http_{status}", f"the write key was refused (HTTP {status})")
        return Refused(status, None, "the request is too large") if status == 413 else _retry(status, headers)
    if message_id == wire.WRITE_KEY_REFUSED:
        return Suspend(message_id, message or "the write key was refused")
    if _is_unknown_document(message_id, message):
        return NotSpoken(message)
    said = _status_code(parsed, status)
    if _is_final(said):
        return Refused(said, message_id, message)
    return _retry_after_error(status, said, headers)


def collect_outcome(status: int, headers: Headers, body: bytes) -> CollectOutcome:
    """Return what a collector's answer to a batch of events means."""
    if snowplow.is_accepted(status, headers.get("Content-Type") or "", body):
        return Collected()
    message_id, message = _first_error(_parse(headers, body))
    is_page = (headers.get("Content-Type") or "").strip().lower().startswith("text/html")
    if message_id == wire.SESSION_EXPIRED or (status in (401, 403, 404, 410) and not is_page):
        return SessionExpired()
    if status == 413:
        return Split("the request was too large", malformed=False)
    if status == 400 and message_id == wire.MALFORMED:
        return Split(message or "the collector could not read the request", malformed=True)
    return _retry(status, headers)


def query_outcome(status: int, headers: Headers, body: bytes) -> QueryOutcome:
    if status == 304:
        return Answer(None, headers.get("ETag"))
    parsed = _parse(headers, body)
    message_id, message = _first_error(parsed)
    if message_id == wire.SESSION_EXPIRED:
        return SessionExpired()
    if not isinstance(parsed, dict) or not parsed.get("errors"):
        data = parsed.get("data") if isinstance(parsed, dict) else None
        if status == 200 and isinstance(data, dict):
            return Answer(data, headers.get("ETag"))
        return _retry(status, headers)
    said = _status_code(parsed, status)
    if _is_unknown_document(message_id, message):
        return Refused(400 if said == 200 else said, message_id, message)
    if message_id is not None and _is_final(said):
        return Refused(said, message_id, message)
    return _retry_after_error(status, said, headers)


def _is_unknown_document(message_id: str | None, message: str) -> bool:
    """
    Say whether a server's schema does not hold what was asked.

    The real platform's errors have ids that are not public: what it says
    decides. Our own platform's ids say it all, and its sentences may be about other fields.
    """
    if message_id is not None and message_id.startswith(wire.OUR_IDS):
        return message_id == wire.QUERY_INVALID
    return bool(_UNKNOWN.search(message))


def _status_code(parsed: object, status: int) -> int:
    """Return the statusCode that an error body names, else the status it came with."""
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    found = first.get("statusCode") if isinstance(first, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else status


def _is_final(status: int) -> bool:
    """Say whether the same request would be answered with this status again."""
    return 400 <= status < 500 and status not in (408, 425, 429)


def _retry_after_error(status: int, said: int, headers: Headers) -> Retry:
    """Try again after an error body; in a 200, the status it names counts."""
    return _retry(said if status == 200 else status, headers, "the platform answered with an error")


def _retry(status: int, headers: Headers, with_200: str | None = None) -> Retry:
    if status == 200:
        reason = with_200 or "something between here and the platform answered in its place"
        return Retry(reason, reached=with_200 is not None)
    if 300 <= status < 400:
        return Retry("the platform's address redirects elsewhere, which is not followed", reached=True)
    floor = _retry_after_s(headers) if status in (429, 503) else None
    return Retry(f"the platform answered HTTP {status}", floor, reached=True)


def _retry_after_s(headers: Headers) -> float | None:
    """
    Return the seconds of a Retry-After in either form, or None.

    Source: RFC 9110 section 10.2.3. A date is taken relative to the reply's own
    Date, because the device's clock may be wrong.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until, now = _http_date(text), _http_date(headers.get("Date") or "")
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # a year or zone of twenty digits overflows
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date_ms(headers: Headers) -> int | None:
    """Return the reply's own Date, in milliseconds since 1970 UTC; None without one."""
    found = _http_date(headers.get("Date") or "")
    return None if found is None else int(found.timestamp() * 1000)


def _parse(headers: Headers, body: bytes) -> object:
    """Return the reply's JSON; None for anything that is not a whole, plain, small JSON document."""
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/graphql-response+json"):
        return None
    if len(body) > wire.MAX_REPLY_BYTES or (headers.get("Content-Encoding") or "identity") != "identity":
        return None
    try:
        return decode(body)
    except ValueError:
        return None


def _first_error(parsed: object) -> tuple[str | None, str]:
    """Return (messageId, message) of the real platform's error shape."""
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None, ""
    message_id, message = first.get("messageId"), first.get("message")
    return (
        message_id if isinstance(message_id, str) else None,
        message[:500] if isinstance(message, str) else "",
    )
