"""The ASGI application: which path is served by what."""

from __future__ import annotations

import logging
from http import HTTPStatus

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lmg_offline.platform.admin_api import routes as admin_routes
from lmg_offline.platform.admin_api.replies import Problem, problem_reply
from lmg_offline.platform.audience_api import auth, bookmarks, redemption
from lmg_offline.platform.audience_api.endpoint import error_reply, graph_endpoint
from lmg_offline.platform.audience_api.executor import Executor, read_sdl
from lmg_offline.platform.collector.endpoint import collector_routes
from lmg_offline.platform.content.resolvers import RESOLVERS as CONTENT
from lmg_offline.platform.portal import error_page
from lmg_offline.platform.portal import routes as portal_routes
from lmg_offline.platform.portal.attempts import Attempts
from lmg_offline.platform.problems import AudienceError
from lmg_offline.platform.settings import Settings
from lmg_offline.platform.shedding import RETRY_AFTER_S, UNAVAILABLE, Shedder
from lmg_offline.platform.store.unavailable import DatabaseUnavailable
from lmg_offline.protocol.replay import AUTH_PATH, DEFAULT_PATH

log = logging.getLogger("lmg_offline.platform")


def create_app(engine: Engine, settings: Settings | None = None) -> Starlette:
    """
    Return the application over a database that is migrated.

    Args:
        engine: Of `store.engine.make_engine`. The caller closes it.

        settings: Defaults to production settings.
    """
    settings = settings or Settings()
    shedder = Shedder(settings.most_waiting)
    methods = ["GET", "POST"] if settings.dev else ["POST"]
    auth_executor = Executor(read_sdl("auth.graphql", lmg_only=settings.lmg_only), auth.RESOLVERS)
    default_sdl = read_sdl("default.graphql", lmg_only=settings.lmg_only)
    default_executor = Executor(default_sdl, CONTENT, bookmarks.RESOLVERS, redemption.RESOLVERS)
    app = Starlette(
        routes=[
            Route(AUTH_PATH, graph_endpoint(auth_executor, engine, settings, shedder), methods=methods),
            Route(DEFAULT_PATH, graph_endpoint(default_executor, engine, settings, shedder), methods=methods),
            *collector_routes(engine, settings, shedder),
            Route("/healthz", _healthz),
            *admin_routes,
            *portal_routes,
        ],
        exception_handlers={
            HTTPException: _http_error,
            DatabaseUnavailable: _unavailable,
            OperationalError: _unavailable,
            PoolTimeout: _unavailable,
            Exception: _unexpected,
        },
    )
    app.state.engine = engine
    app.state.settings = settings
    app.state.sign_in_attempts = Attempts()
    return app


def _healthz(request: Request) -> Response:
    """Say that the database answers."""
    engine: Engine = request.app.state.engine
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return JSONResponse({"status": "ok"})


def _http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path or a wrong method, in the shape of the API that was asked."""
    if not isinstance(error, HTTPException):
        return _unexpected(request, error)
    reply = _error(request, "HttpError", error.detail, error.status_code, f"lmg-http-{error.status_code}")
    reply.headers.update(error.headers or {})
    return reply


def _unavailable(request: Request, error: Exception) -> Response:
    """
    Answer while the database does not: the same request will do later.

    Nothing was changed, unless the connection was lost at the commit; what is
    sent again is known by the ids of its entries then.
    """
    log.error("the database does not answer: %s", type(error).__name__)
    reply = _error(
        request, "UnavailableError", "The platform's database does not answer. Try again later.", 503, UNAVAILABLE
    )
    reply.headers["Retry-After"] = str(RETRY_AFTER_S)
    return reply


def _unexpected(request: Request, error: Exception) -> Response:
    """Answer for a bug: the server's log has the traceback, the caller nothing of it."""
    return _error(request, "InternalError", "The platform failed. Try again later.", 500, "lmg-internal")


def _error(request: Request, name: str, message: str, status: int, message_id: str) -> Response:
    if request.url.path == "/portal" or request.url.path.startswith("/portal/"):
        return error_page(Problem(status, HTTPStatus(status).phrase, message))
    if request.url.path.startswith("/admin"):
        return problem_reply(Problem(status, HTTPStatus(status).phrase, message))
    return error_reply(AudienceError(name, message, status, message_id))
