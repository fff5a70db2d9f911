"""Pages and the files they need: rendered, with the headers that keep them to themselves."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.portal import charts, wording

_HERE = Path(__file__).parent
# Source: OWASP's list of secure headers. `same-origin` and not `no-referrer`: with
# the latter browsers say that a form of ours comes from the origin "null".
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Not the system's own list: Windows lets programs change it.
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_PRIVATE = {"Cache-Control": "no-store"}


def _files() -> dict[str, tuple[bytes, str]]:
    """Return the bytes and the media type of each file of `static`."""
    paths = sorted((_HERE / "static").iterdir())
    return {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in paths}


FILES = _files()
_VERSION = hashlib.sha256(b"".join(content for content, _ in FILES.values())).hexdigest()[:12]

_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    version=_VERSION, bars=charts.bars, columns=charts.columns, roles=wording.ROLES, kinds=wording.CONTENT
)
_environment.filters.update(
    day=wording.day,
    instant=wording.instant,
    ago=wording.ago,
    number=wording.number,
    share=wording.share,
    value=wording.value,
    clock=wording.clock,
    code=wording.code,
    event=wording.event,
    link=wording.link,
)


def render(template: str, status: int = 200, **context: object) -> HTMLResponse:
    """Return a page. Everything in it is escaped, but what templates and charts write themselves."""
    text = _environment.get_template(template).render(context)
    return HTMLResponse(text, status, {**HEADERS, **_PRIVATE})


def error_page(problem: Problem) -> Response:
    """Return what went wrong as a page."""
    reply = render("error.html", problem.status, title=problem.body["title"], detail=problem.body["detail"])
    if problem.status == 429:
        reply.headers["Retry-After"] = str(problem.body["retry_after_s"])
    return reply


def attachment_headers(name: str) -> dict[str, str]:
    """Return the headers of a file to be saved, never to be shown in the page's place."""
    return {**HEADERS, **_PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}


async def static(request: Request) -> Response:
    """Serve a file of the package. Its address changes with its content."""
    found = FILES.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    body, media_type = found
    return Response(body, 200, {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}, media_type)
