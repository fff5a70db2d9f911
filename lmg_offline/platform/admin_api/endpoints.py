"""
What an endpoint is, and how it is served.

An `Endpoint` says everything about one in one place: `routes.py` lists them, the
server serves the list, `openapi.py` describes it. A handler gets an open transaction
and the caller, who may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from marshmallow import Schema
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from lmg_offline.platform.admin_api.access import Caller, caller_of
from lmg_offline.platform.admin_api.bodies import document, raw_body
from lmg_offline.platform.admin_api.replies import MAX_LIMIT, Problem, problem_reply
from lmg_offline.platform.store.engine import transact
from lmg_offline.protocol.canonical import text_fault

PREFIX = "/admin/v1"
JSON = "application/json"

Handler = Callable[[Request, Connection, Caller], Response]
JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter of the query."""

    name: str
    description: str
    schema: JsonSchema = field(default_factory=lambda: {"type": "string"})
    required: bool = False


PAGING = (
    Query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}),
    Query("cursor", "`next_cursor` of the page before; leave it out for the first.", {"type": "string"}),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One endpoint of the Admin API.

    Attributes:
        path: Below `/admin/v1`. `{name}` is one segment; `{name:path}` may hold slashes that are not encoded.

        handler: Its name is the operation's, the first sentence of its docstring the summary.

        roles: Who may.

        reply: The schema of what comes back; None for nothing (204).

        statuses: Of the replies that are no problem.

        media_types: Of what comes back.

        body: The schema of what is sent; the handler finds it loaded as `request.state.document`.

        problems: Statuses beside those that follow from the rest.

        reads: False where something is changed; by default a GET alone reads.
    """

    method: str
    path: str
    handler: Handler
    roles: frozenset[str]
    tag: str
    reply: Schema | JsonSchema | None = None
    query: tuple[Query, ...] = ()
    body: Schema | None = field(default=None, repr=False)
    statuses: tuple[int, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    problems: tuple[int, ...] = ()
    reads: bool | None = None

    @property
    def name(self) -> str:
        """The operation's name, one of a kind."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return (self.handler.__doc__ or "").strip().split("\n")[0]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters."""
        return tuple(re.findall(r"{(\w+)(?::path)?}", self.path))

    @property
    def ok_statuses(self) -> tuple[int, ...]:
        """The statuses of replies that are no problem."""
        return self.statuses or ((204,) if self.reply is None else (200,))

    @property
    def problem_statuses(self) -> tuple[int, ...]:
        """The statuses of problems."""
        found = {401, 403, 503, *self.problems}
        if self.parameters or self.query:
            found.add(422)
        if self.parameters:
            found.add(404)
        if self.body is not None:
            found |= {400, 413, 415, 422}
        return tuple(sorted(found))

    async def answer(self, request: Request) -> Response:
        """Find the caller, check the role, read the body, then run the handler in a transaction."""
        try:
            caller = await run_in_threadpool(self._admitted, request)
            raw = b"" if self.body is None else await raw_body(request)
            return await run_in_threadpool(self._run, request, caller, raw)
        except Problem as problem:
            return problem_reply(problem)

    def _admitted(self, request: Request) -> Caller:
        with request.app.state.engine.begin() as connection:
            caller = caller_of(request, connection)
        if caller.role not in self.roles:
            raise Problem(403, "Forbidden", f"The role {caller.role} may not do this.")
        return caller

    def _run(self, request: Request, caller: Caller, raw: bytes) -> Response:
        for name, value in [*request.path_params.items(), *request.query_params.multi_items()]:
            if text_fault(name + value) is not None:
                raise Problem(422, "Unprocessable Content", "NUL and lone surrogates are not text.")
        if self.body is not None:
            request.state.document = document(raw, self.body)
        engine = request.app.state.engine
        reads = self.method == "GET" if self.reads is None else self.reads
        if reads:
            with engine.begin() as connection:
                return self.handler(request, connection, caller)
        return transact(engine, lambda connection: self.handler(request, connection, caller))


class PathRoute(BaseRoute):
    """
    All endpoints of one path.

    The path is matched as it was sent, before its escapes are undone: an encoded
    slash belongs to an id, `x%2Factivity` is a user, and `x/activity` what a user did.
    """

    def __init__(self, path: str, endpoints: Iterable[Endpoint]) -> None:
        self.path = path
        self.methods = {endpoint.method: endpoint for endpoint in endpoints}
        pattern = re.sub(r"{(\w+):path}", r"(?P<\1>.+)", PREFIX + path)
        self._pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", pattern))
        self._route = Route(path, self._answer, methods=list(self.methods))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether the request is for this path, and whether with one of its methods."""
        if scope["type"] != "http":
            return Match.NONE, {}
        raw = scope.get("raw_path") or scope["path"].encode()
        found = self._pattern.fullmatch(raw.split(b"?")[0].decode("latin-1"))
        if found is None:
            return Match.NONE, {}
        try:
            values = {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
        except UnicodeDecodeError:  # no id, so nothing is there
            return Match.NONE, {}
        child = {"path_params": {**scope.get("path_params", {}), **values}}
        is_full = scope["method"] in (self._route.methods or ())
        return (Match.FULL if is_full else Match.PARTIAL), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; another method gets a 405 that names those there are."""
        await self._route.handle(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await self.methods[method].answer(request)


def routes_of(endpoints: Iterable[Endpoint]) -> list[BaseRoute]:
    """Return the routes that serve the endpoints, those of one path together, in the order of the list."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [PathRoute(path, found) for path, found in by_path.items()]
