"""Segments: listed, built with a live count, kept, exported."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse, RedirectResponse, Response

from lmg_offline.errors import ValidationError
from lmg_offline.platform import privacy, properties
from lmg_offline.platform.admin_api.access import EDITORS, READERS
from lmg_offline.platform.admin_api.replies import Problem
from lmg_offline.platform.downloads import download
from lmg_offline.platform.portal import builder, paging, queries, wording
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.portal.pages import HEADERS, attachment_headers
from lmg_offline.platform.portal.wording import link
from lmg_offline.platform.segments import export as export_lines
from lmg_offline.platform.segments import members, store
from lmg_offline.platform.segments.rules import Rule, parse

_MAX_NAME = 256
_MAX_JSON = 256 * 1024


@view(READERS)
def segments(visit: Visit) -> Response:
    """List what is kept."""
    (after,) = paging.place_of(visit, [""])
    found = store.page(visit.connection, visit.property_id, after, paging.SIZE + 1)
    rows = [{"id": each.id, "name": each.name, "rule": wording.sentence(each.rule), "updated_at": each.updated_at}
            for each in found]  # fmt: skip
    return visit.page("segments.html", segments=rows[: paging.SIZE], following=paging.cursor(rows, "id"))


@view(READERS)
def segment(visit: Visit) -> Response:
    """Show one with its members."""
    found = _found(visit, visit.query("id"))
    scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
    (after,) = paging.place_of(visit, [members.BEFORE_ALL])
    rows = members.page(visit.connection, found.rule, scope, after, paging.SIZE + 1)
    return visit.page(
        "segment.html",
        segment=found,
        rule=wording.sentence(found.rule),
        count=members.count(visit.connection, found.rule, scope),
        total=_total(visit),
        members=rows[: paging.SIZE],
        following=paging.cursor(rows, "user_hash"),
    )


@view(READERS)
def reason(visit: Visit) -> Response:
    """Show why one person is in a segment, or is not."""
    found, user_id = _found(visit, visit.query("id")), visit.query("user")
    scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
    verdict = members.reason(visit.connection, found.rule, scope, user_id)
    if verdict is None:
        raise Problem(404, "Not Found", "There is no such person in this property.")
    return visit.page("reason.html", segment=found, user_id=user_id, verdict=verdict)


@view(READERS)
def edit(visit: Visit) -> Response:
    """Show the builder: of a segment, or of a new one; a rule too deep for it as JSON."""
    segment_id = visit.query("id")
    if not segment_id:
        return _builder(visit, "", "", builder.NEW)
    found = _found(visit, segment_id)
    form = builder.from_document(found.document)
    if form is None:
        return _json_editor(visit, segment_id, found.name, _pretty(found.document))
    return _builder(visit, segment_id, found.name, form)


@view(READERS)
def change(visit: Visit) -> Response:
    """Change the form as its buttons say, and show it again, with the count. Nothing is kept."""
    segment_id, name = visit.form.get("id", ""), visit.form.get("name", "")
    do, _, place = visit.form.get("do", "count").partition(":")
    if "rule" in visit.form:
        text = visit.form["rule"]
        found = _read_json(text)[0] if do == "form" else None
        form = builder.from_document(found)
        if form is not None:
            return _builder(visit, segment_id, name, form)
        fault = "This rule has no such form: it is nested too deep, or is no rule." if do == "form" else ""
        return _json_editor(visit, segment_id, name, text, fault)
    form = builder.from_form(visit.form)
    numbers = [int(word) for word in place.split(".") if word.isascii() and word.isdecimal() and len(word) < 6]
    focus = ""
    match do, numbers:
        case "group", []:
            form = form.with_group()
            focus = f"{len(form.groups)}.1"
        case "condition", [group]:
            form = form.with_condition(group - 1)
            focus = f"{group}.{len(form.groups[group - 1].conditions)}" if 0 < group <= len(form.groups) else ""
        case "remove", [group, condition]:
            form = form.without(group - 1, condition - 1)
            focus = "1.1"
        case "json", []:
            return _json_editor(visit, segment_id, name, _pretty(builder.to_document(form)))
    return _builder(visit, segment_id, name, form, focus=focus)


@view(READERS)
def preview(visit: Visit) -> Response:
    """Answer the script: how many people the form's rule holds for, or which conditions are wrong."""
    rule, faults = _rule(visit)
    if rule is None:
        return JSONResponse({"count": None, "faults": faults}, headers=HEADERS)
    scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
    count = members.count(visit.connection, rule, scope)
    return JSONResponse({"count": count, "total": _total(visit), "faults": {}}, headers=HEADERS)


@view(EDITORS, writes=True)
def save(visit: Visit) -> Response:
    """Keep the form's rule under its name."""
    segment_id, name = visit.form.get("id", ""), visit.form.get("name", "").strip()
    rule, _ = _rule(visit)
    name_fault = "" if 1 <= len(name) <= _MAX_NAME else f"Give it a name of 1 to {_MAX_NAME} characters."
    if segment_id:
        _found(visit, segment_id)
    if rule is None or name_fault:
        if "rule" in visit.form:
            return _json_editor(visit, segment_id, name, visit.form["rule"], name_fault=name_fault, status=422)
        form = builder.from_form(visit.form)
        return _builder(visit, segment_id, name, form, name_fault=name_fault, status=422)
    document = _read_json(visit.form["rule"])[0] if "rule" in visit.form else None
    document = document or builder.to_document(builder.from_form(visit.form))
    kept, _ = store.put(visit.connection, visit.property_id, segment_id or None, name, document, visit.now_ms)
    return RedirectResponse(link("/portal/segment", id=kept.id, done="saved"), 303)


@view(EDITORS)
def confirm_delete(visit: Visit) -> Response:
    """Ask before a segment is deleted."""
    return visit.page("delete_segment.html", segment=_found(visit, visit.query("id")))


@view(EDITORS, writes=True)
def delete(visit: Visit) -> Response:
    """Delete a segment; nobody in it is changed."""
    if not store.remove(visit.connection, visit.property_id, visit.form.get("id", "")):
        raise _missing()
    return RedirectResponse(link("/portal/segments", done="deleted"), 303)


@view(EDITORS, writes=True)
def export(visit: Visit) -> Response:
    """Give everybody in a segment as a file, read a part at a time while it is sent."""
    found = _found(visit, visit.form.get("id", ""))
    scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
    engine, rule = visit.request.app.state.engine, found.rule
    privacy.record(
        visit.connection,
        properties.get(visit.connection, visit.property_id),
        privacy.SEGMENT_EXPORT,
        privacy.Asker(visit.caller.key_id, visit.caller.role),
        visit.now_ms,
        segment_id=found.id,
    )

    def parts() -> Any:
        with engine.begin() as reading:
            yield from export_lines.as_csv(members.everyone(reading, rule, scope))

    return download(parts(), "text/csv; charset=utf-8", attachment_headers("segment.csv"))


def _rule(visit: Visit) -> tuple[Rule | None, dict[str, list[str]]]:
    """Return the rule that was typed; or None and what is wrong, by the condition's number."""
    try:
        if "rule" not in visit.form:
            return builder.check(builder.from_form(visit.form)), {}
        document, fault = _read_json(visit.form["rule"])
        return (parse(document), {}) if not fault else (None, {"": [fault]})
    except ValidationError as error:
        if "rule" not in visit.form:
            return None, error.errors
        return None, {"": [f"{path}: {' '.join(found)}" for path, found in sorted(error.errors.items())]}


def _read_json(text: str) -> tuple[Any, str]:
    if len(text) > _MAX_JSON:
        return None, f"A rule is at most {_MAX_JSON} characters."
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError):
        return None, "This is not JSON."


def _builder(
    visit: Visit,
    segment_id: str,
    name: str,
    form: builder.Builder,
    *,
    focus: str = "",
    name_fault: str = "",
    status: int = 200,
) -> Response:
    count, faults = None, {}
    try:
        rule = builder.check(form)
        count = members.count(visit.connection, rule, store.scope(visit.connection, visit.property_id, visit.now_ms))
    except ValidationError as error:
        faults = error.errors
    return visit.page(
        "builder.html",
        status,
        segment_id=segment_id,
        name=name,
        name_fault=name_fault,
        builder=form,
        count=count,
        total=_total(visit),
        faults=faults,
        focus=focus,
        all_kinds=builder.KINDS,
        all_ops=builder.OPS,
        all_matches=builder.MATCHES,
        names={
            "traits": queries.trait_names(visit.connection, visit.property_id),
            "activities": queries.activity_names(visit.connection, visit.property_id),
            "categories": queries.category_names(visit.connection, visit.property_id),
        },
    )


def _json_editor(
    visit: Visit, segment_id: str, name: str, text: str, fault: str = "", *, name_fault: str = "", status: int = 200
) -> Response:
    document, wrong = _read_json(text)
    faults, count = [wrong] if wrong else [], None
    if not wrong:
        try:
            scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
            count = members.count(visit.connection, parse(document), scope)
        except ValidationError as error:
            faults = [f"{path}: {' '.join(found)}" for path, found in sorted(error.errors.items())]
    return visit.page(
        "rule.html",
        status,
        segment_id=segment_id,
        name=name,
        name_fault=name_fault,
        text=text,
        count=count,
        total=_total(visit),
        faults=[fault, *faults] if fault else faults,
    )


def _total(visit: Visit) -> int:
    found = queries.states(visit.connection, visit.property_id)
    return found["verified"] + found["identified"]


def _pretty(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _found(visit: Visit, segment_id: str) -> store.Segment:
    found = store.get(visit.connection, visit.property_id, segment_id)
    if found is None:
        raise _missing()
    return found


def _missing() -> Problem:
    return Problem(404, "Not Found", "There is no such segment in this property.")
