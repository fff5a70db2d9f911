"""Who is signed in, whether their role may, and whether a form is ours: asked before any view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps

from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lmg_offline.platform.admin_api.access import EDITORS, KEEPERS, Caller
from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.portal import sessions
from lmg_offline.platform.portal.forms import Form, check_ours, read_form
from lmg_offline.platform.portal.pages import error_page, render
from lmg_offline.platform.store.engine import writing
from lmg_offline.platform.times import present_ms
from lmg_offline.protocol.canonical import text_fault

HOME = "/portal"
SIGN_IN = "/portal/sign-in"


@dataclass(frozen=True, slots=True)
class Visit:
    """
    One request of somebody who is signed in. The repr shows neither form nor cookie.

    Attributes:
        form: What was posted; empty for a GET.

        now_ms: The instant of the request, in milliseconds since 1970 UTC.
    """

    request: Request
    connection: Connection
    person: sessions.Person
    form: Form = field(repr=False)
    cookie: str = field(repr=False)
    now_ms: int

    @property
    def caller(self) -> Caller:
        """The admin key they came with."""
        return self.person.caller

    @property
    def property_id(self) -> str:
        """The property they see."""
        return self.person.caller.property_id

    def query(self, name: str) -> str:
        """
        Return a parameter of the address; empty without one.

        Raises:
            Problem: It holds what no database takes (400).
        """
        found = self.request.query_params.get(name, "")
        if text_fault(found) is not None:
            raise Problem(400, "Bad Request", f"{name} is not text.")
        return found

    def page(self, template: str, status: int = 200, **context: object) -> Response:
        """Return a page, with what every page shows."""
        role = self.caller.role
        return render(
            template,
            status,
            person=self.person,
            may_edit=role in EDITORS,
            may_keep=role in KEEPERS,
            form_token=sessions.form_token(self.cookie),
            here=self.request.url.path,
            done=self.query("done"),
            now_ms=self.now_ms,
            **context,
        )


View = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def view(roles: frozenset[str], *, writes: bool = False) -> Callable[[View], Endpoint]:
    """Make a view an endpoint: see whose request it is, check role and form, open a transaction, answer problems."""

    def decorate(handler: View) -> Endpoint:
        @wraps(handler)
        async def answer(request: Request) -> Response:
            try:
                form = await read_form(request) if request.method == "POST" else {}
                return await run_in_threadpool(_visit, request, form, handler, roles, writes)
            except Problem as problem:
                return error_page(problem)

        return answer

    return decorate


def _visit(request: Request, form: Form, handler: View, roles: frozenset[str], writes: bool) -> Response:
    engine: Engine = request.app.state.engine
    cookie = request.cookies.get(cookie_name(request))
    now = present_ms()
    if request.method == "POST":
        check_ours(request, form, cookie)
    with writing(engine) if writes else engine.begin() as connection:
        person = None if cookie is None else sessions.find(connection, cookie, now)
        if cookie is None or person is None:
            return RedirectResponse(SIGN_IN, 303)
        if person.caller.role not in roles:
            raise Problem(403, "Forbidden", f"The role {person.caller.role} may not do this.")
        reply = handler(Visit(request, connection, person, form, cookie, now))
    if person.is_stale:
        with writing(engine) as connection:
            sessions.mark_seen(connection, cookie, now)
    return reply


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie; the browser itself holds the one of https to this host."""
    return "__Host-lmg-portal" if request.url.scheme == "https" else "lmg-portal"


def set_cookie(request: Request, reply: Response, name: str, value: str) -> None:
    """Give the browser a cookie that no script reads and no other site sends. It is gone with the browser."""
    is_https = request.url.scheme == "https"
    reply.set_cookie(name, value, path="/", httponly=True, samesite="strict", secure=is_https)
