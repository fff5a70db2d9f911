"""People: found, shown with where each value came from, exported, erased."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from lmg_offline.platform import erasure, people, privacy, properties
from lmg_offline.platform.admin_api.access import KEEPERS, READERS
from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.downloads import download
from lmg_offline.platform.identity import user_hash
from lmg_offline.platform.interests import Question
from lmg_offline.platform.portal import paging, queries
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.portal.pages import attachment_headers
from lmg_offline.platform.portal.wording import link
from lmg_offline.platform.reports import interests
from lmg_offline.platform.segments import store
from lmg_offline.platform.segments.members import BEFORE_ALL


@view(READERS)
def users(visit: Visit) -> Response:
    """List people; or open the one whose id is asked for."""
    asked = visit.query("id")
    if asked and people.user(visit.connection, visit.property_id, asked) is not None:
        return RedirectResponse(link("/portal/user", id=asked), 303)
    (after,) = paging.place_of(visit, [BEFORE_ALL])
    rows = queries.user_page(visit.connection, visit.property_id, after, paging.SIZE + 1)
    following = paging.cursor(rows, "user_hash")
    return visit.page("users.html", 404 if asked else 200, users=rows[: paging.SIZE], following=following, asked=asked)


@view(READERS)
def user(visit: Visit) -> Response:
    """Show one person, and what they did, oldest first."""
    user_id = visit.query("id")
    found = _found(visit, user_id)
    at, entry_id = paging.place_of(visit, [-1, ""])
    rows = people.activity(visit.connection, visit.property_id, user_id, (at, entry_id), paging.SIZE + 1)
    half_life = store.half_life_days(visit.connection, visit.property_id)
    question = Question(visit.property_id, visit.now_ms, half_life, user_hash(user_id))
    return visit.page(
        "user.html",
        user=found,
        values=queries.provenance(visit.connection, visit.property_id, user_id),
        interests=interests.of_person(visit.connection, question, explain=False)["rows"],
        activity=rows[: paging.SIZE],
        is_first=at == -1,
        following=paging.cursor(rows, "occurred_at", "entry_id"),
    )


@view(KEEPERS, writes=True)
def export(visit: Visit) -> Response:
    """Give everything held about one person as a file, sent while it is read."""
    user_id = visit.form.get("id", "")
    _found(visit, user_id)
    parts = privacy.export(visit.request.app.state.engine, _asked(visit, privacy.EXPORT, user_id), user_id)
    return download(parts, "application/json", attachment_headers("person.json"))


@view(KEEPERS)
def confirm_erase(visit: Visit) -> Response:
    """Ask before a person is erased."""
    return visit.page("erase.html", user=_found(visit, visit.query("id")), fault="")


@view(KEEPERS, writes=True)
def erase(visit: Visit) -> Response:
    """Erase a person, once it is confirmed."""
    user_id = visit.form.get("id", "")
    found = _found(visit, user_id)
    if visit.form.get("sure") != "yes":
        return visit.page("erase.html", 422, user=found, fault="Tick the box: an erasure can't be undone.")
    property_ = _asked(visit, privacy.ERASURE, user_id)
    erasure.erase_user(visit.connection, property_, user_id, visit.now_ms, visit.now_ms)
    return RedirectResponse(link("/portal/users", done="erased"), 303)


def _found(visit: Visit, user_id: str) -> dict[str, Any]:
    found = people.user(visit.connection, visit.property_id, user_id)
    if found is None:
        raise _missing()
    return found


def _asked(visit: Visit, event: str, user_id: str) -> properties.Property:
    """Write down who asks for whose data, and return the property."""
    property_ = properties.get(visit.connection, visit.property_id)
    asker = privacy.Asker(visit.caller.key_id, visit.caller.role)
    privacy.record(visit.connection, property_, event, asker, visit.now_ms, user_id=user_id)
    return property_


def _missing() -> Problem:
    return Problem(404, "Not Found", "There is no such person in this property.")
