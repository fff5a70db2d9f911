"""Reports: demographics, new people by day, interests; over everybody or a segment."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lmg_offline.platform import people, properties
from lmg_offline.platform.admin_api.access import Caller
from lmg_offline.platform.admin_api.replies import missing, unprocessable
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.interests import Question
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import demographics
from lmg_offline.platform.reports.growth import MOST_DAYS, growth
from lmg_offline.platform.segments import store
from lmg_offline.platform.segments.conditions import holds
from lmg_offline.platform.times import present_ms

DEFAULT_DAYS = 30


def report_demographics(request: Request, connection: Connection, caller: Caller) -> Response:
    """Counts and shares by gender, age band or a custom trait."""
    by, now_ms = request.query_params.get("by", ""), present_ms()
    audience = audience_of(connection, caller.property_id, request.query_params.get("segment"), now_ms)
    try:
        report = demographics(connection, audience, by, now_ms)
    except ValueError as error:
        raise unprocessable(str(error)) from error
    return JSONResponse(report if _wants(request, "detail") else _plain(report))


def report_users(request: Request, connection: Connection, caller: Caller) -> Response:
    """People by state, and new ones by day in the property's time zone."""
    text, now_ms = request.query_params.get("days", str(DEFAULT_DAYS)), present_ms()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= MOST_DAYS):
        raise unprocessable(f"days is a whole number from 1 to {MOST_DAYS}.")
    audience = audience_of(connection, caller.property_id, request.query_params.get("segment"), now_ms)
    zone = ZoneInfo(properties.settings(connection, caller.property_id)["time_zone"])
    return JSONResponse(growth(connection, audience, zone, int(text), now_ms))


def report_interests(request: Request, connection: Connection, caller: Caller) -> Response:
    """What one person, a segment or everybody is interested in, by category."""
    user_id, segment_id = (request.query_params.get(name) for name in ("user_id", "segment"))
    if user_id is not None and segment_id is not None:
        raise unprocessable("Name a user or a segment, not both.")
    now_ms = present_ms()
    half_life_days = store.half_life_days(connection, caller.property_id)
    if user_id is None:
        audience = audience_of(connection, caller.property_id, segment_id, now_ms)
        question = Question(caller.property_id, now_ms, half_life_days)
        report = interests.of_audience(connection, audience, question)
        return JSONResponse(report if _wants(request, "detail") else {"rows": _only(report, "category", "score")})
    if people.user(connection, caller.property_id, user_id) is None:
        raise missing("user")
    question = Question(caller.property_id, now_ms, half_life_days, user_hash(user_id))
    return JSONResponse(interests.of_person(connection, question, explain=_wants(request, "explain")))


def _plain(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without its details; with `other` only where some values are not shown."""
    found = {"total": report["total"], "rows": _only(report, "value", "count", "share"), "missing": report["missing"]}
    return {**found, "other": report["other"]} if report["other"] else found


def _only(report: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in report["rows"]]


def _wants(request: Request, name: str) -> bool:
    """Return a parameter that is 0 or 1; 0 where it is left out."""
    found = request.query_params.get(name, "0")
    if found not in ("0", "1"):
        raise unprocessable(f"{name} is 0 or 1.")
    return found == "1"


def audience_of(connection: Connection, property_id: str, segment_id: str | None, now_ms: int) -> Audience:
    """
    Return everybody, or the people of a segment.

    Raises:
        Problem: There is no such segment.
    """
    if segment_id is None:
        return Audience(property_id)
    segment = store.get(connection, property_id, segment_id)
    if segment is None:
        raise missing("segment")
    return Audience(property_id, holds(segment.rule, store.scope(connection, property_id, now_ms)))
