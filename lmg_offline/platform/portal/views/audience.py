"""Who the users are: demographics and interests as charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.admin_api.reports import audience_of
from lmg_offline.platform.interests import Question
from lmg_offline.platform.portal import queries, wording
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import demographics
from lmg_offline.platform.segments import store

_MOST_CHOICES = 200
_GENDERS = {"male": "Male", "female": "Female", "other": "Other", "pnts": "Prefer not to say"}


@view(READERS)
def audience(visit: Visit) -> Response:
    """Show gender, age and interests, and one custom trait of those there are; of everybody or of a segment."""
    segment_id = visit.query("segment") or None
    group = audience_of(visit.connection, visit.property_id, segment_id, visit.now_ms)
    traits = queries.trait_names(visit.connection, visit.property_id)
    chosen = visit.query("trait")
    if chosen not in traits:
        chosen = traits[0] if traits else ""
    found = [_report(visit, group, "Gender", "gender", _GENDERS), _report(visit, group, "Age", "age_band", {})]
    trait = _report(visit, group, chosen, f"trait:{chosen}", {}) if chosen else None
    half_life = store.half_life_days(visit.connection, visit.property_id)
    question = Question(visit.property_id, visit.now_ms, half_life)
    report = interests.of_audience(visit.connection, group, question)
    return visit.page(
        "audience.html",
        reports=found,
        trait=trait,
        traits=traits,
        chosen=chosen,
        segments=_choices(visit, segment_id),
        segment_id=segment_id,
        interests=report["rows"],
        half_life=half_life,
    )


def _choices(visit: Visit, segment_id: str | None) -> list[store.Segment]:
    """Return the first segments by name, and the one that is shown."""
    found = store.page(visit.connection, visit.property_id, "", _MOST_CHOICES)
    if segment_id is not None and all(each.id != segment_id for each in found):
        shown = store.get(visit.connection, visit.property_id, segment_id)
        found += [] if shown is None else [shown]
    return sorted(found, key=lambda each: (each.name.casefold(), each.id))


def _report(visit: Visit, group: Audience, title: str, by: str, names: Mapping[str, str]) -> dict[str, Any]:
    found = demographics(visit.connection, group, by, visit.now_ms)
    return {
        "title": title,
        "total": found["total"],
        "missing": found["missing"],
        "rows": [
            (names.get(row["value"], wording.value(row["value"])), row["count"], row["share"]) for row in found["rows"]
        ],
    }
