"""Signing in with an admin key, and out."""

from __future__ import annotations

import time

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.portal import sessions
from lmg_offline.platform.portal.access import HOME, SIGN_IN, Visit, cookie_name, set_cookie, view
from lmg_offline.platform.portal.attempts import Attempts
from lmg_offline.platform.portal.forms import Form, check_ours, read_form
from lmg_offline.platform.portal.pages import error_page, render
from lmg_offline.platform.store.engine import writing
from lmg_offline.platform.times import present_ms


async def sign_in(request: Request) -> Response:
    """Show the form; or take an admin key, and open a session of a new cookie."""
    if request.method != "POST":
        return _form(request)
    try:
        return await run_in_threadpool(_sign_in, request, await read_form(request))
    except Problem as problem:
        return error_page(problem)


@view(READERS, writes=True)
def sign_out(visit: Visit) -> Response:
    """End the session, here and in the browser."""
    sessions.sign_out(visit.connection, visit.cookie)
    reply = RedirectResponse(SIGN_IN, 303)
    reply.delete_cookie(cookie_name(visit.request), path="/")
    return reply


def _sign_in(request: Request, form: Form) -> Response:
    check_ours(request, form, request.cookies.get(_form_cookie(request)))
    attempts: Attempts = request.app.state.sign_in_attempts
    address = request.client.host if request.client is not None else ""
    wait_s = attempts.wait_s(address, time.monotonic())
    if wait_s:
        detail = f"Too many attempts to sign in failed. Try again in {wait_s} s."
        raise Problem(429, "Too Many Requests", detail, retry_after_s=wait_s)
    engine: Engine = request.app.state.engine
    with writing(engine) as connection:
        cookie = sessions.sign_in(connection, form.get("admin_key", ""), present_ms())
    if cookie is None:
        attempts.failed(address, time.monotonic())
        return _form(request, "This admin key is not known, or was revoked.")
    attempts.succeeded(address)
    reply = RedirectResponse(HOME, 303)
    set_cookie(request, reply, cookie_name(request), cookie)
    return reply


def _form(request: Request, fault: str = "") -> Response:
    """Return the form, bound to a cookie of its own: there is no session yet to bind it to."""
    cookie = request.cookies.get(_form_cookie(request)) or sessions.new_secret()
    token = sessions.form_token(cookie)
    reply = render("sign_in.html", 401 if fault else 200, form_token=token, fault=fault)
    set_cookie(request, reply, _form_cookie(request), cookie)
    return reply


def _form_cookie(request: Request) -> str:
    return cookie_name(request) + "-form"
