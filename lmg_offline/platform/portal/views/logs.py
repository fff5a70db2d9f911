"""The entry log, with what was refused, and the platform's own log."""

from __future__ import annotations

from starlette.responses import Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.portal import paging, queries, wording
from lmg_offline.platform.portal.access import Visit, view

_LATEST = 2**63 - 1


@view(READERS)
def entries(visit: Visit) -> Response:
    """List handled entries, the latest first: the refused ones unless all are asked for."""
    at, session_id, seq = paging.place_of(visit, [_LATEST, "\U0010ffff", _LATEST])
    shows_all, code, device_id = visit.query("status") == "all", visit.query("code"), visit.query("device")
    rows = queries.entry_page(
        visit.connection,
        visit.property_id,
        (at, session_id, seq),
        paging.SIZE + 1,
        refused_only=not shows_all,
        code=code,
        device_id=device_id,
    )
    return visit.page(
        "entries.html",
        entries=rows[: paging.SIZE],
        following=paging.cursor(rows, "applied_at", "session_id", "seq"),
        refusals=queries.refusals(visit.connection, visit.property_id),
        shows_all=shows_all,
        code=code,
        device=device_id,
    )


@view(READERS)
def log(visit: Visit) -> Response:
    """List what the platform noted: restored, forked, erased."""
    at, log_id = paging.place_of(visit, [_LATEST, ""])
    event = visit.query("event")
    rows = queries.log_page(
        visit.connection, visit.property_id, (at, log_id), paging.SIZE + 1, [event] if event else ()
    )
    shown = [{**row, "words": wording.details(row["details"])} for row in rows[: paging.SIZE]]
    following = paging.cursor(rows, "at", "id")
    return visit.page("log.html", rows=shown, following=following, event=event, events=wording.EVENTS)
