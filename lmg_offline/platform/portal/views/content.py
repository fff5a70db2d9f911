"""Content: listed by kind, put and deleted by forms made from its schemas."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError
from starlette.responses import RedirectResponse, Response

from lmg_offline.platform.admin_api.access import EDITORS, READERS
from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.content import schemas, store
from lmg_offline.platform.portal import content_form, paging, wording
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.portal.wording import link

_LONGEST_ID = 128


@view(READERS)
def contents(visit: Visit) -> Response:
    """List the documents of a kind in the order of their ids."""
    kind = _kind(visit)
    (after,) = paging.place_of(visit, [""])
    found = store.page(visit.connection, visit.property_id, kind, after, paging.SIZE + 1)
    rows = [{**document, "title": document.get("name") or document.get("headline", "")} for document in found]
    return visit.page("contents.html", kind=kind, rows=rows[: paging.SIZE], following=paging.cursor(rows, "id"))


@view(READERS)
def edit(visit: Visit) -> Response:
    """Show one document as a form; an empty one without an id."""
    kind, content_id = _kind(visit), visit.query("id")
    document = _found(visit, kind, content_id) if content_id else {}
    return _form(visit, kind, content_id, content_form.inputs(kind, document), is_new=not content_id)


@view(EDITORS, writes=True)
def save(visit: Visit) -> Response:
    """Keep what was typed."""
    kind, content_id = _kind(visit), visit.form.get("id", "").strip()
    is_new = visit.form.get("is_new") == "yes"
    faults: content_form.Faults = {}
    if not 1 <= len(content_id) <= _LONGEST_ID:
        faults["id"] = [f"Is 1 to {_LONGEST_ID} characters."]
    elif is_new and store.get(visit.connection, visit.property_id, kind, content_id) is not None:
        faults["id"] = ["Is taken by another; open that one to change it."]
    elif not is_new:
        _found(visit, kind, content_id)
    try:
        document = content_form.read(kind, visit.form)
    except ValidationError as error:
        faults |= dict(error.messages)  # type: ignore[arg-type]  # a dictionary, as content_form promises
    if faults:
        inputs = content_form.typed(kind, visit.form)
        return _form(visit, kind, content_id, inputs, is_new=is_new, faults=faults, status=422)
    store.put(visit.connection, visit.property_id, kind, content_id, document)
    return RedirectResponse(link(f"/portal/content/{kind}", done="saved"), 303)


@view(EDITORS)
def confirm_delete(visit: Visit) -> Response:
    """Ask before a document is deleted."""
    kind = _kind(visit)
    return visit.page("delete_content.html", kind=kind, document=_found(visit, kind, visit.query("id")))


@view(EDITORS, writes=True)
def delete(visit: Visit) -> Response:
    """Delete a document."""
    kind = _kind(visit)
    if not store.remove(visit.connection, visit.property_id, kind, visit.form.get("id", "")):
        raise _missing(kind)
    return RedirectResponse(link(f"/portal/content/{kind}", done="deleted"), 303)


def _form(
    visit: Visit,
    kind: str,
    content_id: str,
    inputs: list[content_form.Input],
    *,
    is_new: bool,
    faults: content_form.Faults | None = None,
    status: int = 200,
) -> Response:
    return visit.page(
        "content.html", status, kind=kind, content_id=content_id, inputs=inputs, is_new=is_new, faults=faults or {}
    )


def _kind(visit: Visit) -> str:
    kind: str = visit.request.path_params["kind"]
    if kind not in schemas.BY_KIND:
        raise Problem(404, "Not Found", f"Content is one of: {', '.join(wording.CONTENT)}.")
    return kind


def _found(visit: Visit, kind: str, content_id: str) -> dict[str, Any]:
    found = store.get(visit.connection, visit.property_id, kind, content_id)
    if found is None:
        raise _missing(kind)
    return found


def _missing(kind: str) -> Problem:
    return Problem(404, "Not Found", f"There is nothing of this id among the {kind}.")
