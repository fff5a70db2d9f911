"""What is going on: users by state, new ones, activity, devices."""

from __future__ import annotations

from starlette.responses import Response

from lmg_offline.platform.admin_api.access import READERS
from lmg_offline.platform.portal import paging, queries
from lmg_offline.platform.portal.access import Visit, view

_NEW_DAYS = 30
_ACTIVITY_DAYS = 14
_DEVICES = 5


@view(READERS)
def overview(visit: Visit) -> Response:
    """Show the property at a glance."""
    connection, property_id, now_ms = visit.connection, visit.property_id, visit.now_ms
    return visit.page(
        "overview.html",
        states=queries.states(connection, property_id),
        new=queries.new_per_day(connection, property_id, now_ms, _NEW_DAYS),
        activity=queries.activity_per_day(connection, property_id, now_ms, _ACTIVITY_DAYS),
        devices=queries.device_page(connection, property_id, (-1, ""), _DEVICES),
        device_count=queries.count_devices(connection, property_id),
        refused=sum(count for _, count in queries.refusals(connection, property_id)),
    )


@view(READERS)
def devices(visit: Visit) -> Response:
    """List devices, the longest silent first."""
    at, device_id = paging.place_of(visit, [-1, ""])
    rows = queries.device_page(visit.connection, visit.property_id, (at, device_id), paging.SIZE + 1)
    following = paging.cursor(rows, "last_seen_at", "device_id")
    return visit.page("devices.html", devices=rows[: paging.SIZE], following=following)
