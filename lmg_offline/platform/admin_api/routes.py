"""The endpoints of the Admin API, in one list."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route

from lmg_offline.platform.admin_api import audience, content, segments
from lmg_offline.platform.admin_api.openapi import document

# A user id may hold any character, a slash too: the suffixed paths come first.
_V1: Sequence[BaseRoute] = [
    Route("/users", audience.list_users),
    Route("/users/{user_id:path}/activity", audience.list_activity),
    Route("/users/{user_id:path}/export", audience.export_user),
    Route("/users/{user_id:path}", audience.get_user, methods=["GET"]),
    Route("/users/{user_id:path}", audience.erase_user, methods=["DELETE"]),
    Route("/devices", audience.list_devices),
    Route("/entries", audience.list_entries),
    Route("/reports/demographics", audience.demographics),
    Route("/segments", segments.list_segments, methods=["GET"]),
    Route("/segments", segments.create, methods=["POST"]),
    Route("/segments/preview", segments.preview, methods=["POST"]),
    Route("/segments/rule-schema", segments.rule_schema),
    Route("/segments/{segment_id}", segments.get_segment, methods=["GET"]),
    Route("/segments/{segment_id}", segments.replace, methods=["PUT"]),
    Route("/segments/{segment_id}", segments.delete_segment, methods=["DELETE"]),
    Route("/segments/{segment_id}/members", segments.list_members),
    Route("/segments/{segment_id}/members/{user_id:path}", segments.get_member),
    Route("/segments/{segment_id}/export", segments.export),
    Route("/{kind}", content.list_content),
    Route("/{kind}/{content_id}", content.get_content, methods=["GET"]),
    Route("/{kind}/{content_id}", content.put_content, methods=["PUT"]),
    Route("/{kind}/{content_id}", content.delete_content, methods=["DELETE"]),
]

routes: list[BaseRoute] = [
    Route("/admin/openapi.json", document),
    Mount("/admin/v1", routes=_V1),
]
