"""Forms as browsers send them: read within bounds, and shown to be ours."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.portal.sessions import form_token
from lmg_offline.protocol.canonical import text_fault

TOKEN = "form_token"
MAX_BODY = 1024 * 1024
MAX_FIELDS = 2000
_TYPE = "application/x-www-form-urlencoded"

Form = Mapping[str, str]


async def read_form(request: Request) -> Form:
    """
    Return the fields of a posted form; of one that is sent twice, the last.

    Raises:
        Problem: Another type (415), too large (413), or not text (400).
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _TYPE:
        raise Problem(415, "Unsupported Media Type", f"The body must be {_TYPE}.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Problem(413, "Content Too Large", f"A form is at most {MAX_BODY} bytes.")
    except ClientDisconnect:
        raise Problem(400, "Bad Request", "The form was cut off.") from None
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise Problem(400, "Bad Request", "The form is not one that a browser sends.") from None
    if any(text_fault(part) is not None for pair in pairs for part in pair):
        raise Problem(400, "Bad Request", "NUL and lone surrogates are not text.")
    # Browsers send line breaks as CR LF, whatever was in the page.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def check_ours(request: Request, form: Form, cookie: str | None) -> None:
    """
    Refuse a form that did not come from a page of ours.

    Raises:
        Problem: From another origin, or without the token of the cookie (403).
    """
    origin = request.headers.get("origin")
    if origin != f"{request.url.scheme}://{request.url.netloc}":
        raise Problem(
            403,
            "Forbidden",
            "The form came from another site. Behind a proxy: it must pass on Host and X-Forwarded-Proto.",
        )
    given = form.get(TOKEN, "").encode()
    if cookie is None or not hmac.compare_digest(form_token(cookie).encode(), given):
        raise Problem(403, "Forbidden", "The form is from before you signed in or out. Open the page again.")
