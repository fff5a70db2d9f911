"""Who is asking, and whether their role may."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response

from lmg_offline.platform.admin_api.replies import Problem, problem_reply
from lmg_offline.platform.store.engine import writing
from lmg_offline.platform.store.tables import admin_keys
from lmg_offline.protocol.canonical import text_fault

# Source: the real portal's roles; marketing edits content, support only reads.
READERS = frozenset({"owner", "admin", "dev", "marketing", "support"})
EDITORS = frozenset({"owner", "admin", "marketing"})
KEEPERS = frozenset({"owner", "admin"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The admin key a request came with."""

    key_id: str
    property_id: str
    role: str


Handler = Callable[[Request, Connection, Caller], Response]


def endpoint(roles: frozenset[str], *, writes: bool = False) -> Callable[[Handler], Callable[[Request], Response]]:
    """Make a handler an endpoint: find the caller, check the role, open a transaction, answer problems."""

    def decorate(handler: Handler) -> Callable[[Request], Response]:
        @wraps(handler)
        def answer(request: Request) -> Response:
            engine = request.app.state.engine
            try:
                _check_texts(request)
                with writing(engine) if writes else engine.begin() as connection:
                    caller = _caller(request, connection)
                    if caller.role not in roles:
                        raise Problem(403, "Forbidden", f"The role {caller.role} may not do this.")
                    return handler(request, connection, caller)
            except Problem as problem:
                return problem_reply(problem)

        return answer

    return decorate


def _check_texts(request: Request) -> None:
    """Refuse what one of the databases could not be asked for, wherever it stands in the address."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if isinstance(value, str) and text_fault(value) is not None:
            raise Problem(422, "Unprocessable", "NUL and lone surrogates are not text.", field=name)


def _caller(request: Request, connection: Connection) -> Caller:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Problem(401, "Unauthorized", "Send Authorization: Bearer and an admin key.")
    digest = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).hexdigest()
    query = select(admin_keys.c.id, admin_keys.c.property_id, admin_keys.c.role).where(
        admin_keys.c.key_hash == digest, admin_keys.c.revoked_at.is_(None)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise Problem(401, "Unauthorized", "This admin key is not known, or was revoked.")
    return Caller(row[0], row[1], row[2])
