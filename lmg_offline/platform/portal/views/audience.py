"""Who the users are: demographics and interests as charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.interests import Question
from lmg_offline.platform.portal import queries, wording
from lmg_offline.platform.portal.access import Visit, view
from lmg_offline.platform.reports import interests
from lmg_offline.platform.reports.audience import Audience
from lmg_offline.platform.reports.demographics import demographics
from lmg_offline.platform.segments import store

_GENDERS = {"male": "Male", "female": "Female", "other": "Other", "pnts": "Prefer not to say"}


@view(READERS)
def audience(visit: Visit) -> Response:
    """Show gender, age and interests, and one custom trait of those there are."""
    traits = queries.trait_names(visit.connection, visit.property_id)
    chosen = visit.query("trait")
    if chosen not in traits:
        chosen = traits[0] if traits else ""
    found = [_report(visit, "Gender", "gender", _GENDERS), _report(visit, "Age", "age_band", {})]
    trait = _report(visit, chosen, f"trait:{chosen}", {}) if chosen else None
    half_life = store.half_life_days(visit.connection, visit.property_id)
    question = Question(visit.property_id, visit.now_ms, half_life)
    report = interests.of_audience(visit.connection, Audience(visit.property_id), question)
    return visit.page(
        "audience.html",
        reports=found,
        trait=trait,
        traits=traits,
        chosen=chosen,
        interests=report["rows"],
        half_life=half_life,
    )


def _report(visit: Visit, title: str, by: str, names: Mapping[str, str]) -> dict[str, Any]:
    found = demographics(visit.connection, Audience(visit.property_id), by, visit.now_ms)
    return {
        "title": title,
        "total": found["total"],
        "missing": found["missing"],
        "rows": [
            (names.get(row["value"], wording.value(row["value"])), row["count"], row["share"]) for row in found["rows"]
        ],
    }
