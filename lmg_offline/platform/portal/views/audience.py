"""Who the users are: demographics and interests as charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.admin_api.replies import missing
from lmg_offline.platform.interests import Question
from lmg_offline.platform.portal import queries, wording
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import demographics
from lmg_offline.platform.segments import store
from lmg_offline.platform.segments.conditions import holds

_MOST_CHOICES = 200
_GENDERS = {"male": "Male", "female": "Female", "other": "Other", "pnts": "Prefer not to say"}


@view(READERS)
def audience(visit: Visit) -> Response:
    """Show gender, age and interests, and one custom trait of those there are; of everybody or of a segment."""
    segment = _segment(visit, visit.query("segment"))
    group = Audience(visit.property_id)
    if segment is not None:
        scope = store.scope(visit.connection, visit.property_id, visit.now_ms)
        group = Audience(visit.property_id, holds(segment.rule, scope))
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
        segments=_choices(visit, segment),
        segment=segment,
        interests=report["rows"],
        half_life=half_life,
    )


def _segment(visit: Visit, segment_id: str) -> store.Segment | None:
    found = store.get(visit.connection, visit.property_id, segment_id) if segment_id else None
    if segment_id and found is None:
        raise missing("segment")
    return found


def _choices(visit: Visit, chosen: store.Segment | None) -> list[store.Segment]:
    """Return the first segments by name, and the one that is shown."""
    found = store.page(visit.connection, visit.property_id, "", _MOST_CHOICES)
    if chosen is not None and all(each.id != chosen.id for each in found):
        found.append(chosen)
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
