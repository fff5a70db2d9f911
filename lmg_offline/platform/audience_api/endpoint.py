"""The two GraphQL endpoints over HTTP."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lmg_offline.errors import ValidationError
from lmg_offline.platform import ingest, properties, sessions
from lmg_offline.platform.audience_api import errors
from lmg_offline.platform.audience_api.context import Ahead, NamedEntry, RequestContext
from lmg_offline.platform.audience_api.executor import Executor, Operation
from lmg_offline.platform.audience_api.graphiql import page
from lmg_offline.platform.bodies import inflated, read_json
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.shedding import Shedder
from lmg_offline.platform.store.engine import transact
from lmg_offline.platform.times import present_ms
from lmg_offline.protocol import canonical
from lmg_offline.protocol.replay import (
    ENTRY_HEADER,
    LOCALE_HEADER,
    SDK_NAME_HEADER,
    SDK_VERSION_HEADER,
    SESSION_HEADER,
    WRITE_KEY_HEADER,
)

_JSON = "application/json"
_REVIVING = frozenset({"extendSession"})
_REPLAYING = frozenset({"replay"})
_ENTRY = re.compile(r"([A-Za-z0-9_-]{1,64})/([1-9][0-9]{0,9})/([A-Za-z0-9_-]{1,64})")


@dataclass(frozen=True, slots=True)
class Caller:
    """What the headers of a request say. The repr shows no key and no token."""

    write_key: str | None = field(repr=False)
    session_token: str | None = field(repr=False)
    locale: str | None
    base_url: str
    sdk: str | None
    entry: NamedEntry | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the body of a request says."""

    operation: Operation
    variables: Mapping[str, Any] = field(repr=False)
    ahead: Ahead | None = None


def graph_endpoint(
    executor: Executor, engine: Engine, settings: Settings, shedder: Shedder
) -> Callable[[Request], Awaitable[Response]]:
    """Return the Starlette endpoint that serves one schema."""

    async def endpoint(request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            return HTMLResponse(page(request.url.path))
        try:
            raw = await read_json(request, settings.max_body_bytes, settings.body_within_s)
            return await shedder.run(_answer, executor, engine, settings, request, raw)
        except AudienceError as error:
            return error_reply(error)

    return endpoint


def error_reply(error: AudienceError) -> Response:
    """Return an error as HTTP: the body of the real platform, the status it names."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return _reply(error.status_code, canonical.encode(errors.body(error)).encode(), headers)


def _answer(executor: Executor, engine: Engine, settings: Settings, request: Request, raw: bytes) -> Response:
    body = inflated(request.headers.get("content-encoding", ""), raw, settings.max_body_bytes)
    caller, asked = _caller(request), _asked(executor, body)
    if asked.operation.fields == _REPLAYING:
        asked = replace(asked, ahead=_read_ahead(engine, caller, asked.variables))
    data = run(executor, engine, settings, caller, asked)
    content = json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":")).encode()
    if asked.operation.is_mutation:
        return _reply(200, content)
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return _reply(200, content, headers)


def _read_ahead(engine: Engine, caller: Caller, variables: Mapping[str, Any]) -> Ahead | None:
    """Read a replay of a known write key. None where something is wrong, which is said in its turn."""
    device, lanes = variables.get("device"), variables.get("lanes")
    with engine.connect() as connection:
        if not caller.write_key or properties.find_by_write_key(connection, caller.write_key) is None:
            return None
    try:
        return Ahead(device, lanes, ingest.read(device, lanes))
    except ValidationError:
        return None


def run(executor: Executor, engine: Engine, settings: Settings, caller: Caller, asked: Asked) -> dict[str, Any]:
    """
    Run one operation in one transaction, again when another one came between.

    Raises:
        AudienceError: The request is refused; nothing was changed.
    """
    if not asked.operation.is_mutation:
        with engine.connect() as connection:
            return _run_once(executor, settings, connection, caller, asked)
    return transact(engine, lambda connection: _run_once(executor, settings, connection, caller, asked))


def _run_once(
    executor: Executor, settings: Settings, connection: Connection, caller: Caller, asked: Asked
) -> dict[str, Any]:
    found = properties.find_by_write_key(connection, caller.write_key) if caller.write_key else None
    if found is None:
        raise errors.write_key_refused()
    property_, integration_id = found
    now_ms = present_ms()
    session = None
    if caller.session_token:
        grace_s = settings.extend_grace_s if asked.operation.fields == _REVIVING else 0
        session = sessions.find(connection, property_.id, caller.session_token, now_ms, grace_s=grace_s)
        if session is None:
            raise errors.session_required()
    context = RequestContext(
        connection=connection,
        property=property_,
        integration_id=integration_id,
        session=session,
        locale=caller.locale,
        now_ms=now_ms,
        base_url=caller.base_url,
        session_ttl_s=settings.session_ttl_s,
        sdk=caller.sdk,
        session_token=caller.session_token,
        entry=caller.entry,
        bad_token=settings.bad_token,
        ahead=asked.ahead,
    )
    return executor.run(asked.operation, asked.variables, context)


def _caller(request: Request) -> Caller:
    headers = request.headers
    name, version = headers.get(SDK_NAME_HEADER), headers.get(SDK_VERSION_HEADER)
    accepted = headers.get("accept-language", "").split(",")[0].split(";")[0]
    locale = headers.get(LOCALE_HEADER, accepted).strip().lower()
    return Caller(
        headers.get(WRITE_KEY_HEADER),
        headers.get(SESSION_HEADER),
        locale or None,
        str(request.base_url).rstrip("/"),
        f"{name} {version or ''}".strip() if name else None,
        _named_entry(headers.get(ENTRY_HEADER, "")),
    )


def _named_entry(text: str) -> NamedEntry | None:
    """Read `device/seq/entry`. What does not look like it is nobody's concern: the header is for the log alone."""
    found = _ENTRY.fullmatch(text)
    return None if found is None else NamedEntry(found[1], int(found[2]), found[3])


def _asked(executor: Executor, body: bytes) -> Asked:
    try:
        given = canonical.decode(body)
    except ValueError as error:
        raise errors.malformed(f"The body can't be read: {error}.") from None
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise errors.malformed("The body must be an object with `query`.")
    variables, name = given.get("variables"), given.get("operationName")
    if not isinstance(variables, (dict, type(None))) or not isinstance(name, (str, type(None))):
        raise errors.malformed("`variables` must be an object, `operationName` text.")
    return Asked(executor.operation(given["query"], name), variables or {})


def _matches(header: str, tag: str) -> bool:
    tags = (each.strip().removeprefix("W/") for each in header.split(","))
    return header.strip() == "*" or tag in tags


def _reply(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, media_type=_JSON, headers={"Cache-Control": "no-store", **(headers or {})})
